package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// scaler is the autoscaler of the gateway: a change of it is about the gateway, and writes to another object.
var scaler = algesta.Object{
	Cluster: gateway.Cluster, Namespace: gateway.Namespace, Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Name: "gateway-hpa",
}

func testWhatWasCarriedOutOnAnObject(t *testing.T, open Open) {
	t.Parallel()
	s := withRequests(t, open, "c-aaaaaa", "c-bbbbbb", "c-cccccc", "c-dddddd", "c-eeeeee")
	end := func(id string, to algesta.Status) {
		update(t, s, func(tx commands.Tx) error {
			_, _, err := tx.Move(algesta.Move{ID: id, From: []algesta.Status{algesta.Pending}, To: to})
			return err
		})
	}
	wrote := func(id string, state algesta.ExecutionState) {
		e := Execution(id)
		require.Empty(t, intend(t, s, e))
		e.State = state
		if state == algesta.Confirmed {
			e.AppliedAt = e.StartedAt
		}
		require.True(t, settle(t, s, e))
	}
	wrote("c-aaaaaa", algesta.Confirmed)
	end("c-aaaaaa", algesta.Succeeded)
	wrote("c-bbbbbb", algesta.NotDoneX)
	end("c-bbbbbb", algesta.Failed) // of this nothing is in the cluster
	wrote("c-cccccc", algesta.Confirmed)
	end("c-cccccc", algesta.Failed)
	last := func(id string) {
		t.Helper()
		r, found, err := s.LastChange(t.Context(), gateway.Workload())
		require.NoError(t, err)
		require.True(t, found)
		require.Equal(t, id, r.ID)
	}
	last("c-cccccc")
	wrote("c-dddddd", algesta.Confirmed) // and this is still followed
	end("c-dddddd", algesta.Applied)
	last("c-dddddd")
	e := Execution("c-eeeeee") // and this happened by someone's word alone
	require.Empty(t, intend(t, s, e))
	e.State = algesta.Confirmed
	require.True(t, settle(t, s, e))
	end("c-eeeeee", algesta.Succeeded)
	update(t, s, func(tx commands.Tx) error { return tx.Create(Pending("c-ffffff")) })
	e = Execution("c-ffffff") // and this, about the same, wrote to another object, and nobody knows yet whether it did
	e.Object = scaler
	require.Empty(t, intend(t, s, e))
	last("c-ffffff")
	e.State = algesta.NotDoneX
	require.True(t, settle(t, s, e))
	last("c-eeeeee")
	froze(t, s, "c-gggggg", gateway, noon.Add(time.Hour))
	last("c-eeeeee") // a freeze changes nothing of what it's about
	ids := func(w algesta.Object, most int) []string {
		all, err := s.Carried(t.Context(), w, most)
		require.NoError(t, err)
		var out []string
		for _, r := range all {
			out = append(out, r.ID)
		}
		return out
	}
	require.Equal(t, []string{"c-cccccc", "c-aaaaaa"}, ids(gateway.Workload(), 10))
	require.Equal(t, []string{"c-cccccc"}, ids(gateway.Workload(), 1))
	other := gateway.Workload()
	other.Name = "ms-orders-production"
	require.Empty(t, ids(other, 10))
}
