package commands_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// says has somebody mention the bot in a thread, and returns what was posted since.
func (w *world) says(by algesta.Actor, thread, text string) []algesta.Post {
	w.t.Helper()
	before := len(w.posts())
	in := w.invocation(by)
	in.Kind, in.Thread, in.Text, in.Reply = algesta.Mentioned, thread, text, ""
	w.handle(in)
	return w.posts()[before:]
}

// cardTS is the timestamp of the card of a request.
func (w *world) cardTS(id string) string {
	w.t.Helper()
	_, ts, err := w.store.CardOf(w.t.Context(), id)
	require.NoError(w.t, err)
	require.NotEmpty(w.t, ts)
	return ts
}

func TestAMentionInTheThreadOfACardMeansItsService(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, r.ID)
	w.request(algesta.Succeeded)
	thread := w.cardTS(r.ID)

	got := w.says(luis, thread, "status")
	require.Equal(t, algesta.CardPost, got[0].Kind)
	require.Equal(t, thread, got[0].Thread, "it answers in that thread")
	require.Contains(t, got[0].Report.Title.String(), "api-gateway in production")

	got = w.says(luis, thread, "undo")
	require.Equal(t, thread, got[0].Thread)
	require.Equal(t, "Scaling of api-gateway in production (6 → 4 pods) is waiting for approval", got[0].Report.Title.String())
	require.Equal(t, 1, w.cluster.writes(), "a change asks as always")
}

func TestAThreadLendsItsSubjectAndNoRights(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	thread := w.cardTS(w.request(algesta.Pending).ID)
	got := w.says(nico, thread, "scale 6")
	require.Len(t, got, 1)
	require.Equal(t, "U0NICO", got[0].OnlyFor)
	require.Contains(t, got[0].Report.Title.String(), "You can't", "the policy decides as if it was typed")
}

// What a thread is about comes from what the bot posted there: where that is more than one thing, or nobody knows, it asks.
func TestAThreadWhoseSubjectIsNotClearIsAskedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	thread := w.cardTS(w.request(algesta.Pending).ID)
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
		return tx.Post(algesta.Post{
			Command: "c-other", Kind: algesta.CardPost, Channel: "C0OPS", Thread: thread,
			About: algesta.Target{Service: "payments", Environment: "production"}, Report: algesta.Report{Title: algesta.Say("payments runs")},
		})
	}))
	w.posts()
	got := w.says(luis, thread, "undo")
	require.Len(t, got, 1)
	require.Equal(
		t, "This thread is about api-gateway in production and payments in production. Which one do you mean?", got[0].Report.Title.String(),
	)
	require.Equal(t, "Name it: @algesta undo api-gateway production", got[0].Report.Body[0].Text.String())
	require.Equal(t, thread, got[0].Thread)

	got = w.says(luis, thread, "status api-gateway") // both are in one environment
	require.Contains(t, got[0].Report.Title.String(), "api-gateway in production")

	got = w.says(luis, "77.000100", "undo") // a thread of people, in which somebody wrote "restart api-gateway production"
	require.Equal(t, "Which service do you mean?", got[0].Report.Title.String())
	require.Equal(t, []algesta.Button{{Label: "Fill in a form", Action: algesta.Fill, ID: "undo --"}}, got[0].Report.Buttons)
}

// A message of which the record doesn't say what it's about may be about anything, and one about a cluster is about no service.
func TestAThreadLendsNothingThatItMayNotBeAbout(t *testing.T) {
	t.Parallel()
	about := func(t *testing.T, other algesta.Target) []algesta.Post {
		t.Helper()
		w := newWorld(t)
		w.types(luis, "restart api-gateway production")
		thread := w.cardTS(w.request(algesta.Pending).ID)
		require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
			return tx.Post(algesta.Post{
				Command: "c-other", Kind: algesta.CardPost, Channel: "C0OPS", Thread: thread, About: other,
				Report: algesta.Report{Title: algesta.Say("Something else")},
			})
		}))
		w.posts()
		return w.says(luis, thread, "status")
	}
	require.Equal(t, "Which service do you mean?", about(t, algesta.Target{})[0].Report.Title.String())
	got := about(t, algesta.Target{Cluster: "aks"})[0]
	require.Equal(t, algesta.CardPost, got.Kind, "nothing is asked back")
	require.Contains(t, got.Report.Title.String(), "api-gateway in production")
}

// namesake is a catalogue in which a service of production is called as another environment is.
type namesake struct{ commands.Catalog }

func (n namesake) Resolve(
	ctx context.Context, service, environment string, visible func(algesta.Target) bool,
) (algesta.Target, error) {
	if service == "staging" && environment == "production" {
		return algesta.Target{Service: service, Environment: environment, Cluster: "aks", Namespace: environment, Name: "staging-production"}, nil
	}
	return n.Catalog.Resolve(ctx, service, environment, visible)
}

func TestAnEnvironmentThatIsNamedInAThreadIsNoServiceOfItsOwn(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Catalog = namesake{w.dispatcher.Catalog}
	w.types(luis, "restart api-gateway production")
	thread := w.cardTS(w.request(algesta.Pending).ID)
	got := w.says(luis, thread, "diagnose staging")
	require.Contains(t, got[0].Report.Title.String(), "You can't diagnose in staging")
}

// In the thread of a change "undo" takes back that change: what was changed since is somebody else's.
func TestUndoInAThreadTakesBackNoOtherChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	first := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, first.ID)
	w.request(algesta.Succeeded)
	w.types(luis, "scale api-gateway production 7")
	second := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, second.ID)
	require.Eventually(t, func() bool {
		r, err := w.store.Request(t.Context(), second.ID)
		return err == nil && r.Status == algesta.Succeeded
	}, deadline, deadline/1000)
	w.posts()

	got := w.says(luis, w.cardTS(first.ID), "undo")
	require.Len(t, got, 1)
	require.Contains(t, got[0].Report.Title.String(), "("+second.ID+"), not this thread's. Nothing was run.")
	got = w.says(luis, w.cardTS(first.ID), "undo api-gateway production") // named, it is what it always is
	require.Contains(t, got[0].Report.Title.String(), "(7 → 6 pods) is waiting for approval")
	require.Equal(t, 2, w.cluster.writes())
}
