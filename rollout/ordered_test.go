package rollout_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

// wentBack is the database after someone went back from a version that crashes: its last pod still runs that version.
func wentBack() *others {
	o := database(2)
	o.pods[0].Labels[revisionLabel], o.pods[1].Labels[revisionLabel] = "mongodb-new", "mongodb-new"
	o.pods[2].Labels[revisionLabel] = "mongodb-old"
	rollouttest.Crashing(o.pods[2], 4, rollouttest.Noon.Add(-time.Minute))
	o.stateful.Status.UpdatedReplicas, o.stateful.Status.ReadyReplicas, o.stateful.Status.AvailableReplicas = 2, 2, 2
	return o
}

func TestAnOrderedRolloutSaysForWhichPodItWaits(t *testing.T) {
	t.Parallel()
	p, f := wentBack().at(t, written(), 5*time.Second)
	require.Equal(t, rollout.Broken, p.Phase, "nothing would ever move")
	require.Equal(
		t, "Pod mongodb-2 crashes (CrashLoopBackOff), and mongodb replaces no pod while one isn't ready (podManagementPolicy OrderedReady). "+
			"Once mongodb-2 is deleted, it's created again from the new template.", p.Why.String(),
	)
	require.Equal(t, "mongodb-2", p.Blocked)
	p, _ = wentBack().at(t, f, 10*time.Second)
	require.Equal(t, rollout.Moving, p.Phase, "it's said once")
	p, _ = database(3).at(t, f, time.Minute)
	require.Equal(t, rollout.Complete, p.Phase, "someone deleted the pod")

	o := wentBack()
	o.stateful.Spec.PodManagementPolicy = appsv1.ParallelPodManagement
	p, _ = o.at(t, written(), 5*time.Second)
	require.Equal(t, rollout.Moving, p.Phase, "its controller replaces it")

	o = wentBack()
	rollouttest.Unready(o.pods[2])
	o.pods[2].Status.ContainerStatuses[0].LastTerminationState.Terminated = nil
	o.pods[2].Status.ContainerStatuses[0].State.Waiting = nil
	p, _ = o.at(t, written(), 5*time.Second)
	require.Equal(t, rollout.Moving, p.Phase, "one that may become ready isn't in the way yet")
}

func TestAStatusSaysForWhichPodItWaits(t *testing.T) {
	t.Parallel()
	o := wentBack()
	r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: o, Events: o}, o.object())
	require.NoError(t, err)
	said, trouble := r.Trouble(rollouttest.Noon)
	require.True(t, trouble)
	require.Contains(t, said.String(), "Once mongodb-2 is deleted")
	require.Len(t, r.Blocking(), 1)
}

// TestReadyIsntEnoughWithMinReadySeconds holds the end of a rollout against what the StatefulSet itself asks for.
func TestReadyIsntEnoughWithMinReadySeconds(t *testing.T) {
	t.Parallel()
	o := database(3)
	o.stateful.Spec.MinReadySeconds = 30
	o.stateful.Status.AvailableReplicas = 2
	p, f := o.at(t, written(), time.Minute)
	require.Equal(t, rollout.Moving, p.Phase)
	o.stateful.Status.AvailableReplicas = 3
	p, _ = o.at(t, f, 2*time.Minute)
	require.Equal(t, rollout.Complete, p.Phase)
}

// TestManyPodsOneAfterAnotherAreWaitedFor has a rollout take longer than a Deployment's would.
func TestManyPodsOneAfterAnotherAreWaitedFor(t *testing.T) {
	t.Parallel()
	o := database(1)
	o.stateful.Spec.Replicas = new(int32(20))
	p, f := o.at(t, written(), 10*time.Second)
	require.Equal(t, rollout.Moving, p.Phase)
	require.Equal(t, rollouttest.Noon.Add(time.Hour), f.Deadline, "three minutes for each")
	o.stateful.Spec.Replicas = new(int32(500))
	_, f = o.at(t, written(), 10*time.Second)
	require.Equal(t, rollouttest.Noon.Add(2*time.Hour), f.Deadline, "but not for ever")
}

// withRevisions is a DaemonSet whose revisions are kept.
type withRevisions struct {
	*others
	kept []appsv1.ControllerRevision
}

func (w *withRevisions) List(ctx context.Context, namespace, labels string, into runtime.Object) error {
	if l, ok := into.(*appsv1.ControllerRevisionList); ok {
		l.Items = w.kept
		return nil
	}
	return w.others.List(ctx, namespace, labels, into)
}

// TestPodsOfARevisionThatWasGoneBackToAreNewOnes has a DaemonSet go back while most of its pods still run what it goes back to: they have
// the generation of their own time, and its controller takes them for current by their hash.
func TestPodsOfARevisionThatWasGoneBackToAreNewOnes(t *testing.T) {
	t.Parallel()
	o := &others{daemon: daemonSet()}
	o.daemon.Annotations["deprecated.daemonset.template.generation"] = "3"
	for i := range 3 {
		p := o.add("agent-"+strconv.Itoa(i), strconv.Itoa(i), "pod-template-generation", "1", time.Hour)
		p.Labels[revisionLabel] = "aaa"
	}
	w := &withRevisions{others: o}
	for number, hash := range map[int64]string{3: "aaa", 2: "bbb"} {
		w.kept = append(w.kept, appsv1.ControllerRevision{ObjectMeta: metav1.ObjectMeta{
			Name: "agent-" + hash, Labels: map[string]string{revisionLabel: hash},
			OwnerReferences: []metav1.OwnerReference{{Kind: "DaemonSet", Name: "agent", UID: o.daemon.UID, Controller: new(true)}},
		}, Revision: number})
	}
	look := func() (fresh, old int) {
		r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: w, Events: w}, algesta.Object{
			Cluster: "aks", Group: "apps", Kind: "DaemonSet", Namespace: "production", Name: "agent",
		})
		require.NoError(t, err)
		return r.Ready()
	}
	fresh, old := look()
	require.Equal(t, []int{3, 0}, []int{fresh, old}, "none was made since, and the newest revision says it")

	o.pods[0].Labels["pod-template-generation"] = "3"
	w.kept = nil
	fresh, old = look()
	require.Equal(t, []int{3, 0}, []int{fresh, old}, "one was made since, and the others have its hash")
	o.pods[1].Labels[revisionLabel] = "bbb"
	fresh, old = look()
	require.Equal(t, []int{2, 1}, []int{fresh, old})
}
