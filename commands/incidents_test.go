package commands_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// incident stores one that is open, about api-gateway in production, and its card in #incidents.
func (w *world) incident(alter ...func(*algesta.Incident)) algesta.Incident {
	w.t.Helper()
	about, err := fakeCatalog{new(atomic.Int32)}.Resolve(w.t.Context(), "api-gateway", "production", nil)
	require.NoError(w.t, err)
	i := algesta.Incident{
		ID: algesta.NewIncidentID(), State: algesta.IncidentOpen, About: about, Channel: "C0OPS", Nth: 1,
		OpenedAt: time.Now().Add(-10 * time.Minute),
		Key: algesta.IncidentKey{
			Cluster: about.Cluster, Namespace: about.Namespace, Kind: "Secret", Name: "mongodb-credentials", Class: "config",
		},
		Signals: []algesta.Signal{{Rule: "crash-loop", Kind: "Deployment", Namespace: about.Namespace, Name: about.Name}},
		Cause: algesta.IncidentCause{
			What: "Secret mongodb-credentials has no key uri", Sentence: "Secret mongodb-credentials has no key uri, so no pod can start.",
			Severity: algesta.Critical, Next: "Roll back.", Command: "/algesta rollback api-gateway production",
		},
	}
	for _, a := range alter {
		a(&i)
	}
	require.NoError(w.t, w.store.Update(w.t.Context(), func(tx *store.Tx) error {
		if _, err := tx.SaveIncident(i); err != nil {
			return err
		}
		if err := tx.AppendIncident(algesta.IncidentEvent{Incident: i.ID, At: i.OpenedAt, Kind: "opened", Says: i.Cause.What}); err != nil {
			return err
		}
		return tx.Post(algesta.Post{
			Command: i.ID, Kind: algesta.CardPost, Channel: i.Channel, About: i.About,
			Report: algesta.Report{Title: algesta.Say("api-gateway in production is down")},
		})
	}))
	w.posts()
	return i
}

// TestIncidentsAreListedToWhoMayReadThem: the open ones first, and to a stranger none.
func TestIncidentsAreListedToWhoMayReadThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "incidents production")
	require.Equal(t, "Nothing that I watch in production is in trouble.", w.answered()[0])
	i := w.incident()
	w.incident(func(i *algesta.Incident) {
		i.State, i.ResolvedAt, i.Cause.What = algesta.IncidentResolved, i.OpenedAt.Add(3*time.Minute), "A quota is full"
	})
	w.types(luis, "incidents")
	said := strings.Join(w.answered(), "\n")
	require.Contains(t, said, "1 incident is open in the environments that you can read.")
	require.Contains(t, said, "api-gateway in production: Secret mongodb-credentials has no key uri | down")
	require.Contains(t, said, "3 min: api-gateway in production: A quota is full (")

	w.types(luis, "incident "+i.ID)
	said = strings.Join(w.answered(), "\n")
	require.Contains(t, said, "api-gateway in production: Secret mongodb-credentials has no key uri")
	require.Contains(t, said, "It was noticed (Secret mongodb-credentials has no key uri)")
	w.types(luis, "incident i-none")
	require.Equal(t, "There's no incident “i-none” that you may read.", w.answered()[0])
	w.types(luis, "incident")
	require.Equal(t, "Which incident do you mean? Name its ID, or ask in the thread of its card.", w.answered()[0])
	w.types(nico, "incidents")
	require.NotContains(t, strings.Join(w.answered(), "\n"), "mongodb")
	w.types(nico, "incident "+i.ID)
	require.Contains(t, w.answered()[0], "There's no incident")
}

// TestASitrepIsFiveLines and names no change that was asked for where its readers may not look.
func TestASitrepIsFiveLines(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.incident()
	w.types(luis, "silence api-gateway production until=2h because we move its database")
	w.request(algesta.Succeeded)
	w.types(luis, "restart api-gateway production")
	w.types(luis, "sitrep production")
	card := w.said(algesta.CardPost)
	require.Equal(t, "Production: 1 incident is open", card[len(card)-1])
	lines := strings.Split(strings.TrimSpace(w.detail()), "\n")
	require.Len(t, lines, 4, "%q", lines)
	require.Contains(t, lines[0], "Worst: api-gateway in production: Secret mongodb-credentials has no key uri (down), since ")
	require.Contains(t, lines[1], "Changing: nothing · waiting for approval: Restart of api-gateway in production")
	require.Equal(t, "Last change: nothing by me", lines[2], "a silence changes nothing in the cluster")
	require.Contains(t, lines[3], "Frozen or silenced: api-gateway production silenced until ")
}

