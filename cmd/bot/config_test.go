package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/incidents"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/slack"
)

// noTokens and tokens are environments of a process.
func noTokens(string) string { return "" }

func tokens(name string) string {
	return map[string]string{appTokenVariable: "xapp-1-test", botTokenVariable: "xoxb-1-test"}[name]
}

// smallConfig is a configuration of which the tests change one line at a time.
const smallConfig = `apiVersion: algesta.io/v1
kind: Config
slack:
  command: /algesta
  apiURL: http://127.0.0.1:4000/api/
clusters:
  - {name: local, access: kubeconfig, kubeconfig: kube/config, context: admin, sandbox: true}
environments:
  - {name: production, aliases: [prod], cluster: local, namespace: production, deployment: "{service}-production"}
services: []
policyFile: policy.yaml
store: file:data/algesta.db
follow: {soak: 10s}
listen: 127.0.0.1:0
`

func writeConfig(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "config.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestTheExampleConfigurationLoads(t *testing.T) {
	t.Parallel()
	c, err := loadConfig("testdata/config-example.yaml", tokens)
	require.NoError(t, err)
	require.Equal(
		t,
		SlackConfig{
			AppToken:       "xapp-1-test",
			BotToken:       "xoxb-1-test",
			Command:        "/algesta",
			TeamID:         "T0ALGESTA",
			SharedChannels: []string{"C0BRIDGE"},
			AdminChannel:   "C0PLATFORM",
		},
		c.Slack,
	)
	require.Equal(t, []ClusterConfig{
		{Name: "aks-algesta-production", Kind: "aks", Access: kube.InCluster}, {Name: "aks-algesta-dev", Access: kube.WorkloadIdentity},
	}, c.Clusters)
	require.Len(t, c.Environments, 3)
	require.Equal(t, catalog.Environment{
		Name:       "pruebas",
		Aliases:    []string{"test", "testing", "qa"},
		Cluster:    "aks-algesta-dev",
		Namespace:  "pruebas",
		Deployment: "{service}-pruebas",
	}, c.Environments[1])
	require.Equal(t, []catalog.Service{{Name: "api-gateway", Aliases: []string{"gateway", "api"}}}, c.Services)
	require.Equal(t, incidents.Config{
		Wait: 30 * time.Second, Settle: 30 * time.Second,
		Rules: map[string]incidents.RuleSetting{"autoscaler-at-maximum": {Wait: 20 * time.Minute}, "quota-full": {Off: true}},
		Routes: []incidents.Route{{
			Channel: "C0INCIDENTS", Environments: []string{"production"}, Severities: []algesta.Severity{algesta.Critical, algesta.Degraded},
		}},
	}, c.Incidents)
	require.Equal(t, "/etc/algesta/policy.yaml", c.PolicyFile)
	require.Equal(t, "file:/var/lib/algesta/algesta.db", c.Store)
	require.Equal(t, time.Minute, c.Follow.Soak)
	require.Equal(t, ":8080", c.Listen)
}

func TestRelativePathsStartAtTheConfiguration(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallConfig)
	c, err := loadConfig(path, tokens)
	require.NoError(t, err)
	dir := filepath.Dir(path)
	require.Equal(t, filepath.Join(dir, "policy.yaml"), c.PolicyFile)
	require.Equal(t, filepath.Join(dir, "kube/config"), c.Clusters[0].Kubeconfig)
	require.Equal(t, "file:"+filepath.Join(dir, "data/algesta.db"), c.Store)
	require.Equal(t, 10*time.Second, c.Follow.Soak)
	require.True(t, c.Clusters[0].Sandbox)
	require.Empty(t, c.Clusters[0].SecretNamespaces)
}

func TestSecretsAreReadWhereTheConfigurationSaysSo(t *testing.T) {
	t.Parallel()
	c, err := loadConfig(
		writeConfig(t, strings.Replace(smallConfig, "sandbox: true", "sandbox: true, secretNamespaces: [production]", 1)), tokens,
	)
	require.NoError(t, err)
	require.Equal(t, []string{"production"}, c.Clusters[0].SecretNamespaces)
}

func TestWhatTheConfigurationLeavesOut(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer(
		"  command: /algesta\n", "  teamID: T0X\n", "store: file:data/algesta.db\n", "", "follow: {soak: 10s}\n", "", "listen: 127.0.0.1:0\n", "",
		"services: []\n", "",
	).Replace(
		smallConfig,
	)
	c, err := loadConfigWithoutSlack(writeConfig(t, text))
	require.NoError(t, err)
	require.Equal(t, defaultCommand, c.Slack.Command)
	require.Equal(t, defaultStore, c.Store)
	require.Equal(t, defaultListen, c.Listen)
	require.Equal(t, defaultSoak, c.Follow.Soak)
}

