package rollout_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

// TestDoneByTheRulesOfKubectl compares the three kinds with kubectl's rollout_status.go.
func TestDoneByTheRulesOfKubectl(t *testing.T) {
	t.Parallel()
	deployment := func(change func(*appsv1.Deployment)) func(*testing.T) rollout.Controller {
		return func(*testing.T) rollout.Controller {
			d := rollouttest.Deployment()
			change(d)
			return rollout.OfDeployment(d, nil)
		}
	}
	stateful := func(change func(*appsv1.StatefulSet)) func(*testing.T) rollout.Controller {
		return func(t *testing.T) rollout.Controller {
			t.Helper()
			s := statefulSet()
			change(s)
			c, err := rollout.OfStatefulSet(s)
			require.NoError(t, err)
			return c
		}
	}
	daemon := func(change func(*appsv1.DaemonSet)) func(*testing.T) rollout.Controller {
		return func(t *testing.T) rollout.Controller {
			t.Helper()
			s := daemonSet()
			change(s)
			c, err := rollout.OfDaemonSet(s)
			require.NoError(t, err)
			return c
		}
	}
	tests := map[string]struct {
		of   func(*testing.T) rollout.Controller
		done bool
	}{
		"deployment: all new and available":            {deployment(func(*appsv1.Deployment) {}), true},
		"deployment: not observed":                     {deployment(func(d *appsv1.Deployment) { d.Generation++ }), false},
		"deployment: not all new":                      {deployment(func(d *appsv1.Deployment) { d.Status.UpdatedReplicas = 3 }), false},
		"deployment: an old one is left":               {deployment(func(d *appsv1.Deployment) { d.Status.Replicas = 5 }), false},
		"deployment: one is not available":             {deployment(func(d *appsv1.Deployment) { d.Status.AvailableReplicas = 3 }), false},
		"StatefulSet: all new and ready":               {stateful(func(*appsv1.StatefulSet) {}), true},
		"StatefulSet: not observed":                    {stateful(func(s *appsv1.StatefulSet) { s.Generation++ }), false},
		"StatefulSet: never observed":                  {stateful(func(s *appsv1.StatefulSet) { s.Status.ObservedGeneration = 0 }), false},
		"StatefulSet: one is not ready":                {stateful(func(s *appsv1.StatefulSet) { s.Status.ReadyReplicas = 2 }), false},
		"StatefulSet: one is not available, but ready": {stateful(func(s *appsv1.StatefulSet) { s.Status.AvailableReplicas = 2 }), true},
		"StatefulSet: one is old":                      {stateful(func(s *appsv1.StatefulSet) { s.Status.UpdatedReplicas = 2 }), false},
		"StatefulSet: one is old, as the partition says": {
			stateful(func(s *appsv1.StatefulSet) { s.Status.UpdatedReplicas = 2; partition(s, 1) }),
			true,
		},
		"StatefulSet: one too many is old": {
			stateful(func(s *appsv1.StatefulSet) { s.Status.UpdatedReplicas = 1; partition(s, 1) }),
			false,
		},
		"StatefulSet: a partition above all pods": {
			stateful(func(s *appsv1.StatefulSet) { s.Status.UpdatedReplicas = 0; partition(s, 9) }),
			true,
		},
		"StatefulSet: OnDelete renews none": {stateful(func(s *appsv1.StatefulSet) {
			s.Status.UpdatedReplicas = 0
			s.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
		}), true},
		"StatefulSet: one is left of a scaling": {stateful(func(s *appsv1.StatefulSet) { s.Status.Replicas = 4 }), false},
		"DaemonSet: all new and available":      {daemon(func(*appsv1.DaemonSet) {}), true},
		"DaemonSet: not observed":               {daemon(func(s *appsv1.DaemonSet) { s.Generation++ }), false},
		"DaemonSet: one is old":                 {daemon(func(s *appsv1.DaemonSet) { s.Status.UpdatedNumberScheduled = 2 }), false},
		"DaemonSet: one is not available":       {daemon(func(s *appsv1.DaemonSet) { s.Status.NumberAvailable = 2 }), false},
		"DaemonSet: maxUnavailable lets none be missing at the end": {daemon(func(s *appsv1.DaemonSet) {
			s.Spec.UpdateStrategy.RollingUpdate = &appsv1.RollingUpdateDaemonSet{MaxUnavailable: new(intstr.FromString("50%"))}
			s.Status.NumberAvailable = 2
		}), false},
		"DaemonSet: OnDelete renews none": {daemon(func(s *appsv1.DaemonSet) {
			s.Status.UpdatedNumberScheduled = 0
			s.Spec.UpdateStrategy.Type = appsv1.OnDeleteDaemonSetStrategyType
		}), true},
		"DaemonSet: no node fits": {daemon(func(s *appsv1.DaemonSet) { s.Status = appsv1.DaemonSetStatus{ObservedGeneration: 2} }), true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tt.done, tt.of(t).Done())
		})
	}
}

