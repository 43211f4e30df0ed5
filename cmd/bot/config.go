package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/incidents"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/slack"
	"github.com/3astronautas/algesta/words"
)

// What the configuration may leave out.
const (
	defaultCommand = "/algesta"
	defaultStore   = "file:/var/lib/algesta/algesta.db"
	defaultListen  = "127.0.0.1:8080"
	defaultSoak    = time.Minute
)

// The bounds of files and durations.
const (
	maxConfigFile = 1 << 20
	maxTokenFile  = 4 << 10
	maxSoak       = 10 * time.Minute
)

// The variables that may hold what the configuration never does.
const (
	appTokenVariable = "ALGESTA_SLACK_APP_TOKEN" //nolint:gosec // the name of a variable
	botTokenVariable = "ALGESTA_SLACK_BOT_TOKEN" //nolint:gosec // the name of a variable
)

// Config is the bot's configuration with real types. The tokens in it print as ***.
type Config struct {
	Slack        SlackConfig
	Clusters     []ClusterConfig
	Environments []catalog.Environment
	Services     []catalog.Service
	Registries   []kube.RegistryConfig
	OwnNetworks  []netip.Prefix
	PolicyFile   string
	Store        string
	Follow       FollowConfig
	Incidents    incidents.Config
	Alertmanager AlertmanagerConfig
	Listen       string // the address of /healthz, /readyz and /metrics
	path         string // of the file
	private      []privateFile
}

// SlackConfig is how the bot is known to Slack.
type SlackConfig struct {
	AppToken slack.Secret
	BotToken slack.Secret
	Command  string // the slash command, with its slash
	TeamID   string // "" means the team of the bot token
	// SharedChannels are channels that are shared with another company and may be used like the company's own.
	SharedChannels []string
	// AdminChannel is told when the policy file can't be loaded or incidents can't be posted, and when they can again; "" tells nobody.
	AdminChannel string
	APIURL       string // of a Slack on this machine, for the sandbox; "" means Slack's own
}

// Handle is what people call the bot: the slash command's word.
func (s SlackConfig) Handle() algesta.Handle {
	return algesta.Handle(strings.TrimPrefix(s.Command, "/"))
}

// ClusterConfig is one cluster and how to sign in to it.
type ClusterConfig struct {
	Name       string
	Kind       string // "aks", or "" for any other cluster
	Access     kube.Access
	Kubeconfig string // a path
	Context    string
	Server     string // of an Azure access without a kubeconfig; without either, Azure is asked
	CAFile     string
	Azure      kube.Azure
	// Impersonate says who people are in the cluster, by their IDs in Slack.
	Impersonate map[string]kube.Impersonated
	// SecretNamespaces are where the bot may get Secrets; it needs the right in the cluster as well.
	SecretNamespaces []string
	Sandbox          bool // nothing in it matters to anybody: `bot console` opens no other
}

// aksKind is the kind of a cluster of Azure Kubernetes Service.
const aksKind = "aks"

// AKS reports whether it is a cluster of Azure Kubernetes Service. An Azure access says so, too: no other cluster takes its tokens.
func (c ClusterConfig) AKS() bool { return c.Kind == aksKind || c.asksAzure() }

// asksAzure reports whether the bot has a way to ask Azure about the cluster: the one that it signs in to the cluster with, or another.
func (c ClusterConfig) asksAzure() bool {
	switch c.Access {
	case kube.WorkloadIdentity, kube.ManagedIdentity, kube.ClientSecret, kube.ClientCertificate, kube.AzureCLI:
		return true
	case kube.InCluster, kube.Kubeconfig:
	}
	return c.Azure.Access != ""
}

// FollowConfig is how a rollout is watched.
type FollowConfig struct {
	Soak time.Duration // after the last pod is ready
}

// What the file may hold, word for word.
type configFile struct {
	APIVersion   string                `yaml:"apiVersion"`
	Kind         string                `yaml:"kind"`
	Slack        slackFile             `yaml:"slack"`
	Clusters     []clusterFile         `yaml:"clusters"`
	Environments []catalog.Environment `yaml:"environments"`
	Services     []catalog.Service     `yaml:"services"`
	Registries   []registryFile        `yaml:"registries"`
	OwnNetworks  []netip.Prefix        `yaml:"ownNetworks"`
	PolicyFile   string                `yaml:"policyFile"`
	Store        string                `yaml:"store"`
	Follow       followFile            `yaml:"follow"`
	Incidents    incidentsFile         `yaml:"incidents"`
	Listen       string                `yaml:"listen"`
}

type slackFile struct {
	AppTokenFile string   `yaml:"appTokenFile"`
	BotTokenFile string   `yaml:"botTokenFile"`
	Command      string   `yaml:"command"`
	TeamID       string   `yaml:"teamID"`
	Shared       []string `yaml:"sharedChannels"`
	AdminChannel string   `yaml:"adminChannel"`
	APIURL       string   `yaml:"apiURL"`
}

