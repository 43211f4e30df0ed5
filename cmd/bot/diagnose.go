package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
)

// diagnoseCommand answers from a folder that kubectl wrote, without a cluster and without a configuration.
func diagnoseCommand() *cobra.Command {
	var folder, format, kubeconfig, kubeContext string
	cmd := &cobra.Command{
		Use:   "diagnose [service] [environment] (-f FOLDER | --context CONTEXT)",
		Short: "Name the root cause in a live cluster, or in a folder written by kubectl cluster-info dump",
		Long: `With --context, reads the namespace live; the environment is its name then. With -f, reads a folder written by

  kubectl cluster-info dump -o yaml --output-directory FOLDER --namespaces production,kube-system

and any lists of kubectl get -o yaml|json beside it (the dump has no ingresses, autoscalers or quotas), and names the
root cause. The service may be a name, or pod/…, ingress/…, node/… and so on; without it the whole folder is judged.
Logs are taken from the dump, and from POD/logs.txt and POD/previous.txt.`,
		Example: `  bot diagnose ms-orders production -f ./dump
  bot diagnose pod/ms-orders-production-6d4cf56db6-x2x9p -f ./dump -o json`,
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			args = append(args, "", "")
			if format != "text" && format != "json" {
				return fmt.Errorf("output %q is not known: write -o text or -o json", format)
			}
			if (folder == "") == (kubeContext == "") {
				return errors.New("say where to look: either -f FOLDER or --context CONTEXT")
			}
			if folder == "" {
				var err error
				if kubeconfig, kubeContext, err = kube.ContextIn(kubeconfig, kubeContext); err != nil {
					return err
				}
			}
			answer, err := dumpOrLive(
				cmd.Context(), folder,
				kube.Config{Name: kubeContext, Access: kube.Kubeconfig, Kubeconfig: kubeconfig, Context: kubeContext, Version: version}, args[0],
				args[1],
			)
			if err != nil {
				return err
			}
			return writeDiagnosis(cmd.OutOrStdout(), answer, format)
		},
	}
	cmd.Flags().StringVarP(&folder, "folder", "f", "", "folder written by kubectl cluster-info dump")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	cmd.Flags().StringVar(&kubeContext, "context", "", "context of the kubeconfig, for a live cluster")
	cmd.Flags().StringVar(&kubeconfig, "kubeconfig", clientConfigPath(os.Getenv), "kubeconfig file, for a live cluster")
	return cmd
}

// clientConfigPath is where kubectl looks by default.
func clientConfigPath(env func(string) string) string {
	if path := env("KUBECONFIG"); path != "" {
		return path
	}
	return filepath.Join(env("HOME"), ".kube", "config")
}

// withoutConfiguration is what a diagnosis without a configuration calls the bot.
var withoutConfiguration = facts.Setting{Bot: algesta.Handle(strings.TrimPrefix(defaultCommand, "/"))}

// dumpOrLive judges a folder, or a namespace of a live cluster when there is no folder.
func dumpOrLive(ctx context.Context, folder string, live kube.Config, what, environment string) (diagnosis.Diagnosis, error) {
	if folder != "" {
		return dump.Diagnose(folder, what, environment, withoutConfiguration)
	}
	if environment == "" { // only one word: the namespace
		what, environment = "", what
	}
	if environment == "" {
		return diagnosis.Diagnosis{}, errors.New("name the namespace to look at: bot diagnose ms-orders production --context …")
	}
	c, err := kube.Open(ctx, live)
	if err != nil {
		return diagnosis.Diagnosis{}, err
	}
	return diagnosisOf(ctx, c, what, environment)
}

// diagnosisOf judges a namespace of a live cluster, or what of it. There is no configuration.
func diagnosisOf(ctx context.Context, c *kube.Cluster, what, namespace string) (diagnosis.Diagnosis, error) {
	about := func(s *facts.Snapshot) facts.Ref {
		s.Configure(withoutConfiguration)
		return s.Subject(what, namespace)
	}
	return runbooks.Diagnose(ctx, runbooks.AllOf(c), namespace, time.Now(), about,
		func(string) bool { return true }) // the cluster decides: these are the person's own rights
}

func writeDiagnosis(w io.Writer, answer diagnosis.Diagnosis, format string) error {
	if format == "json" {
		encoder := json.NewEncoder(w)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(answer); err != nil {
			return fmt.Errorf("writing diagnosis: %w", err)
		}
		return nil
	}
	if _, err := io.WriteString(w, answer.Text()); err != nil {
		return fmt.Errorf("writing diagnosis: %w", err)
	}
	return nil
}
