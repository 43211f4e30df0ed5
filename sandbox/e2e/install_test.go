package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	authenticationv1 "k8s.io/api/authentication/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/rest"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/helm"
	"github.com/3astronautas/algesta/sandbox/platform"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// everything is a policy by which Luis may do all there is, alone.
const everything = `apiVersion: algesta.io/v1
kind: Policy
roles:
  - name: all
    allow: [read, change]
bindings:
  - name: luis does everything
    subjects: ["user:U0LUIS"]
    role: all
    namespaces: ["*"]
`

// installation is the chart as it is installed for one test.
type installation struct {
	namespace string
	cfg       *rest.Config // with a token of the bot's ServiceAccount
}

// user is how the API server knows the bot.
func (i *installation) user() string { return "system:serviceaccount:" + i.namespace + ":algesta" }

// install renders the chart for a world's namespace and applies it, into a namespace that takes restricted pods alone.
func (i *installation) install(w *world, mode string) {
	w.Helper()
	if i.namespace == "" {
		i.namespace = w.cluster.Namespace(w)
		restricted := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"restricted"}}}`)
		_, err := w.cluster.Client.CoreV1().Namespaces().Patch(w.Context(), i.namespace, types.MergePatchType, restricted, metav1.PatchOptions{})
		require.NoError(w, err)
	}
	values, err := json.Marshal(map[string]any{
		"config": map[string]any{
			"clusters": []any{map[string]any{"name": platform.ClusterProduction, "access": "inCluster"}},
			"environments": []any{map[string]any{
				"name": "production", "cluster": platform.ClusterProduction, "namespace": w.production, "deployment": "{service}-production",
			}},
		},
		"policy": everything, "slack": map[string]any{"existingSecret": "algesta-slack"}, "admissionPolicy": map[string]any{"mode": mode},
	})
	require.NoError(w, err)
	rendered, err := helm.Render(w.Context(), "../../deploy/chart", "algesta", i.namespace, values)
	require.NoError(w, err)
	remove, err := helm.Apply(w.Context(), w.cluster.Config, rendered.Objects)
	w.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		require.NoError(w, remove(ctx))
	})
	require.NoError(w, err)
}

// account is a kubeconfig with a token of the installed ServiceAccount.
func (i *installation) account(w *world) string {
	w.Helper()
	i.install(w, "rollback")
	token, err := w.cluster.Client.CoreV1().ServiceAccounts(i.namespace).CreateToken(
		w.Context(), "algesta", &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{ExpirationSeconds: ptr.To[int64](3600)}},
		metav1.CreateOptions{},
	)
	require.NoError(w, err)
	i.cfg = rest.AnonymousClientConfig(w.cluster.Config)
	i.cfg.BearerToken = token.Status.Token
	path := filepath.Join(w.TempDir(), "kubeconfig")
	require.NoError(w, control.WriteKubeconfig(path, i.cfg, platform.ClusterProduction, platform.ClusterDev))
	return path
}

// TestTheInstalledBotDoesItsCommandsAndNothingElse installs the chart in a real cluster. Under exactly that ServiceAccount, with the
// admission policy in force, every command is answered and every kind of change is made, and nothing is refused to the bot. Then its token
// is used for what the bot doesn't do.
func TestTheInstalledBotDoesItsCommandsAndNothingElse(t *testing.T) {
	t.Parallel()
	var i installation
	var services []service
	for _, name := range []string{"api-gateway", "restarts", "rolls", "deploys", "pauses", "pins"} {
		s := gateway()
		s.name, s.tags = name, s.tags[1:]
		services = append(services, s)
	}
	w := newWorld(t, options{
		services: services, policy: everything, account: i.account,
		before: func(w *world) { w.autoscale("pins-production", 1, 5) },
	})
	w.installedPodStarts(i)
	w.refusedInTime(t, i)
	w.everyChangeIsMade(i) // first: the questions of the others use up what Slack answers in a minute
	w.everyReadIsAnswered()
	requests, err := w.cluster.Requests(t.Context(), w.since, "")
	require.NoError(t, err)
	mine := 0
	for _, r := range requests {
		if r.User == i.user() && strings.HasPrefix(r.UserAgent, "algesta/") && r.Namespace != w.development { // there is no such namespace
			mine++
			require.False(t, r.Code == 403 && r.Subresource != "proxy", "%s %s/%s in %q", r.Verb, r.Resource, r.Subresource, r.Namespace)
		}
	}
	require.Greater(t, mine, 50)
	w.everythingElseIsRefused(t, i)
}

// installedPodStarts waits until the chart's own pod was admitted: a namespace that takes restricted pods alone takes it.
func (w *world) installedPodStarts(i installation) {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		pods, err := w.cluster.Client.CoreV1().Pods(i.namespace).List(ctx, metav1.ListOptions{LabelSelector: "app.kubernetes.io/name=algesta"})
		require.NoError(w, err)
		if len(pods.Items) > 0 {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Fail(w, "the chart's pod isn't admitted")
		}
	}
}

// everyReadIsAnswered types the example of every command that looks.
func (w *world) everyReadIsAnswered() {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	typed := len(w.slack.Ephemerals(luis))
	for _, book := range runbooks.All() {
		if book.Changes() || book.Own {
			continue
		}
		w.types(luis, random, book.Example)
		typed++
	}
	require.NoError(w, w.slack.WaitFor(ctx, func() bool { return len(w.slack.Ephemerals(luis)) >= typed }))
	for _, m := range w.slack.Ephemerals(luis) {
		require.NotContains(w, m.Plain(), "went wrong")
		require.NotContains(w, strings.ReplaceAll(m.Plain(), "I don't have permission to read Secrets, by design", ""), "don't have permission")
	}
}

// everyChangeIsMade asks for a change of each kind, each in a channel of its own, and waits for what the API server stored.
func (w *world) everyChangeIsMade(i installation) {
	w.Helper()
	pod := w.podOf("api-gateway") // of a service whose pods stay
	made := "made-" + w.production
	w.Cleanup(func() {
		_ = w.cluster.Client.CoreV1().Namespaces().Delete(context.Background(), made, metav1.DeleteOptions{}) // it may not be there
	})
	began := time.Now()
	threads := map[string]func(){}
	for n, text := range []string{
		"restart restarts production", "rollback rolls production", "deploy deploys production 12346", "pause pauses production",
		"hpa pin pins production replicas=3", "pod delete " + pod + " production", "scale api-gateway production replicas=3",
		"namespace create " + made + " environment=production team=backend pods=5",
	} {
		threads[text] = w.starts(n, text)
	}
	w.stored(i, began, map[string]int{
		"patch deployments": 5, "patch horizontalpodautoscalers": 1, "create pods/eviction": 1, "create namespaces": 1,
		"create resourcequotas": 1,
	})
	for _, text := range []string{"pause pauses production", "hpa pin pins production replicas=3"} {
		threads[text]()
	}
	w.starts(20, "resume pauses production")
	w.starts(21, "hpa restore pins production")
	w.stored(i, began, map[string]int{"patch deployments": 6, "patch horizontalpodautoscalers": 2})
}

// starts types a change in a new channel; what it returns waits for its end.
func (w *world) starts(n int, text string) func() {
	w.Helper()
	in := slackd.Channel{ID: fmt.Sprintf("C0CHANGE%d", n), Name: fmt.Sprintf("change-%d", n)}
	in.Members = []string{luis, w.slack.Workspace().Bot.User}
	w.slack.CreateChannel(luis, in)
	w.types(luis, in.ID, text)
	return func() {
		w.Helper()
		ctx, cancel := w.wait()
		defer cancel()
		card, err := w.slack.WaitMessage(ctx, in.ID, func(m slackd.Message) bool { return !m.System })
		require.NoError(w, err, text)
		_, err = w.slack.WaitReply(ctx, in.ID, card.TS, isEnd(luis))
		require.NoError(w, err, text)
	}
}

// stored waits until the API server has taken so many writes of each kind from the bot.
func (w *world) stored(i installation, since time.Time, want map[string]int) {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	have := map[string]int{} // of the last look that came to its end
	for {
		requests, err := w.cluster.Requests(ctx, since, "")
		if ctx.Err() != nil {
			require.Fail(w, "not everything was written", "have %v, want %v\n%s", have, want, join(w.slack.Ephemerals(luis)))
		}
		require.NoError(w, err)
		clear(have)
		for _, r := range requests {
			if r.User == i.user() && !r.DryRun && r.Code < 300 {
				what := r.Verb + " " + r.Resource
				if r.Subresource != "" {
					what += "/" + r.Subresource
				}
				have[what]++
			}
		}
		missing := false
		for what, n := range want {
			missing = missing || have[what] < n
		}
		if !missing {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done(): // said by the look
		}
	}
}

// podOf is a pod of a service that is ready.
func (w *world) podOf(service string) string {
	w.Helper()
	pods, err := w.cluster.Client.CoreV1().Pods(w.production).List(w.Context(), metav1.ListOptions{LabelSelector: "app=" + service})
	require.NoError(w, err)
	at := slices.IndexFunc(pods.Items, func(p corev1.Pod) bool { return p.DeletionTimestamp == nil && p.Status.Phase == corev1.PodRunning })
	require.GreaterOrEqual(w, at, 0)
	return pods.Items[at].Name
}
