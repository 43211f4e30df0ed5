// Command demo starts everything that a person needs to try algesta: a real control plane with the platform of the
// manual in it, a local Slack with a web page, and the bot. It prints one address and stops everything at Ctrl-C.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/3astronautas/algesta/sandbox/bot"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func main() {
	listen := flag.String("listen", "127.0.0.1:8800", "where the web page listens; another free port is taken when this one is not free")
	verbose := flag.Bool("v", false, "show the log of the bot")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *listen, *verbose); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "demo:", err)
		stop()
		os.Exit(1) //nolint:gocritic // stop was called
	}
}

// run starts the parts one after the other, each saying how long it took, and waits for the end.
func run(ctx context.Context, listen string, verbose bool) error {
	say := func(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }
	dir, err := os.MkdirTemp("", "algesta-demo-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer os.RemoveAll(dir)

	began := time.Now()
	took := func(what string) { say("  %-52s %5.1f s", what, time.Since(began).Seconds()); began = time.Now() }
	cluster, err := control.Start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	defer cluster.Close()
	took("control plane")
	if err := platform.Apply(ctx, cluster); err != nil {
		return err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := platform.WriteBotKubeconfig(ctx, cluster, kubeconfig); err != nil {
		return err
	}
	took("the platform: four services in three environments")
	slack, err := startSlack(ctx, listen)
	if err != nil {
		return err
	}
	defer slack.Close()
	took("local Slack")
	binary, err := bot.Build(ctx, dir)
	if err != nil {
		return err
	}
	took("the bot, built")
	var log io.Writer
	if verbose {
		log = os.Stderr
	}
	b, err := bot.Start(ctx, binary, bot.Config{
		Dir: dir, SlackURL: slack.APIURL(), BotToken: slack.BotToken(), AppToken: slack.AppToken(), Kubeconfig: kubeconfig,
		Contexts:     map[string]string{"aks-algesta-production": "aks-algesta-production", "aks-algesta-dev": "aks-algesta-dev"},
		Environments: platform.Site{}.Environments(), Services: platform.Services, Policy: platform.Site{}.Policy(), Soak: 10 * time.Second, Pretty: true, Log: log,
	})
	if err != nil {
		return err
	}
	took("the bot, ready")
	say("\nOpen  %s\n", slack.URL())
	say("In #ops, as Luis:   /algesta rollback api-gateway production")
	say("then act as Carla, open the thread, Approve. The cluster agrees:")
	say("  %s --kubeconfig %s -n production rollout history deployment/api-gateway-production\n", cluster.Kubectl, cluster.Kubeconfig)
	say("Ctrl-C stops everything.")
	select {
	case <-ctx.Done():
	case <-b.Exited():
		return fmt.Errorf("the bot ended:\n%s", b.Log())
	}
	say("\nstopping")
	graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return b.Stop(graceful)
}

// startSlack takes the wanted port, or any when that one is taken.
func startSlack(ctx context.Context, listen string) (*slackd.Server, error) {
	s, err := slackd.Start(ctx, slackd.Options{Listen: listen})
	if err == nil {
		return s, nil
	}
	return slackd.Start(ctx, slackd.Options{})
}