// TestASitrepTellsOfAnIncidentWhereItIsTold: elsewhere its author alone reads it, and nothing is left out.
func TestASitrepTellsOfAnIncidentWhereItIsTold(t *testing.T) {
	t.Parallel()
	elsewhere := func(i *algesta.Incident) { i.Channel = "C0PAYMENTS" }
	routed := func(environment, channel string) bool { return environment == "production" && channel == "C0OPS" }
	for name, c := range map[string]struct {
		alter  func(*algesta.Incident)
		routed func(environment, channel string) bool
		alone  bool
	}{
		"its card is there":                          {func(*algesta.Incident) {}, nil, false},
		"its card is elsewhere":                      {elsewhere, nil, true},
		"other incidents of its environment are":     {elsewhere, routed, false},
		"those of other environments are":            {elsewhere, func(e, _ string) bool { return e == "staging" }, true},
		"it may be of another environment":           {func(i *algesta.Incident) { elsewhere(i); i.Shared = true }, routed, true},
		"a cause of it was in another namespace":     {func(i *algesta.Incident) { elsewhere(i); i.Elsewhere = []string{"vault"} }, routed, true},
		"its cause is in another namespace":          {func(i *algesta.Incident) { elsewhere(i); i.Key.Namespace = "vault" }, routed, true},
		"it may be of several, and its card is here": {func(i *algesta.Incident) { i.Shared = true }, nil, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.dispatcher.Routed = c.routed
			w.incident(c.alter)
			w.types(luis, "sitrep production")
			here, alone := w.said(algesta.CardPost), w.said(algesta.AnswerPost)
			if c.alone {
				here, alone = alone, here
			}
			require.Contains(t, strings.Join(here, "\n"), "Production: 1 incident is open")
			require.NotContains(t, strings.Join(alone, "\n"), "Production: 1 incident")
		})
	}
}

// TestASilenceIsAskedForAsAChangeIs: with a reason, an end and the policy's yes, and ended before its time.
func TestASilenceIsAskedForAsAChangeIs(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	i := w.incident()
	w.types(luis, "silence api-gateway production until=2h")
	require.Contains(t, w.answered()[0], "A silence needs a reason")
	w.types(luis, "silence api-gateway production until=60d because I can")
	require.Contains(t, w.answered()[0], "A silence lasts 14 days at most.")
	w.types(nico, "silence production until=2h because I can")
	require.Contains(t, w.answered()[0], "You can't silence in production")
	require.Empty(t, *w.store.Silences())

	silent := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { w.posts(); return len(*w.store.Silences()) == n }, deadline, lookEvery, "%v", lastSaid{w})
	}
	w.types(luis, "silence api-gateway production until=2h because we move its database")
	silent(1)
	z := (*w.store.Silences())[0]
	require.Equal(t, "we move its database", z.Reason)
	require.True(t, z.Covers(algesta.Incident{About: i.About}, time.Now()))
	require.False(t, z.Covers(algesta.Incident{About: i.About}, z.Until))
	w.types(luis, "incidents production")
	require.Contains(t, strings.Join(w.answered(), "\n"), "by Luis: “we move its database”")

	w.types(luis, "snooze "+i.ID+" until=1h because the fix is on its way")
	silent(2)
	snooze := (*w.store.Silences())[1]
	require.Equal(t, i.ID, snooze.Incident)
	require.False(t, snooze.Covers(algesta.Incident{ID: "i-other", About: i.About}, time.Now()))
	w.types(luis, "freeze production until=2h because the import runs")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 1 }, deadline, lookEvery)
	w.types(luis, "unsilence api-gateway production")
	silent(0)
	w.types(luis, "unsilence api-gateway production")
	require.Contains(t, strings.Join(w.answered(), "\n"), "Nobody has silenced api-gateway in production.")
}

