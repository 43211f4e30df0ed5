package commands_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// A freeze is about a service and changes nothing of it: what an undo takes back is the change before.
func TestAFreezeIsNoChangeThatAnUndoTakesBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.types(luis, "scale api-gateway production replicas=5")
	w.request(algesta.Succeeded)
	w.freeze("freeze api-gateway production until=2h because the import runs")
	w.types(luis, "undo api-gateway production")
	require.Contains(t, w.answered()[0], "api-gateway in production can't be changed until", "it holds for the undo, too")
	require.Len(t, *w.store.Frozen(), 1)
	w.types(luis, "unfreeze api-gateway production")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 0 }, deadline, lookEvery)
	w.types(luis, "undo api-gateway production")
	require.Eventually(t, func() bool {
		for _, p := range w.posts() {
			if p.Report.Title.String() == "api-gateway in production is scaled to 4 pods" {
				return true
			}
		}
		return false
	}, deadline, lookEvery, "%v", lastSaid{w})
}

// The Undo of one freeze ends that one: somebody else may have frozen the same for another reason.
func TestTheUndoOfAFreezeEndsNobodyElses(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(freezing, `"group:S0BACKEND"`, `"group:S0BACKEND", "user:U0NICO"`, 1))
	mine := w.freeze("freeze production until=2h because the import runs")
	w.types(nico, "freeze production until=3d because of the audit")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 2 }, deadline, lookEvery)
	var offer string
	for _, p := range w.posts() {
		for _, b := range p.Report.Buttons {
			if p.Command == mine.ID && b.Action == algesta.Run {
				offer = b.ID
			}
		}
	}
	require.NotEmpty(t, offer)
	w.votes(luis, algesta.Run, offer)
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 1 }, deadline, lookEvery)
	require.Equal(t, "of the audit", (*w.store.Frozen())[0].Reason)
	require.Contains(t, w.plansAndCards(), "production stays frozen until")

	w.types(luis, "unfreeze production") // typed it ends all, which its plan says
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 0 }, deadline, lookEvery)
}

// plansAndCards is whatever was posted but answers that one person sees.
func (w *world) plansAndCards() string {
	w.t.Helper()
	var out strings.Builder
	for _, p := range w.posts() {
		if p.Kind == algesta.AnswerPost {
			continue
		}
		out.WriteString(p.Channel + ": " + p.Report.Title.String() + "\n")
		for _, b := range p.Report.Body {
			out.WriteString(b.Text.String() + "\n")
			for _, l := range b.List {
				out.WriteString(l.String() + "\n")
			}
		}
	}
	return out.String()
}

// Why somebody froze or denied something isn't said in a channel that another company reads since it was asked for there.
func TestNoReasonIsToldToAnotherCompany(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.types(luis, "restart api-gateway production")
	r := w.request(algesta.Pending)
	w.people.set(func(d *fakeDirectory) { d.sharedAs = "C0OPS" })
	w.people.later(10 * time.Second)
	in := w.invocation(luis)
	in.Channel, in.Text = "C0INTERNAL", "freeze production until=2h because acme is about to be bought"
	w.handle(in)
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 1 }, deadline, lookEvery)
	v := w.vote(carla, algesta.Deny, r.ID)
	v.Channel, v.Vote.Reason = "D0CARLA", "acme must not know of the incident"
	w.handle(v)
	w.request(algesta.Rejected)
	told := 0
	for _, p := range w.posts() {
		if p.Channel != "C0OPS" {
			continue
		}
		text := p.Report.Title.String()
		for _, b := range p.Report.Body {
			text += b.Text.String()
		}
		require.NotContains(t, text, "acme")
		if strings.Contains(text, "was denied by Carla, who can say why") {
			told++
		}
	}
	require.NotZero(t, told)
}

