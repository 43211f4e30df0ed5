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

func TestTheEndComparesWithBefore(t *testing.T) {
	t.Parallel()
	r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: gateway()}, workload)
	require.NoError(t, err)
	_, f := rollout.Judge(r, following(41*time.Second), rollouttest.Noon)
	p, _ := rollout.Judge(r, f, rollouttest.Noon.Add(time.Minute))
	require.Equal(t, rollout.Healthier, p.Verdict)
	require.Equal(t, "no restart in the 60 s since (before: 6 in 10 min, 2 of 4 ready, CrashLoopBackOff)", p.Compare.String())
	require.Equal(t, 41*time.Second, p.Took)
}

// A pod of this very change that crashed twice while it came up wasn't there before, although the cluster's times have no parts of a
// second.
func TestAPodThatCrashedWhileItCameUpIsNotOneThatIsStillThere(t *testing.T) {
	t.Parallel()
	r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: gateway()}, workload)
	require.NoError(t, err)
	f := following(41 * time.Second)
	f.StartedAt = f.StartedAt.Add(900 * time.Millisecond)
	f.Before = rollout.Health{Known: true, Ready: 4, Desired: 4, Window: 2 * time.Second}
	for _, pod := range r.Pods {
		pod.CreationTimestamp = metav1.NewTime(f.StartedAt.Truncate(time.Second))
		pod.Status.ContainerStatuses[0].RestartCount = 2
		pod.Status.ContainerStatuses[0].LastTerminationState.Terminated = &corev1.ContainerStateTerminated{
			ExitCode: 1, FinishedAt: metav1.NewTime(rollouttest.Noon.Add(-20 * time.Second)),
		}
	}
	_, f = rollout.Judge(r, f, rollouttest.Noon)
	p, _ := rollout.Judge(r, f, rollouttest.Noon.Add(time.Minute))
	require.Equal(t, rollout.Settled, p.Phase)
	require.Equal(t, rollout.Same, p.Verdict, p.Compare.String())
}

func TestCompare(t *testing.T) {
	t.Parallel()
	well := rollout.Health{Known: true, Ready: 4, Desired: 4, Window: 10 * time.Minute}
	with := func(change func(*rollout.Health)) rollout.Health { h := well; change(&h); return h }
	tests := map[string]struct {
		before, after rollout.Health
		want          rollout.Verdict
	}{
		"as well as before":                 {well, well, rollout.Same},
		"what was not read is not compared": {rollout.Health{}, well, rollout.NotCompared},
		"fewer pods are ready":              {well, with(func(h *rollout.Health) { h.Ready = 3 }), rollout.Worse},
		"restarts where there were none":    {well, with(func(h *rollout.Health) { h.Restarts = 1 }), rollout.Worse},
		"no restarts where there were some": {with(func(h *rollout.Health) { h.Restarts = 3 }), well, rollout.Healthier},
		"six restarts in ten minutes and none in one may be chance": {
			with(func(h *rollout.Health) { h.Restarts = 6 }), with(func(h *rollout.Health) { h.Window = time.Minute }), rollout.Same,
		},
		"four restarts in a minute and none in the next are no chance": {
			with(
				func(h *rollout.Health) { h.Restarts, h.Window = 4, time.Minute },
			),
			with(func(h *rollout.Health) { h.Window = time.Minute }),
			rollout.Healthier,
		},
		"the pod that crashed again and again isn't there any more, however short the watching": {
			with(func(h *rollout.Health) { h.Restarts, h.Window, h.Looping = 7, 76*time.Second, 1 }),
			with(func(h *rollout.Health) { h.Window = 10 * time.Second }),
			rollout.Healthier,
		},
		"it's still there": {
			with(func(h *rollout.Health) { h.Restarts, h.Window, h.Looping = 7, 76*time.Second, 1 }),
			with(func(h *rollout.Health) { h.Window, h.Looping = 10*time.Second, 1 }),
			rollout.Same,
		},
		"one restart where there were some": {
			with(func(h *rollout.Health) { h.Restarts = 3 }), with(func(h *rollout.Health) { h.Restarts, h.Window = 1, time.Minute }), rollout.Same,
		},
		"all pods where some were missing": {with(func(h *rollout.Health) { h.Ready = 1 }), well, rollout.Healthier},
		"better here and worse there": {
			with(func(h *rollout.Health) { h.Ready = 1 }),
			with(func(h *rollout.Health) { h.Restarts = 1 }),
			rollout.Worse,
		},
		"more pods are wanted and ready": {well, with(func(h *rollout.Health) { h.Ready, h.Desired = 6, 6 }), rollout.Same},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := rollout.Compare(tt.before, tt.after)
			require.Equal(t, tt.want, got)
		})
	}
}

// A pod keeps the time of its last restart alone: what was counted of one that is older than the window isn't all of it.
func TestRestartsOfAnOldPodAreSaidAsKubectlCountsThem(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		age           time.Duration
		trouble, then string
	}{
		"a young pod": {9 * time.Minute, "crashes (exit 1, 24 restarts in 9 min).", "(before: 24 in 9 min, "},
		"an old one":  {11 * time.Minute, "crashes (exit 1, 24 restarts).", "(before: at least 1 in 10 min, "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := gateway()
			g.pods = nil
			rollouttest.Crashing(g.pod(3, "aaaaa", tt.age), 24, rollouttest.Noon.Add(-20*time.Second))
			r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: g}, workload)
			require.NoError(t, err)
			said, _ := r.Trouble(rollouttest.Noon)
			require.Contains(t, said.String(), tt.trouble)
			_, compared := rollout.Compare(rollout.HealthOf(r, rollouttest.Noon), rollout.Health{Known: true, Desired: 4, Ready: 4})
			require.Contains(t, compared.String(), tt.then)
		})
	}
}
