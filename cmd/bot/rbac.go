package main

import (
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"

	"github.com/spf13/cobra"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/deploy"
	"github.com/3astronautas/algesta/words"
)

// grantOptions are what `bot rbac` is asked.
type grantOptions struct {
	config, cluster         string
	name, namespace, person string
	without                 []string
}

func rbacCommand() *cobra.Command {
	var o grantOptions
	cmd := &cobra.Command{
		Use:   "rbac",
		Short: "Print the Roles and RoleBindings that the bot needs in a cluster",
		Long: `Prints a Role and a RoleBinding for each namespace of the configuration's environments in a cluster, and a ClusterRole with its
binding for what is in no namespace, or in all of them. They allow what the commands declare (RUNBOOKS.md), and nothing else. No Secret can
be read with them. The Helm chart makes the same for the cluster that it's installed in; this is for the others.`,
		Example: "  bot rbac --config config.yaml | kubectl apply -f -\n" +
			"  bot rbac --config config.yaml --cluster aks-algesta-dev --user 11111111-2222-3333-4444-555555555555\n" +
			"  bot rbac --config config.yaml --without \"namespace create\" --without \"cert renew\"",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return o.print(cmd.OutOrStdout()) },
	}
	flags := cmd.Flags()
	flags.StringVar(&o.config, "config", "", "the configuration, for its clusters and environments")
	flags.StringVar(&o.cluster, "cluster", "", "the cluster, where the configuration has several")
	flags.StringVar(&o.name, "serviceaccount", "algesta", "the bot's ServiceAccount; the Roles have its name")
	flags.StringVar(&o.namespace, "namespace", "algesta", "the namespace of that ServiceAccount")
	flags.StringVar(&o.person, "user", "",
		"the user that the cluster knows the bot as, in place of a ServiceAccount: the object ID of an Entra identity")
	flags.StringArrayVar(&o.without, "without", nil, "a command that the bot isn't to have the rights for; repeat for more")
	return cmd
}

// dnsLabel is what Kubernetes takes as the name of a namespace or a ServiceAccount here.
var dnsLabel = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`)

func (o grantOptions) print(out io.Writer) error {
	grant, err := o.grant()
	if err != nil {
		return err
	}
	b, err := grant.YAML()
	if err != nil {
		return err
	}
	if _, err := out.Write(b); err != nil {
		return fmt.Errorf("printing the roles: %w", err)
	}
	return nil
}

// grant is who gets the rights in the cluster that was named.
func (o grantOptions) grant() (deploy.Grant, error) {
	if o.config == "" {
		return deploy.Grant{}, errors.New("name the configuration with --config: its environments say which namespaces are meant")
	}
	cfg, err := loadConfigWithoutSlack(o.config)
	if err != nil {
		return deploy.Grant{}, err
	}
	cluster := o.cluster
	known := cfg.clusterNames()
	switch {
	case cluster == "" && len(known) == 1:
		cluster = known[0]
	case cluster == "":
		return deploy.Grant{}, fmt.Errorf("name one of the clusters with --cluster: %s", words.List(known))
	default:
		if err := oneOf("cluster", cluster, known); err != nil {
			return deploy.Grant{}, err
		}
	}
	names, err := catalog.New(cfg.Environments, cfg.Services)
	if err != nil {
		return deploy.Grant{}, fmt.Errorf("reading the environments: %w", err)
	}
	if !dnsLabel.MatchString(o.name) || !dnsLabel.MatchString(o.namespace) {
		return deploy.Grant{}, errors.New("--serviceaccount and --namespace are names of Kubernetes: lower-case letters, digits and hyphens")
	}
	subject := rbacv1.Subject{Kind: rbacv1.ServiceAccountKind, Name: o.name, Namespace: o.namespace}
	if o.person != "" {
		subject = rbacv1.Subject{Kind: rbacv1.UserKind, APIGroup: rbacv1.GroupName, Name: o.person}
	}
	grant := deploy.Grant{Name: o.name, Subject: subject, Namespaces: names.Namespaces(cluster), Without: o.without}
	for _, c := range cfg.Clusters {
		if c.Name == cluster {
			grant.Users, grant.UserGroups = c.named()
		}
	}
	return grant, nil
}

// oneOf says that a word isn't one of those known, and which was probably meant.
func oneOf(what, word string, known []string) error {
	if slices.Contains(known, word) {
		return nil
	}
	if near := words.Nearest(word, known); near != "" {
		return fmt.Errorf("there is no %s %q: did you mean %s?", what, word, near)
	}
	return fmt.Errorf("there is no %s %q: there is %s", what, word, words.List(known))
}
