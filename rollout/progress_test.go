package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

// following is a follower that began so long ago.
func following(ago time.Duration) rollout.Follow {
	start := rollouttest.Noon.Add(-ago)
	return rollout.Follow{
		Generation: 7, StartedAt: start, Deadline: start.Add(11 * time.Minute), Soak: time.Minute, ChangedAt: start,
		Before: rollout.Health{Known: true, Ready: 2, Desired: 4, Restarts: 6, Window: 10 * time.Minute, Waiting: []string{"CrashLoopBackOff"}},
	}
}

func TestProgressInWords(t *testing.T) {
	t.Parallel()
	s := rolling()
	s.pod(3, "aaaaa", 10*time.Second)
	rollouttest.Unready(s.pod(3, "bbbbb", 10*time.Second))
	r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: s}, workload)
	require.NoError(t, err)
	p, _ := rollout.Judge(r, following(18*time.Second), rollouttest.Noon)
	require.Equal(t, "1 of 4 ready · 2 old pods serving · 1 unavailable · 18 s of 10 min", p.Line.String())
	require.Equal(t, "1 of 4 ready, 18 s", p.Short.String())
	require.Equal(t, []string{"…-aaaaa ready", "…-bbbbb running, not ready", "…-xxxxx, …-yyyyy serving"}, lines(p.Pods))
}

// looks judges the same rollout at these times after rollouttest.Noon.
func looks(t *testing.T, f rollout.Follow, s *still, after ...time.Duration) (rollout.Progress, rollout.Follow) {
	t.Helper()
	var p rollout.Progress
	for _, d := range after {
		r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: s}, workload)
		require.NoError(t, err)
		p, f = rollout.Judge(r, f, rollouttest.Noon.Add(d))
	}
	return p, f
}

// half is the gateway when the controller counts one pod less than it wants.
func half(s *still) *still {
	s.deployment.Status.AvailableReplicas = 3
	return s
}
