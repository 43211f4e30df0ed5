package commands_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// plan is the first message of a request's thread as it is now.
func (w *world) plan(id string) string {
	w.t.Helper()
	said := ""
	for _, p := range w.posts() {
		if p.Kind != algesta.PlanPost || p.Command != id {
			continue
		}
		said = ""
		for _, b := range p.Report.Body {
			said += b.Text.String() + "\n"
		}
	}
	return said
}

// A plan that waits doesn't say that it is frozen any longer than it is, however the freeze ends, and says so as long as another one holds.
func TestThePlanOfWhatWaitsFollowsItsFreezes(t *testing.T) {
	t.Parallel()
	const frozen = "this can't be approved or run before that"
	w := newWorld(t)
	w.setRules(freezing)
	w.types(luis, "scale api-gateway production replicas=5")
	done := w.request(algesta.Succeeded)
	w.types(luis, "restart api-gateway production")
	waits := w.request(algesta.Pending)
	w.freeze("freeze production until=2h because the import runs")
	require.Contains(t, w.plan(waits.ID), frozen)
	w.freeze("freeze api-gateway production until=3h because of the audit")
	require.Contains(t, w.plan(waits.ID), "of the audit")

	w.types(luis, "unfreeze api-gateway production")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 1 }, deadline, 5*time.Millisecond)
	require.Eventually(t, func() bool { return strings.Contains(w.plan(waits.ID), "the import runs") }, deadline, 5*time.Millisecond)
	w.types(luis, "unfreeze production")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 0 }, deadline, 5*time.Millisecond)
	require.NotContains(t, w.plan(waits.ID), frozen)

	// One whose time is up ends by itself.
	z := w.freeze("freeze production until=2h because the import runs")
	require.Contains(t, w.plan(waits.ID), frozen)
	past := z
	past.ID, past.Until = done.ID, time.Now().Add(-time.Second)
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
		if _, err := tx.Thaw(z.ID, time.Now()); err != nil {
			return err
		}
		return tx.Freeze(past)
	}))
	_, err := w.dispatcher.Thaw(t.Context(), past.ID)
	require.NoError(t, err)
	require.NotContains(t, w.plan(waits.ID), frozen)
	require.Contains(t, w.plan(waits.ID), "approve", "it's the plan with its question")
}

// Nobody is asked to approve what can't run: they are once it can, or hear that the request ends sooner.
func TestAReminderAsksNobodyWhileItIsFrozen(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.types(luis, "restart api-gateway production")
	waits := w.request(algesta.Pending)
	require.Eventually(
		t, func() bool { _, ts, err := w.store.CardOf(t.Context(), waits.ID); return err == nil && ts != "" }, deadline, lookEvery,
	)
	w.freeze("freeze production until=5m because the import runs")
	again, err := w.dispatcher.Remind(t.Context(), waits.ID)
	require.NoError(t, err)
	require.InDelta(t, 5*time.Minute, again, float64(time.Minute), "when the freeze has ended")
	require.Empty(t, w.said(algesta.RemindPost))

	w.people.set(func(d *fakeDirectory) { d.absent = []algesta.PersonID{carla.ID} })
	w.freeze("freeze api-gateway production until=3h because of the audit")
	before := len(w.directs())
	again, err = w.dispatcher.Remind(t.Context(), waits.ID)
	require.NoError(t, err)
	require.Zero(t, again)
	require.Eventually(t, func() bool { return len(w.said(algesta.RemindPost)) == 1 }, deadline, lookEvery)
	said := w.said(algesta.RemindPost)[0]
	require.Contains(t, said, "can't be changed until")
	require.Contains(t, said, "sooner than that: ask for it again then.")
	require.NotContains(t, said, "@", "nobody is called")
	require.Len(t, w.directs(), before)
}

// Whoever approves on the Home tab or asks what waits is told there, too, that it's frozen.
func TestWhatWaitsIsSaidToBeFrozenWhereverItsListed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.types(luis, "restart api-gateway production")
	w.request(algesta.Pending)
	text, _ := w.home(carla)
	require.NotContains(t, text, "can't be changed")
	w.freeze("freeze production until=2h because the import runs")
	text, _ = w.home(carla)
	require.Contains(t, text, "⚠ production can't be changed until")
	for _, by := range []algesta.Actor{carla, luis} { // hers, and what waits for others
		w.types(by, "approvals")
		require.Contains(t, strings.Join(w.answered(), "\n"), "⚠ production can't be changed until")
	}
}

// The question of an Undo says what it takes back, also where nothing becomes anything else.
func TestTheUndoOfAFreezeSaysThatItEndsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	z := w.freeze("freeze api-gateway production until=2h because the import runs")
	asks := ""
	for _, p := range w.posts() {
		for _, b := range p.Report.Buttons {
			if p.Command == z.ID && b.Label == "Undo" {
				asks = b.Confirm.Text
			}
		}
	}
	require.Contains(t, asks, "Undo of "+z.ID+": Freeze of api-gateway in production until")
}

