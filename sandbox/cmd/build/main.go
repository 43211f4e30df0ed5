// Command build makes sure that the sandbox's control plane is in the user's cache folder, or cert-manager with -certmanager, and
// says what it does while it builds. It does nothing when this version is there already.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/3astronautas/algesta/sandbox/control"
)

func main() {
	certManager := flag.Bool("certmanager", false, "build cert-manager, which only tests need")
	flag.Parse()
	build := control.Build
	if *certManager {
		build = control.BuildCertManager
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := build(ctx, os.Stderr)
	stop()
	if err != nil {
		_, _ = fmt.Fprintln(os.Stderr, "sandbox:", err)
		os.Exit(1)
	}
}
