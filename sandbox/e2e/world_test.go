package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/3astronautas/algesta/sandbox/bot"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

const (
	// patience is how long anything may take that a test waits for.
	patience = 2 * time.Minute
	soak     = time.Second
)

// options are what a test wants different from the usual world.
type options struct {
	cluster     *control.Cluster // the shared one when nil
	services    []service        // of production; gateway() when nil
	development []service
	policy      string   // policyFile when empty
	replace     []string // in the policy: old, new, old, new
	rules       []rbacv1.PolicyRule
	slack       slackd.Options
	secrets     bool   // the bot may get the Secrets of production
	gated       bool   // with gates before the API server and Slack's Web API
	incidents   string // of the configuration
	admins      string // its adminChannel
	soak        time.Duration
	before      func(w *world) // makes more objects before the bot starts
	// account makes what the bot signs in with, a kubeconfig; nil makes a service account with the rules.
	account    func(w *world) string
	configured func(w *world) // changes what the bot is started with
	others     []string       // environments beside the usual ones, each with a namespace of its own: what is called so in the policy is that
}

// world is one test's own: namespaces in a control plane, a Slack and a bot.
type world struct {
	*testing.T
	opts        options
	cluster     *control.Cluster
	slack       *slackd.Server
	production  string // namespace
	development string
	others      map[string]string // namespaces of the other environments
	since       time.Time         // when the bot started for the first time
	config      bot.Config
	bot         *bot.Bot
	log         *logBook
	api, web    *gate // before the API server, before Slack's Web API; nil unless gated
}

// newWorld makes a world and starts its bot.
func newWorld(t *testing.T, o options) *world {
	t.Helper()
	w := &world{T: t, opts: o, cluster: o.cluster, log: &logBook{changed: make(chan struct{})}}
	if w.cluster == nil {
		w.cluster = control.ForTest(t)
	}
	w.production, w.development = w.cluster.Namespace(t), "no-development"
	if o.services == nil {
		o.services = []service{gateway()}
	}
	furnish(t, w.cluster, w.production, "production", o.services...)
	if o.development != nil {
		w.development = w.cluster.Namespace(t)
		furnish(t, w.cluster, w.development, "development", o.development...)
	}
	w.others = map[string]string{}
	for _, name := range o.others {
		w.others[name] = w.cluster.Namespace(t)
	}
	if o.before != nil {
		o.before(w)
	}
	w.slack = slackd.New(t, o.slack)
	w.configure()
	w.since = time.Now()
	w.start()
	t.Cleanup(func() {
		w.bot.Kill()
		if t.Failed() {
			t.Logf("the bot's log:\n%s", w.log.text())
		}
	})
	return w
}

// configure writes what the bot is started with.
func (w *world) configure() {
	w.Helper()
	rules := w.opts.rules
	if rules == nil {
		rules = platform.BotRules()
	}
	var kubeconfig string
	if w.opts.account != nil {
		kubeconfig = w.opts.account(w)
	} else {
		kubeconfig = w.cluster.ServiceAccount(w, w.production, rules, platform.ClusterProduction, platform.ClusterDev)
	}
	apiURL := w.slack.APIURL()
	if w.opts.gated {
		w.web = newGate(w.T, w.slack.URL(), nil)
		apiURL = w.web.URL + "/api/"
		kubeconfig = w.gateAPI(kubeconfig)
	}
	watch := w.opts.soak
	if watch == 0 {
		watch = soak
	}
	secrets := map[string][]string{}
	if w.opts.secrets {
		platform.LetReadSecrets(w, w.cluster, w.production)
		secrets[platform.ClusterProduction] = []string{w.production}
	}
	environments := fmt.Sprintf(`
  - {name: production, aliases: [prod], cluster: %s, namespace: %s, deployment: "{service}-production"}
  - {name: development, aliases: [dev], cluster: %s, namespace: %s, deployment: "{service}-development"}`,
		platform.ClusterProduction, w.production, platform.ClusterDev, w.development)
	for name, namespace := range w.others {
		environments += fmt.Sprintf(
			"\n  - {name: %s, cluster: %s, namespace: %s, deployment: \"{service}\"}", name, platform.ClusterProduction, namespace,
		)
	}
	w.config = bot.Config{
		SecretNamespaces: secrets,
		Dir:              w.TempDir(), SlackURL: apiURL, BotToken: w.slack.BotToken(), AppToken: w.slack.AppToken(), Kubeconfig: kubeconfig,
		Contexts:     map[string]string{platform.ClusterProduction: platform.ClusterProduction, platform.ClusterDev: platform.ClusterDev},
		Environments: environments,
		Services:     "\n  - {name: api-gateway, aliases: [gateway]}",
		Policy:       w.policy(w.opts.replace...), Soak: watch, Incidents: w.opts.incidents, AdminChannel: w.opts.admins, Log: w.log,
	}
	if w.opts.configured != nil {
		w.opts.configured(w)
	}
}

