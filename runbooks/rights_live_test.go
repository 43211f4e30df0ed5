package runbooks_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// notUsed are rights that no command needs on this stage, and what needs them.
var notUsed = map[string]string{
	"get namespaces":                                "a workload whose pods aren't made, see TestTheFirstLineNamesANamespaceThatTakesNoPods",
	"get services (cluster-wide)":                   "a service that a webhook or a pod calls, see TestTheCauseInAnotherNamespaceIsFound",
	"get deployments.apps (cluster-wide)":           "cert-manager's own, where a certificate isn't ready",
	"get leases.coordination.k8s.io (cluster-wide)": "a controller that doesn't act, see TestTheFirstLineNamesWhatAnOperatorCannotDo",
	"list persistentvolumes (cluster-wide)":         "a claim that waits for a volume, see TestTheFirstLineNamesWhyAPodFindsNoNode",

	"list certificaterequests.cert-manager.io": "a certificate that isn't ready, see " +
		"TestTheFirstLineNamesWhatIsWrongWithACertificate, which runs with these rights",
	"list issuers.cert-manager.io":                       "as above",
	"list orders.acme.cert-manager.io":                   "as above",
	"list challenges.acme.cert-manager.io":               "as above",
	"list clusterissuers.cert-manager.io (cluster-wide)": "as above",

	"list httproutes.gateway.networking.k8s.io":       "where the kind is installed, see TestTheFirstLineNamesWhatAnOperatorCannotDo",
	"list gateways.gateway.networking.k8s.io":         "as above",
	"list scaledjobs.keda.sh":                         "as above",
	"list kustomizations.kustomize.toolkit.fluxcd.io": "as above",
	"list scaledobjects.keda.sh":                      "as above",
	"list helmreleases.helm.toolkit.fluxcd.io":        "as above",
	"list externalsecrets.external-secrets.io":        "as above",
	"list sealedsecrets.bitnami.com":                  "as above",

	"get certificates.cert-manager.io":          "a renewal, see TestACertificateIsRenewed, which runs with these rights",
	"patch certificates.cert-manager.io/status": "as above",

	"create namespaces (cluster-wide)":     "see TestANamespaceIsMadeWithItsQuota, which runs with these rights",
	"create resourcequotas (cluster-wide)": "as above",
}

// TestEveryCommandRunsWithTheRightsThatItDeclares runs each command, and writes and follows where it changes something, as an account
// that has what the command and the caches declare, and nothing else. The API server's own log says what was asked for and refused.
func TestEveryCommandRunsWithTheRightsThatItDeclares(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	subjects := w.stage(t)
	began := time.Now()
	users := map[string]runbooks.Runbook{}
	t.Run("commands", func(t *testing.T) {
		for i, book := range runbooks.All() {
			if book.Own {
				continue // it asks no cluster
			}
			account := fmt.Sprintf("only-%d", i)
			users["system:serviceaccount:"+w.namespace+":"+account] = book
			t.Run(book.Name, func(t *testing.T) {
				t.Parallel()
				bot := w.onlyAllowed(t, account, book)
				for _, subject := range subjects {
					w.runs(t, bot, book, subject)
				}
				if other := otherThings[book.Name]; other.live != nil {
					other.live(t, w)
					w.runsOn(t, bot, book, algesta.Target{
						Environment: "production", Cluster: "sandbox", Namespace: w.namespace, Object: other.object,
					})
				}
			})
		}
	})
	requests, err := w.Requests(t.Context(), began.Add(-time.Second), "")
	require.NoError(t, err)
	used := map[string]bool{}
	for _, r := range requests {
		book, ours := users[r.User]
		if !ours || r.Resource == "" {
			continue
		}
		needed, allowed := rightOf(r), slices.Concat(kube.Reads, book.Rights())
		if r.Subresource != "proxy" { // that's what is at a pod's address; runs looks at what is said of the right
			require.NotEqual(t, 403, r.Code, "%s: %s", book.Name, needed)
		}
		everywhere := needed + " (cluster-wide)"
		switch {
		case r.Namespace == w.namespace && slices.Contains(allowed, needed):
			used[needed] = true
		default:
			require.Contains(t, allowed, everywhere, "%s asks for it and doesn't declare it", book.Name)
			used[everywhere] = true
		}
	}
	declared := slices.Clone(kube.Reads)
	for _, book := range runbooks.All() {
		declared = append(declared, book.Rights()...)
	}
	for _, right := range declared {
		if !used[right] && !afterAKill(right) {
			require.Contains(t, notUsed, right, "it's declared, and nothing asks for it: take it out, or make the stage need it")
		}
	}
	for right := range notUsed {
		require.Contains(t, declared, right, "it isn't declared any more")
	}
}