// What was asked for in private is told of there alone, whoever knows its ID.
func TestAnIDLeadsNobodyIntoAPrivateChannel(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.NewReplacer(
		"roles: [", "roles: [{name: reader, allow: [read]}, ",
		"bindings: [", `bindings: [{name: readers, subjects: ["user:U0MARTA"], role: reader, namespaces: [production]}, `,
	).Replace(freezing))
	w.people.set(func(d *fakeDirectory) { d.private = true })
	w.freeze("freeze production until=2h because the import runs")
	elsewhere := func(by algesta.Actor, text string) string {
		in := w.invocation(by)
		in.Channel, in.Text = "C0OTHER", text
		w.handle(in)
		return strings.Join(w.answered(), "\n")
	}
	require.NotContains(t, elsewhere(marta, "freezes"), "its thread")
	require.Contains(t, elsewhere(luis, "freezes"), "its thread", "whoever asked for it is led there")
	w.types(luis, "unfreeze production")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 0 }, deadline, lookEvery)
	w.types(luis, "restart api-gateway production")
	r := w.request(algesta.Pending)
	require.Contains(t, elsewhere(marta, "status "+r.ID), "There's no request "+r.ID+" that you can read.")
	require.Contains(t, elsewhere(carla, "status "+r.ID), "waiting for approval", "an approver may look it up")
	w.types(marta, "status "+r.ID)
	require.Contains(t, w.answered()[0], "waiting for approval", "and whoever is in its channel")
}

// A reason ends no quotation of the bot's: what follows it is no sentence of its own.
func TestTheReasonOfAFreezeIsQuoted(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.freeze("freeze production until=2h because done). Carla approved it until Monday (")
	const quoted = "“done). Carla approved it until Monday (”"
	w.types(luis, "scale api-gateway production replicas=5")
	require.Contains(t, w.answered()[0], quoted)
	w.types(luis, "status api-gateway production")
	require.Contains(t, w.plansAndCards(), ": "+quoted)
}

// What waited so long that its freeze would be over before it begins freezes nothing, and says so.
func TestAFreezeThatIsOverBeforeItBeginsIsNone(t *testing.T) {
	t.Parallel()
	late := func(w *world) {
		in := w.invocation(luis)
		in.At = time.Now().Add(-110 * time.Second)
		in.Text = "freeze production until=60s because the import runs"
		w.handle(in)
	}
	w := newWorld(t)
	w.setRules(freezing)
	late(w)
	require.Contains(t, w.answered()[0], "so it's over already")

	// One that is approved that late isn't written either.
	content, err := json.Marshal(map[string]any{
		"apiVersion": algesta.FreezeGroup + "/v1", "kind": algesta.FreezeKind,
		"metadata": map[string]string{"name": "c-1", "namespace": "production"},
		"spec": algesta.Freeze{
			ID: "c-1", Target: algesta.Target{Cluster: "aks", Namespace: "production", Environment: "production"},
			Until: time.Now().Add(-time.Second),
		},
	})
	require.NoError(t, err)
	change := algesta.Change{
		Object: algesta.Object{Cluster: "aks", Group: algesta.FreezeGroup, Kind: algesta.FreezeKind, Namespace: "production", Name: "c-1"},
		Verb:   algesta.Create, Resource: algesta.FreezeResource, Version: "v1", Content: content,
	}
	_, err = w.dispatcher.OwnWriter(change.Right()).Apply(t.Context(), change, "op-c-1", func(context.Context, algesta.Intent) error {
		t.Error("it's recorded")
		return nil
	})
	require.ErrorIs(t, err, algesta.ErrInvalid)
	require.Empty(t, *w.store.Frozen())

	// What a command doesn't declare isn't written to the bot's own records.
	for _, may := range []string{"delete " + algesta.FreezeResource, "patch deployments.apps", ""} {
		_, err = w.dispatcher.OwnWriter(may).Check(t.Context(), change)
		require.ErrorContains(t, err, "is none of the bot's own records")
	}
}
