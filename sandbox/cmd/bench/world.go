package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/3astronautas/algesta/sandbox/bot"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// The people and the place of the measurements.
const (
	operator = "U0LUIS"
	approver = "U0CARLA"
	channel  = "C0OPS"
	users    = 200 // who type help
)

// world is the sandbox with one bot in it.
type world struct {
	cluster *control.Cluster
	slack   *slackd.Server
	bot     *bot.Bot
	binary  string
	cfg     bot.Config
	dir     string
	crowded bool // the 500 pods are there
}

// open starts the platform, a Slack without rate limits for edits (they are measured elsewhere) and 200 more people, and the bot.
func open(ctx context.Context) (*world, error) {
	dir, err := os.MkdirTemp("", "algesta-bench-")
	if err != nil {
		return nil, fmt.Errorf("making a folder: %w", err)
	}
	w := &world{dir: dir}
	if w.cluster, err = control.StartPrivate(ctx, os.Stderr); err != nil {
		return nil, err
	}
	if err := platform.Apply(ctx, w.cluster); err != nil {
		w.close()
		return nil, err
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if err := platform.WriteBotKubeconfig(ctx, w.cluster, kubeconfig); err != nil {
		w.close()
		return nil, err
	}
	people := crowd()
	if w.slack, err = slackd.Start(ctx, slackd.Options{Workspace: &people}); err != nil {
		w.close()
		return nil, err
	}
	if w.binary, err = bot.Build(ctx, dir); err != nil {
		w.close()
		return nil, err
	}
	w.cfg = bot.Config{
		Dir: dir, SlackURL: w.slack.APIURL(), BotToken: w.slack.BotToken(), AppToken: w.slack.AppToken(), Kubeconfig: kubeconfig,
		Contexts:     map[string]string{platform.ClusterProduction: platform.ClusterProduction, platform.ClusterDev: platform.ClusterDev},
		Environments: platform.Site{}.Environments(), Services: platform.Services, Policy: platform.Site{}.Policy(), Soak: time.Second,
	}
	return w, w.start(ctx)
}

func (w *world) start(ctx context.Context) (err error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	w.bot, err = bot.Start(ctx, w.binary, w.cfg)
	return err
}

func (w *world) close() {
	if w.bot != nil {
		w.bot.Kill()
	}
	if w.slack != nil {
		w.slack.Close()
	}
	if w.cluster != nil {
		_ = w.cluster.Close() // the end of the process ends it as well
	}
	_ = os.RemoveAll(w.dir)
}

// crowd is the demo's workspace with 200 more people in #ops.
func crowd() slackd.Workspace {
	ws := slackd.Demo()
	for i := range users {
		id := fmt.Sprintf("U1%06d", i)
		ws.Users = append(
			ws.Users,
			slackd.User{
				ID:       id,
				Name:     fmt.Sprintf("person%d", i),
				RealName: fmt.Sprintf("Person %d", i),
				Email:    fmt.Sprintf("person%d@example.com", i),
			},
		)
		for c := range ws.Channels {
			if ws.Channels[c].ID == channel {
				ws.Channels[c].Members = append(ws.Channels[c].Members, id)
			}
		}
	}
	return ws
}
