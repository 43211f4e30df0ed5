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
	"slices"
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

// demo is everything that runs.
type demo struct {
	slack   *slackd.Server
	bot     *bot.Bot
	restart func(context.Context) (*bot.Bot, error) // the same binary with the same files
}

// run starts the parts one after the other, each saying how long it took, and waits for the end.
func run(ctx context.Context, listen string, verbose bool) error {
	dir, err := os.MkdirTemp("", "algesta-demo-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	began := time.Now()
	cluster, err := control.Start(ctx, os.Stderr)
	if err != nil {
		return err
	}
	defer cluster.Close() //nolint:errcheck // the end of the process gives the lease back as well
	say("  %-52s %5.1f s", "control plane", time.Since(began).Seconds())
	var log io.Writer
	if verbose {
		log = os.Stderr
	}
	d, err := start(ctx, cluster, platform.Site{}, dir, listen, log)
	if err != nil {
		return err
	}
	defer d.slack.Close()
	say("\nOpen  %s\n", d.slack.URL())
	say("In #ops, as Luis:   /algesta rollback api-gateway production")
	say("then act as Carla, open the thread, Approve. The cluster agrees:")
	say("  %s --kubeconfig %s -n production rollout history deployment/api-gateway-production\n", cluster.Kubectl, cluster.Kubeconfig)
	say("Ctrl-C stops everything.")
	if err := d.keep(ctx); err != nil {
		return err
	}
	say("\nstopping")
	graceful, cancel := context.WithTimeout(context.WithoutCancel(ctx), 20*time.Second)
	defer cancel()
	return d.bot.Stop(graceful)
}

// The bot is started again when it ends, as a cluster would do it, but not forever: one that ends this often within
// restartWindow has a fault that a person should read.
const (
	mostRestarts  = 5
	restartWindow = time.Minute
)

// keep starts the bot again whenever it ends, until ctx is done. Nothing is lost meanwhile: the state is in its store.
func (d *demo) keep(ctx context.Context) error {
	var ended []time.Time
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return nil
		case <-d.bot.Exited():
		}
		now := time.Now()
		ended = slices.DeleteFunc(append(ended, now), func(t time.Time) bool { return now.Sub(t) > restartWindow })
		if len(ended) > mostRestarts {
			return fmt.Errorf("the bot ended %d times within %s:\n%s", len(ended), restartWindow, d.bot.Log())
		}
		say("the bot ended; it is started again")
		b, err := d.restart(ctx)
		if err == nil {
			d.bot = b
			say("the bot is back")
		} else if ctx.Err() == nil {
			say("that did not work: %v", err) // the old one is still ended, so it is tried again
		}
	}
	return nil
}

func say(format string, args ...any) { fmt.Fprintf(os.Stderr, format+"\n", args...) }

// start puts the platform into the cluster and starts Slack and the bot. It says how long each took. Environments names those of the
// platform to apply; none means all.
func start(
	ctx context.Context, cluster *control.Cluster, site platform.Site, dir, listen string, log io.Writer, environments ...string,
) (demo, error) {
	began := time.Now()
	took := func(what string) { say("  %-52s %5.1f s", what, time.Since(began).Seconds()); began = time.Now() }
	if err := site.Apply(ctx, cluster, environments...); err != nil {
		return demo{}, err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := platform.WriteBotKubeconfig(ctx, cluster, kubeconfig); err != nil {
		return demo{}, err
	}
	took("the platform")
	binary, err := bot.Build(ctx, dir)
	if err != nil {
		return demo{}, err
	}
	took("the bot, built")
	slack, err := startSlack(ctx, listen)
	if err != nil {
		return demo{}, err
	}
	config := bot.Config{
		Dir: dir, SlackURL: slack.APIURL(), BotToken: slack.BotToken(), AppToken: slack.AppToken(), Kubeconfig: kubeconfig,
		Contexts:     map[string]string{platform.ClusterProduction: platform.ClusterProduction, platform.ClusterDev: platform.ClusterDev},
		Environments: site.Environments(), Services: platform.Services, Policy: site.Policy(), Incidents: incidents,
		Soak: 10 * time.Second, Pretty: true, Log: log,
	}
	run := func(ctx context.Context) (*bot.Bot, error) { return bot.Start(ctx, binary, config) }
	b, err := run(ctx)
	if err != nil {
		slack.Close()
		return demo{}, err
	}
	took("the local Slack and the bot, ready")
	return demo{slack: slack, bot: b, restart: run}, nil
}

// incidents are reported soon here: nobody who tries a demo waits for half a minute.
const incidents = `
  wait: 5s
  settle: 5s
  routes: [{channel: C0INCIDENTS}]`

// guide is what the first screen tells a newcomer.
var guide = []string{
	"As *Luis* (an operator), type `/algesta rollback api-gateway production`. Nothing changes yet: a card says what would, and who is asked.",
	"Act as *Carla* (an approver): her name is in the list of people, top left (☰ on a phone). Open the thread of the card and click " +
		"*Approve*.",
	"Watch the pods in the thread. The end says how it went, with *Undo*.",
	"Then break something: `/algesta deploy ms-orders dev 12346-crash`. The thread gets the cause by itself, and *#incidents* gets a card " +
		"that closes when a rollback has fixed it. `/algesta help` lists the rest.",
}

// startSlack takes the wanted port, or any when that one is taken.
func startSlack(ctx context.Context, listen string) (*slackd.Server, error) {
	s, err := slackd.Start(ctx, slackd.Options{Listen: listen, Guide: guide})
	if err == nil {
		return s, nil
	}
	return slackd.Start(ctx, slackd.Options{Guide: guide})
}
