package runbooks_test

import (
	"context"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// brokenNamespace is a namespace with many broken things in it. They are made at once and break side by side; each is diagnosed for itself.
type brokenNamespace struct {
	*control.Cluster
	bot       *kube.Cluster
	dynamic   dynamic.Interface
	namespace string
}

// brokenCase is one broken thing, and what its diagnosis has to say.
type brokenCase struct {
	about   string // as people type it; "deployment/" and the name of its first object when empty
	rule    string // of its first cause
	made    []runtime.Object
	was     string // the image tag that its Deployment ran well with before, without requests, limits and service account
	says    string // the whole first line; "…" stands for what differs from run to run
	quotes  string // part of the evidence
	command string // part of the next step's command
	// explains are rules of symptoms that the first cause explains, and advice the sentences that stand beside it, by rule.
	explains   []string
	advice     map[string]string
	clean      bool   // there is nothing to fix: says is all
	unread     string // a kind that has to be named as not checked
	onlyEvents bool   // only an event says so
	aks        bool   // the cluster is one of Azure Kubernetes Service
}

// anywhere is the gate of somebody who may read every namespace.
func anywhere(string) bool { return true }

func newBrokenNamespace(t *testing.T, c *control.Cluster) *brokenNamespace {
	t.Helper()
	return brokenNamespaceIn(t, c, c.Namespace(t))
}

func brokenNamespaceIn(t *testing.T, c *control.Cluster, namespace string) *brokenNamespace {
	t.Helper()
	w := &brokenNamespace{Cluster: c, namespace: namespace}
	account, err := c.CreateServiceAccount(t.Context(), namespace, "bot", platform.BotRules())
	require.NoError(t, err)
	w.bot = w.seenBy(t, account)
	w.dynamic, err = dynamic.NewForConfig(c.Config)
	require.NoError(t, err)
	return w
}

// seenBy is the bot's view of the namespace with these rights.
func (w *brokenNamespace) seenBy(t *testing.T, cfg *rest.Config) *kube.Cluster {
	t.Helper()
	bot, err := kube.OpenREST("sandbox", cfg, w.namespace)
	require.NoError(t, err)
	return bot
}

// make creates objects of any kind; those without a namespace of their own come into the namespace's, and those of the whole cluster
// are deleted after the test.
func (w *brokenNamespace) make(t *testing.T, objects ...runtime.Object) {
	t.Helper()
	for _, object := range objects {
		kinds, _, err := scheme.Scheme.ObjectKinds(object)
		require.NoError(t, err)
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(object)
		require.NoError(t, err)
		u := &unstructured.Unstructured{Object: fields}
		u.SetGroupVersionKind(kinds[0])
		plural, _ := meta.UnsafeGuessKindToResource(kinds[0])
		resources := w.dynamic.Resource(plural)
		switch kinds[0].Kind {
		case "Node",
			"PersistentVolume",
			"IngressClass",
			"ClusterIssuer",
			"ValidatingWebhookConfiguration",
			"StorageClass",
			"PriorityClass",
			"ValidatingAdmissionPolicy",
			"ValidatingAdmissionPolicyBinding":
			_, err = resources.Create(t.Context(), u, metav1.CreateOptions{})
			t.Cleanup(func() {
				_ = resources.Delete(context.WithoutCancel(t.Context()), u.GetName(), metav1.DeleteOptions{}) // the test may have deleted it
			})
		default:
			_, err = resources.Namespace(w.namespace).Create(t.Context(), u, metav1.CreateOptions{})
		}
		require.NoError(t, err, "making %s %s", kinds[0].Kind, u.GetName())
	}
}

// create makes the broken things. Those that were well before are made well first, and wait for each other.
func (w *brokenNamespace) create(t *testing.T, cases map[string]brokenCase) {
	t.Helper()
	sick := map[string]appsv1.DeploymentSpec{}
	for _, p := range cases {
		for i, object := range p.made {
			if d, ok := object.(*appsv1.Deployment); ok && i == 0 && p.was != "" {
				sick[d.Name] = d.Spec
				well := d.DeepCopy()
				well.Spec.Paused = false
				well.Spec.Template.Spec.Containers[0].Image = registry + p.was
				well.Spec.Template.Spec.Containers[0].Resources = corev1.ResourceRequirements{}
				well.Spec.Template.Spec.ServiceAccountName = ""
				object = well
			}
			w.make(t, object)
		}
	}
	deployments := w.Client.AppsV1().Deployments(w.namespace)
	for name, spec := range sick {
		w.await(t, name+" is well", func() bool {
			d, err := deployments.Get(t.Context(), name, metav1.GetOptions{})
			if err != nil || d.Status.AvailableReplicas < *d.Spec.Replicas {
				return false
			}
			d.Spec = spec
			_, err = deployments.Update(t.Context(), d, metav1.UpdateOptions{})
			return err == nil
		})
	}
}

const longestWait = 90 * time.Second

func (w *brokenNamespace) await(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, longestWait, 100*time.Millisecond, "waiting until "+what)
}

// observation is one observation, so that many diagnoses can be made of it. Logs are read again.
type observation struct {
	runbooks.Observer
	objects []runtime.Object
	unread  map[string]error
}

func (o observation) Observe(context.Context, string) ([]runtime.Object, map[string]error) {
	return o.objects, o.unread
}

// withoutEvents is the same without the right to read events.
func withoutEvents(seen observation) observation {
	seen.objects = slices.DeleteFunc(slices.Clone(seen.objects), func(o runtime.Object) bool {
		_, events := o.(*corev1.EventList)
		return events
	})
	seen.unread = maps.Clone(seen.unread)
	seen.unread["events"] = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I may not read events.")}
	return seen
}

