package storetest

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// incident is an open one.
func incident(id string) algesta.Incident {
	return algesta.Incident{
		ID: id, State: algesta.IncidentOpen, About: gateway, Channel: "C0INCIDENTS", OpenedAt: noon, Nth: 1,
		Key: algesta.IncidentKey{
			Cluster: "aks-algesta-production", Namespace: "production", Kind: "Secret", Name: "mongodb-credentials", Class: "config",
		},
		Signals: []algesta.Signal{{Rule: "crash-loop", Kind: "Deployment", Namespace: "production", Name: gateway.Name, Since: noon}},
		Cause:   algesta.IncidentCause{What: "Secret mongodb-credentials has no key uri", Severity: algesta.Critical, Since: noon},
	}
}

// save stores an incident and says whether it was taken.
func save(tb testing.TB, s Store, i algesta.Incident) (saved bool) {
	tb.Helper()
	update(tb, s, func(tx commands.Tx) (err error) {
		saved, err = tx.SaveIncident(i)
		return err
	})
	return saved
}

func testAnIncidentComesBackAsItWasStored(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open(t, place)
	i := incident("i-aaaaaa")
	require.True(t, save(t, s, i))
	update(t, s, func(tx commands.Tx) error {
		return tx.AppendIncident(algesta.IncidentEvent{Incident: i.ID, At: noon, Kind: "opened", Says: i.Cause.What})
	})
	closeStore(t, s)
	s = open.at(t, place)
	back, found, err := s.Incident(t.Context(), i.ID)
	require.NoError(t, err)
	require.True(t, found)
	i.Version = 1
	require.Equal(t, i, back)
	events, err := s.IncidentEvents(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, []algesta.IncidentEvent{
		{Incident: i.ID, At: noon, Kind: "opened", Says: "Secret mongodb-credentials has no key uri"},
	}, events)
	_, found, err = s.Incident(t.Context(), "i-none")
	require.NoError(t, err)
	require.False(t, found)
}

func testOneIncidentOfACauseIsOpen(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	first, second := incident("i-aaaaaa"), incident("i-bbbbbb")
	require.True(t, save(t, s, first))
	require.False(t, save(t, s, second), "its cause has an open incident")
	elsewhere := incident("i-cccccc")
	elsewhere.Channel = "C0FINANCE"
	require.True(t, save(t, s, elsewhere), "those who read another channel are told on a card of their own")
	elsewhere.State, elsewhere.ResolvedAt, elsewhere.Version = algesta.IncidentResolved, noon, 1
	require.True(t, save(t, s, elsewhere))
	first.State, first.ResolvedAt, first.Version = algesta.IncidentResolved, noon, 1
	require.True(t, save(t, s, first))
	require.True(t, save(t, s, second))
	first.State, first.Version = algesta.IncidentOpen, 2
	require.False(t, save(t, s, first), "it can't come back beside the other")

	all, err := s.Incidents(t.Context(), time.Now().Add(-time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, all, 3)
	require.Equal(t, second.ID, all[0].ID, "the open ones come first")
	all, err = s.Incidents(t.Context(), time.Now().Add(time.Hour), 10)
	require.NoError(t, err)
	require.Len(t, all, 1, "an open one is there however old it is")
}

func testAnIncidentIsNotOverwrittenByWhoeverIsLate(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	i := incident("i-aaaaaa")
	require.True(t, save(t, s, i))
	require.False(t, save(t, s, i), "its ID is taken")
	one, other := i, i
	one.Version, other.Version = 1, 1
	one.Unchecked, other.Notes = "The cluster doesn't answer.", 3
	require.True(t, save(t, s, one))
	require.False(t, save(t, s, other))
	back, _, err := s.Incident(t.Context(), i.ID)
	require.NoError(t, err)
	require.Equal(t, "The cluster doesn't answer.", back.Unchecked)
	require.Zero(t, back.Notes)
}

// testAnIncidentAndItsCardAreStoredTogether: a card without a record would be posted twice, a record without a card never.
func testAnIncidentAndItsCardAreStoredTogether(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	i := incident("i-aaaaaa")
	broken := errors.New("killed in between")
	err := s.Update(context.Background(), func(tx commands.Tx) error {
		if _, err := tx.SaveIncident(i); err != nil {
			return err
		}
		if err := tx.Post(algesta.Post{Command: i.ID, Kind: algesta.CardPost, Channel: i.Channel}); err != nil {
			return err
		}
		return broken
	})
	require.ErrorIs(t, err, broken)
	due, err := s.Due(t.Context(), 10)
	require.NoError(t, err)
	require.Empty(t, due)
	_, found, err := s.Incident(t.Context(), i.ID)
	require.NoError(t, err)
	require.False(t, found)
}

func testTheLastOfAnAlertIsKept(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open(t, place)
	a := algesta.Alert{
		ID: "a1", Namespace: "production", Kind: "Deployment", Name: gateway.Name, Says: "It is slow.", StartsAt: noon, SeenAt: noon,
	}
	for range 2 { // two Alertmanagers say the same
		update(t, s, func(tx commands.Tx) error { return tx.SaveAlert(a) })
	}
	a.ResolvedAt, a.SeenAt = noon.Add(time.Minute), noon.Add(time.Minute)
	update(t, s, func(tx commands.Tx) error { return tx.SaveAlert(a) })
	closeStore(t, s)
	s = open.at(t, place)
	all, err := s.Alerts(t.Context(), noon, 10)
	require.NoError(t, err)
	require.Equal(t, []algesta.Alert{a}, all)
	all, err = s.Alerts(t.Context(), noon.Add(time.Hour), 10)
	require.NoError(t, err)
	require.Empty(t, all)
}
