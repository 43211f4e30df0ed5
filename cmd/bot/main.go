// Command bot is algesta: it serves Slack, or a terminal, and explains its policy. It wires the rooms together and
// decides nothing.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // an image from scratch has no time zones, which CronJobs name

	"github.com/spf13/cobra"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	_ "golang.org/x/crypto/x509roots/fallback" // nor has it roots of trust; those of the system or of SSL_CERT_FILE come first

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/redact"
)

// version is set by the linker.
var version = "dev"

func main() {
	// The first signal begins a graceful stop; a second one ends the process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	context.AfterFunc(ctx, stop)
	kube.OnPanic(func(thrown any, stack []byte) {
		printPanic(os.Stderr, &algesta.PanicError{Value: thrown, Stack: stack})
		os.Exit(panicked)
	})
	root := rootCommand()
	code := run(os.Stderr, func() error { return root.ExecuteContext(ctx) })
	stop()
	os.Exit(code)
}

// panicked is the exit code of a panic, as Go's own.
const panicked = 2

// run does the program's work and returns its exit code. What ends it is printed without secrets: an error may quote a configuration, a
// cluster, an address with its password, and a panic, which Go would print as it is, whatever was worked on.
func run(to io.Writer, work func() error) int {
	var (
		forms  *redact.Redactor
		panics *algesta.Panics
		err    error
	)
	if caught := panics.Catch(func() { err = work() }); caught != nil {
		printPanic(to, caught)
		return panicked
	}
	if err != nil {
		_, _ = fmt.Fprintln(to, "algesta:", forms.String(err.Error()))
		return exitCode(err)
	}
	return 0
}

// printPanic prints what ended the program without secrets.
func printPanic(to io.Writer, caught *algesta.PanicError) {
	var forms *redact.Redactor
	_, _ = fmt.Fprintln(to, "algesta:", forms.String(caught.Error())) // nobody is left to be told about it
}

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:           "bot",
		Short:         "algesta operates Kubernetes services from Slack, with approvals",
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.AddCommand(serveCommand(), consoleCommand(), policyCommand(), resolveCommand(), auditCommand(), diagnoseCommand(),
		rbacCommand(), storeCommand(), configCommand(), doctorCommand(), initCommand(), versionCommand())
	return root
}

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(cmd.OutOrStdout(), "algesta", version)
			return err
		},
	}
}

// newLog writes JSON lines, or people's lines where a person reads them.
func newLog(to io.Writer, level string, pretty bool) (*zap.Logger, error) {
	at, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("reading the log level: %w", err)
	}
	cfg := zap.NewProductionEncoderConfig()
	cfg.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	enc := zapcore.NewJSONEncoder(cfg)
	if pretty {
		cfg.EncodeTime = zapcore.TimeEncoderOfLayout("15:04:05.000")
		enc = zapcore.NewConsoleEncoder(cfg)
	}
	return zap.New(zapcore.NewCore(enc, zapcore.Lock(zapcore.AddSync(to)), at)), nil
}
