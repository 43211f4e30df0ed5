package commands_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
)

// crashingCluster has one pod in production, whose log names a Service of the namespace payments.
type crashingCluster struct {
	*fakeCluster
	mu    sync.Mutex
	asked []string // in other namespaces
}

func (c *crashingCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c, Observer: c, Finder: c}, nil
}

func (c *crashingCluster) Observe(context.Context, string) ([]runtime.Object, map[string]error) {
	return []runtime.Object{&corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:              "api-gateway-1",
			Namespace:         "production",
			CreationTimestamp: metav1.NewTime(time.Now().Add(-time.Hour)),
		},
		Spec: corev1.PodSpec{NodeName: "a", Containers: []corev1.Container{{Name: "api-gateway"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, ContainerStatuses: []corev1.ContainerStatus{
			{
				Name:         "api-gateway",
				RestartCount: 9,
				State:        corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				LastTerminationState: corev1.ContainerState{
					Terminated: &corev1.ContainerStateTerminated{ExitCode: 1, FinishedAt: metav1.NewTime(time.Now().Add(-time.Minute))},
				},
			},
		}},
	}}, nil
}

func (c *crashingCluster) Log(context.Context, string, string, string, bool) ([]byte, error) {
	return []byte("Error: connect ECONNREFUSED ledger.payments.svc.cluster.local:8080\n"), nil
}

func (c *crashingCluster) WithPods(_ context.Context, kind, namespace, name string) ([]runtime.Object, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = append(c.asked, kind+" "+namespace+"/"+name)
	return nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There is none.")}
}

// gatewayCluster has the whole of a Deployment whose new version crashes, and whose old one ran.
type gatewayCluster struct {
	*slowCluster
	logs string // beside the one that names a Service
}

func (c *gatewayCluster) Log(ctx context.Context, namespace, pod, container string, previous bool) ([]byte, error) {
	if c.logs != "" {
		return []byte(c.logs), nil
	}
	return c.slowCluster.Log(ctx, namespace, pod, container, previous)
}

func (c *gatewayCluster) Reader(string) (runbooks.Cluster, error) {
	return runbooks.Cluster{Reader: c, Observer: c, Finder: c}, nil
}

func (c *gatewayCluster) Observe(ctx context.Context, namespace string) ([]runtime.Object, map[string]error) {
	pods, unread := c.crashingCluster.Observe(ctx, namespace)
	pod := pods[0].(*corev1.Pod)
	labels := map[string]string{"app": "api-gateway"}
	template := func(tag string) corev1.PodTemplateSpec {
		return corev1.PodTemplateSpec{
			ObjectMeta: metav1.ObjectMeta{Labels: labels},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "api-gateway", Image: "registry.example.com/api-gateway:" + tag}}},
		}
	}
	owned := func(kind, name, uid string) []metav1.OwnerReference {
		return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: types.UID(uid), Controller: new(true)}}
	}
	old := metav1.NewTime(time.Now().Add(-48 * time.Hour))
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{
			Name: "api-gateway-production", Namespace: namespace, UID: "d", CreationTimestamp: old, Generation: 2,
			Annotations: map[string]string{"deployment.kubernetes.io/revision": "2"},
		},
		Spec:   appsv1.DeploymentSpec{Replicas: new(int32(1)), Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: template("2")},
		Status: appsv1.DeploymentStatus{ObservedGeneration: 2, Replicas: 1, UpdatedReplicas: 1, UnavailableReplicas: 1},
	}
	set := func(revision string, replicas int32, created metav1.Time) *appsv1.ReplicaSet {
		labels := map[string]string{"app": "api-gateway", "pod-template-hash": revision}
		s := &appsv1.ReplicaSet{
			ObjectMeta: metav1.ObjectMeta{
				Name: d.Name + "-" + revision, Namespace: namespace, UID: types.UID("set-" + revision), CreationTimestamp: created, Labels: labels,
				Annotations: map[string]string{"deployment.kubernetes.io/revision": revision}, OwnerReferences: owned("Deployment", d.Name, "d"),
			},
			Spec: appsv1.ReplicaSetSpec{Replicas: &replicas, Template: template(revision)},
		}
		s.Spec.Template.Labels = labels
		return s
	}
	pod.Name, pod.Labels = d.Name+"-2-a", map[string]string{"app": "api-gateway", "pod-template-hash": "2"}
	pod.OwnerReferences = owned("ReplicaSet", d.Name+"-2", "set-2")
	pod.Spec.Containers = template("2").Spec.Containers
	return []runtime.Object{d, set("1", 0, old), set("2", 1, pod.CreationTimestamp), pod}, unread
}

