package storetest

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// testTheAuditIsAChainThatAnchorsHold appends lines, and asks whether they are still those that a head was kept of. What someone can do
// to the lines themselves depends on the engine, and is tested there.
func testTheAuditIsAChainThatAnchorsHold(t *testing.T, open Open) {
	t.Parallel()
	ctx := context.Background()
	s := open.fresh(t)
	head, err := s.Verify(ctx)
	require.NoError(t, err)
	require.Equal(t, store.Head{}, head)
	want := []algesta.Entry{
		{Request: "c-1", Kind: "requested", Actor: dana.ID.String(), At: noon, Data: algesta.Args{"revision": int64(9007199254740993)}},
		{Request: "c-1", Kind: "approved", Actor: carla.ID.String(), At: noon, Data: algesta.Args{"why": "<b>&"}},
	}
	heads := []store.Head{head}
	for _, e := range want {
		update(t, s, func(tx commands.Tx) error { return tx.Append(e) })
		head, err := s.Head(ctx)
		require.NoError(t, err)
		require.NotContains(t, heads, head)
		heads = append(heads, head)
	}
	undone := errors.New("undone")
	require.ErrorIs(t, s.Update(ctx, func(tx commands.Tx) error {
		require.NoError(t, tx.Append(algesta.Entry{Request: "c-1", Kind: "applied", At: noon}))
		return undone
	}), undone)
	got, err := s.Audit(ctx, "c-1")
	require.NoError(t, err)
	require.Equal(t, want, got)
	head, err = s.Verify(ctx, heads[1:]...)
	require.NoError(t, err)
	require.Equal(t, heads[2], head)
	for _, wrong := range []store.Head{{Seq: 1, Hash: strings.Repeat("a", 64)}, {Seq: 3, Hash: heads[2].Hash}} {
		_, err = s.Verify(ctx, wrong)
		require.ErrorIs(t, err, store.ErrAuditBroken)
	}
}
