package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta/store"
	"github.com/3astronautas/algesta/words"
)

// storeCommand holds the commands for whoever keeps the store.
func storeCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "store", Short: "Back the store up"}
	cmd.AddCommand(storeBackupCommand())
	return cmd
}

func storeBackupCommand() *cobra.Command {
	var config, address string
	cmd := &cobra.Command{
		Use:   "backup FILE",
		Short: "Write a copy of the store into a new file, also while the bot works on it",
		Long: `Writes a copy of the store as it is at one moment, reads it back, and prints the end of the audit in it. The copy is a whole
store: to restore it, stop the bot, put the copy in the place of the store, and start the bot again (docs/install.md). A copy holds what the
store holds, so keep it as private.`,
		Example: "  bot store backup --config /etc/algesta/config.yaml /var/lib/algesta/backup.db\n" +
			"  kubectl exec -n algesta deployment/algesta -- /bot store backup --config /etc/algesta/config/config.yaml /var/lib/algesta/backup.db",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if address == "" {
				if config == "" {
					return errors.New("name the store with --store, or a configuration with --config")
				}
				cfg, err := loadConfigWithoutSlack(config)
				if err != nil {
					return err
				}
				address = cfg.Store
			}
			head, err := store.Backup(cmd.Context(), address, args[0])
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(
				cmd.OutOrStdout(), "The copy is in %s. Its audit has %s and ends with %s.\n", args[0], words.Count(head.Seq, "line"), head,
			); err != nil {
				return fmt.Errorf("printing the answer: %w", err)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&config, "config", "", "the configuration, for its store")
	cmd.Flags().StringVar(&address, "store", "", "the store, if not the configuration's, such as file:/var/lib/algesta/algesta.db")
	return cmd
}
