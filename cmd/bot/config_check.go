package main

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/words"
)

const (
	configVersion = "algesta.io/v1"
	configKind    = "Config"
)

// validate checks what only the file shows.
func (f *configFile) validate() error {
	var problems []error
	if f.APIVersion != configVersion {
		problems = append(problems, fmt.Errorf("apiVersion is %q: write %s", f.APIVersion, configVersion))
	}
	if f.Kind != configKind {
		problems = append(problems, fmt.Errorf("kind is %q: write %s", f.Kind, configKind))
	}
	for _, k := range f.Clusters {
		problems = append(problems, k.Impersonate.validate(k.Name))
	}
	return errors.Join(problems...)
}

var (
	slashCommand = regexp.MustCompile(`^/[a-z0-9_-]{1,31}$`)
	teamID       = regexp.MustCompile(`^T[A-Z0-9]+$`)
	channelID    = regexp.MustCompile(`^[CG][A-Z0-9]+$`)
)

// Validate lists everything that does not fit, in sentences for the operator.
func (c Config) Validate() error {
	problems := []error{c.Slack.Validate()}
	if c.PolicyFile == "" {
		problems = append(problems, errors.New("policyFile is missing: name the file with the policy, without one everything would be refused"))
	}
	problems = append(problems, validateStore(c.Store))
	names := c.clusterNames()
	if len(names) == 0 {
		problems = append(problems, errors.New("clusters is missing: name at least one"))
	}
	seen := map[string]bool{}
	for i, k := range c.Clusters {
		if k.Name == "" {
			problems = append(problems, fmt.Errorf("cluster %d has no name", i+1))
		} else if !words.Exact(k.Name) {
			problems = append(problems, fmt.Errorf("cluster %d: the name %q has a blank at an end, or a control character", i+1, k.Name))
		} else if seen[k.Name] {
			problems = append(problems, fmt.Errorf("cluster %s is there twice", k.Name))
		}
		seen[k.Name] = true
		problems = append(problems, k.Validate())
	}
	for _, e := range c.Environments {
		if e.Cluster != "" && !slices.Contains(names, e.Cluster) {
			problems = append(problems, fmt.Errorf("environment %s: there is no cluster %q%s", e.Name, e.Cluster, meant(e.Cluster, names)))
		}
	}
	if names, err := catalog.New(c.Environments, c.Services); err != nil {
		problems = append(problems, err)
	} else {
		for _, k := range c.Clusters {
			problems = append(problems, k.validateSecrets(names.Namespaces(k.Name)))
		}
	}
	problems = append(problems, c.validateRegistries(), c.validateIncidents())
	return errors.Join(problems...)
}

// validateRegistries checks that every registry is a host, once.
func (c Config) validateRegistries() error {
	var problems []error
	seen := map[string]bool{}
	for _, r := range c.Registries {
		if err := r.Validate(); err != nil {
			problems = append(problems, fmt.Errorf("registries: %w", err))
		} else if seen[r.Host] {
			problems = append(problems, fmt.Errorf("registries: %s is there twice", r.Host))
		}
		seen[r.Host] = true
	}
	return errors.Join(problems...)
}

// validateStore checks the address. It is not quoted: the address of a database holds a password.
func validateStore(address string) error {
	if path, ok := strings.CutPrefix(address, "file:"); ok && path != "" {
		return nil
	}
	for _, scheme := range []string{"postgres:", "postgresql:"} {
		if strings.HasPrefix(strings.ToLower(address), scheme) {
			return errors.New(
				"store is a PostgreSQL database, which this version can't use: " +
					"write the path of a SQLite file on a local disk, for example " + defaultStore,
			)
		}
	}
	return errors.New(
		"store does not look like a path: write file: and the path of a SQLite file on a local disk, for example " + defaultStore,
	)
}

func (c Config) clusterNames() []string {
	var names []string
	for _, k := range c.Clusters {
		if k.Name != "" {
			names = append(names, k.Name)
		}
	}
	return names
}

// meant ends an error with the known word that was probably meant.
func meant(word string, known []string) string {
	if near := words.Nearest(word, known); near != "" {
		return ": did you mean " + near + "?"
	}
	return ": add it under clusters"
}

