package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	rbacv1 "k8s.io/api/rbac/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
	"github.com/3astronautas/algesta/store"
)

// practice is a folder with everything that a bot needs, for the doctor to look at.
type practice struct {
	*testing.T
	dir   string
	slack *slackd.Server
	env   map[string]string
}

const doctorConfig = `apiVersion: algesta.io/v1
kind: Config
slack: {apiURL: "%s", teamID: T0ALGESTA}
clusters:
  - {name: main, access: kubeconfig, kubeconfig: "%s"}
environments:
  - {name: production, cluster: main, namespace: %s, deployment: "{service}"}
policyFile: policy.yaml
store: file:algesta.db
incidents: {routes: [{channel: C0OPS}]}
listen: "127.0.0.1:0"
`

const doctorPolicy = `apiVersion: algesta.io/v1
kind: Policy
roles: [{name: viewer, allow: [read]}]
bindings: [{name: everybody looks, subjects: ["group:S0BACKEND"], role: viewer, namespaces: ["*"]}]
`

func newPractice(t *testing.T, kubeconfig, namespace string) *practice {
	t.Helper()
	p := &practice{T: t, dir: t.TempDir(), slack: slackd.New(t, slackd.Options{})}
	p.env = map[string]string{appTokenVariable: p.slack.AppToken(), botTokenVariable: p.slack.BotToken()}
	p.write("config.yaml", fmt.Sprintf(doctorConfig, p.slack.APIURL(), kubeconfig, namespace))
	p.write("policy.yaml", doctorPolicy)
	return p
}

func (p *practice) write(name, text string) {
	p.Helper()
	require.NoError(p, os.WriteFile(filepath.Join(p.dir, name), []byte(text), 0o600))
}

// replace changes a file.
func (p *practice) replace(name, old, now string) {
	p.Helper()
	b, err := os.ReadFile(filepath.Join(p.dir, name))
	require.NoError(p, err)
	require.Contains(p, string(b), old)
	p.write(name, strings.ReplaceAll(string(b), old, now))
}

// says is what the doctor prints, and whether it's an error. No token is in it.
func (p *practice) says() (string, error) {
	p.Helper()
	var out bytes.Buffer
	err := printExaminations(&out, examine(p.Context(), filepath.Join(p.dir, "config.yaml"), p.variable, nil))
	require.NotContains(p, out.String(), p.slack.AppToken())
	require.NotContains(p, out.String(), p.slack.BotToken())
	return out.String(), err
}

// variable is a variable of the environment.
func (p *practice) variable(name string) string { return p.env[name] }