// statefulSet is a database of three pods, all of its newest revision and ready.
func statefulSet() *appsv1.StatefulSet {
	return &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "mongodb", Namespace: "production", UID: "s-1", Generation: 2},
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(
				int32(3),
			),
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "mongodb"}},
			Template: rollouttest.Template("12345", nil),
			UpdateStrategy: appsv1.StatefulSetUpdateStrategy{
				Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(0))},
			},
		},
		Status: appsv1.StatefulSetStatus{
			ObservedGeneration: 2, Replicas: 3, UpdatedReplicas: 3, ReadyReplicas: 3, AvailableReplicas: 3, CurrentReplicas: 3,
			UpdateRevision: "mongodb-new", CurrentRevision: "mongodb-new",
		},
	}
}

func partition(s *appsv1.StatefulSet, at int32) {
	s.Spec.UpdateStrategy.RollingUpdate.Partition = &at
}

// daemonSet is an agent on three nodes.
func daemonSet() *appsv1.DaemonSet {
	return &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{
			Name:        "agent",
			Namespace:   "production",
			UID:         "a-1",
			Generation:  2,
			Annotations: map[string]string{"deprecated.daemonset.template.generation": "2"},
		},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "agent"}}, Template: rollouttest.Template("12345", nil),
			UpdateStrategy: appsv1.DaemonSetUpdateStrategy{Type: appsv1.RollingUpdateDaemonSetStrategyType},
		},
		Status: appsv1.DaemonSetStatus{
			ObservedGeneration:     2,
			DesiredNumberScheduled: 3,
			CurrentNumberScheduled: 3,
			UpdatedNumberScheduled: 3,
			NumberAvailable:        3,
			NumberReady:            3,
		},
	}
}

// others is a cluster with a StatefulSet or a DaemonSet that stands still.
type others struct {
	still
	stateful *appsv1.StatefulSet
	daemon   *appsv1.DaemonSet
	refused  []corev1.Event
}

func (o *others) List(ctx context.Context, namespace, labels string, into runtime.Object) error {
	switch l := into.(type) {
	case *appsv1.StatefulSetList:
		if o.stateful != nil {
			l.Items = []appsv1.StatefulSet{*o.stateful}
		}
		return nil
	case *appsv1.DaemonSetList:
		if o.daemon != nil {
			l.Items = []appsv1.DaemonSet{*o.daemon}
		}
		return nil
	case *corev1.PodList:
		for _, p := range o.pods {
			l.Items = append(l.Items, *p)
		}
		return nil
	}
	return o.still.List(ctx, namespace, labels, into)
}

func (o *others) EventsOf(_ context.Context, _, reason string) ([]corev1.Event, error) {
	var out []corev1.Event
	for _, e := range o.refused {
		if e.Reason == reason {
			out = append(out, e)
		}
	}
	return out, nil
}

