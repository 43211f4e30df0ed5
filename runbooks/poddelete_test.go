package runbooks_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

const onePod = "api-gateway-production-76794f4cdb-f6plm"

var _ = isAbout("pod delete", otherThing{
	object: "pod/" + onePod, still: func(*testing.T) runbooks.Reader { return withPods(nil) },
	live: func(t *testing.T, w *brokenNamespace) {
		t.Helper()
		owner, err := w.Client.CoreV1().ConfigMaps(
			w.namespace,
		).Create(
			t.Context(),
			&corev1.ConfigMap{ObjectMeta: named("owner-of-a-pod")},
			metav1.CreateOptions{},
		)
		require.NoError(t, err)
		w.make(t, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: onePod, OwnerReferences: []metav1.OwnerReference{
				{APIVersion: "v1", Kind: "ConfigMap", Name: owner.Name, UID: owner.UID, Controller: new(true)},
			}},
			Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "a", Image: registry + "12344"}}},
		})
	},
})

// withPods are two ready pods of one ReplicaSet; change changes the first.
func withPods(change func(*corev1.Pod)) listed {
	of := func(name string, uid types.UID) corev1.Pod {
		p := *rollouttest.Pod(3, name, 3*time.Hour)
		p.TypeMeta = metav1.TypeMeta{APIVersion: "v1", Kind: "Pod"}
		p.Name, p.Namespace, p.UID = name, "production", uid
		p.OwnerReferences = []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "api-gateway-production-76794f4cdb", UID: "rs-1", Controller: new(true)},
		}
		return p
	}
	first, second := of(onePod, "u-1"), of("api-gateway-production-76794f4cdb-x2x9z", "u-2")
	if change != nil {
		change(&first)
	}
	return listed{lists: map[string][]any{"PodList": {first, second}}}
}

func planDelete(t *testing.T, s listed, args algesta.Args) (algesta.Plan, error) {
	t.Helper()
	book, ok := runbooks.Find("pod delete")
	require.True(t, ok)
	in := regarding("pod delete", "pod/"+onePod)
	in.Command.Args = args
	return book.Plan(t.Context(), whole(s), in)
}

func TestAPodIsEvictedAndNeverJustDeleted(t *testing.T) {
	t.Parallel()
	p, err := planDelete(t, withPods(nil), nil)
	require.NoError(t, err)
	require.Empty(t, p.Warnings)
	require.Equal(t, "create pods/eviction", p.Changes[0].Right())
	require.Equal(t, "u-1", p.Changes[0].UID)
	require.Equal(t, algesta.Deployment(p.Of.Cluster, "production", "api-gateway-production"), p.Of.Workload())
	require.NoError(t, p.Changes[0].Validate())
	require.Nil(t, p.Undo)

	alone := withPods(nil)
	alone.lists["PodList"] = alone.lists["PodList"][:1]
	p, err = planDelete(t, alone, nil)
	require.NoError(t, err)
	require.Equal(t, []string{"It's the only pod of its kind that is ready: users see an outage until the new one is."}, words(p.Warnings))

	p, err = planDelete(t, withPods(func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: noon} }), nil)
	require.NoError(t, err)
	require.Equal(t, onePod+" in production is stopping already.", p.Nothing.String())
}

func TestAPodThatNothingReplacesIsOnlyTakenAwayIfThatIsMeant(t *testing.T) {
	t.Parallel()
	bare := func(p *corev1.Pod) { p.OwnerReferences = nil }
	_, err := planDelete(t, withPods(bare), nil)
	known := (*algesta.Error)(nil)
	require.ErrorAs(t, err, &known)
	require.Equal(t, "Nothing owns the pod "+onePod+", so nothing would make it again.", known.Message.String())
	require.Equal(t, "If it's to go for good, say so: /algesta pod delete "+onePod+" production --for-good", known.Hint.String())
	p, err := planDelete(t, withPods(bare), algesta.Args{"for-good": true})
	require.NoError(t, err)
	require.Equal(t, []string{"Nothing owns it, so nothing makes it again."}, words(p.Warnings))

	_, err = planDelete(t, withPods(func(p *corev1.Pod) {
		p.Annotations = map[string]string{"kubernetes.io/config.mirror": "x"}
	}), algesta.Args{"for-good": true})
	require.ErrorContains(t, err, "is made from a file on its node")
	_, err = planDelete(t, listed{lists: map[string][]any{}}, nil)
	require.ErrorContains(t, err, "It may have been replaced already.")
}

func TestAPodThatCrashesIsNotRepairedByTakingItAway(t *testing.T) {
	t.Parallel()
	p, err := planDelete(t, withPods(func(p *corev1.Pod) {
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "api-gateway", RestartCount: 4, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		}}
	}), nil)
	require.NoError(t, err)
	require.Contains(
		t,
		words(p.Warnings)[0],
		"what is wrong with this one (CrashLoopBackOff) is likely to be wrong with that one. /algesta diagnose pod/"+onePod,
	)
}