// Validate checks the command, the team and the address.
func (s SlackConfig) Validate() error {
	var problems []error
	if !slashCommand.MatchString(s.Command) {
		problems = append(
			problems, fmt.Errorf("slack.command is %q: write a slash and lower-case letters, such as %s", s.Command, defaultCommand),
		)
	}
	for _, c := range s.SharedChannels {
		if !channelID.MatchString(c) {
			problems = append(
				problems,
				fmt.Errorf(
					"slack.sharedChannels names %q: write the channel's ID, such as C0BRIDGE (it changes when a private channel becomes shared)", c,
				),
			)
		}
	}
	if s.AdminChannel != "" && !channelID.MatchString(s.AdminChannel) {
		problems = append(problems, fmt.Errorf("slack.adminChannel is %q: write the channel's ID, such as C0PLATFORM", s.AdminChannel))
	}
	if s.TeamID != "" && !teamID.MatchString(s.TeamID) {
		problems = append(problems, fmt.Errorf("slack.teamID is %q: write the workspace's ID, such as T0ALGESTA", s.TeamID))
	}
	if s.APIURL != "" && !loopback(s.APIURL) {
		problems = append(
			problems,
			errors.New("slack.apiURL is not on this machine: it is for the sandbox only, because the tokens are sent to it; leave it out for Slack"),
		)
	}
	return errors.Join(problems...)
}

// loopback reports whether an address can only be this machine. A name but localhost could lead anywhere.
func loopback(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() == "localhost" || err == nil && ip.IsLoopback()
}

// accesses are the ways to sign in to a cluster.
func accesses() []string {
	return []string{
		string(kube.InCluster), string(kube.Kubeconfig), string(kube.WorkloadIdentity), string(kube.ManagedIdentity),
		string(kube.ClientSecret), string(kube.ClientCertificate), string(kube.AzureCLI),
	}
}

// validateSecrets checks that the namespaces are some that environments are in: no command reaches another one.
func (k ClusterConfig) validateSecrets(known []string) error {
	var problems []error
	for i, namespace := range k.SecretNamespaces {
		if slices.Contains(k.SecretNamespaces[:i], namespace) {
			problems = append(problems, fmt.Errorf("cluster %s: secretNamespaces has %q twice", k.Name, namespace))
		} else if !slices.Contains(known, namespace) {
			advice := "write one of an environment of this cluster"
			if near := words.Nearest(namespace, known); near != "" {
				advice = "did you mean " + near + "?"
			}
			problems = append(problems, fmt.Errorf("cluster %s: secretNamespaces has %q, which no environment is in: %s", k.Name, namespace, advice))
		}
	}
	return errors.Join(problems...)
}

// Validate checks the way in.
func (k ClusterConfig) Validate() error {
	if !slices.Contains(accesses(), string(k.Access)) {
		advice := "write one of " + strings.Join(accesses(), ", ")
		if near := words.Nearest(string(k.Access), accesses()); near != "" {
			advice = "did you mean " + near + "?"
		}
		return fmt.Errorf("cluster %s: access is %q: %s", k.Name, k.Access, advice)
	}
	if k.Kind != "" && k.Kind != aksKind {
		return fmt.Errorf("cluster %s: kind is %q: write %s, or leave it out for any other cluster", k.Name, k.Kind, aksKind)
	}
	if k.Access == kube.InCluster && (k.Kubeconfig != "" || k.Context != "" || k.Server != "") {
		return fmt.Errorf(
			"cluster %s: access inCluster takes neither kubeconfig, context nor server: remove them, or write access: kubeconfig", k.Name,
		)
	}
	if k.Sandbox && k.Access != kube.Kubeconfig {
		return fmt.Errorf("cluster %s: sandbox: true goes with access: kubeconfig only, so that no real cluster is taken for one", k.Name)
	}
	return kube.Config{
		Name: k.Name, Access: k.Access, Kubeconfig: k.Kubeconfig, Context: k.Context, Server: k.Server, CAFile: k.CAFile, Azure: k.Azure,
		Impersonate: k.Impersonate,
	}.Validate()
}
