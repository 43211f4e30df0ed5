// Command sandbox keeps the control plane with the manual's platform in it running, for people who want to look at it with
// kubectl.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context) error {
	c, err := control.Start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	defer func() { _ = c.Close() }()
	if err := platform.Apply(ctx, c); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(os.Stderr, "sandbox: ready. In another terminal:\n  %s --kubeconfig %s get deployments -A\nCtrl-C stops it.\n",
		c.Kubectl, c.Kubeconfig)
	<-ctx.Done()
	return nil
}