// add adds a ready pod with this label; uid distinguishes it from the one of the same name that it replaced.
func (o *others) add(name, uid, label, value string, age time.Duration) *corev1.Pod {
	owner := types.UID("s-1")
	if o.daemon != nil {
		owner = o.daemon.UID
	}
	p := rollouttest.Pod(0, name, age)
	p.Name, p.UID, p.Labels = name, types.UID(uid), map[string]string{label: value}
	p.OwnerReferences = []metav1.OwnerReference{{UID: owner, Controller: new(true)}}
	o.pods = append(o.pods, p)
	return p
}

const revisionLabel = "controller-revision-hash"

// database has three pods, of which so many, counted from the last, are of the new revision.
func database(fresh int) *others {
	o := &others{stateful: statefulSet()}
	for i := range 3 {
		revision := "mongodb-old"
		if i >= 3-fresh {
			revision = "mongodb-new"
		}
		o.add("mongodb-"+strconv.Itoa(i), revision+strconv.Itoa(i), revisionLabel, revision, time.Hour)
	}
	o.stateful.Status.UpdatedReplicas = int32(fresh)
	if fresh < 3 {
		o.stateful.Status.CurrentRevision = "mongodb-old"
	}
	return o
}

func (o *others) object() algesta.Object {
	out := algesta.Object{Cluster: "aks", Group: "apps", Kind: "StatefulSet", Namespace: "production", Name: "mongodb"}
	if o.daemon != nil {
		out.Kind, out.Name = "DaemonSet", "agent"
	}
	return out
}

// at judges at a time after noon.
func (o *others) at(t *testing.T, f rollout.Follow, after time.Duration) (rollout.Progress, rollout.Follow) {
	t.Helper()
	r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: o, Events: o}, o.object())
	require.NoError(t, err)
	return rollout.Judge(r, f, rollouttest.Noon.Add(after))
}

// written is a follower that begins at noon.
func written() rollout.Follow {
	return rollout.Follow{Generation: 2, StartedAt: rollouttest.Noon, Soak: time.Minute}
}

func TestAStatefulSetIsFollowedPodByPod(t *testing.T) {
	t.Parallel()
	o := database(3)
	o.stateful.Generation, o.stateful.Status.ObservedGeneration = 2, 1
	o.stateful.Status.UpdateRevision = "mongodb-old"
	for _, p := range o.pods {
		p.Labels[revisionLabel] = "mongodb-old"
	}
	p, f := o.at(t, written(), 0)
	require.Equal(t, rollout.Moving, p.Phase)
	require.Equal(
		t,
		"0 of 3 ready · 3 old pods serving · none unavailable · 0 s",
		p.Line.String(),
		"no pod is new before the controller saw the change",
	)

	p, f = database(1).at(t, f, 20*time.Second)
	require.Equal(t, rollout.Moving, p.Phase)
	require.Equal(t, "1 of 3 ready · 2 old pods serving · none unavailable · 20 s", p.Line.String())
	p, f = database(2).at(t, f, 4*time.Minute)
	require.Equal(t, rollout.Moving, p.Phase, "each new pod is progress")
	p, f = database(3).at(t, f, 5*time.Minute)
	require.Equal(t, rollout.Complete, p.Phase)
	p, _ = database(3).at(t, f, 6*time.Minute)
	require.Equal(t, rollout.Settled, p.Phase)
	require.Equal(t, 3, p.Of)
}

// TestAPodOfTheSameNameIsAnotherPod has the pod that replaced one with many restarts crash: they aren't its own.
func TestAPodOfTheSameNameIsAnotherPod(t *testing.T) {
	t.Parallel()
	before := database(3)
	for _, p := range before.pods {
		p.Status.ContainerStatuses[0].RestartCount = 7
	}
	p, f := before.at(t, written(), 0)
	require.Equal(t, rollout.Complete, p.Phase)
	after := database(3)
	after.pods = after.pods[:2]
	rollouttest.Restarting(
		after.add("mongodb-2", "another", revisionLabel, "mongodb-new", -time.Second),
		2,
		1,
		rollouttest.Noon.Add(9*time.Second),
	)
	after.stateful.Status.ReadyReplicas = 2
	p, _ = after.at(t, f, 10*time.Second)
	require.Equal(t, rollout.Broken, p.Phase)
	require.Equal(t, "Pod mongodb-2 of mongodb keeps restarting (exit 1, 2 restarts).", p.Why.String())
}

