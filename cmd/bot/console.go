package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta/console"
)

func consoleCommand() *cobra.Command {
	var path, people, level string
	var linger time.Duration
	cmd := &cobra.Command{
		Use:   "console",
		Short: "Talk to the bot in a terminal, as several people, against a sandbox",
		Long: `Every line is somebody's: "luis> rollback api-gateway production", "carla> approve c-xxxxxxxxxxxx". It is a bot of its own with a
store of its own, and it opens only clusters that the configuration marks "sandbox: true".`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			log, err := newLog(cmd.ErrOrStderr(), level, true)
			if err != nil {
				return err
			}
			cfg, err := loadConfigWithoutSlack(path)
			if err != nil {
				return err
			}
			who, err := console.LoadPeople(people)
			if err != nil {
				return err
			}
			return talk(cmd.Context(), cfg, who, cmd.InOrStdin(), cmd.OutOrStdout(), linger, log)
		},
	}
	cmd.Flags().StringVar(&path, "config", "config.yaml", "the configuration file; its store has to be the console's own")
	cmd.Flags().StringVar(&people, "people", "people.yaml", "who there is: names, IDs, groups, channels")
	cmd.Flags().StringVar(&level, "log-level", "warn", "debug, info, warn or error")
	cmd.Flags().DurationVar(&linger, "linger", 2*time.Second, "how long to go on printing after the last line")
	return cmd
}

// talk runs the rooms with a terminal as their transport.
func talk(ctx context.Context, cfg Config, who *console.People, in io.Reader, out io.Writer, linger time.Duration, log *zap.Logger) error {
	for _, c := range cfg.Clusters {
		if !c.Sandbox {
			return fmt.Errorf("the console opens sandboxes only, and the configuration does not mark the cluster %s as one (sandbox: true)", c.Name)
		}
	}
	r, err := openRooms(ctx, cfg, log)
	if err != nil {
		return err
	}
	defer r.close(ctx)
	if err := r.dispatch(who); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	return r.work(ctx, func(ctx context.Context) error {
		defer cancel() // the end of the conversation is the end of the work
		return console.Run(
			ctx,
			in,
			out,
			console.Config{People: who, Inbox: storeFor{r.store, r.redactor}, Outbox: r.store, Short: true, Linger: linger},
		)
	})
}
