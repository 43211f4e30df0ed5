// Command slackd runs the sandbox's Slack by itself: it prints where it is and what the bot needs to connect.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "slackd:", err)
		os.Exit(1)
	}
}

func run() error {
	workspace := flag.String("workspace", "", "YAML file with people and channels (default: the demo's)")
	manifest := flag.String("manifest", "", "app manifest (default: deploy/slack-app.yaml)")
	listen := flag.String("listen", "127.0.0.1:0", "loopback address")
	flag.Parse()
	opts := slackd.Options{ManifestFile: *manifest, Listen: *listen}
	if *workspace != "" {
		w, err := slackd.LoadWorkspace(*workspace)
		if err != nil {
			return err
		}
		opts.Workspace = &w
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, err := slackd.Start(ctx, opts)
	if err != nil {
		return err
	}
	defer s.Close()
	_, err = fmt.Fprintf(
		os.Stdout, "Slack is at    %s\nWeb API        %s\nbot token      %s\napp token      %s\n", s.URL(), s.APIURL(), s.BotToken(),
		s.AppToken(),
	)
	<-ctx.Done()
	return err
}
