// Command controlplane is a Kubernetes control plane in one binary: each component is a subcommand, and "up" supervises
// them all together with KWOK.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"k8s.io/component-base/cli"
	apiserver "k8s.io/kubernetes/cmd/kube-apiserver/app"
	controllers "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"

	"github.com/3astronautas/algesta/sandbox/cluster/parent"
	"github.com/3astronautas/algesta/sandbox/cluster/supervisor"
)

// components makes the command of each component. Only the one that is asked for is made: they register the same
// feature gates and flags in process-wide registries.
func components() map[string]func() *cobra.Command {
	return map[string]func() *cobra.Command{
		"etcd":                    newEtcdCommand,
		"kube-apiserver":          apiserver.NewAPIServerCommand,
		"kube-controller-manager": controllers.NewControllerManagerCommand,
		"kube-scheduler":          func() *cobra.Command { return scheduler.NewSchedulerCommand() },
		"up":                      supervisor.NewCommand,
	}
}

func main() {
	parent.Watch()
	if len(os.Args) < 2 {
		usage()
	}
	newCommand, known := components()[os.Args[1]]
	if !known {
		usage()
	}
	os.Args = append([]string{os.Args[1]}, os.Args[2:]...)
	os.Exit(cli.Run(newCommand()))
}

func usage() {
	fmt.Fprintln(os.Stderr, "usage: controlplane up|etcd|kube-apiserver|kube-controller-manager|kube-scheduler [flags]")
	os.Exit(2)
}