// diagnose looks again and again until every case's first line is the expected one, and then asserts the rest of the answers.
// later is how much later than now they are asked: rules wait for half a minute and more before they call a start late, and a test
// need not. The objects, their events and their logs are what the cluster has now.
func (w *brokenNamespace) diagnose(t *testing.T, later time.Duration, cases map[string]brokenCase) {
	t.Helper()
	w.create(t, cases)
	latest, eventsAside := map[string]diagnosis.Diagnosis{}, map[string]diagnosis.Diagnosis{}
	done := map[string]bool{}
	ctx, cancel := context.WithTimeout(t.Context(), longestWait)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for len(done) < len(cases) && ctx.Err() == nil {
		objects, unread := w.bot.Observe(ctx, w.namespace)
		now := time.Now().Add(later)
		for name, p := range cases {
			if done[name] || ctx.Err() != nil {
				continue
			}
			d, err := runbooks.Diagnose(ctx, whole(observation{w.bot, objects, unread}), w.namespace, now, p.subject(w.namespace), anywhere)
			if err != nil {
				continue
			}
			latest[name] = d
			if !p.shows(w.namespace, d) {
				continue
			}
			if d, err := runbooks.Diagnose(
				ctx,
				whole(withoutEvents(observation{w.bot, objects, unread})),
				w.namespace,
				now,
				p.subject(w.namespace),
				anywhere,
			); err == nil {
				eventsAside[name], done[name] = d, true
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
	for name, p := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p.requireAnswer(t, w.namespace, latest[name])
			if !p.onlyEvents {
				require.Regexp(
					t,
					pattern(p.says, w.namespace),
					firstLine(eventsAside[name]),
					"events expire after an hour, and the right to read them may be missing",
				)
			}
		})
	}
}

// firstLine is the summary; of what is well, it is the name with the facts that stand below.
func firstLine(d diagnosis.Diagnosis) string {
	if d.Verdict != diagnosis.Healthy {
		return d.Summary
	}
	return d.Subject.Name + " is healthy: " + strings.ReplaceAll(strings.TrimSuffix(strings.Join(d.Healthy, "; "), "."), ".; ", "; ") + "."
}

// shows says that the first line is there, and with it what else shows only after a while.
func (p brokenCase) shows(namespace string, d diagnosis.Diagnosis) bool {
	if !pattern(p.says, namespace).MatchString(firstLine(d)) {
		return false
	}
	for rule := range p.advice {
		if !slices.ContainsFunc(d.Advice, func(a diagnosis.Advice) bool { return a.Rule == rule }) {
			return false
		}
	}
	return !slices.ContainsFunc(
		p.explains,
		func(rule string) bool { return len(d.Chains) == 0 || !slices.Contains(d.Chains[0].Explains, rule) },
	)
}

func (p brokenCase) requireAnswer(t *testing.T, namespace string, d diagnosis.Diagnosis) {
	t.Helper()
	require.Regexp(t, pattern(p.says, namespace), firstLine(d), d.Text())
	requireNoSecret(t, d)
	given := map[string]string{}
	for _, a := range d.Advice {
		given[a.Rule] = a.Text
		require.NotEmpty(t, a.Evidence, a.Rule)
	}
	for rule, says := range p.advice {
		require.Regexp(t, pattern(says, namespace), given[rule], d.Text())
	}
	if p.unread != "" {
		require.Contains(t, kindsOf(d), p.unread)
	}
	if p.clean {
		require.Empty(t, d.Chains, d.Text())
		return
	}
	require.NotEmpty(t, d.Chains)
	first := d.Chains[0]
	require.Equal(t, p.rule, first.Rule)
	require.Subset(t, first.Explains, p.explains)
	require.NotEmpty(t, first.Evidence, "no cause without evidence")
	var quotes []string
	for _, e := range first.Evidence {
		quotes = append(quotes, e.Quote)
	}
	require.Contains(t, strings.Join(quotes, "\n"), strings.ReplaceAll(p.quotes, "NS", namespace), d.Text())
	require.NotEmpty(t, first.Remedy.Text)
	require.Contains(t, first.Remedy.Command, strings.ReplaceAll(p.command, "NS", namespace), d.Text())
}

func (p brokenCase) subject(namespace string) func(*facts.Snapshot) facts.Ref {
	return func(s *facts.Snapshot) facts.Ref {
		s.Configure(facts.Setting{Bot: "algesta", AKS: p.aks})
		if p.about != "" {
			return s.Subject(strings.ReplaceAll(p.about, "NS", namespace), namespace)
		}
		return facts.Ref{Kind: facts.KindDeployment, Namespace: namespace, Name: p.made[0].(metav1.Object).GetName()}
	}
}

// pattern is a sentence as a regular expression: NS is the namespace's namespace, IMAGE and REGISTRY the sandbox's, "…" anything.
func pattern(says, namespace string) *regexp.Regexp {
	words := strings.NewReplacer(
		"NS",
		namespace,
		"IMAGE",
		strings.TrimSuffix(registry, ":"),
		"REGISTRY",
		strings.TrimSuffix(registry, "/api-gateway:"),
	)
	text := regexp.QuoteMeta(words.Replace(says))
	return regexp.MustCompile("^" + strings.ReplaceAll(text, "…", ".+?") + "$")
}

// release takes the finalizers off an object, so that it can go.
func (w *brokenNamespace) release(t *testing.T, resource, name string) {
	t.Helper()
	pods := w.dynamic.Resource(schema.GroupVersionResource{Version: "v1", Resource: resource}).Namespace(w.namespace)
	_, err := pods.Patch(
		context.WithoutCancel(t.Context()),
		name,
		types.MergePatchType,
		[]byte(`{"metadata":{"finalizers":null}}`),
		metav1.PatchOptions{},
	)
	require.NoError(t, err)
}