// afterAKill reports whether a right is one to watch what a command writes: it is used where the bot is killed between the write and its
// record.
func afterAKill(right string) bool {
	object, watches := strings.CutPrefix(right, "watch ")
	return watches && slices.ContainsFunc(runbooks.All(), func(book runbooks.Runbook) bool {
		return slices.ContainsFunc(book.Writes, func(write string) bool {
			_, resource, _ := strings.Cut(write, " ")
			resource, everywhere := strings.CutSuffix(resource, algesta.ClusterWide)
			resource, _, _ = strings.Cut(resource, "/")
			return resource == strings.TrimSuffix(object, algesta.ClusterWide) && everywhere == strings.HasSuffix(object, algesta.ClusterWide)
		})
	})
}

// rightOf is what a request needs, in the words of a runbook.
func rightOf(r control.Request) string {
	right := r.Verb + " " + r.Resource
	if r.Group != "" {
		right += "." + r.Group
	}
	if r.Subresource != "" {
		right += "/" + r.Subresource
	}
	return right
}

// stage makes what the commands are run on, and is what they are about: a service that is well, one that fails, one without pods, one that
// is tracked by Argo CD, the environment, and an object of each kind.
func (w *brokenNamespace) stage(t *testing.T) []algesta.Target {
	t.Helper()
	class := "nginx-" + w.namespace
	tracked := func(d *appsv1.Deployment) {
		d.Annotations = map[string]string{"argocd.argoproj.io/tracking-id": "shop:apps/Deployment:" + w.namespace + "/tracked"}
	}
	w.make(t,
		&networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}},
		app("well", "12345"), app("tracked", "12345", tracked), app("asleep", "12345", replicas(0)),
		app("api", "12346-unauthorized", httpPort), serviceOf("api", intstr.FromInt32(3000)), ingressOf("api", class, "api", 80),
		scalerOf("api", "api", 3), budgetOf("api", "api"), quota("quota", "pods", "50"),
		app("files", "12345", claimVolume("files")), claim("files", ""),
		app("crashing", "12346-crash"), app("settings", "12346-noconfig", configEnv("TARIFF", "tariffs", "zone-1")),
	)
	for _, book := range runbooks.All() {
		if name := ownOf(book); name != "" {
			w.make(t, app(name, "12344"))
			w.await(t, name+" has its first revision", func() bool { // else the controller may see the second one alone
				d, err := w.Client.AppsV1().Deployments(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
				require.NoError(t, err)
				return d.Annotations["deployment.kubernetes.io/revision"] == "1"
			})
			w.patch(t, "deployments", name, newImage())
			if book.Name == "resume" {
				w.patch(t, "deployments", name, `{"spec":{"paused":true}}`)
			}
			if slices.Contains(book.Writes, "patch horizontalpodautoscalers.autoscaling") {
				h := scalerOf(name, name, 3)
				if book.Name == "hpa restore" {
					pinnedScaler(h)
				}
				w.make(t, h)
			}
		}
	}
	w.stageOthers(t)
	w.await(t, "the services stand as they should", func() bool {
		pods, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=crashing"})
		require.NoError(t, err)
		if !slices.ContainsFunc(pods.Items, func(p corev1.Pod) bool {
			return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].RestartCount > 0
		}) {
			return false
		}
		all, err := w.Client.AppsV1().Deployments(w.namespace).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		return !slices.ContainsFunc(all.Items, func(d appsv1.Deployment) bool {
			fails := slices.Contains([]string{"api", "files", "settings", "crashing"}, d.Name)
			return d.Status.ObservedGeneration != d.Generation || !fails && d.Status.AvailableReplicas != *d.Spec.Replicas
		})
	})
	at := algesta.Target{Environment: "production", Cluster: "sandbox", Namespace: w.namespace}
	var out []algesta.Target
	for _, name := range []string{"well", "tracked", "asleep", "api", "files", "settings", "crashing", ""} {
		of := at
		of.Service, of.Name = name, name
		out = append(out, of)
	}
	environment := at
	environment.Object = "namespace"
	return append(out, environment)
}

// ownOf is the service that a change writes to here, so that no two of them write to one; "" for what is about something else.
func ownOf(book runbooks.Runbook) string {
	if !book.Changes() || !book.About.Service || book.Own {
		return ""
	}
	return "for-" + strings.ReplaceAll(book.Name, " ", "-")
}

// onlyAllowed is a cluster opened by an account that may what the caches and this command declare: in a Role what is of the namespace, in a
// ClusterRole the rest.
func (w *brokenNamespace) onlyAllowed(t *testing.T, account string, book runbooks.Runbook) *kube.Cluster {
	t.Helper()
	namespaced, everywhere := runbooks.Rules(kube.Reads, book)
	cfg, err := w.CreateServiceAccount(t.Context(), w.namespace, account, everywhere)
	require.NoError(t, err)
	meta := metav1.ObjectMeta{Name: account}
	_, err = w.Client.RbacV1().
		Roles(w.namespace).
		Create(t.Context(), &rbacv1.Role{ObjectMeta: meta, Rules: namespaced}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = w.Client.RbacV1().RoleBindings(w.namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: meta, Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: account}},
		RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "Role", Name: account},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	w.awaitRules(t, account, w.namespace, namespaced)
	w.awaitRules(t, account, "", everywhere)
	return w.started(t, cfg)
}