type clusterFile struct {
	Name       string      `yaml:"name"`
	Kind       string      `yaml:"kind"`
	Access     kube.Access `yaml:"access"`
	Kubeconfig string      `yaml:"kubeconfig"`
	Context    string      `yaml:"context"`
	Server     string      `yaml:"server"`
	CAFile     string      `yaml:"caFile"`
	Azure      azureFile   `yaml:"azure"`
	Secrets    []string    `yaml:"secretNamespaces"`

	Impersonate impersonatedFiles `yaml:"impersonate"`
	Sandbox     bool              `yaml:"sandbox"`
}

type registryFile struct {
	Host      string      `yaml:"host"`
	TokenHost string      `yaml:"tokenHost"`
	Private   bool        `yaml:"private"`
	Access    kube.Access `yaml:"access"`
	Azure     azureFile   `yaml:"azure"`
}

type azureFile struct {
	Access          kube.Access `yaml:"access"`
	TenantID        string      `yaml:"tenantID"`
	ClientID        string      `yaml:"clientID"`
	SecretFile      string      `yaml:"secretFile"`
	CertificateFile string      `yaml:"certificateFile"`
	AuthorityHost   string      `yaml:"authorityHost"`
	ResourceID      string      `yaml:"resourceID"`
	ResourceManager string      `yaml:"resourceManager"`
	CAFile          string      `yaml:"caFile"`
	MetadataHost    string      `yaml:"metadataHost"`
}

type followFile struct {
	Soak string `yaml:"soak"`
}

