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
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
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
	rendered, err := helm.Render("../../deploy/chart", "algesta", i.namespace, values)
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
		before: func(w *world) { w.autoscale("pins-production", 2, 4) },
	})
	w.installedPodStarts(i)
	w.refusedInTime(t, i)
	w.everyReadIsAnswered()
	w.everyChangeIsMade(i)
	requests, err := w.cluster.Requests(t.Context(), w.since, "")
	require.NoError(t, err)
	mine := 0
	for _, r := range requests {
		if r.User == i.user() && strings.HasPrefix(r.UserAgent, "algesta/") {
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
	typed := 0
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
	pod := w.podOf("rolls")
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
	w.stored(i, began, map[string]int{"patch deployments": 5, "patch horizontalpodautoscalers": 1, "create pods/eviction": 1, "create namespaces": 1, "create resourcequotas": 1})
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
	in := slackd.Channel{ID: fmt.Sprintf("C0CHANGE%d", n), Name: fmt.Sprintf("change-%d", n), Members: []string{luis, w.slack.Workspace().Bot.User}}
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
	for {
		requests, err := w.cluster.Requests(ctx, since, "")
		require.NoError(w, err)
		have := map[string]int{}
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
		case <-ctx.Done():
			require.Fail(w, "not everything was written", "have %v, want %v\n%s", have, want, join(w.slack.Ephemerals(luis)))
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

// misuse is something that the bot never does, tried with its token.
type misuse func(ctx context.Context, c kubernetes.Interface) error

// patching is a strategic merge patch of the gateway, which is never stored.
func (w *world) patching(patch string) misuse {
	return func(ctx context.Context, c kubernetes.Interface) error {
		_, err := c.AppsV1().Deployments(w.production).Patch(
			ctx, "api-gateway-production", types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}},
		)
		return err
	}
}

// scaling is a merge patch of the autoscaler, which is never stored.
func (w *world) scaling(patch string) misuse {
	return func(ctx context.Context, c kubernetes.Interface) error {
		_, err := c.AutoscalingV2().HorizontalPodAutoscalers(w.production).Patch(
			ctx, "pins-production-hpa", types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: []string{metav1.DryRunAll}},
		)
		return err
	}
}

// byPolicy is what the Roles allow and the admission policy refuses.
func (w *world) byPolicy() map[string]misuse {
	container := func(more string) string {
		return `{"spec":{"template":{"spec":{"containers":[{"name":"api-gateway",` + more + `}]}}}}`
	}
	pod := func(more string) string { return `{"spec":{"template":{"spec":{` + more + `}}}}` }
	return map[string]misuse{
		"an image from elsewhere":       w.patching(container(`"image":"evil.example.com/api-gateway:12345"`)),
		"a repository with a like name": w.patching(container(`"image":"registry.example.com/api-gateway-two:12345"`)),
		"another ServiceAccount":        w.patching(pod(`"serviceAccountName":"default"`)),
		"the node's network":            w.patching(pod(`"hostNetwork":true`)),
		"a folder of the node":          w.patching(pod(`"volumes":[{"name":"node","hostPath":{"path":"/etc"}}]`)),
		"added capabilities":            w.patching(container(`"securityContext":{"capabilities":{"add":["NET_ADMIN"]}}`)),
		"a sidecar from elsewhere":      w.patching(pod(`"containers":[{"name":"side","image":"evil.example.com/side:1"}]`)),
		"an init container":             w.patching(pod(`"initContainers":[{"name":"first","image":"evil.example.com/first:1"}]`)),
		"another label":                 w.patching(`{"metadata":{"labels":{"team":"evil"}}}`),
		"an identity of the cloud":      w.patching(`{"spec":{"template":{"metadata":{"labels":{"azure.workload.identity/use":"true"}}}}}`),
		"a thousand pods":               w.patching(`{"spec":{"replicas":1000}}`),
		"another strategy":              w.patching(`{"spec":{"minReadySeconds":5}}`),
		"an autoscaler of a thousand":   w.scaling(`{"spec":{"maxReplicas":1000}}`),
		"an autoscaler of another":      w.scaling(`{"spec":{"scaleTargetRef":{"apiVersion":"apps/v1","kind":"Deployment","name":"restarts-production"}}}`),
		"a namespace for privileged pods": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
				Name: "evil-" + w.production, Labels: map[string]string{"pod-security.kubernetes.io/enforce": "privileged"},
			}}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		},
	}
}

