package runbooks_test

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// without are the bot's rights but for one kind.
func without(kind string) []rbacv1.PolicyRule {
	var rules []rbacv1.PolicyRule
	resource, measured := kind, kind == "podmetrics"
	if measured {
		resource = "pods" // of metrics.k8s.io
	}
	for _, rule := range platform.BotRules() {
		if slices.Contains(rule.APIGroups, "metrics.k8s.io") == measured {
			rule.Resources = slices.DeleteFunc(slices.Clone(rule.Resources), func(r string) bool { return r == resource })
		}
		if len(rule.Resources) > 0 {
			rules = append(rules, rule)
		}
	}
	return rules
}

// kindsRead are what a diagnosis lists of a namespace where something is wrong.
var kindsRead = []string{
	"pods",
	"deployments",
	"replicasets",
	"statefulsets",
	"daemonsets",
	"jobs",
	"cronjobs",
	"services",
	"endpointslices",
	"ingresses",
	"ingressclasses",
	"networkpolicies",
	"horizontalpodautoscalers",
	"poddisruptionbudgets",
	"resourcequotas",
	"limitranges",
	"persistentvolumeclaims",
	"storageclasses",
	"nodes",
	"events",
	"configmaps",
	"podmetrics",
}

// unaskedWithout are the kinds that nothing gives a reason to read where another kind could not be read: they are holes, too.
var unaskedWithout = map[string][]string{
	"events":                 {"events of nodes"}, // no right to the one is no right to the other
	"pods":                   {"persistentvolumeclaims", "persistentvolumes", "storageclasses"},
	"persistentvolumeclaims": {"persistentvolumes"}, // nobody knows of a claim that waits for one
	"ingresses":              {"ingressclasses"},
}

// A right that is taken away leaves a hole that is named, and nothing is concluded from it.
func TestADiagnosisDoesWithoutAnyKind(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	class := "nginx-" + w.namespace
	w.make(t,
		&networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}},
		app("api", "12346-unauthorized", httpPort), serviceOf("api", intstr.FromInt32(3000)), ingressOf("api", class, "api", 80),
		scalerOf("api", "api", 3), budgetOf("api", "api"), quota("quota", "pods", "50"),
		app("orders", "12346-notfound"), app("files", "12345", claimVolume("files")), claim("files", ""),
		app("settings", "12346-noconfig", configEnv("TARIFF", "tariffs", "zone-1")),
	)
	subjects := []string{
		"deployment/api",
		"deployment/orders",
		"deployment/settings",
		"deployment/files",
		"ingress/api",
		"namespace/" + w.namespace,
	}
	seen := func(bot runbooks.Observer) map[string]diagnosis.Diagnosis {
		answers := map[string]diagnosis.Diagnosis{}
		objects, unread := bot.Observe(t.Context(), w.namespace)
		for _, about := range subjects {
			d, err := runbooks.Diagnose(
				t.Context(),
				whole(observation{bot, objects, unread}),
				w.namespace,
				time.Now().Add(time.Minute),
				brokenCase{about: about}.subject(w.namespace),
				anywhere,
			)
			if err == nil {
				answers[about] = d
			}
		}
		return answers
	}
	var full map[string]diagnosis.Diagnosis
	w.await(t, "all are ill", func() bool {
		full = seen(w.bot)
		for _, about := range subjects {
			if full[about].Verdict != diagnosis.Sick {
				return false
			}
		}
		return strings.Contains(full["deployment/files"].Summary, "no storage class is set")
	})
	var causes []string
	for _, d := range full {
		for _, c := range d.Chains {
			causes = append(causes, c.Cause)
		}
	}
	// holes are the first lines that a hole changes, by kind and subject.
	holes := map[string]string{
		"pods deployment/api":                     "Deployment api has 0 of 1 pod ready.",
		"pods deployment/orders":                  "Deployment orders has 0 of 1 pod ready.",
		"pods deployment/settings":                "Deployment settings has 0 of 1 pod ready.",
		"pods deployment/files":                   "Deployment files has 0 of 1 pod ready.",
		"pods ingress/api":                        "Deployment api has 0 of 1 pod ready.",
		"pods namespace/" + w.namespace:           "Deployment api has 0 of 1 pod ready.",
		"events deployment/files":                 "PersistentVolumeClaim files is not bound to a volume, so no pod of files can start.",
		"persistentvolumeclaims deployment/files": "A volume claim of the pods is not bound, so no pod of files can start.",
		"ingresses ingress/api":                   "I couldn't look for ingress api: ingresses weren't read.",
		"services ingress/api":                    "I found nothing wrong with api, but there was nothing I could look at.",
	}
	answers, unread := make([]map[string]diagnosis.Diagnosis, len(kindsRead)), make([][]string, len(kindsRead))
	var asking sync.WaitGroup
	for i, kind := range kindsRead {
		cfg, err := w.CreateServiceAccount(t.Context(), w.namespace, "bot-without-"+kind, without(kind))
		require.NoError(t, err)
		bot := w.seenBy(t, cfg)
		asking.Go(func() {
			unread[i] = append(kindsOf(full["deployment/api"]), kind)
			if kind == "pods" { // then nobody knows of an image that is not pulled, and no registry is asked about it
				unread[i] = slices.DeleteFunc(unread[i], func(k string) bool { return k == "image" })
			}
			if kind == "pods" || kind == "deployments" { // then nobody knows what a pod's settings name in other namespaces
				unread[i] = slices.DeleteFunc(unread[i], func(k string) bool { return k == "namespaces" })
			}
			unread[i] = append(unread[i], unaskedWithout[kind]...)
			slices.Sort(unread[i])
			tick := time.NewTicker(100 * time.Millisecond)
			defer tick.Stop()
			for began := time.Now(); time.Since(began) < longestWait; { // the API server needs a moment to learn of rights
				if answers[i] = seen(bot); slices.Equal(kindsOf(answers[i]["deployment/api"]), unread[i]) {
					return
				}
				<-tick.C
			}
		})
	}
	asking.Wait()
	for i, kind := range kindsRead {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, unread[i], kindsOf(answers[i]["deployment/api"]), "it is named as not checked, and nothing else is")
			for about, d := range answers[i] {
				want, differs := holes[kind+" "+about]
				switch {
				case differs:
					require.Equal(t, want, d.Summary)
				case about == subjects[len(subjects)-1]: // of a namespace, what weighs most may be another of its causes
					require.Contains(t, causes, d.Summary)
				default:
					require.Equal(t, full[about].Summary, d.Summary, about)
				}
				for _, c := range d.Chains {
					if !slices.Contains(causes, c.Cause) {
						require.NotRegexp(t, "does not exist|matches no|has no key|is missing", c.Cause, "nothing is called missing because it was not read")
					}
				}
			}
		})
	}
}