// The template of a StatefulSet may be another than that of the pod, which is the way out of a failed rollout: nobody is told that it stays
// the same.
func TestAPodOfAnOlderTemplateMayBeRepairedByTakingItAway(t *testing.T) {
	t.Parallel()
	p, err := planDelete(t, withPods(func(p *corev1.Pod) {
		p.OwnerReferences[0].Kind, p.OwnerReferences[0].Name = "StatefulSet", "loki"
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "api-gateway", RestartCount: 4, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
		}}
	}), nil)
	require.NoError(t, err)
	require.NotContains(t, words(p.Warnings)[0], "the same version")
	require.Contains(
		t, words(p.Warnings)[0],
		"The pod that replaces it runs what StatefulSet loki wants now. If that's the version of this one: what is wrong with this one",
	)
}

// TestAPodIsReplacedAndItsBudgetIsRespected takes pods away from a real control plane.
func TestAPodIsReplacedAndItsBudgetIsRespected(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.target = algesta.Target{Environment: "production", Cluster: "sandbox", Namespace: p.target.Namespace}
	pods := p.Client.CoreV1().Pods(p.target.Namespace)
	list, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "app=api-gateway"})
	require.NoError(t, err)
	p.target.Object = "pod/" + list.Items[0].Name
	book, _ := runbooks.Find("pod delete")

	budget := &policyv1.PodDisruptionBudget{
		ObjectMeta: metav1.ObjectMeta{Name: "api-gateway"},
		Spec: policyv1.PodDisruptionBudgetSpec{
			MinAvailable: new(intstr.FromInt32(2)), Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "api-gateway"}},
		},
	}
	budgets := p.Client.PolicyV1().PodDisruptionBudgets(p.target.Namespace)
	_, err = budgets.Create(t.Context(), budget, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		b, err := budgets.Get(t.Context(), "api-gateway", metav1.GetOptions{})
		return err == nil && b.Status.ObservedGeneration == b.Generation && b.Status.CurrentHealthy == 2
	}, time.Minute, 50*time.Millisecond)
	plan := p.plan(t, "pod delete", nil)
	writer := p.bot.Writer(book.Writes)
	_, err = writer.Check(t.Context(), plan.Changes[0])
	require.ErrorIs(t, err, algesta.ErrInvalid)
	require.ErrorContains(t, err, "The PodDisruptionBudget of "+list.Items[0].Name+" allows no pod to be missing now")
	intended := false
	_, err = writer.Apply(t.Context(), plan.Changes[0], "op-c-1", func(context.Context, algesta.Intent) error { intended = true; return nil })
	require.ErrorIs(t, err, algesta.ErrInvalid, "it's asked once more when it's done")
	require.True(t, intended)
	_, err = pods.Get(t.Context(), list.Items[0].Name, metav1.GetOptions{})
	require.NoError(t, err)

	budget.Spec.MinAvailable = new(intstr.FromInt32(1)) // two that would each allow it
	for _, name := range []string{"one", "other"} {
		budget.Name = name
		_, err = budgets.Create(t.Context(), budget, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	require.NoError(t, budgets.Delete(t.Context(), "api-gateway", metav1.DeleteOptions{}))
	require.Eventually(t, func() bool {
		_, err = writer.Check(t.Context(), plan.Changes[0])
		return errors.Is(err, algesta.ErrInvalid) && strings.Contains(err.Error(), "More than one PodDisruptionBudget selects")
	}, time.Minute, 50*time.Millisecond)
	_, err = writer.Apply(t.Context(), plan.Changes[0], "op-c-1", func(context.Context, algesta.Intent) error { return nil })
	require.ErrorIs(t, err, algesta.ErrInvalid, "nothing was evicted, and nobody has to look")
	for _, name := range []string{"one", "other"} {
		require.NoError(t, budgets.Delete(t.Context(), name, metav1.DeleteOptions{}))
	}
	require.Eventually(
		t,
		func() bool { _, err = writer.Check(t.Context(), plan.Changes[0]); return err == nil },
		time.Minute,
		50*time.Millisecond,
	)
	still, err := pods.Get(t.Context(), list.Items[0].Name, metav1.GetOptions{})
	require.NoError(t, err)
	require.Nil(t, still.DeletionTimestamp, "a dry run takes nothing away")

	end := p.carryOut(t, book, plan)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Regexp(t, `^api-gateway-production-\S+ is ready in its place\.$`, end.Result.String())
	_, err = pods.Get(t.Context(), list.Items[0].Name, metav1.GetOptions{})
	require.Error(t, err)
	after, err := pods.List(t.Context(), metav1.ListOptions{LabelSelector: "app=api-gateway"})
	require.NoError(t, err)
	require.Len(t, after.Items, 2)

	// Who was killed meanwhile finds that it happened; and the same plan is not carried out on another pod.
	verified, err := p.bot.Writer(
		nil,
	).Verify(
		t.Context(),
		plan.Redacted().Changes[0],
		algesta.Execution{Operation: "op-c-1", UID: plan.Changes[0].UID, StartedAt: time.Now()},
	)
	require.NoError(t, err)
	require.True(t, verified.Yes)
	other := plan.Changes[0]
	other.Object.Name = list.Items[1].Name
	_, err = writer.Apply(t.Context(), other, "op-c-2", func(context.Context, algesta.Intent) error { return nil })
	require.ErrorIs(t, err, algesta.ErrConflict)
}
