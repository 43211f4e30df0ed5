package commands_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// TestWhatAMessageHasNoRoomForCanBeSeen: in a file where everyone sees the answer, else the answer says how.
func TestWhatAMessageHasNoRoomForCanBeSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	last := func(kind algesta.PostKind) *algesta.File {
		t.Helper()
		var file *algesta.File
		for _, p := range w.posts() {
			if p.Kind == kind {
				file = p.Report.File
			}
		}
		require.NotNil(t, file)
		return file
	}
	w.types(luis, "status api-gateway production")
	require.Equal(t, &algesta.File{Name: "status api-gateway in production"}, last(algesta.DetailPost))

	w.types(luis, "audit production")
	file := last(algesta.AnswerPost)
	require.Empty(t, file.Name, "what one person sees has no file")
	require.Equal(t, "For fewer lines, name a service or a person, or a shorter time: /algesta audit production since=1h", file.Else.String())
	w.types(luis, "incidents")
	require.Equal(t, "For those of one environment: /algesta incidents <environment>", last(algesta.AnswerPost).Else.String())

	w.types(luis, "pods production --watch")
	file = last(algesta.DetailPost)
	require.Empty(t, file.Name, "it would be of one moment")
	require.Contains(t, file.Else.String(), "without following it")

	w = newWorld(t)
	w.people.away = true
	w.types(luis, "status api-gateway production")
	file = last(algesta.AnswerPost)
	require.Empty(t, file.Name)
	require.Equal(t, "To get all of it as a file, ask in a channel that I'm in, or in our direct messages.", file.Else.String())
}

// TestASitrepNamesWhatHasNoCardYet: within the time that trouble has to last "no incident" isn't the whole truth.
func TestASitrepNamesWhatHasNoCardYet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	place := func(environment string) algesta.Target {
		return algesta.Target{Environment: environment, Cluster: "aks", Namespace: environment}
	}
	w.dispatcher.Noticed = func() []commands.Noticed {
		return []commands.Noticed{
			{Place: place("production"), Thing: "Deployment ms-orders-production", Since: time.Now()},
			{Place: place("finance"), Thing: "Deployment ledger-finance", Since: time.Now()},
		}
	}
	const seen = "Noticed, no card yet: Deployment ms-orders-production in production"
	w.types(luis, "sitrep production")
	require.Empty(t, w.detail(), "the incidents of production aren't told in this channel")
	require.Contains(t, fmt.Sprint(w.answered()), seen)
	w.dispatcher.Routed = func(environment, channel string) bool { return environment == "production" && channel == "C0OPS" }
	w.types(luis, "sitrep production")
	require.Contains(t, w.detail(), seen)
	require.NotContains(t, w.detail(), "ledger", "nobody hears of what they may not read")
	var tone algesta.Tone
	for _, p := range w.posts() {
		if p.Kind == algesta.CardPost {
			tone = p.Report.Tone
		}
	}
	require.Equal(t, algesta.Warning, tone)
	w.types(luis, "incidents production")
	require.Contains(t, fmt.Sprint(w.answered()), "No incident is open in production.")
	require.Contains(t, fmt.Sprint(w.answered()), seen)
}

// TestTheHomePageIsMadeAgainWhenAFreezeEnds, whether its time is up or someone ends it.
func TestTheHomePageIsMadeAgainWhenAFreezeEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	z := w.freeze("freeze production until=2h because the import runs")
	text, _ := w.home(luis)
	require.Contains(t, text, ": it's done")
	for drained := false; !drained; {
		select {
		case <-w.dispatcher.Changes():
		default:
			drained = true
		}
	}
	require.NoError(t, w.dispatcher.Store.Update(t.Context(), func(tx commands.Tx) error {
		_, err := tx.Thaw(z.ID, time.Now())
		return err
	}))
	select {
	case <-w.dispatcher.Changes():
	case <-time.After(deadline):
		t.Fatal("nobody is told")
	}
	text, _ = w.home(luis)
	require.Contains(t, text, ": it's over")
}
