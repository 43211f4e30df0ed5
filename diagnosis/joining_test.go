package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

func TestANodeThatHasOnlyJustJoinedIsNotLost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		age    time.Duration
		status corev1.ConditionStatus
		sick   bool
	}{
		"its network is not up yet": {40 * time.Second, corev1.ConditionFalse, false},
		"it should be up by now":    {10 * time.Minute, corev1.ConditionFalse, true},
		"it stopped answering":      {40 * time.Second, corev1.ConditionUnknown, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			at := metav1.NewTime(noon.Add(-c.age))
			node := &corev1.Node{
				ObjectMeta: metav1.ObjectMeta{Name: "new", CreationTimestamp: at},
				Status: corev1.NodeStatus{
					Conditions: []corev1.NodeCondition{{Type: corev1.NodeReady, Status: c.status, Reason: "KubeletNotReady", LastTransitionTime: at}},
				},
			}
			d := diagnosis.Diagnose(facts.NewSnapshot(noon, append(service("orders", 1), node), nil), facts.Ref{})
			if c.sick {
				require.Equal(t, []string{"node-not-ready"}, rulesOf(d), d.Text())
				return
			}
			require.Equal(t, diagnosis.Healthy, d.Verdict, d.Text())
		})
	}
}

// TestAWorkloadOfAnotherKindIsKnownByItsPods asks about what Argo's Rollouts and the like run.
func TestAWorkloadOfAnotherKindIsKnownByItsPods(t *testing.T) {
	t.Parallel()
	objects := service("orders", 1)[1:]
	objects[0].(metav1.Object).SetOwnerReferences([]metav1.OwnerReference{{Kind: "Rollout", Name: "orders", Controller: new(true)}})
	s := facts.NewSnapshot(noon, failing(objects, 0), nil)
	d := diagnosis.Diagnose(s, s.Subject("orders", "production"))
	require.Equal(t, []string{"secret-missing"}, rulesOf(d), d.Text())
}

// TestTheNetworkPluginIsWhyItsNodeHasNoNetwork has calico-node crash on the node that cannot make sandboxes.
func TestTheNetworkPluginIsWhyItsNodeHasNoNetwork(t *testing.T) {
	t.Parallel()
	for plugin, want := range map[string][]string{"calico": {"program-error"}, "azure-vnet": {"sandbox-failed"}} {
		t.Run(plugin, func(t *testing.T) {
			t.Parallel()
			web := service("web", 1)
			pod := web[3].(*corev1.Pod)
			pod.Spec.NodeName = "node-1"
			pod.Status = corev1.PodStatus{
				Phase: corev1.PodPending,
				ContainerStatuses: []corev1.ContainerStatus{
					{Name: "web", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "ContainerCreating"}}},
				},
			}
			calico := failing(service("calico-node", 1), 2)[3].(*corev1.Pod)
			calico.Spec.NodeName = "node-1"
			calico.OwnerReferences = []metav1.OwnerReference{{Kind: "DaemonSet", Name: "calico-node", Controller: new(true)}}
			event := &corev1.Event{
				ObjectMeta: metav1.ObjectMeta{
					Namespace: "production",
					Name:      "e",
				},
				Reason:         "FailedCreatePodSandBox",
				LastTimestamp:  metav1.NewTime(noon.Add(-time.Minute)),
				InvolvedObject: corev1.ObjectReference{Kind: "Pod", Namespace: "production", Name: pod.Name},
				Message: `Failed to create pod sandbox: failed to setup network for sandbox "77": plugin type="` + plugin + `" failed (add): ` +
					`stat /var/lib/calico/nodename: no such file or directory`,
			}
			s := facts.NewSnapshot(noon, append(web, calico, event), nil)
			d := diagnosis.Diagnose(s, s.Subject("web", "production"))
			require.Equal(t, want, rulesOf(d), d.Text())
		})
	}
}
