package runbooks_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// watch looks until the rollout has ended or seen says that it has seen enough.
func (p *place) watch(t *testing.T, f rollout.Follow, seen func(rollout.Progress) bool) rollout.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := rollout.Look(ctx, whole(p.bot).Rollout(), p.target.Workload())
		require.NoError(t, err)
		var progress rollout.Progress
		progress, f = rollout.Judge(r, f, time.Now())
		if seen(progress) || progress.Phase != rollout.Moving && progress.Phase != rollout.Complete {
			return progress
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "the rollout did not end", "%s; %v", progress.Line, progress.Pods)
		case <-tick.C:
		}
	}
}

// quota makes a quota for so many pods of the gateway, and waits until it counts them.
func (p *place) quota(t *testing.T, cpu string) {
	t.Helper()
	quotas := p.Client.CoreV1().ResourceQuotas(p.target.Namespace)
	_, err := quotas.Create(t.Context(), &corev1.ResourceQuota{
		ObjectMeta: metav1.ObjectMeta{Name: "production-quota"},
		Spec:       corev1.ResourceQuotaSpec{Hard: corev1.ResourceList{"requests.cpu": resource.MustParse(cpu)}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	require.Eventually(t, func() bool {
		q, err := quotas.Get(t.Context(), "production-quota", metav1.GetOptions{})
		return err == nil && len(q.Status.Used) > 0
	}, time.Minute, 50*time.Millisecond)
}

// The quota has room for two pods, and each takes six seconds to stop: the new ones are refused until then, and their
// ReplicaSet says so for longer.
func TestAHealthyRolloutWithATightQuotaComesUp(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.kubectl(
		t,
		"patch",
		"deployment",
		p.target.Name,
		"--type=merge",
		"-p",
		`{"spec":{"strategy":{"rollingUpdate":{"maxSurge":0,"maxUnavailable":1}},`+
			`"template":{"metadata":{"annotations":{"sandbox.algesta.io/stops-after":"6s"}}}}}`,
	)
	p.until(t, "the pods are those that stop slowly", func(d *appsv1.Deployment) bool {
		return d.Status.ObservedGeneration == d.Generation && d.Status.UpdatedReplicas == 2 && d.Status.AvailableReplicas == 2 &&
			d.Status.Replicas == 2
	})
	require.Eventually(t, func() bool { // those that stopped quickly are gone
		pods, err := p.Client.CoreV1().Pods(p.target.Namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil && len(pods.Items) == 2
	}, time.Minute, 50*time.Millisecond)
	p.quota(t, "200m")

	refused := false
	end := p.watch(t, p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12345"})), func(progress rollout.Progress) bool {
		for _, line := range words(progress.Pods) {
			refused = refused ||
				line == "ResourceQuota production-quota has no room for another pod of api-gateway-production until pods that are stopping are gone."
		}
		return false
	})
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.True(t, refused, "the quota was in the way")
	t.Logf("came up after %s", end.Took)
}

func TestRestartsWithoutABackOffAreSeen(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"12399-restarts": `^(The program in container api-gateway ends with exit code 1, so pod api-gateway-production-\S+ of revision 2 ` +
			`keeps crashing ` +
			`\(|Pod api-gateway-production-\S+ of revision 2 keeps restarting \(exit 1, )\d restarts\)\.$`,
		"12399-liveness-clean": `^(The command of container api-gateway ends with exit code 0, so pod api-gateway-production-\S+ of ` +
			`revision 2 keeps ` +
			`crashing \(|Pod api-gateway-production-\S+ of revision 2 keeps restarting \(exit 0, )\d restarts\)\.$`,
	}
	for version, why := range tests {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			p := running(t)
			var second time.Time
			end := p.watch(t, p.apply(t, p.plan(t, "deploy", algesta.Args{"image": version})), func(rollout.Progress) bool {
				if second.IsZero() && p.restarts(t) >= 2 {
					second = time.Now()
				}
				return false
			})
			require.Equal(t, rollout.Broken, end.Phase)
			require.Regexp(t, why, end.Why.String())
			require.False(t, second.IsZero())
			require.Less(t, time.Since(second), 30*time.Second)
			t.Logf("%s after the second restart", time.Since(second))
		})
	}
}

