package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/deploy"
	"github.com/3astronautas/algesta/words"
)

// configCommand holds the commands for whoever writes the configuration.
func configCommand() *cobra.Command {
	cmd := &cobra.Command{Use: "config", Short: "Check a configuration, or print what one may hold"}
	var path string
	check := &cobra.Command{
		Use:   "check",
		Short: "Check a configuration and its policy, without tokens, Slack or a cluster",
		Long: "Check everything about a configuration and its policy that the files alone show, as a start of the bot would. The exit code is " +
			"1 for one\nthat wouldn't start. `bot doctor` also asks Slack and the clusters.",
		Example: "  bot config check --config config.yaml",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			said, err := checkConfig(path)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintln(cmd.OutOrStdout(), said); err != nil {
				return fmt.Errorf("printing the answer: %w", err)
			}
			return nil
		},
	}
	check.Flags().StringVar(&path, "config", "/etc/algesta/config.yaml", "the configuration")
	schema := &cobra.Command{
		Use:   "schema",
		Short: "Print the JSON Schema of a configuration, for editors",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := cmd.OutOrStdout().Write(deploy.ConfigSchema); err != nil {
				return fmt.Errorf("printing the schema: %w", err)
			}
			return nil
		},
	}
	cmd.AddCommand(check, schema)
	return cmd
}

// checkConfig is a sentence about a configuration that a bot would start with.
func checkConfig(path string) (string, error) {
	cfg, err := loadConfigWithoutSlack(path)
	if err != nil {
		return "", err
	}
	names, err := catalog.New(cfg.Environments, cfg.Services)
	if err != nil {
		return "", fmt.Errorf("reading the environments: %w", err)
	}
	var problems []error
	for _, c := range cfg.Clusters {
		k := kubeConfig(c, names, func([][]byte) {}, nil, zap.NewNop())
		k.Registries, k.OwnNetworks = cfg.Registries, cfg.OwnNetworks
		problems = append(problems, k.Validate())
	}
	p, err := loadPolicy(cfg.PolicyFile)
	if err == nil {
		err = named(p, cfg)
	}
	if err := errors.Join(append(problems, err)...); err != nil {
		return "", err
	}
	return fmt.Sprintf(
		"The configuration and its policy are valid: %s, %s.",
		words.Count(len(cfg.Clusters), "cluster"), words.Count(len(cfg.Environments), "environment"),
	), nil
}
