// Command build makes sure that the sandbox's control plane is in the user's cache folder, or cert-manager with -certmanager, or Prometheus
// and Alertmanager with -monitoring, and says what it does while it builds. It does nothing when this version is there already.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/3astronautas/algesta/sandbox/control"
)

func main() {
	certManager := flag.Bool("certmanager", false, "build cert-manager, which only tests need")
	monitoring := flag.Bool("monitoring", false, "build Prometheus and Alertmanager, which only tests need")
	flag.Parse()
	build := control.Build
	if *certManager {
		build = control.BuildCertManager
	}
	if *monitoring {
		build = func(ctx context.Context, progress io.Writer) error {
			_, err := control.BuildMonitoring(ctx, progress)
			return err
		}
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := build(ctx, os.Stderr)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}