// nowhere is a kubeconfig of an API server that isn't there.
func nowhere(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "kubeconfig")
	const text = `{"apiVersion":"v1","kind":"Config","current-context":"c","clusters":[{"name":"c","cluster":` +
		`{"server":"https://127.0.0.1:1"}}],"contexts":[{"name":"c","context":{"cluster":"c","user":"u"}}],"users":[{"name":"u","user":{}}]}`
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestTheDoctorSaysWhatIsWrongWithSlack(t *testing.T) {
	t.Parallel()
	kubeconfig := nowhere(t)
	scopes, err := neededScopes()
	require.NoError(t, err)
	cases := map[string]struct {
		harm func(*practice)
		says []string
	}{
		"nothing": {func(*practice) {}, []string{
			"ok    the bot token is that of @algesta", fmt.Sprintf("ok    it has all %d scopes", len(scopes)), "ok    the clock agrees",
			"ok    the bot is in #ops (C0OPS)",
			"ok    the policy's 1 user group", "ok    the app token opens a connection", "FAIL  The cluster main doesn't answer",
		}},
		"a revoked token": {func(p *practice) { p.env[botTokenVariable] += "x" }, []string{
			"FAIL  the bot token doesn't work: Slack answers invalid_auth",
		}},
		"no app token": {func(p *practice) { delete(p.env, appTokenVariable) }, []string{
			"FAIL  slack.appTokenFile is missing", "connections:write",
		}},
		"a wrong app token": {func(p *practice) { p.env[appTokenVariable] += "x" }, []string{
			"FAIL  the app token doesn't work: Slack answers invalid_auth",
		}},
		"another workspace": {func(p *practice) { p.replace("config.yaml", "T0ALGESTA", "T0OTHER") }, []string{
			"FAIL  the configuration is for the workspace T0OTHER",
		}},
		"a channel without it": {func(p *practice) { p.replace("config.yaml", "C0OPS", "C0RANDOM") }, []string{
			"FAIL  the bot isn't in #random (C0RANDOM)", "/invite @algesta",
		}},
		"no such channel": {func(p *practice) { p.replace("config.yaml", "C0OPS", "C0NOWHERE") }, []string{
			"FAIL  there's no channel C0NOWHERE",
		}},
		"an archived channel": {func(p *practice) { p.slack.Archive("C0OPS", true) }, []string{"FAIL  #ops (C0OPS) is archived"}},
		"no such group": {func(p *practice) { p.replace("policy.yaml", "S0BACKEND", "S0NOBODY") }, []string{
			"FAIL  the policy names user groups that aren't in the workspace: S0NOBODY",
		}},
		"a person who isn't there": {func(p *practice) { p.replace("policy.yaml", "group:S0BACKEND", "user:U0NOBODY") }, []string{
			"FAIL  the policy names user:U0NOBODY, who isn't in the workspace",
		}},
		"an address that nobody has": {func(p *practice) { p.replace("policy.yaml", "group:S0BACKEND", "email:nobody@example.com") }, []string{
			"FAIL  the policy names nobody@example.com, who isn't in the workspace",
		}},
		"people who are there, and one who may not": {func(p *practice) {
			p.replace("policy.yaml", `"group:S0BACKEND"`, `"user:U0DANA", "user:U0GINA"`)
		}, []string{"WARN  the policy names user:U0GINA, who is a guest"}},
		"people who are there": {func(p *practice) { p.replace("policy.yaml", `"group:S0BACKEND"`, `"user:U0DANA", "user:U0LUIS"`) }, []string{
			"ok    the policy's 2 people are in the workspace",
		}},
		"a channel for the admins without it": {func(p *practice) {
			p.replace("config.yaml", "teamID: T0ALGESTA", "teamID: T0ALGESTA, adminChannel: C0RANDOM")
		}, []string{"FAIL  the bot isn't in #random (C0RANDOM)"}},
		"a Slack that asks to wait": {func(p *practice) {
			p.slack.FailNext("*", slackd.Fault{Status: 429, RetryAfter: time.Minute}, 10)
		}, []string{"?     couldn't check the bot token (Slack asks to wait)", "?     couldn't check the app token (Slack asks to wait)"}},
		"a policy that isn't": {func(p *practice) { p.replace("policy.yaml", "allow", "alow") }, []string{
			"FAIL  ", "a running bot goes on with the last one",
		}},
		"a wrong key": {func(p *practice) { p.replace("config.yaml", "policyFile", "policyfile") }, []string{
			"FAIL  reading the configuration", "did you mean policyFile?",
		}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPractice(t, kubeconfig, "production")
			c.harm(p)
			text, err := p.says()
			require.ErrorIs(t, err, errSick.error)
			for _, says := range c.says {
				require.Contains(t, text, says)
			}
		})
	}
}

func TestTheDoctorSeesAnotherProcessAndTheScopesThatAreMissing(t *testing.T) {
	t.Parallel()
	p := newPractice(t, nowhere(t), "production")
	manifest, err := os.ReadFile("../../deploy/slack-app.yaml")
	require.NoError(t, err)
	less := filepath.Join(t.TempDir(), "slack-app.yaml")
	require.NoError(t, os.WriteFile(less, bytes.ReplaceAll(manifest, []byte("      - usergroups:read"), []byte("      - team:read")), 0o600))
	p.slack = slackd.New(t, slackd.Options{ManifestFile: less})
	p.env = map[string]string{appTokenVariable: p.slack.AppToken(), botTokenVariable: p.slack.BotToken()}
	p.write("config.yaml", fmt.Sprintf(doctorConfig, p.slack.APIURL(), nowhere(t), "production"))
	text, _ := p.says()
	require.Contains(t, text, "FAIL  the token lacks usergroups:read")
	require.Contains(t, text, "WARN  it also has team:read")
	require.Contains(t, text, "?     couldn't check the policy's user groups (a scope is missing: usergroups:read)")
	require.NotContains(t, text, "a process elsewhere")
}