// kindsOf are the kinds that were not checked.
func kindsOf(d diagnosis.Diagnosis) []string {
	var kinds []string
	for _, n := range d.NotChecked {
		if !slices.Contains(kinds, n.Kind) {
			kinds = append(kinds, n.Kind)
		}
	}
	slices.Sort(kinds)
	return kinds
}

// between lets something happen in the cluster before a request of the bot, and after it.
type between struct {
	http.RoundTripper
	before, after func(path string)
}

func (b between) RoundTrip(r *http.Request) (*http.Response, error) {
	b.before(r.URL.Path)
	answer, err := b.RoundTripper.RoundTrip(r)
	b.after(r.URL.Path)
	return answer, err
}

func (w *brokenNamespace) disturbed(t *testing.T, before, after func(path string)) runbooks.Observer {
	t.Helper()
	cfg := rest.CopyConfig(w.Config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return between{next, before, after} })
	return w.seenBy(t, cfg)
}

func TestAPodThatGoesBeforeItsLogIsReadIsStillDiagnosed(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	w.diagnose(t, 0, map[string]brokenCase{"it crashes": {
		rule: "exit-panic",
		made: made(app("gone", "12346-crash-panic")),
		says: "The program in container app panics: “runtime error: invalid memory address or nil pointer dereference”, so every pod " +
			"of gone keeps crashing.",
	}})
	w.await(t, "it is in a crash loop", func() bool {
		pods, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(pods.Items) == 1 && pods.Items[0].Status.ContainerStatuses[0].RestartCount > 1
	})
	var deleting sync.Once
	bot := w.disturbed(t, func(path string) {
		if strings.HasSuffix(path, "/log") {
			deleting.Do(func() {
				at := metav1.DeleteOptions{GracePeriodSeconds: new(int64)}
				_ = w.Client.CoreV1().Pods(
					w.namespace,
				).DeleteCollection(
					t.Context(),
					at,
					metav1.ListOptions{},
				) // the log of a pod that is left can be read
			})
		}
	}, func(string) {})
	d, err := runbooks.Diagnose(
		t.Context(),
		whole(bot),
		w.namespace,
		time.Now(),
		brokenCase{about: "deployment/gone"}.subject(w.namespace),
		anywhere,
	)
	require.NoError(t, err)
	require.Equal(t, "The program in container app ends with exit code 2, so every pod of gone keeps crashing.", d.Summary)
}

func TestAWorkloadThatGoesBetweenTwoListsIsStillDiagnosed(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	w.diagnose(t, 0, map[string]brokenCase{"it cannot start": {
		rule: "image-not-found",
		made: made(app("gone", "12346-notfound")),
		says: "Image IMAGE:12346-notfound does not exist in its registry, so no pod of gone can start.",
	}})
	listed := make(chan struct{})
	var once sync.Once
	bot := w.disturbed(t, func(path string) {
		if strings.Contains(path, "/apis/apps/v1/") {
			<-listed
		}
	}, func(path string) {
		if strings.HasSuffix(path, w.namespace+"/pods") {
			once.Do(func() {
				at := metav1.DeletePropagationOrphan // its pods stay
				_ = w.Client.AppsV1().Deployments(
					w.namespace,
				).Delete(
					t.Context(),
					"gone",
					metav1.DeleteOptions{PropagationPolicy: &at},
				) // what is left of it is asserted
				for { // the API server's cache learns of it a moment later
					left, err := w.Client.AppsV1().Deployments(w.namespace).List(t.Context(), metav1.ListOptions{ResourceVersion: "0"})
					if err != nil || len(left.Items) == 0 {
						break
					}
				}
				close(listed)
			})
		}
	})
	d, err := runbooks.Diagnose(
		t.Context(),
		whole(bot),
		w.namespace,
		time.Now(),
		brokenCase{about: "deployment/gone"}.subject(w.namespace),
		anywhere,
	)
	require.NoError(t, err)
	require.Equal(t, "There's no deployment gone in "+w.namespace+".", d.Summary)
	d, err = runbooks.Diagnose(
		t.Context(),
		whole(bot),
		w.namespace,
		time.Now(),
		brokenCase{about: "namespace/NS"}.subject(w.namespace),
		anywhere,
	)
	require.NoError(t, err)
	require.Regexp(t, "^Image "+registry+"12346-notfound does not exist in its registry, so no pod of gone-[0-9a-z]+ can start.$", d.Summary)
}