// A rule about namespaces is about no command that is about a cluster: whoami lists none of these.
func TestWhoamiListsNothingThatARuleOfNamespacesCantMean(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	rules := strings.Replace(freezing, "verbs: [restart, pod.delete]", "verbs: [change]", 1)
	w.setRules(strings.Replace(rules, `namespaces: ["*"]`, "namespaces: [production]", 1))
	for _, who := range []algesta.Actor{carla, luis} {
		w.types(who, "whoami")
		said := strings.Join(w.answered(), "\n")
		require.Contains(t, said, "restart")
		require.NotContains(t, said, "namespace.create")
	}
	w.setRules(rules)
	w.types(carla, "whoami")
	require.Contains(t, strings.Join(w.answered(), "\n"), "namespace.create", "a rule for all is about clusters, too")
}

// Once a request is approved nobody is asked for anything any more, and not only at its end.
func TestADirectQuestionEndsWithTheApproval(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.people.set(func(d *fakeDirectory) { d.absent = []algesta.PersonID{carla.ID} })
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	require.Eventually(t, func() bool { return len(w.directs()) > 0 }, deadline, 5*time.Millisecond)
	w.read(errAway, nil) // it can't run yet
	w.votes(pablo, algesta.Approve, r.ID)
	said := w.directs()
	require.Len(t, said, 1)
	require.NotContains(t, said[0], "Approve?")
	require.Contains(t, said[0], "api-gateway in production")
	got, err := w.store.Request(t.Context(), r.ID)
	require.NoError(t, err)
	require.False(t, got.Status.Ended())
}

// A sitrep and a list of incidents agree with the cards.
func TestIncidentsAreToldAsTheirCardsTellThem(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	began := time.Now().Add(-time.Hour).Truncate(time.Second)
	i := w.incident(func(i *algesta.Incident) {
		i.Cause.Severity = algesta.Degraded
		i.Signals[0].Since = began
	})
	w.incident(func(i *algesta.Incident) {
		i.State, i.ResolvedAt, i.Cause.What = algesta.IncidentResolved, began.Add(10*time.Minute), "A quota is full"
		i.Signals[0].Since = began
	})
	w.freeze("freeze production until=2h because the import runs")
	w.types(luis, "incidents")
	tone := algesta.Tone("")
	for _, p := range w.posts() {
		if p.Kind == algesta.AnswerPost {
			tone = p.Report.Tone
		}
	}
	require.Equal(t, algesta.Warning, tone, "the worst is only degraded")
	said := strings.Join(w.answered(), "\n")
	require.Contains(t, said, "Resolved in the last 7 days: 1")
	require.Contains(t, said, "10 min: api-gateway in production: A quota is full (")
	require.Contains(t, said, algesta.AtDay(began).Text)
	w.types(luis, "incident "+i.ID)
	require.Contains(t, w.shown(), "open since "+algesta.AtDay(began).Text)

	w.types(luis, "sitrep production")
	require.Contains(t, w.detail(), algesta.AtDay(began).Text)
	require.Contains(t, w.detail(), "Last change: nothing by me", "a freeze changes nothing: it is what is held")
}

// shown are the fields of the last answer that one person sees.
func (w *world) shown() string {
	w.t.Helper()
	said := ""
	for _, p := range w.posts() {
		if p.Kind != algesta.AnswerPost {
			continue
		}
		said = ""
		for _, b := range p.Report.Body {
			for _, f := range b.Fields {
				said += f.Label + " " + f.Value.String() + "\n"
			}
		}
	}
	return said
}

// A form keeps what was typed before it: an environment alone is chosen, and a name that nothing has is not silently lost.
func TestAFormKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	in := w.invocation(luis)
	in.Text = "restart production"
	require.True(t, w.dispatcher.Wants(t.Context(), in))
	f := w.dispatcher.Form(t.Context(), in, nil)
	require.Equal(t, "production", field(t, f, "environment").Value)
	require.Empty(t, field(t, f, "service").Value)

	w.setRules(strings.Replace(freezing, "namespaces: [production]", `namespaces: ["*"]`, 1))
	w.dispatcher.Catalog = anywhere{w.dispatcher.Catalog}
	in.Text = "restart api-gatewy"
	f = w.dispatcher.Form(t.Context(), in, nil)
	require.Empty(t, field(t, f, "environment").Value)
	require.NotEmpty(t, f.Intro)
	require.Contains(t, f.Intro[0].String(), `"api-gatewy"`)
}

// anywhere is a catalogue that looks a name up in all environments where none is named.
type anywhere struct{ commands.Catalog }

func (c anywhere) Resolve(
	ctx context.Context, service, environment string, visible func(algesta.Target) bool,
) (algesta.Target, error) {
	if environment == "" && service != "api-gateway" {
		environment = "production or staging"
	}
	return c.Catalog.Resolve(ctx, service, environment, visible)
}
