package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
)

// diagnoseCommand answers from a folder that kubectl wrote, without a cluster and without a configuration.
func diagnoseCommand() *cobra.Command {
	var folder, format string
	cmd := &cobra.Command{
		Use:   "diagnose [service] [environment] -f FOLDER",
		Short: "Name the root cause in a folder written by kubectl cluster-info dump",
		Long: `Reads a folder written by

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
			answer, err := dump.Diagnose(folder, args[0], args[1])
			if err != nil {
				return err
			}
			return writeDiagnosis(cmd.OutOrStdout(), answer, format)
		},
	}
	cmd.Flags().StringVarP(&folder, "folder", "f", "", "folder written by kubectl cluster-info dump")
	cmd.Flags().StringVarP(&format, "output", "o", "text", "text or json")
	if err := cmd.MarkFlagRequired("folder"); err != nil {
		panic(err) // the flag is declared above
	}
	return cmd
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
