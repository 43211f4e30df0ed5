package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestATypedUndoDoesNotBringBackAVersionThatFailed deploys over a version that crashed, and types undo where nobody has to approve.
func TestATypedUndoDoesNotBringBackAVersionThatFailed(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{development: []service{gateway()}})
	w.asks(dana, "deploy api-gateway dev 12346-crash").becomes("❌ ")
	w.asks(dana, "deploy api-gateway dev 12344").becomes("✅ ")
	answer := w.answer(dana, ops, "undo api-gateway dev")
	require.Regexp(
		t,
		`That would bring back a version that failed the last time I watched it \(c-[0-9a-z]+, .*keeps crashing.* Nothing was run\.`,
		answer,
	)
	require.Contains(
		t,
		answer,
		"Name the version that you want: /algesta deploy api-gateway development <tag> or /algesta rollback api-gateway development",
	)
}