func TestAPartitionKeepsOldPods(t *testing.T) {
	t.Parallel()
	o := database(1)
	partition(o.stateful, 2)
	p, f := o.at(t, written(), 10*time.Second)
	require.Equal(t, rollout.Complete, p.Phase)
	require.Equal(t, 3, p.Ready, "the two old ones are meant to stay")
	p, _ = o.at(t, f, 80*time.Second)
	require.Equal(t, rollout.Settled, p.Phase)
	require.Empty(t, p.Alert)
}

func TestOnDeleteIsSaid(t *testing.T) {
	t.Parallel()
	o := database(0)
	o.stateful.Spec.UpdateStrategy.Type = appsv1.OnDeleteStatefulSetStrategyType
	p, f := o.at(t, written(), 10*time.Second)
	require.Equal(t, rollout.Complete, p.Phase)
	p, _ = o.at(t, f, 80*time.Second)
	require.Equal(t, rollout.Settled, p.Phase)
	require.Equal(
		t,
		"The strategy of mongodb is OnDelete: 3 of 3 pods still run what they ran before, until someone deletes them.",
		p.Alert.String(),
	)
}

// TestARefusalOfAStatefulSetIsAnEvent has a quota refuse the pod that was deleted to be renewed.
func TestARefusalOfAStatefulSetIsAnEvent(t *testing.T) {
	t.Parallel()
	o := database(0)
	o.pods = o.pods[:2]
	o.stateful.Status.Replicas, o.stateful.Status.ReadyReplicas = 2, 2
	at := func(message string, ago time.Duration) corev1.Event {
		return corev1.Event{
			InvolvedObject: corev1.ObjectReference{
				UID: "s-1",
			},
			Reason:        "FailedCreate",
			Message:       message,
			LastTimestamp: metav1.NewTime(rollouttest.Noon.Add(-ago)),
		}
	}
	o.refused = []corev1.Event{at("an older refusal", time.Hour), at(rollouttest.OverQuota, time.Second)}
	o.quota("4")
	_, f := o.at(t, written(), time.Second)
	p, _ := o.at(t, f, 32*time.Second)
	require.Equal(t, rollout.Broken, p.Phase)
	require.Equal(
		t,
		"ResourceQuota production-quota is used up (requested: requests.cpu=250m, used: requests.cpu=4, limited: "+
			"requests.cpu=4), so no further pod of mongodb can be created.",
		p.Why.String(),
	)
}

func TestADaemonSetIsFollowedNodeByNode(t *testing.T) {
	t.Parallel()
	agents := func(fresh int) *others {
		o := &others{daemon: daemonSet()}
		for i := range 3 {
			generation := "1"
			if i < fresh {
				generation = "2"
			}
			o.add("agent-"+strconv.Itoa(i), "agent-"+generation+strconv.Itoa(i), "pod-template-generation", generation, time.Hour)
		}
		o.daemon.Status.UpdatedNumberScheduled = int32(fresh)
		return o
	}
	p, f := agents(1).at(t, written(), 10*time.Second)
	require.Equal(t, rollout.Moving, p.Phase)
	require.Equal(t, "1 of 3 ready · 2 old pods serving · none unavailable · 10 s", p.Line.String())
	p, f = agents(3).at(t, f, 30*time.Second)
	require.Equal(t, rollout.Complete, p.Phase)
	p, _ = agents(3).at(t, f, 90*time.Second)
	require.Equal(t, rollout.Settled, p.Phase)
}

func TestWhatIsNotThereAnyMoreIsGone(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]*others{"a StatefulSet": {}, "a DaemonSet": {daemon: daemonSet()}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			object := o.object()
			o := &others{}
			r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: o, Events: o}, object)
			require.NoError(t, err)
			p, _ := rollout.Judge(r, written(), rollouttest.Noon)
			require.Equal(t, rollout.Gone, p.Phase)
		})
	}
}
