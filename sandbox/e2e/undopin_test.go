package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A change of the autoscaler is a change of its service: a typed undo takes it back, not an older one of the Deployment.
func TestATypedUndoAfterAPinTakesThePinBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{before: func(w *world) { w.autoscale(deployment, 2, 4) }})
	rollback := w.asks(luis, "rollback api-gateway production")
	rollback.approve()
	rollback.end(luis)
	pin := w.asks(luis, "hpa pin api-gateway production 3")
	pin.approve()
	pin.end(luis)
	undo := w.opens(func() { w.types(luis, ops, "undo api-gateway production") }, "requested by")
	plan := undo.plan().Plain()
	require.Contains(t, plan, "2–4")
	require.NotContains(t, plan, "12344 → 12345")
}