func TestOwnNetworksAreNetworks(t *testing.T) {
	t.Parallel()
	c, err := loadConfigWithoutSlack(writeConfig(t, smallConfig+"ownNetworks: [198.51.100.0/24, \"2001:db8::/32\"]\n"))
	require.NoError(t, err)
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24"), netip.MustParsePrefix("2001:db8::/32")}, c.OwnNetworks)
	_, err = loadConfigWithoutSlack(writeConfig(t, smallConfig+"ownNetworks: [198.51.100.0]\n"))
	require.ErrorContains(t, err, "198.51.100.0")
}

func TestTokensComeFromFilesOrTheEnvironment(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "app"), []byte("xapp-1-file\n"), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "bot"), []byte("xoxb-1-file"), 0o600))
	path := filepath.Join(dir, "config.yaml")
	require.NoError(
		t, os.WriteFile(path, []byte(strings.Replace(smallConfig, "slack:\n", "slack:\n  appTokenFile: app\n  botTokenFile: bot\n", 1)), 0o600),
	)
	c, err := loadConfig(path, noTokens)
	require.NoError(t, err)
	require.Equal(t, slack.Secret("xapp-1-file"), c.Slack.AppToken)
	require.Equal(t, slack.Secret("xoxb-1-file"), c.Slack.BotToken)
	c, err = loadConfig(path, tokens)
	require.NoError(t, err)
	require.Equal(t, slack.Secret("xapp-1-test"), c.Slack.AppToken, "the environment comes first")
	require.NotContains(t, fmt.Sprintf("%v %+v %#v", c, c, c), "-test")
}

func TestTokenErrorsNeverHoldTheToken(t *testing.T) {
	t.Parallel()
	path := writeConfig(t, smallConfig)
	_, err := loadConfig(path, noTokens)
	require.ErrorContains(t, err, "slack.appTokenFile is missing: name the file with the token, or set ALGESTA_SLACK_APP_TOKEN")
	require.ErrorContains(t, err, "slack.botTokenFile is missing: name the file with the token, or set ALGESTA_SLACK_BOT_TOKEN")
	_, err = loadConfig(path, func(string) string { return "hunter2" })
	require.ErrorContains(
		t, err, "ALGESTA_SLACK_APP_TOKEN does not hold a Slack token that begins with xapp-: copy it again from the app's page",
	)
	require.NotContains(t, err.Error(), "hunter2")
	_, err = loadConfig(path, func(name string) string { return tokens(name) + " hunter2" })
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hunter2")
	_, err = loadConfig(writeConfig(t, strings.Replace(smallConfig, "slack:\n", "slack:\n  appTokenFile: none\n", 1)), noTokens)
	require.ErrorContains(t, err, "reading slack.appTokenFile: ")
}

func TestLoadConfigRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ old, with, want string }{
		"another version": {"algesta.io/v1", "v1", `apiVersion is "v1": write algesta.io/v1`},
		"another kind":    {"kind: Config", "kind: Policy", `kind is "Policy": write Config`},
		"a misspelt key":  {"policyFile:", "policyfile:", `line 11: "policyfile" is not a key here: did you mean policyFile?`},
		"an unknown key":  {"listen:", "telemetry:", `line 14: "telemetry" is not a key here: correct or remove it`},
		"Secrets of elsewhere": {
			"sandbox: true", "sandbox: true, secretNamespaces: [producton]",
			`cluster local: secretNamespaces has "producton", which no environment is in: did you mean production?`,
		},
		"Secrets of nowhere near": {
			"sandbox: true", "sandbox: true, secretNamespaces: [kube-system]",
			`cluster local: secretNamespaces has "kube-system", which no environment is in: write one of an environment of this cluster`,
		},
		"Secrets of a place twice": {
			"sandbox: true", "sandbox: true, secretNamespaces: [production, production]", `cluster local: secretNamespaces has "production" twice`,
		},
		"a misspelt key in a list": {"access: kubeconfig, ", "acess: kubeconfig, ", `line 7: "acess" is not a key here: did you mean access?`},
		"a token in the file": {
			"slack:\n", "slack:\n  botToken: xoxb-1\n", `line 4: "botToken" is not a key here: did you mean botTokenFile?`,
		},
		"a list for a text": {
			"policyFile: policy.yaml", "policyFile: [policy.yaml]", "line 11: cannot unmarshal !!seq, something else is needed here",
		},
		"a second document": {
			"services: []", "---\nservices: []", "the file has more than one YAML document: put everything into the first",
		},
		"no policy": {
			"policyFile: policy.yaml\n", "", "policyFile is missing: name the file with the policy, without one everything would be refused",
		},
		"another store": {
			"store: file:data/algesta.db", "store: redis://x",
			"store does not look like a path: write file: and the path of a SQLite file on a local disk, for example " +
				"file:/var/lib/algesta/algesta.db",
		},
		"a store without a path": {
			"store: file:data/algesta.db", `store: "file:"`, "store does not look like a path: write file: and the path",
		},
		"a store of PostgreSQL": {
			"store: file:data/algesta.db", "store: postgres://db/x",
			"store is a PostgreSQL database, which this version can't use: write the path of a SQLite file",
		},
		"PostgreSQL's other scheme": {
			"store: file:data/algesta.db", "store: postgresql://db/x", "store is a PostgreSQL database, which this version can't use",
		},
		"a soak without a unit": {"soak: 10s", "soak: 10", `follow.soak is "10": write a duration of up to 10m0s, such as 60s`},
		"a soak of nothing":     {"soak: 10s", "soak: 0s", `follow.soak is "0s": write a duration of up to 10m0s, such as 60s`},
		"a soak of a day":       {"soak: 10s", "soak: 24h", `follow.soak is "24h": write a duration of up to 10m0s, such as 60s`},
		"a command without slash": {
			"command: /algesta", "command: algesta", `slack.command is "algesta": write a slash and lower-case letters, such as /algesta`,
		},
		"a team by its name": {
			"command: /algesta", "teamID: algesta", `slack.teamID is "algesta": write the workspace's ID, such as T0ALGESTA`,
		},
		"tokens sent away": {
			"http://127.0.0.1:4000/api/", "https://slack.example.com/api/",
			"slack.apiURL is not on this machine: it is for the sandbox only, because the tokens are sent to it; leave it out for Slack",
		},
		"tokens sent away by a name": {"http://127.0.0.1:4000/api/", "http://127.0.0.1.example.com/api/", "slack.apiURL is not on this machine"},
		"tokens sent away by a user": {"http://127.0.0.1:4000/api/", "http://127.0.0.1@example.com/api/", "slack.apiURL is not on this machine"},
		"an unknown access": {
			"access: kubeconfig", "access: kubeconfg", `cluster local: access is "kubeconfg": did you mean kubeconfig?`,
		},
		"no access": {
			"access: kubeconfig, ", "",
			`cluster local: access is "": write one of inCluster, kubeconfig, workloadIdentity, managedIdentity, clientSecret, ` +
				`clientCertificate, azureCLI`,
		},
		"a kubeconfig too many": {
			"access: kubeconfig, ", "access: inCluster, ",
			"cluster local: access inCluster takes neither kubeconfig, context nor server: remove them, or write access: kubeconfig",
		},
		"a real cluster as sandbox": {
			"access: kubeconfig, kubeconfig: kube/config, context: admin,", "access: azureCLI, server: x,",
			"cluster local: sandbox: true goes with access: kubeconfig only, so that no real cluster is taken for one",
		},
		"a cluster twice":               {"environments:", "  - {name: local, access: inCluster}\nenvironments:", "cluster local is there twice"},
		"a cluster's name with a blank": {"{name: local, ", "{name: 'local ', ", `the name "local " has a blank at an end`},
		"a cluster without a name":      {"{name: local, ", "{", "cluster 1 has no name"},
		"no cluster": {
			"  - {name: local, access: kubeconfig, kubeconfig: kube/config, context: admin, sandbox: true}\n", "",
			"clusters is missing: name at least one",
		},
		"a misspelt cluster": {
			"cluster: local", "cluster: locl", `environment production: there is no cluster "locl": did you mean local?`,
		},
		"an unknown cluster": {
			"cluster: local", "cluster: mars", `environment production: there is no cluster "mars": add it under clusters`,
		},
		"a template without service": {
			`"{service}-production"`, "api",
			`environment production: deployment is "api" and has to contain {service} once, as in "{service}-production"`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(smallConfig, tc.old, tc.with, 1)
			require.NotEqual(t, smallConfig, text, "the test changes nothing")
			_, err := loadConfig(writeConfig(t, text), tokens)
			require.ErrorContains(t, err, tc.want)
			require.ErrorContains(t, err, "reading the configuration ")
		})
	}
}

func TestLoadConfigSaysWhichFileIsMissing(t *testing.T) {
	t.Parallel()
	_, err := loadConfig("testdata/none.yaml", tokens)
	require.EqualError(t, err, "reading the configuration: open testdata/none.yaml: no such file or directory")
	_, err = loadConfig("/dev/zero", tokens)
	require.ErrorContains(t, err, "is it the right file?")
	_, err = loadConfig(writeConfig(t, ""), tokens)
	require.ErrorContains(t, err, "the file is empty")
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(smallConfig))
	f.Add([]byte("clusters: [&a {name: *a}]"))
	f.Add([]byte("a: 1\n---\nb: 2"))
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := parseConfig(b)
		if err == nil {
			c.resolve("/etc/algesta")
			config := c.config()
			_ = config.Validate()
			require.NotEmpty(t, config.Slack.Command)
		}
	})
}

func TestTheKindOfAClusterComesFromTheConfiguration(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cluster ClusterConfig
		aks     bool
	}{
		"it is said":                       {ClusterConfig{Kind: "aks", Access: kube.InCluster}, true},
		"nothing is said":                  {ClusterConfig{Access: kube.InCluster}, false},
		"only an AKS cluster takes tokens": {ClusterConfig{Access: kube.WorkloadIdentity}, true},
	} {
		require.Equal(t, tc.aks, tc.cluster.AKS(), name)
	}
	require.ErrorContains(
		t,
		ClusterConfig{Name: "one", Kind: "eks", Access: kube.InCluster}.Validate(),
		`cluster one: kind is "eks": write aks, or leave it out`,
	)
}