// gateAPI puts a gate before the API server and returns a kubeconfig for it with the same credentials.
func (w *world) gateAPI(kubeconfig string) string {
	w.Helper()
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	require.NoError(w, err)
	transport, err := rest.TransportFor(rest.AnonymousClientConfig(cfg))
	require.NoError(w, err)
	w.api = newGate(w.T, cfg.Host, transport)
	cfg.Host, cfg.CAData, cfg.CAFile = w.api.URL, w.api.CA, ""
	path := filepath.Join(w.TempDir(), "kubeconfig")
	require.NoError(w, control.WriteKubeconfig(path, cfg, platform.ClusterProduction, platform.ClusterDev))
	return path
}

func (w *world) policy(replace ...string) string {
	text := w.opts.policy
	if text == "" {
		text = policyFile
	}
	for name, namespace := range w.others {
		text = strings.ReplaceAll(text, strings.ToUpper(name), namespace)
	}
	return policyOf(text, w.production, w.development, replace...)
}

// setPolicy replaces the policy and waits until the bot has taken it over.
func (w *world) setPolicy(text string) {
	w.Helper()
	n := w.log.count("policy loaded")
	require.NoError(w, w.config.SetPolicy(policyOf(text, w.production, w.development)))
	w.log.wait(w.T, func(*logBook) bool { return w.log.count("policy loaded") > n })
}

// start runs the bot with the world's folder: the first time, or after a kill.
func (w *world) start() {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	var err error
	w.bot, err = bot.Start(ctx, binary, w.config)
	require.NoError(w, err)
}

// restart kills the bot as a crash would and starts it again.
func (w *world) restart() {
	w.Helper()
	w.bot.Kill()
	w.start()
}

// patches is how many changes of the Deployment the bot made since it started, from the API server's audit log. Tries
// that the server refused are not among them.
func (w *world) patches(deployment string) int {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	writes, err := w.cluster.Writes(ctx, w.since, w.production, "deployments", deployment)
	require.NoError(w, err)
	n := 0
	for _, write := range writes {
		if strings.HasPrefix(write.User, "system:serviceaccount:"+w.production+":") && write.Code < 300 {
			n++
		}
	}
	return n
}

// requireUntouched fails when the bot so much as tried to change anything in the world.
func (w *world) requireUntouched() {
	w.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, ns := range []string{w.production, w.development} {
		all, err := w.cluster.Requests(ctx, w.since, ns)
		require.NoError(w, err)
		for _, r := range all {
			mine := strings.HasPrefix(r.User, "system:serviceaccount:"+w.production+":")
			require.False(w, mine && r.Change(), "the bot sent %s %s/%s", r.Verb, r.Resource, r.Name)
		}
	}
}

// logBook is the bot's log, across restarts.
type logBook struct {
	mu      sync.Mutex
	all     bytes.Buffer
	changed chan struct{}
}

func (l *logBook) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	close(l.changed)
	l.changed = make(chan struct{})
	return l.all.Write(p)
}

func (l *logBook) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.all.String()
}

func (l *logBook) count(what string) int { return strings.Count(l.text(), what) }

// wait waits for the log to be as done says.
func (l *logBook) wait(t *testing.T, done func(*logBook) bool) {
	t.Helper()
	late := time.After(patience)
	for {
		l.mu.Lock()
		changed := l.changed
		l.mu.Unlock()
		if done(l) {
			return
		}
		select {
		case <-changed:
		case <-late:
			require.Fail(t, "the log does not say what was waited for", l.text())
		}
	}
}

func discard() *log.Logger { return log.New(io.Discard, "", 0) }
