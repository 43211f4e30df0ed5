package runbooks_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

// The cause may stand in another namespace than the question: what serves a webhook for all of them has no pod that runs.
func TestTheCauseInAnotherNamespaceIsFound(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	guard := newBrokenNamespace(t, c)
	guard.make(t, app("guard", "12346-crash"), &corev1.Service{
		ObjectMeta: named("guard"),
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": "guard"},
			Ports:    []corev1.ServicePort{{Port: 443, TargetPort: intstr.FromInt32(8443)}},
		},
	})
	w := newBrokenNamespace(t, c)
	w.make(t, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: named(w.namespace + "-guard"),
		Webhooks: []admissionregistrationv1.ValidatingWebhook{
			{
				Name:                    "guard.example.com",
				AdmissionReviewVersions: []string{"v1"},
				SideEffects:             ptr.To(admissionregistrationv1.SideEffectClassNone),
				ClientConfig: admissionregistrationv1.WebhookClientConfig{
					Service: &admissionregistrationv1.ServiceReference{Namespace: guard.namespace, Name: "guard"},
				},
				TimeoutSeconds:    ptr.To[int32](1),
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: w.namespace}},
				Rules: []admissionregistrationv1.RuleWithOperations{{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
					Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
				}},
			},
		},
	})
	w.make(t, app("guarded", "12345"))
	about := func(*facts.Snapshot) facts.Ref {
		return facts.Ref{Kind: facts.KindDeployment, Namespace: w.namespace, Name: "guarded"}
	}
	var d diagnosis.Diagnosis
	w.await(t, "the diagnosis names what does not run", func() bool {
		var err error
		d, err = runbooks.Diagnose(t.Context(), whole(w.bot), w.namespace, time.Now(), about, anywhere)
		return err == nil && len(d.Chains) > 0 && d.Chains[0].Rule == "missing-variable"
	})
	require.Contains(
		t,
		d.Summary,
		"Deployment guard needs the environment variable PAYMENTS_URL, which its template does not set, so every pod of guard keeps crashing.",
	)
	require.Regexp(t, `That is why Admission webhook guard\.example\.com .*, so no pod of guarded can be created\.$`, d.Summary)
	require.Contains(t, strings.Join(d.Chains[0].Links, "\n"), "\nAdmission webhook guard.example.com ", d.Text())

	// Whoever may not read that namespace learns nothing of it, though the bot may read it.
	for name, allowed := range map[string]func(string) bool{"nobody said": nil, "the policy says no": func(string) bool { return false }} {
		d, err := runbooks.Diagnose(t.Context(), whole(w.bot), w.namespace, time.Now(), about, allowed)
		require.NoError(t, err, name)
		require.Equal(t, "webhook-down", d.Chains[0].Rule, d.Text())
		require.NotContains(t, d.Text(), "PAYMENTS_URL")
		require.Contains(
			t,
			d.NotChecked,
			facts.NotChecked{Kind: "Service guard", Namespace: guard.namespace, Reason: "You can't read " + guard.namespace + "."},
		)
	}

	// Without rights of the bot there, the webhook is what is known, and the answer says what was not looked at.
	account, err := c.CreateServiceAccount(t.Context(), w.namespace, "local", nil)
	require.NoError(t, err)
	_, err = c.Client.RbacV1().RoleBindings(w.namespace).Create(t.Context(), &rbacv1.RoleBinding{
		ObjectMeta: named("local"), RoleRef: rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "view"},
		Subjects: []rbacv1.Subject{{Kind: rbacv1.ServiceAccountKind, Namespace: w.namespace, Name: "local"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	local := w.seenBy(t, account)
	w.await(t, "the right is there", func() bool {
		d, err = runbooks.Diagnose(t.Context(), whole(local), w.namespace, time.Now(), about, anywhere)
		return err == nil && len(d.Chains) > 0
	})
	require.Equal(
		t,
		"webhook-down",
		d.Chains[0].Rule,
		d.Text(),
	) // in which words depends on what the machine's network makes of the Service's address
	require.Contains(t, d.NotChecked, facts.NotChecked{
		Kind: "pods", Namespace: guard.namespace, Reason: "I don't have permission to get services in " + guard.namespace + " (403).",
	})
}

// around is what was seen, what can be found in other namespaces, and what the program of the pod "orders" writes.
type around struct {
	seen
	found    []runtime.Object
	err      error
	says     string
	asked    *[]string
	lock     *sync.Mutex
	logsRead *[]string // pods, of all namespaces
}

func (a around) Log(_ context.Context, namespace, pod, _ string, _ bool) ([]byte, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	*a.logsRead = append(*a.logsRead, namespace+"/"+pod)
	if pod == "orders" {
		return []byte(a.says), nil
	}
	return []byte("panic: a line of " + namespace), nil
}

func (a around) WithPods(_ context.Context, kind, namespace, name string) ([]runtime.Object, error) {
	a.lock.Lock()
	defer a.lock.Unlock()
	*a.asked = append(*a.asked, kind+" "+namespace+"/"+name)
	return a.found, a.err
}

// crashLooping is a pod of a namespace whose container ends again and again.
func crashLooping(namespace, name string, labels map[string]string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace, Labels: labels, CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec:       corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: "orders", Image: registry + "12346"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{
				Name:         "orders",
				Image:        registry + "12346",
				RestartCount: 9,
				State:        corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				LastTerminationState: corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(noon.Add(-time.Minute))},
				},
			},
		}},
	}
}

