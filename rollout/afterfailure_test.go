package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

// TestFewerPodsAfterAFailureAreNoSuccess has somebody take the pods away that failed.
func TestFewerPodsAfterAFailureAreNoSuccess(t *testing.T) {
	t.Parallel()
	for name, left := range map[string]int32{"none": 0, "some": 2} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rolling()
			rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Second), 2, rollouttest.Noon)
			p, f := looks(t, following(5*time.Second), s, 0)
			require.Equal(t, rollout.Broken, p.Phase)

			after := gateway()
			after.deployment.Spec.Replicas = &left
			after.pods = after.pods[:left]
			status := &after.deployment.Status
			status.Replicas, status.UpdatedReplicas, status.ReadyReplicas, status.AvailableReplicas = left, left, left, left
			p, _ = looks(t, f, after, 10*time.Second, 70*time.Second)
			require.Equal(t, rollout.Overtaken, p.Phase)
		})
	}
}