// What is read in another namespace on behalf of a person passes the policy for that namespace.
func TestADiagnosisReadsOnlyWhereThePersonMayRead(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		more  string // of the policy
		asked []string
	}{
		"no rule about it": {},
		"the right to read it": {
			more:  "\n  - {name: ledgers, subjects: [\"user:U0LUIS\"], role: operator, namespaces: [payments]}",
			asked: []string{"Service payments/ledger"},
		},
		"somebody else's right": {more: "\n  - {name: ledgers, subjects: [\"user:U0NICO\"], role: operator, namespaces: [payments]}"},
		"the right in another cluster": {
			more: "\n  - {name: ledgers, subjects: [\"user:U0LUIS\"], role: operator, namespaces: [payments], clusters: [gke]}",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(strings.Replace(rules, "\napprovals:", c.more+"\napprovals:", 1))
			cluster := &crashingCluster{fakeCluster: w.cluster}
			w.dispatcher.Clusters = commands.Clusters(cluster)
			w.types(luis, "diagnose production")
			require.Equal(t, c.asked, cluster.asked)
		})
	}
}

// paymentsElsewhere has an environment whose namespace is called as one of the cluster that is read, in another cluster.
type paymentsElsewhere struct{ fakeCatalog }

func (paymentsElsewhere) Environments() []string { return []string{"production", "payments"} }

func (c paymentsElsewhere) Resolve(
	ctx context.Context,
	service, environment string,
	visible func(algesta.Target) bool,
) (algesta.Target, error) {
	if service == "" && environment == "payments" {
		return algesta.Target{Environment: environment, Cluster: "gke", Namespace: environment}, nil
	}
	return c.fakeCatalog.Resolve(ctx, service, environment, visible)
}

const ledgersOfLuis = "\n  - {name: ledgers, subjects: [\"user:U0LUIS\"], role: operator, namespaces: [payments]"

// TestANamespaceOfTheSameNameInAnotherClusterOpensNothing: the right is about another cluster's payments.
func TestANamespaceOfTheSameNameInAnotherClusterOpensNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "\napprovals:", ledgersOfLuis+", clusters: [gke]}\napprovals:", 1))
	cluster := &crashingCluster{fakeCluster: w.cluster}
	w.dispatcher.Clusters, w.dispatcher.Catalog = commands.Clusters(cluster), paymentsElsewhere{fakeCatalog{new(atomic.Int32)}}
	w.types(luis, "diagnose production")
	require.Len(t, w.said(algesta.CardPost), 1)
	require.Empty(t, cluster.asked)
}

// TestTheDiagnosisOfAFailedChangeReadsOnlyWhereItsRequesterMay is made by the bot itself, on behalf of the person who asked for the change.
func TestTheDiagnosisOfAFailedChangeReadsOnlyWhereItsRequesterMay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		more  string
		asked []string
	}{
		"no rule about it":     {},
		"the right to read it": {ledgersOfLuis + "}", []string{"Service payments/ledger"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(strings.Replace(rules, "\napprovals:", c.more+"\napprovals:", 1))
			cluster := &gatewayCluster{slowCluster: &slowCluster{fast: true}}
			id := w.failed(cluster.slowCluster)
			w.dispatcher.Clusters = commands.Clusters(cluster)
			_, err := w.dispatcher.Diagnose(t.Context(), id)
			require.NoError(t, err)
			require.Len(t, w.said(algesta.DiagnosePost), 1)
			require.Equal(t, c.asked, cluster.asked)
		})
	}
}