// byRoles is what the Roles don't allow.
func (w *world) byRoles() map[string]misuse {
	return map[string]misuse{
		"reading Secrets": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().Secrets(w.production).List(ctx, metav1.ListOptions{})
			return err
		},
		"reading a Secret": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().Secrets(w.production).Get(ctx, "mongodb-credentials", metav1.GetOptions{})
			return err
		},
		"a shell": func(ctx context.Context, c kubernetes.Interface) error {
			return c.CoreV1().RESTClient().Post().Namespace(w.production).Resource("pods").Name("any").SubResource("exec").Do(ctx).Error()
		},
		"deleting a service": func(ctx context.Context, c kubernetes.Interface) error {
			return c.AppsV1().Deployments(w.production).Delete(ctx, "api-gateway-production", metav1.DeleteOptions{DryRun: []string{metav1.DryRunAll}})
		},
		"a change elsewhere": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.AppsV1().Deployments("kube-system").Patch(ctx, "any", types.MergePatchType, []byte(`{}`), metav1.PatchOptions{})
			return err
		},
		"more rights": func(ctx context.Context, c kubernetes.Interface) error {
			binding := &rbacv1.RoleBinding{
				ObjectMeta: metav1.ObjectMeta{Name: "evil"}, RoleRef: rbacv1.RoleRef{Kind: "ClusterRole", Name: "cluster-admin"},
			}
			_, err := c.RbacV1().RoleBindings(w.production).Create(ctx, binding, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
			return err
		},
		"another's token": func(ctx context.Context, c kubernetes.Interface) error {
			_, err := c.CoreV1().ServiceAccounts(w.production).CreateToken(ctx, "default", &authenticationv1.TokenRequest{}, metav1.CreateOptions{})
			return err
		},
		"switching the policy off": func(ctx context.Context, c kubernetes.Interface) error {
			return c.AdmissionregistrationV1().ValidatingAdmissionPolicyBindings().DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{})
		},
	}
}

const deniedByPolicy = "ValidatingAdmissionPolicy"

// refusedInTime waits until the admission policy is in force, which takes the API server a moment.
func (w *world) refusedInTime(t *testing.T, i installation) {
	t.Helper()
	w.awaitRefusal(w.byPolicy()["an image from elsewhere"], i, "runs images of the repositories")
}

// awaitRefusal tries something until the policy refuses it with a sentence that holds says.
func (w *world) awaitRefusal(try misuse, i installation, says string) {
	w.Helper()
	client, err := kubernetes.NewForConfig(i.cfg)
	require.NoError(w, err)
	ctx, cancel := w.wait()
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		err := try(ctx, client)
		if err != nil && strings.Contains(err.Error(), deniedByPolicy) && strings.Contains(err.Error(), says) {
			return
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Fail(w, "the admission policy isn't in force", "%v", err)
		}
	}
}

// everythingElseIsRefused uses the bot's token as somebody would who has stolen it.
func (w *world) everythingElseIsRefused(t *testing.T, i installation) {
	t.Helper()
	client, err := kubernetes.NewForConfig(i.cfg)
	require.NoError(t, err)
	for name, try := range w.byRoles() {
		require.ErrorContains(t, try(t.Context(), client), "is forbidden: User", name)
	}
	for name, try := range w.byPolicy() {
		err := try(t.Context(), client)
		require.ErrorContains(t, err, deniedByPolicy, name)
		require.NotContains(t, err.Error(), "resulted in error", name)
	}
	// A Role that somebody gives it by mistake opens nothing.
	admin := &rbacv1.RoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "mistake"}, RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "admin"},
		Subjects: []rbacv1.Subject{{Kind: "ServiceAccount", Name: "algesta", Namespace: i.namespace}},
	}
	_, err = w.cluster.Client.RbacV1().RoleBindings(w.production).Create(t.Context(), admin, metav1.CreateOptions{})
	require.NoError(t, err)
	w.awaitRefusal(w.byRoles()["deleting a service"], i, "the bot has no command that needs: DELETE apps/deployments")
	// In the stricter mode the tag of an image is all.
	environment := w.patching(`{"spec":{"template":{"spec":{"containers":[{"name":"api-gateway","env":[{"name":"LOG","value":"debug"}]}]}}}}`)
	require.NoError(t, environment(t.Context(), client))
	i.install(w, "images")
	w.awaitRefusal(environment, i, "admissionPolicy.mode is images")
	tag := w.patching(`{"spec":{"template":{"spec":{"containers":[{"name":"api-gateway","image":"registry.example.com/api-gateway:12347"}]}}}}`)
	require.NoError(t, tag(t.Context(), client))
}
