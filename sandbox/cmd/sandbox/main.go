// Command sandbox builds the sandbox's control plane and keeps it running with the manual's platform in it, for people who
// want to look at it with kubectl.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/3astronautas/algesta/sandbox/control"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if len(os.Args) == 2 && os.Args[1] == "build" {
		return control.Build(ctx, os.Stderr)
	}
	if len(os.Args) != 2 || os.Args[1] != "up" {
		return fmt.Errorf("usage: sandbox up|build")
	}
	c, err := control.Start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Fprintf(os.Stderr, "sandbox: ready. In another terminal:\n  export KUBECONFIG=%s\n  %s get nodes\nCtrl-C gives it back.\n", c.Kubeconfig, c.Kubectl)
	<-ctx.Done()
	return nil
}