// Whoever can write a line into a log of one namespace must not choose what is read in another.
func TestALogLineOpensNoOtherNamespace(t *testing.T) {
	t.Parallel()
	service := func(namespace, name string) *corev1.Service {
		return &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: namespace}, Spec: corev1.ServiceSpec{
			ClusterIP: "10.0.0.10", Selector: map[string]string{"app": name}, Ports: []corev1.ServicePort{{Port: 53}},
		}}
	}
	only := func(namespace string) func(string) bool { return func(asked string) bool { return asked == namespace } }
	cases := map[string]struct {
		says     string
		allowed  func(string) bool
		found    []runtime.Object
		asked    []string
		logsRead []string
		refused  string // the kind that was not checked, and its namespace
		mentions string // of the other namespace
	}{
		"nobody said what is allowed": {
			says:    "connect ECONNREFUSED ledger.production.svc.cluster.local:8080",
			refused: "Service ledger production",
		},
		"another namespace is allowed": {
			says: "connect ECONNREFUSED ledger.production.svc.cluster.local:8080", allowed: only("staging"), refused: "Service ledger production",
		},
		"the pods are looked at where that is allowed, and still no log": {
			says: "connect ECONNREFUSED ledger.production.svc.cluster.local:8080", allowed: only("production"),
			found: []runtime.Object{service("production", "ledger"), crashLooping("production", "ledger-1", map[string]string{"app": "ledger"})},
			asked: []string{"Service production/ledger"}, mentions: "ledger-1",
		},
		"the platform is looked at for everybody, and its log is not": {
			says:  "getaddrinfo ENOTFOUND mongo-0.example.com",
			asked: []string{"Service kube-system/kube-dns"},
			found: []runtime.Object{
				service("kube-system", "kube-dns"),
				crashLooping("kube-system", "coredns-1", map[string]string{"app": "kube-dns"}),
			},
			mentions: "coredns-1",
		},
		"whoever may read there gets the platform's log": {
			says:    "getaddrinfo ENOTFOUND mongo-0.example.com",
			allowed: only("kube-system"),
			asked:   []string{"Service kube-system/kube-dns"},
			found: []runtime.Object{
				service("kube-system", "kube-dns"),
				crashLooping("kube-system", "coredns-1", map[string]string{"app": "kube-dns"}),
			},
			logsRead: []string{"kube-system/coredns-1"},
			mentions: "coredns-1",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			asked, logsRead := []string{}, []string{}
			o := around{
				seen: seen{objects: []runtime.Object{crashLooping("development", "orders", nil)}}, found: c.found, says: "Error: " + c.says + "\n",
				asked: &asked, logsRead: &logsRead, lock: &sync.Mutex{},
			}
			d, err := runbooks.Diagnose(t.Context(), whole(o), "development", noon, func(*facts.Snapshot) facts.Ref {
				return facts.Ref{Kind: "Namespace", Name: "development"}
			}, c.allowed)
			require.NoError(t, err)
			require.ElementsMatch(t, c.asked, asked)
			require.Equal(t, append([]string{"development/orders"}, c.logsRead...), logsRead)
			if c.mentions != "" {
				require.Contains(t, d.Text(), c.mentions)
			}
			refused := ""
			for _, n := range d.NotChecked {
				if n.Reason == "You can't read "+n.Namespace+"." {
					refused = n.Kind + " " + n.Namespace
				}
			}
			require.Equal(t, c.refused, refused, d.NotChecked)
		})
	}
}

