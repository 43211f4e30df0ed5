package runbooks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/rollout"
)

// cached is a cluster whose caches may know which pods stop. It counts how often the names of all pods are listed.
type cached struct {
	*still
	known bool
	names int
}

func (c *cached) LastStop(string) (time.Time, bool) { return noon, c.known }

func (c *cached) List(ctx context.Context, namespace, labels string, into runtime.Object) error {
	if _, names := into.(*metav1.PartialObjectMetadataList); names {
		c.names++
		return nil
	}
	return c.still.List(ctx, namespace, labels, into)
}

// While a quota refuses pods the follower looks every second, and asks the API server for no list of all pods where the caches know them.
func TestWhichPodsStopIsKnownFromTheCaches(t *testing.T) {
	t.Parallel()
	for _, known := range []bool{true, false} {
		c := &cached{still: gateway(), known: known}
		newest := c.sets[len(c.sets)-1]
		newest.Spec.Replicas = new(int32(5))
		newest.Status.Conditions = []appsv1.ReplicaSetCondition{
			{Type: "ReplicaFailure", Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: overQuotaMessage},
		}
		r, err := rollout.Look(t.Context(), whole(c).Rollout(), input("status", nil).Workload)
		require.NoError(t, err)
		require.NotNil(t, r.Room)
		if known {
			require.Equal(t, noon, r.Room.LastStop)
			require.Zero(t, c.names)
			continue
		}
		require.Equal(t, 1, c.names)
	}
}

const overQuotaMessage = `pods "x" is forbidden: exceeded quota: production-quota, requested: requests.cpu=250m, used: requests.cpu=4, ` +
	`limited: requests.cpu=4`
