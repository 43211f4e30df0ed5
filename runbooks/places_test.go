package runbooks_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// pooled is a node of a pool, ready for two hours.
func pooled(name, pool string, taints ...corev1.Taint) corev1.Node {
	n := node(name, "2", "4Gi")
	n.Labels = map[string]string{"agentpool": pool, corev1.LabelTopologyZone: "westeurope-1"}
	n.Spec.Taints = taints
	n.Status.Conditions = []corev1.NodeCondition{{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, LastTransitionTime: metav1.NewTime(noon.Add(-2 * time.Hour)),
	}}
	n.CreationTimestamp = metav1.NewTime(noon.Add(-2 * time.Hour))
	return n
}

// podOn is a pod that is ready on a node, or waits for one where that is "".
func podOn(namespace, name, node string) corev1.Pod {
	p := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name:              name,
			Namespace:         namespace,
			Labels:            map[string]string{"app": name},
			CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour)),
		},
		Spec: corev1.PodSpec{NodeName: node, Containers: []corev1.Container{{Name: "app", Image: "example.com/app:1"}}},
		Status: corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{
			Type: corev1.PodReady, Status: corev1.ConditionTrue,
		}}},
	}
	if node == "" {
		p.Status = corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{
			{
				Type:    corev1.PodScheduled,
				Status:  corev1.ConditionFalse,
				Reason:  corev1.PodReasonUnschedulable,
				Message: "0/2 nodes are available: 2 Insufficient cpu.",
			},
		}}
	}
	return p
}

// everywhere is the input of a command that names no environment.
func everywhere(runbook string, args algesta.Args, places ...runbooks.Place) runbooks.Input {
	return runbooks.Input{Bot: "algesta", Places: places, Command: algesta.Command{Runbook: runbook, At: noon, Args: args}}
}

func standing(environment, cluster string, s runbooks.Reader) runbooks.Place {
	return runbooks.Place{
		Target: algesta.Target{Environment: environment, Cluster: cluster, Namespace: environment}, Cluster: runbooks.Cluster{Reader: s},
	}
}

func toldEverywhere(t *testing.T, in runbooks.Input) []string {
	t.Helper()
	book, ok := runbooks.Find(in.Command.Runbook)
	require.True(t, ok)
	report, err := book.Answer(t.Context(), runbooks.Cluster{}, in)
	require.NoError(t, err)
	return shownLines(t, report)
}

func TestNodesOfEveryClusterAreListedOnce(t *testing.T) {
	t.Parallel()
	one := listed{lists: map[string][]any{
		"NodeList": {pooled("a", "stdar"), pooled("b", "spot", corev1.Taint{Key: "spot", Value: "true", Effect: corev1.TaintEffectNoSchedule})},
		"PodList":  {podOn("production", "web", "a"), podOn("staging", "waits", ""), podOn("hidden", "secretly", "")},
	}, instead: map[string]error{}}
	other := listed{lists: map[string][]any{"NodeList": {pooled("c", "stdar")}, "PodList": {}}, instead: map[string]error{}}
	down := runbooks.Place{Target: algesta.Target{Environment: "dev", Cluster: "aks-dev", Namespace: "dev"}, Err: forbidden("aks-dev")}
	got := toldEverywhere(
		t,
		everywhere("nodes", nil, standing("production", "aks-1", one), standing("staging", "aks-1", one), standing("qa", "aks-2", other), down),
	)
	require.Equal(t, "3 clusters · production: 2 of 2 nodes ready in the cluster aks-1, 2 pods wait for one · "+
		"qa: 1 of 1 node ready in the cluster aks-2 · I couldn't check the nodes of dev: I don't have permission to read them.", got[0])
	all := strings.Join(got, "\n")
	require.Contains(t, all, "b | spot | ready for 2 h | 0 of 30 | 0 of 2 | 0 of 4Gi | spot=true:NoSchedule | – | 2 h")
	require.Contains(t, all, "Pool spot: 1 of 1 node ready, zone westeurope-1.")
	require.Contains(t, all, "1 pod waits for a node: waits in staging: 0/2 nodes are available: 2 Insufficient cpu.")
	require.Contains(t, all, "1 pod waits in namespaces that you can't read.")
	require.NotContains(t, all, "secretly")
	require.Equal(t, "There's no environment whose nodes you can read.", toldEverywhere(t, everywhere("nodes", nil))[0])
	require.Contains(t, toldEverywhere(t, everywhere("top nodes", nil, standing("qa", "aks-2", other)))[0], "qa: 1 node in the cluster aks-2")
}

