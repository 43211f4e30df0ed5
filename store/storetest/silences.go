package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

func testASilenceSurvivesARestartAndEndsOnce(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open(t, place)
	at := time.Now().UTC().Truncate(time.Second)
	z := algesta.Silence{
		ID: "c-1", Target: gateway, By: algesta.Actor{ID: carla.ID, Name: "Carla"}, Reason: "we move it", From: at, Until: at.Add(time.Hour),
	}
	old := algesta.Silence{ID: "c-2", Target: gateway, From: at.Add(-time.Hour), Until: at.Add(-time.Minute)}
	for _, one := range []algesta.Silence{z, old} {
		update(t, s, func(tx commands.Tx) error {
			if err := tx.Create(Pending(one.ID)); err != nil {
				return err
			}
			return tx.Silence(one)
		})
	}
	before := s.Silences()
	require.Equal(t, []algesta.Silence{z}, *before, "what is over silences nothing")
	update(t, s, func(tx commands.Tx) error { return tx.Silence(z) })
	require.Equal(t, []algesta.Silence{z}, *s.Silences(), "once")
	closeStore(t, s)

	s = open.at(t, place)
	require.Equal(t, []algesta.Silence{z}, *s.Silences())
	back, ended, found, err := s.SilenceOf(t.Context(), "c-1")
	require.NoError(t, err)
	require.True(t, found)
	require.False(t, ended)
	require.Equal(t, z, back)
	for _, want := range []bool{true, false} {
		update(t, s, func(tx commands.Tx) error {
			ended, err := tx.EndSilence("c-1", at)
			require.Equal(t, want, ended)
			return err
		})
	}
	require.Empty(t, *s.Silences())
	_, ended, _, err = s.SilenceOf(t.Context(), "c-1")
	require.NoError(t, err)
	require.True(t, ended)
	_, _, found, err = s.SilenceOf(t.Context(), "c-none")
	require.NoError(t, err)
	require.False(t, found)
}