// awaitRules waits until the API server knows of rights: until then it refuses, and that is in its log.
func (w *brokenNamespace) awaitRules(t *testing.T, account, namespace string, rules []rbacv1.PolicyRule) {
	t.Helper()
	for _, rule := range rules {
		resource, sub, _ := strings.Cut(rule.Resources[0], "/")
		review := &authorizationv1.SubjectAccessReview{Spec: authorizationv1.SubjectAccessReviewSpec{
			User: "system:serviceaccount:" + w.namespace + ":" + account,
			ResourceAttributes: &authorizationv1.ResourceAttributes{
				Namespace: namespace, Verb: rule.Verbs[0], Group: rule.APIGroups[0], Resource: resource, Subresource: sub,
			},
		}}
		w.await(t, "the API server knows of the rights", func() bool {
			answer, err := w.Client.AuthorizationV1().SubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
			require.NoError(t, err)
			return answer.Status.Allowed
		})
	}
}

// started is a cluster whose caches are filled.
func (w *brokenNamespace) started(t *testing.T, cfg *rest.Config) *kube.Cluster {
	t.Helper()
	bot := w.seenBy(t, cfg)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); bot.Start(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	w.await(t, "the caches are filled", bot.Synced)
	return bot
}

// runs asks for a command about everything of this target that it may be about. What it answers is for other tests.
func (w *brokenNamespace) runs(t *testing.T, bot *kube.Cluster, book runbooks.Runbook, target algesta.Target) {
	t.Helper()
	var targets []algesta.Target
	switch {
	case target.Service != "" && book.About.Service, target.Object != "" && book.About.Environment:
		targets = append(targets, target)
	case target.Service == "" && target.Object == "": // objects
		for _, kind := range book.About.Kinds {
			target.Object = strings.ToLower(kind) + "/api"
			targets = append(targets, target)
		}
	}
	if own := ownOf(book); target.Service == "well" && own != "" {
		target.Service, target.Name = own, own
		targets = append(targets, target)
	}
	if target.Service != "" && target.Service == ownOf(book) || target.Service == "well" {
		for _, object := range othersOf(book) {
			targets = append(targets, algesta.Target{
				Environment: target.Environment, Cluster: target.Cluster, Namespace: target.Namespace, Object: object,
			})
		}
	}
	for _, target := range targets {
		w.runsOn(t, bot, book, target)
	}
}

// runsOn asks for a command about one thing, and carries it out where that is there for this command.
func (w *brokenNamespace) runsOn(t *testing.T, bot *kube.Cluster, book runbooks.Runbook, target algesta.Target) {
	t.Helper()
	parsed, err := grammar.NewParser("algesta", runbooks.All()).Parse(book.Example)
	require.NoError(t, err)
	in := runbooks.Input{Bot: "algesta", Allowed: anywhere, Workload: target.Workload(), Command: algesta.Command{
		ID: "c-1", Requester: algesta.AskedBy(algesta.Actor{Name: "Dana"}), Runbook: book.Name, Target: target,
		Args: maps.Clone(parsed.Args), At: time.Now(),
	}}
	if !book.Changes() {
		report, err := book.Answer(t.Context(), whole(bot), in)
		require.NotErrorIs(t, err, algesta.ErrForbidden)
		require.NotContains(t, strings.Join(shownLines(t, report), "\n"), "/proxy in ", "a right that isn't there")
		return
	}
	plan, err := book.Plan(t.Context(), whole(bot), in)
	require.NotErrorIs(t, err, algesta.ErrForbidden)
	if strings.HasPrefix(target.Workload().Name, "for-") || target.Object != "" && target.Object == otherThings[book.Name].object {
		require.NoError(t, err)
		w.writes(t, bot, book, plan)
	}
}

// writes does what a plan says, looks at how it ends, and verifies it.
func (w *brokenNamespace) writes(t *testing.T, bot *kube.Cluster, book runbooks.Runbook, plan algesta.Plan) {
	t.Helper()
	require.NotEmpty(t, plan.Changes, book.Name)
	for _, change := range plan.Changes {
		_, err := book.Ends.Before(t.Context(), whole(bot), change.Object, time.Now())
		require.NoError(t, err)
		writer := bot.Writer(book.Writes)
		_, err = writer.Check(t.Context(), change)
		require.NoError(t, err)
		execution := algesta.Execution{}
		_, err = writer.Apply(t.Context(), change, "op-1", func(_ context.Context, i algesta.Intent) error {
			execution = algesta.Execution{
				Operation:       "op-1",
				UID:             i.UID,
				Generation:      i.Generation,
				ResourceVersion: i.ResourceVersion,
				StartedAt:       time.Now(),
			}
			return nil
		})
		require.NoError(t, err)
		_, _, err = book.Ends.Poll(t.Context(), whole(bot), change.Object, rollout.Begin(plan.Redacted(), time.Second), time.Now())
		require.NoError(t, err)
		verified, err := writer.Verify(t.Context(), change, execution)
		require.NoError(t, err)
		require.True(t, verified.Yes)
	}
}