func TestTheDoctorLooksAtTheStore(t *testing.T) {
	t.Parallel()
	p := newPractice(t, nowhere(t), "production")
	text, _ := p.says()
	require.Contains(t, text, "algesta.db isn't there yet")
	s, err := store.Open(t.Context(), "file:"+filepath.Join(p.dir, "algesta.db"), zap.NewNop())
	require.NoError(t, err)
	text, _ = p.says()
	require.Contains(t, text, "is readable, and the 0 lines of its audit follow", "beside a bot that works on it")
	require.NoError(t, s.Close(t.Context()))
	p.write("algesta.db", "what is this")
	text, _ = p.says()
	require.Contains(t, text, "FAIL  looking at the store")
	p.replace("config.yaml", "file:algesta.db", "file:no-folder/algesta.db")
	text, _ = p.says()
	require.Contains(t, text, "FAIL  nothing can be written to "+filepath.Join(p.dir, "no-folder"))
}

func TestTheDoctorNamesTheRightsThatAreMissing(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	namespace := c.Namespace(t)
	namespaced, everywhere := runbooks.Rules(kube.Reads, runbooks.All()...)
	all := append(append([]rbacv1.PolicyRule{}, namespaced...), everywhere...)
	kubeconfig := c.ServiceAccount(t, namespace, all)
	text, _ := newPractice(t, kubeconfig, namespace).says()
	require.Contains(t, text, "ok    "+namespace+": the rights for all ")
	require.Contains(t, text, "WARN  cert-manager isn't there (cert-manager.io)")
	require.NotContains(t, text, "FAIL")

	var less []rbacv1.PolicyRule
	for _, rule := range all {
		if len(rule.Resources) != 1 || rule.Resources[0] != "pods/log" && rule.Resources[0] != "pods/eviction" {
			less = append(less, rule)
		}
	}
	less = append(less, rbacv1.PolicyRule{
		APIGroups: []string{""}, Resources: []string{"secrets", "pods/exec"}, Verbs: []string{"get", "create"},
	})
	text, err := newPractice(t, c.ServiceAccount(t, namespace, less), namespace).says()
	require.ErrorIs(t, err, errSick.error)
	require.Contains(t, text, "FAIL  "+namespace+": pod delete lacks create pods/eviction")
	require.Contains(t, text, "WARN  "+namespace+": the bot may also create pods/exec and get secrets, which no command needs")

	text, _ = newPractice(t, c.ServiceAccount(t, namespace, nil), namespace).says()
	require.Contains(t, text, " commands lack rights, for example ")
}

func TestTheDoctorInSlackSaysFirstWhatHasToBeDone(t *testing.T) {
	t.Parallel()
	p := newPractice(t, nowhere(t), "production")
	all := examine(t.Context(), filepath.Join(p.dir, "config.yaml"), p.variable, func() (here, elsewhere int) { return 2, 1 })
	report := reportOf(all)
	require.Equal(t, algesta.Bad, report.Tone)
	require.Contains(t, report.Title.String(), "2 of ")
	require.Contains(t, report.Body[0].Table.Rows[0][2].String(), "another process has 1 connection with the same app token")
	require.Contains(t, report.Body[0].Table.Rows[1][2].String(), "The cluster main doesn't answer")
	require.Equal(t, "ok", report.Body[0].Table.Rows[2][1].String())
	require.Equal(t, algesta.Good, reportOf(all[1:3]).Tone, "policy and store")
}
