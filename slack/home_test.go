package slack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestAHomeTabWaitsForNobodyElses: each person has a turn of their own, and one that waits stands for all that come after it.
func TestAHomeTabWaitsForNobodyElses(t *testing.T) {
	t.Parallel()
	var h homes
	luis, carla := algesta.PersonID{Team: "T0ALGESTA", User: "U0LUIS"}, algesta.PersonID{Team: "T0ALGESTA", User: "U0CARLA"}
	first, ok := h.begin(luis)
	require.True(t, ok)
	first.Lock()
	second, ok := h.begin(luis)
	require.True(t, ok)
	require.Same(t, first, second)
	_, ok = h.begin(luis)
	require.False(t, ok, "one waits already")
	hers, ok := h.begin(carla)
	require.True(t, ok)
	require.True(t, hers.TryLock())
	hers.Unlock()
	h.end(carla, hers)
	first.Unlock()
	h.end(luis, first)
	h.end(luis, second)
	require.Empty(t, h.busy)
}
