// Command kwok is KWOK 0.8, the simulated kubelets of the sandbox. It is a binary of its own because its "version" flag
// collides with the one of the Kubernetes components.
package main

import (
	"os"

	"github.com/spf13/pflag"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/kwok/cmd"
	"sigs.k8s.io/kwok/pkg/log"
	"sigs.k8s.io/kwok/pkg/utils/signals"

	"github.com/3astronautas/algesta/sandbox/cluster/parent"
)

func main() {
	parent.Watch()
	os.Exit(run())
}

// run parses the global flags first, as KWOK's own main does: they name the files that the command's defaults come from.
func run() int {
	flags := pflag.NewFlagSet("global", pflag.ContinueOnError)
	flags.ParseErrorsAllowlist.UnknownFlags = true
	flags.Usage = func() {}
	ctx, logger := log.InitFlags(signals.SetupSignalContext(), flags)
	ctx, err := config.InitFlags(ctx, flags)
	if err != nil {
		logger.Error("reading the configuration", "err", err)
		return 1
	}
	root := cmd.NewCommand(ctx)
	root.PersistentFlags().AddFlagSet(flags)
	if err := root.ExecuteContext(ctx); err != nil {
		logger.Error("running", "err", err)
		return 1
	}
	return 0
}
