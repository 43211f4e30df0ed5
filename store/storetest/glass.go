package storetest

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// testABrokenGlassComesBackAsItWasStored: it allows nothing after its end, and survives a restart before that.
func testABrokenGlassComesBackAsItWasStored(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open(t, place)
	b := algesta.BreakGlass{ID: "c-aaaaaa", Target: gateway, Reason: "the shop is down", From: noon, Until: noon.Add(time.Hour)}
	opened, under := Pending("c-aaaaaa"), Pending("c-bbbbbb")
	opened.Glass = &algesta.GlassUse{ID: opened.ID, Channel: "C0SECURITY", Reason: b.Reason, Until: b.Until}
	under.Glass = opened.Glass
	update(t, s, func(tx commands.Tx) error { return errors.Join(tx.Create(opened), tx.Create(under)) })
	for range 2 {
		update(t, s, func(tx commands.Tx) error { return tx.BreakGlass(b) })
	}
	require.Equal(t, []algesta.BreakGlass{b}, *s.Broken())
	closeStore(t, s)
	s = open.at(t, place)
	require.Equal(t, []algesta.BreakGlass{b}, *s.Broken())
	r, err := s.Request(t.Context(), "c-bbbbbb")
	require.NoError(t, err)
	require.Equal(t, under.Glass, r.Glass)
	n, err := s.Under(t.Context(), "c-aaaaaa")
	require.NoError(t, err)
	require.Equal(t, 1, n, "without the one that broke it")
	for _, first := range []bool{true, false} {
		update(t, s, func(tx commands.Tx) error {
			ended, err := tx.EndGlass("c-aaaaaa", noon)
			require.Equal(t, first, ended)
			return err
		})
	}
	require.Empty(t, *s.Broken())
	back, ended, found, err := s.GlassOf(t.Context(), "c-aaaaaa")
	require.NoError(t, err)
	require.True(t, ended && found, "it's part of what happened")
	require.Equal(t, b, back)
}