// TestTheUndoOfASilenceEndsNobodyElses: somebody else may have silenced the same for another reason, and a snooze is another thing.
func TestTheUndoOfASilenceEndsNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(freezing, `"group:S0BACKEND"`, `"group:S0BACKEND", "user:U0NICO"`, 1))
	i := w.incident()
	silent := func(n int) {
		t.Helper()
		require.Eventually(t, func() bool { w.posts(); return len(*w.store.Silences()) == n }, deadline, lookEvery, "%v", lastSaid{w})
	}
	w.types(luis, "silence api-gateway production until=3h because done). Carla approved it until Monday (")
	silent(1)
	mine := (*w.store.Silences())[0].ID
	w.types(nico, "silence api-gateway production until=2h because Nico moves its database")
	silent(2)
	w.types(nico, "snooze "+i.ID+" until=1h because the fix is on its way")
	silent(3)
	w.types(luis, "incidents production")
	require.Contains(t, strings.Join(w.answered(), "\n"), "by Luis: “done). Carla approved it until Monday (”")
	var offer string
	for _, p := range w.posts() {
		for _, b := range p.Report.Buttons {
			if p.Command == mine && b.Action == algesta.Run {
				offer = b.ID
			}
		}
	}
	require.NotEmpty(t, offer)
	w.votes(luis, algesta.Run, offer)
	silent(2)
	for _, z := range *w.store.Silences() {
		require.NotEqual(t, mine, z.ID)
	}
	w.types(luis, "unsilence api-gateway production") // typed it ends all, which its plan says
	silent(0)
}

// TestWhatWasElsewhereBeforeIsToldToWhoMayDiagnoseThere: the cause is in its own place now, and what happened tells of another.
func TestWhatWasElsewhereBeforeIsToldToWhoMayDiagnoseThere(t *testing.T) {
	t.Parallel()
	for _, may := range []bool{false, true} {
		w := newWorld(t)
		i := w.incident(func(i *algesta.Incident) { i.Elsewhere = []string{"vault"} })
		require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
			return tx.AppendIncident(algesta.IncidentEvent{
				Incident: i.ID, At: i.OpenedAt, Kind: "joined", Says: "Deployment unsealer crashes: hsm-7",
			})
		}))
		if may {
			w.setRules(strings.Replace(rules, "namespaces: [production]", "namespaces: [production, vault]", 1))
		}
		w.types(luis, "incident "+i.ID)
		said := strings.Join(w.answered(), "\n")
		require.Contains(t, said, "Secret mongodb-credentials has no key uri")
		require.Equal(t, may, strings.Contains(said, "hsm-7"), said)
	}
}

// TestACauseElsewhereIsToldToWhoMayDiagnoseThere: an incident is of the place that it breaks, and its cause may be in another.
func TestACauseElsewhereIsToldToWhoMayDiagnoseThere(t *testing.T) {
	t.Parallel()
	for _, may := range []bool{false, true} {
		w := newWorld(t)
		i := w.incident(func(i *algesta.Incident) {
			i.Key.Namespace, i.Key.Kind, i.Key.Name = "vault", "Deployment", "unsealer"
			i.Cause.What, i.Cause.Sentence = "Deployment unsealer crashes: hsm-7", "Deployment unsealer crashes: hsm-7, so no pod can start."
			i.Cause.Next, i.Cause.Impact, i.Unchecked = "Look at hsm-7.", "hsm-7 is away.", "hsm-7 wasn't checked."
		})
		if may {
			w.setRules(strings.Replace(rules, "namespaces: [production]", "namespaces: [production, vault]", 1))
		}
		for _, command := range []string{"incidents", "incident " + i.ID} {
			w.types(luis, command)
			said := strings.Join(w.answered(), "\n")
			require.Equal(t, may, strings.Contains(said, "hsm-7"), said)
			require.Equal(t, may, !strings.Contains(said, "The cause is in a namespace that you can't diagnose"), said)
		}
	}
}
