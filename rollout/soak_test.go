package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

func TestACrashDuringTheSoakIsSaidOnceAndForGood(t *testing.T) {
	t.Parallel()
	p, f := looks(t, following(41*time.Second), gateway(), 0)
	require.Equal(t, rollout.Complete, p.Phase)
	require.Empty(t, p.Alert)

	crashed := gateway()
	rollouttest.Ended(crashed.pods[0], 1, 1)
	crashed.pods[0].Status.ContainerStatuses[0].State.Terminated.FinishedAt = metav1.NewTime(rollouttest.Noon.Add(12 * time.Second))
	p, f = looks(t, f, half(crashed), 12*time.Second)
	require.Equal(t, rollout.Complete, p.Phase, "it was there: it does not begin again")
	require.Equal(t, "Pod …-aaaaa was restarted 12 s after all pods were ready (exit 1).", p.Alert.String())

	again := gateway()
	rollouttest.Restarting(again.pods[0], 1, 1, rollouttest.Noon.Add(12*time.Second))
	again.pods[0].Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
	p, f = looks(t, f, again, 20*time.Second, 70*time.Second)
	require.Equal(t, rollout.Complete, p.Phase, "the soak begins again")
	require.Equal(t, "Pod …-aaaaa was restarted 12 s after all pods were ready (exit 1).", p.Alert.String())

	p, _ = looks(t, f, again, 81*time.Second)
	require.Equal(t, rollout.Settled, p.Phase)
	require.Equal(t, "1 restart in the 81 s since (before: 6 in 10 min, 2 of 4 ready, CrashLoopBackOff)", p.Compare.String())

	rollouttest.Restarting(again.pods[0], 2, 1, rollouttest.Noon.Add(30*time.Second))
	p, _ = looks(t, f, half(again), 31*time.Second)
	require.Equal(t, rollout.Broken, p.Phase, "twice is no accident")
	require.True(t, p.CameUp)
	require.Equal(t, "Pod api-gateway-production-hash3-aaaaa of revision 3 keeps restarting (exit 1, 2 restarts).", p.Why.String())
}

func TestARolloutThatWasThereAndDoesNotComeBackRunsOutOfTime(t *testing.T) {
	t.Parallel()
	_, f := looks(t, following(41*time.Second), gateway(), 0)
	s := gateway()
	s.pods = s.pods[1:]
	p, f := looks(t, f, half(s), 10*time.Second)
	require.Equal(t, "3 of 4 pods ready, 10 s after all pods were.", p.Alert.String())
	f.ChangedAt = rollouttest.Noon.Add(10 * time.Minute)
	p, _ = looks(t, f, s, 11*time.Minute)
	require.Equal(t, rollout.OutOfTime, p.Phase, p.Why.String())
	require.Equal(t, "3 of 4 pods of api-gateway-production ready after 11 min.", p.Why.String())
}

func TestMorePodsAfterTheRolloutAreNoCrash(t *testing.T) {
	t.Parallel()
	_, f := looks(t, following(41*time.Second), gateway(), 0)
	s := gateway()
	s.deployment.Spec.Replicas = new(int32(6))
	rollouttest.Waiting(s.pod(3, "eeeee", -5*time.Second), "ContainerCreating", "")
	p, _ := looks(t, f, s, 10*time.Second)
	require.Equal(t, rollout.Complete, p.Phase)
	require.Empty(t, p.Alert)
}

func TestTheLossOfEveryPodIsSaid(t *testing.T) {
	t.Parallel()
	s := rolling()
	rollouttest.Unready(s.pod(3, "aaaaa", time.Second))
	p, f := looks(t, following(10*time.Second), s, 0)
	require.Empty(t, p.Alert)
	for _, pod := range s.pods {
		rollouttest.Unready(pod)
	}
	p, _ = looks(t, f, s, time.Second)
	require.Equal(t, rollout.Moving, p.Phase)
	require.Equal(t, "No pod of api-gateway-production serves users.", p.Alert.String())
}

func TestANodeThatDoesNotAnswerIsNamed(t *testing.T) {
	t.Parallel()
	s := rolling()
	rollouttest.Unready(s.pod(3, "aaaaa", time.Minute))
	s.dead("aks-stdarproduction-0", rollouttest.Noon.Add(-40*time.Second))
	p, _ := looks(t, following(50*time.Second), s, 0)
	require.Equal(t, "Node aks-stdarproduction-0 hasn't answered for 40 s, and 1 pod is on it.", p.Alert.String())
	require.Contains(t, lines(p.Pods), "…-aaaaa running, not ready, on a node that doesn't answer")
}

func TestAVerdictIsGivenOnceAndWhatFollowsIsSeen(t *testing.T) {
	t.Parallel()
	s := rolling()
	rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Second), 2, rollouttest.Noon)
	p, f := looks(t, following(5*time.Second), s, 0)
	require.Equal(t, rollout.Broken, p.Phase)
	require.False(t, p.CameUp)
	p, f = looks(t, f, s, time.Second)
	require.Equal(t, rollout.Moving, p.Phase)

	p, _ = looks(t, f, gateway(), 10*time.Second, 70*time.Second)
	require.Equal(t, rollout.Settled, p.Phase, "it came up after all")
	require.Equal(t, 15*time.Second, p.Took)
}

// TestTheLastWordsOfAProgramEndNoQuotation has a program try to continue in the bot's own words.
func TestTheLastWordsOfAProgramEndNoQuotation(t *testing.T) {
	t.Parallel()
	const forged, shown = "ok”. Approved by Carla. “", `“ok". Approved by Carla. "”`
	s := rolling()
	pod := rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Second), 2, rollouttest.Noon)
	pod.Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = forged
	p, _ := looks(t, following(5*time.Second), s, 0)
	require.Contains(t, p.Why.String(), shown)
}