// loadConfig reads the configuration for serving Slack: the file, strictly, and the tokens from their files or, first,
// from the environment. Relative paths in it start at its own folder. The error lists everything that is wrong.
func loadConfig(path string, env func(string) string) (Config, error) {
	c, f, err := readConfig(path)
	if err != nil {
		return Config{}, err
	}
	var app, bot error
	c.Slack.AppToken, app = token("appTokenFile", f.Slack.AppTokenFile, appTokenVariable, "xapp-", env)
	c.Slack.BotToken, bot = token("botTokenFile", f.Slack.BotTokenFile, botTokenVariable, "xoxb-", env)
	if err := errors.Join(app, bot); err != nil {
		return Config{}, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	return c, nil
}

// loadConfigWithoutSlack reads the configuration for what needs no tokens, such as the console.
func loadConfigWithoutSlack(path string) (Config, error) {
	c, _, err := readConfig(path)
	return c, err
}

func readConfig(path string) (Config, configFile, error) {
	b, err := readBounded(path, maxConfigFile)
	if err != nil {
		return Config{}, configFile{}, fmt.Errorf("reading the configuration: %w", err)
	}
	f, err := parseConfig(b)
	if err != nil {
		return Config{}, configFile{}, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	f.resolve(filepath.Dir(path))
	c := f.config()
	c.private, c.path = f.privateFiles(path), path
	soak, err := f.Follow.duration()
	c.Follow.Soak = soak
	var unread, noToken error
	c.Incidents, unread = f.Incidents.config()
	c.Alertmanager, noToken = f.Incidents.Alertmanager.config()
	if err := errors.Join(f.validate(), err, unread, noToken, c.Validate()); err != nil {
		return Config{}, configFile{}, fmt.Errorf("reading the configuration %s: %w", path, err)
	}
	return c, f, nil
}

// readBounded reads a file that has to be small: a wrong path may be a device or a database.
func readBounded(path string, most int64) ([]byte, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's own path
	if err != nil {
		return nil, err
	}
	defer f.Close() //nolint:errcheck // it was only read
	b, err := io.ReadAll(io.LimitReader(f, most+1))
	if err != nil {
		return nil, err
	}
	if int64(len(b)) > most {
		return nil, fmt.Errorf("%s has more than %d bytes: is it the right file?", path, most)
	}
	return b, nil
}

func parseConfig(b []byte) (configFile, error) {
	var f configFile
	if err := strictYAML(b, &f); err != nil {
		return f, err
	}
	return f, noImpersonated(b)
}

// strictYAML reads a file of one document, in which every key is known.
func strictYAML(b []byte, into any) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	dec.KnownFields(true)
	if err := dec.Decode(into); errors.Is(err, io.EOF) {
		return errors.New("the file is empty")
	} else if err != nil {
		return plainYAML(err)
	}
	if err := dec.Decode(&yaml.Node{}); !errors.Is(err, io.EOF) {
		return errors.New("the file has more than one YAML document: put everything into the first")
	}
	return nil
}

// unknownField is how the YAML library says that a key is not known.
var unknownField = regexp.MustCompile(`field (\S+) not found in type \S+`)

// intoType is the Go type at the end of its other complaints.
var intoType = regexp.MustCompile(` into \S+$`)

// plainYAML says in words what the YAML library found, with the lines.
func plainYAML(err error) error {
	var wrong *yaml.TypeError
	if !errors.As(err, &wrong) {
		return errors.New(strings.TrimPrefix(err.Error(), "yaml: "))
	}
	problems := make([]error, len(wrong.Errors))
	for i, e := range wrong.Errors {
		if m := unknownField.FindStringSubmatch(e); m != nil {
			advice := "correct or remove it"
			if near := words.Nearest(m[1], configKeys()); near != "" {
				advice = "did you mean " + near + "?"
			}
			e = strings.Replace(e, m[0], fmt.Sprintf("%q is not a key here: %s", m[1], advice), 1)
		}
		problems[i] = errors.New(intoType.ReplaceAllString(e, ", something else is needed here"))
	}
	return errors.Join(problems...)
}

// configKeys are all keys that a configuration may hold.
func configKeys() []string {
	return strings.Fields(
		"apiVersion kind slack appTokenFile botTokenFile command teamID sharedChannels adminChannel apiURL " +
			"clusters name access kubeconfig context server caFile " +
			"azure tenantID clientID secretFile certificateFile authorityHost " +
			"resourceID resourceManager metadataHost secretNamespaces impersonate user groups sandbox environments aliases cluster namespace " +
			"deployment services " +
			"registries host tokenHost private ownNetworks policyFile store follow soak listen incidents wait settle rules routes off " +
			"channel severities " +
			"alertmanager tokenFile",
	)
}

// resolve makes relative paths start at the folder of the configuration.
func (f *configFile) resolve(dir string) {
	paths := []*string{&f.Slack.AppTokenFile, &f.Slack.BotTokenFile, &f.PolicyFile, &f.Incidents.Alertmanager.TokenFile}
	for i := range f.Clusters {
		c := &f.Clusters[i]
		paths = append(paths, &c.Kubeconfig, &c.CAFile, &c.Azure.SecretFile, &c.Azure.CertificateFile, &c.Azure.CAFile)
	}
	for i := range f.Registries {
		a := &f.Registries[i].Azure
		paths = append(paths, &a.SecretFile, &a.CertificateFile, &a.CAFile)
	}
	for _, p := range paths {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	if name, ok := strings.CutPrefix(f.Store, "file:"); ok && name != "" && !filepath.IsAbs(name) {
		f.Store = "file:" + filepath.Join(dir, name)
	}
}

// config fills in what was left out.
func (f *configFile) config() Config {
	c := Config{
		Slack: SlackConfig{
			Command:        orDefault(f.Slack.Command, defaultCommand),
			TeamID:         f.Slack.TeamID,
			SharedChannels: f.Slack.Shared,
			AdminChannel:   f.Slack.AdminChannel,
			APIURL:         f.Slack.APIURL,
		},
		Environments: f.Environments,
		Services:     f.Services,
		OwnNetworks:  f.OwnNetworks,
		PolicyFile:   f.PolicyFile,
		Store:        orDefault(f.Store, defaultStore),
		Listen:       orDefault(f.Listen, defaultListen),
	}
	if c.Slack.APIURL != "" && !strings.HasSuffix(c.Slack.APIURL, "/") {
		c.Slack.APIURL += "/"
	}
	for _, r := range f.Registries {
		c.Registries = append(c.Registries, kube.RegistryConfig{
			Host: r.Host, TokenHost: r.TokenHost, Private: r.Private, Access: r.Access, Azure: kube.Azure(r.Azure),
		})
	}
	for _, k := range f.Clusters {
		c.Clusters = append(c.Clusters, ClusterConfig{
			Name:             k.Name,
			Kind:             k.Kind,
			Access:           k.Access,
			Kubeconfig:       k.Kubeconfig,
			Context:          k.Context,
			Server:           k.Server,
			CAFile:           k.CAFile,
			Sandbox:          k.Sandbox,
			Azure:            kube.Azure(k.Azure),
			SecretNamespaces: k.Secrets,
			Impersonate:      k.Impersonate.byPerson(),
		})
	}
	return c
}

func orDefault(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

func (f followFile) duration() (time.Duration, error) {
	if f.Soak == "" {
		return defaultSoak, nil
	}
	d, err := time.ParseDuration(f.Soak)
	if err != nil || d <= 0 || d > maxSoak {
		return 0, fmt.Errorf("follow.soak is %q: write a duration of up to %s, such as 60s", f.Soak, maxSoak)
	}
	return d, nil
}

// token reads a token from the environment or from its file. No error ever holds any of it.
func token(key, path, variable, prefix string, env func(string) string) (slack.Secret, error) {
	value, from := env(variable), variable
	if value == "" {
		if path == "" {
			return "", fmt.Errorf("slack.%s is missing: name the file with the token, or set %s", key, variable)
		}
		b, err := readBounded(path, maxTokenFile)
		if err != nil {
			return "", fmt.Errorf("reading slack.%s: %w", key, err)
		}
		value, from = string(b), path
	}
	value = strings.TrimSpace(value)
	if !strings.HasPrefix(value, prefix) || strings.ContainsAny(value, " \t\r\n") {
		return "", fmt.Errorf("%s does not hold a Slack token that begins with %s: copy it again from the app's page", from, prefix)
	}
	return slack.Secret(value), nil
}