func TestOneNodeIsToldOfWithWhatWouldStopADrain(t *testing.T) {
	t.Parallel()
	n := pooled("a", "stdar")
	n.Status.Conditions = append(n.Status.Conditions, corev1.NodeCondition{
		Type:               corev1.NodeDiskPressure,
		Status:             corev1.ConditionTrue,
		Message:            "kubelet has disk pressure",
		LastTransitionTime: metav1.NewTime(noon.Add(-time.Hour)),
	})
	owned, daemon := podOn("production", "web", "a"), podOn("production", "agent", "a")
	owned.OwnerReferences = []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "web-1", Controller: new(true)}}
	daemon.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Name: "agent", Controller: new(true)}}
	stand := listed{lists: map[string][]any{
		"NodeList": {
			n,
		},
		"PodList": {owned, daemon, podOn("production", "lonely", "a"), podOn("hidden", "secretly", "a"), podOn("production", "gone", "b")},
		"PodDisruptionBudgetList": {policyv1.PodDisruptionBudget{
			ObjectMeta: metav1.ObjectMeta{Name: "web", Namespace: "production"},
			Spec:       policyv1.PodDisruptionBudgetSpec{Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "web"}}},
		}},
		"EventList": {corev1.Event{
			InvolvedObject: corev1.ObjectReference{Kind: "Node", Name: "a"}, Type: corev1.EventTypeWarning, Reason: "EvictionThresholdMet",
			Message: "Attempting to reclaim ephemeral-storage", LastTimestamp: metav1.NewTime(noon.Add(-time.Minute)),
		}},
	}, instead: map[string]error{}}
	in := regarding("nodes", "node/a")
	got := tells(t, stand, in)
	require.Equal(t, "a of the cluster aks-algesta-production: DiskPressure for 60 min", got[0])
	require.Equal(t, "DiskPressure is true for 60 min: kubelet has disk pressure", got[1])
	all := strings.Join(got, "\n")
	for _, line := range []string{
		"pods: 4 of 30", "pool: stdar", "A drain would stop at web in production: the disruption budget web allows none to go now.",
		"A drain would stop at lonely in production: nothing makes it again.", "Not shown: 1 pod in namespaces that you can't read.",
		"EvictionThresholdMet",
	} {
		require.Contains(t, all, line)
	}
	require.NotContains(t, all, "secretly")
	require.NotContains(t, all, "stop at agent")
	_, err := ask(t, stand, regarding("nodes", "node/zz"))
	require.ErrorIs(t, err, algesta.ErrNotFound)
	stand.instead["PodDisruptionBudgetList"] = forbidden("budgets")
	require.Contains(t, strings.Join(tells(t, stand, in), "\n"), "disruption budgets")
}

func TestPodsOfEveryEnvironmentAreListedWorstFirst(t *testing.T) {
	t.Parallel()
	one := listed{lists: map[string][]any{"PodList": {
		podOn("production", "web", "a"), podOn("staging", "waits", ""), podOn("hidden", "secretly", "a"), podOn("staging", "api", "a"),
	}}, instead: map[string]error{}}
	args := algesta.Args{"all-namespaces": true}
	down := listed{instead: map[string]error{"PodList": forbidden("pods")}}
	got := toldEverywhere(
		t,
		everywhere("pods", args, standing("production", "aks-1", one), standing("staging", "aks-1", one), standing("dev", "aks-2", down)),
	)
	require.Equal(t, "2 environments: 2 of 3 pods ready, 1 in trouble", got[0])
	require.Equal(t, []string{
		"environment | pod | state | restarts | age | node",
		"staging | waits | waiting for a node | 0 | 60 min | –",
		"production | web | ready | 0 | 60 min | a",
		"staging | api | ready | 0 | 60 min | a",
	}, got[1:5])
	all := strings.Join(got, "\n")
	require.Contains(t, all, "pods of dev")
	require.Contains(t, all, "Of these on each node: a 2.")
	require.Contains(t, all, "Only what you can read is listed: production and staging. Pods of other namespaces aren't shown.")
	require.NotContains(t, all, "secretly")
	args["broken"] = true
	require.Len(
		t,
		toldEverywhere(t, everywhere("pods", args, standing("staging", "aks-1", one)))[2:],
		3,
		"the one in trouble, and what's said below",
	)
	require.Contains(t, toldEverywhere(t, everywhere("pods", args, standing("dev", "aks-2", down)))[0], "I couldn't check the pods")
}
