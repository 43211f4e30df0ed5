package main

import (
	"fmt"
	"os/user"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/store"
)

// resolveCommand is the way out where a change is in doubt and nobody who may answer in Slack is there.
func resolveCommand() *cobra.Command {
	var path, level string
	var happened, did bool
	cmd := &cobra.Command{
		Use:   "resolve ID (--happened | --did-not-happen)",
		Short: "Answer for a change whose outcome the bot couldn't tell",
		Long: `A change that was sent and whose outcome isn't known blocks its objects until someone answers the last message of its thread:
whoever asked for it, its approvers, or whoever may ask for the same. Where none of them is there, look at the cluster and answer here.
Stop the bot first: only one process can open its store. The bot posts the answer with your name to the thread when it runs again; the audit
keeps it, too.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			log, err := newLog(cmd.ErrOrStderr(), level, true)
			if err != nil {
				return err
			}
			cfg, err := loadConfigWithoutSlack(path)
			if err != nil {
				return err
			}
			s, err := store.Open(cmd.Context(), cfg.Store, log)
			if err != nil {
				return fmt.Errorf("opening the store (is the bot running?): %w", err)
			}
			defer func() { _ = s.Close(cmd.Context()) }() // what was stored is on the disk
			said, err := commands.Resolve(cmd.Context(), storeFor{s, redact.New()}, args[0], happened, operator())
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s is answered: %s The bot posts it to the thread when it runs again.\n", args[0], said)
			return err
		},
	}
	cmd.Flags().StringVar(&path, "config", "/etc/algesta/config.yaml", "the configuration file")
	cmd.Flags().StringVar(&level, "log-level", "warn", "debug, info, warn or error")
	cmd.Flags().BoolVar(&happened, "happened", false, "the change is in the cluster")
	cmd.Flags().BoolVar(&did, "did-not-happen", false, "the change is not in the cluster")
	cmd.MarkFlagsMutuallyExclusive("happened", "did-not-happen")
	cmd.MarkFlagsOneRequired("happened", "did-not-happen")
	return cmd
}

// operator is how the thread and the audit name the person who runs this command.
func operator() string {
	if u, err := user.Current(); err == nil {
		return "the operator " + u.Username
	}
	return "an operator"
}