// A name that cannot be resolved is a reason to look at what resolves names.
func TestTheResolverIsLookedAtWhereANameIsNotResolved(t *testing.T) {
	t.Parallel()
	dns := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "kube-dns", Namespace: "kube-system"}, Spec: corev1.ServiceSpec{
		ClusterIP: "10.0.0.10",
		Selector:  map[string]string{"k8s-app": "kube-dns"},
		Ports:     []corev1.ServicePort{{Port: 53, Protocol: corev1.ProtocolUDP}},
	}}
	resolver := func(ready corev1.ConditionStatus) *corev1.Pod {
		return &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{
				Name:              "coredns-1",
				Namespace:         "kube-system",
				Labels:            map[string]string{"k8s-app": "kube-dns"},
				CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour)),
			},
			Spec: corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: "coredns", Image: "coredns:1"}}},
			Status: corev1.PodStatus{
				Phase:      corev1.PodRunning,
				Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: ready, LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour))}},
				ContainerStatuses: []corev1.ContainerStatus{
					{
						Name:  "coredns",
						Ready: ready == corev1.ConditionTrue,
						State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{StartedAt: metav1.NewTime(noon.Add(-time.Hour))}},
					},
				},
			},
		}
	}
	cases := map[string]struct {
		found     []runtime.Object
		err       error
		subject   string // of the first cause
		unchecked bool
	}{
		"it is down":      {found: []runtime.Object{dns, resolver(corev1.ConditionFalse)}, subject: "pod/coredns-1"},
		"it runs":         {found: []runtime.Object{dns, resolver(corev1.ConditionTrue)}, subject: "mongo"},
		"it is not there": {err: &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There is none.")}, subject: "mongo"},
		"nobody may look": {
			err:       &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I may not.")},
			subject:   "mongo",
			unchecked: true,
		},
		"it could not be asked": {err: errors.New("connection refused"), subject: "mongo", unchecked: true},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked, logsRead []string
			o := around{
				seen: seen{objects: []runtime.Object{crashLooping("production", "orders", nil)}}, found: c.found, err: c.err,
				says: "MongoServerSelectionError: getaddrinfo ENOTFOUND mongo-0.example.com\n", asked: &asked, logsRead: &logsRead, lock: &sync.Mutex{},
			}
			d, err := runbooks.Diagnose(t.Context(), whole(o), "production", noon, func(*facts.Snapshot) facts.Ref {
				return facts.Ref{Kind: "Namespace", Name: "production"}
			}, nil)
			require.NoError(t, err)
			require.Equal(t, []string{"Service kube-system/kube-dns"}, asked)
			require.NotEmpty(t, d.Chains)
			require.Contains(t, d.Chains[0].Subject.String(), c.subject, d.Text())
			told := false
			for _, n := range d.NotChecked {
				told = told || n.Kind == "pods" && n.Namespace == "kube-system"
				require.NotContains(t, n.Reason, "connection refused")
			}
			require.Equal(t, c.unchecked, told)
		})
	}
}