// restarts are the most of any pod.
func (p *place) restarts(t *testing.T) int32 {
	t.Helper()
	pods, err := p.Client.CoreV1().Pods(p.target.Namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var most int32
	for _, pod := range pods.Items {
		for _, c := range pod.Status.ContainerStatuses {
			most = max(most, c.RestartCount)
		}
	}
	return most
}

func TestACrashAfterAllPodsWereThereIsSaidAtOnce(t *testing.T) {
	t.Parallel()
	p := running(t)
	f := p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12399-restarts-later"}))
	f.Soak = time.Minute
	up, alerted := false, false
	end := p.watch(t, f, func(progress rollout.Progress) bool {
		require.False(t, up && progress.Phase == rollout.Moving, "it does not begin again")
		require.False(t, alerted && progress.Phase == rollout.Complete && len(progress.Alert) == 0, "what was said stays")
		up = up || progress.Phase == rollout.Complete
		alerted = alerted || len(progress.Alert) > 0
		return false
	})
	require.True(t, alerted)
	require.Equal(t, rollout.Broken, end.Phase)
	require.True(t, end.CameUp)
}

func TestANodeThatDiesDuringARolloutIsNamed(t *testing.T) {
	t.Parallel()
	p := running(t)
	nodes, name := p.Client.CoreV1().Nodes(), "zz-"+p.target.Namespace
	like, err := nodes.List(t.Context(), metav1.ListOptions{LabelSelector: "agentpool=stdaruser", Limit: 1})
	require.NoError(t, err)
	n := &like.Items[0]
	n.ObjectMeta = metav1.ObjectMeta{Name: name, Labels: map[string]string{corev1.LabelHostname: name, "agentpool": name}}
	n.Spec = corev1.NodeSpec{Taints: []corev1.Taint{{Key: name, Effect: corev1.TaintEffectNoSchedule}}}
	_, err = nodes.Create(t.Context(), n, metav1.CreateOptions{})
	require.NoError(t, err)
	t.Cleanup(func() { _ = nodes.Delete(context.WithoutCancel(t.Context()), name, metav1.DeleteOptions{}) })
	p.kubectl(t, "patch", "deployment", p.target.Name, "--type=merge", "-p", fmt.Sprintf(
		`{"spec":{"template":{"metadata":{"annotations":{"sandbox.algesta.io/ready-after":"5m"}},"spec":{"nodeSelector":{"agentpool":%[1]q},`+
			`"tolerations":[{"key":%[1]q}]}}}}`,
		name,
	))
	f := rollout.Follow{Generation: p.deployment(t).Generation, StartedAt: time.Now(), Soak: time.Second}
	p.watch(t, f, func(rollout.Progress) bool {
		pods, err := p.Client.CoreV1().Pods(p.target.Namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "spec.nodeName=" + name})
		require.NoError(t, err)
		return len(pods.Items) > 0 && len(pods.Items[0].Status.ContainerStatuses) > 0 &&
			pods.Items[0].Status.ContainerStatuses[0].State.Running != nil
	})
	// Marked as lost first: what is not so is made ready again at once.
	_, err = nodes.Patch(
		t.Context(),
		name,
		types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"sandbox.algesta.io/node":"lost"}}}`),
		metav1.PatchOptions{},
	)
	require.NoError(t, err)
	unknown := fmt.Sprintf(
		`{"status":{"conditions":[{"type":"Ready","status":"Unknown","reason":"NodeStatusUnknown","lastTransitionTime":%q}]}}`,
		time.Now().UTC().Format(time.RFC3339),
	)
	_, err = nodes.Patch(t.Context(), name, types.StrategicMergePatchType, []byte(unknown), metav1.PatchOptions{}, "status")
	require.NoError(t, err)
	died := time.Now()
	said := p.watch(t, f, func(progress rollout.Progress) bool { return len(progress.Alert) > 0 })
	require.Regexp(t, `^Node `+name+` hasn't answered for \d+ s, and 1 pod is on it\.$`, said.Alert.String())
	require.Less(t, time.Since(died), 30*time.Second)
}
