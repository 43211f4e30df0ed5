package commands_test

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// TestTheSameIsAskedForOnce has two people ask for the same change at the same moment, and one of them again.
func TestTheSameIsAskedForOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	marta := person("U0MARTA", "Marta", "S0BACKEND")
	w.people.set(func(d *fakeDirectory) { d.people["U0MARTA"] = marta })
	var both sync.WaitGroup
	for _, by := range []algesta.Actor{luis, marta} {
		in := w.invocation(by)
		in.Text = "restart api-gateway production"
		_, err := w.store.Receive(t.Context(), in)
		require.NoError(t, err)
		both.Go(func() { w.dispatcher.Handle(t.Context(), in) })
	}
	both.Wait()
	r := w.request(algesta.Pending)
	require.Len(t, w.said(algesta.CardPost), 1)
	require.Len(t, w.said(algesta.PlanPost), 1, "the approvers are asked once")
	answers := w.said(algesta.AnswerPost)
	require.Len(t, answers, 1)
	require.Regexp(t, `^(Luis|Marta) asked for the same (\d s ago|just now); it's waiting for approval\.$`, answers[0])
	w.types(r.Command.Actor, "restart api-gateway production")
	require.Contains(t, w.said(algesta.AnswerPost)[1], "You asked for the same ")
	hint := w.posts()[len(w.posts())-1].Report.Body[0].Text.String()
	require.Contains(t, hint, r.ID+": see its thread")
	w.types(marta, "scale api-gateway production 6")
	require.Len(t, w.said(algesta.CardPost), 2, "another change is another request")
}

// A rollout that is still followed was asked for already: typed twice in a hurry, a rollback would go forward again.
func TestTheSameIsNotDoneAgainWhileItIsFollowed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Soak = time.Minute // it stays followed
	w.types(luis, "restart api-gateway production")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	r := w.request(algesta.Applied)
	w.types(luis, "restart api-gateway production")
	answers := w.said(algesta.AnswerPost)
	require.Len(t, answers, 1)
	require.Regexp(t, `^You asked for the same (\d s ago|just now); it's running\.$`, answers[0])
	require.Len(t, w.said(algesta.CardPost), 1)
	require.Equal(t, 1, w.cluster.writes())
	w.types(luis, "scale api-gateway production 5")
	require.NotEqual(t, r.ID, w.request(algesta.Pending).ID, "another change is another request")
}

// TestABlockedRequestWaitsWithoutAskingAndIsWoken counts what a request that waits for another write asks of Slack.
func TestABlockedRequestWaitsWithoutAskingAndIsWoken(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	hold := make(chan struct{})
	w.cluster.set(func(f *fakeCluster) { f.intended = hold })
	w.types(luis, "restart api-gateway production")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	first := w.request(algesta.Executing)
	w.cluster.set(func(f *fakeCluster) { f.intended = nil })
	w.types(luis, "scale api-gateway production 6")
	second := w.request(algesta.Pending)
	var asked atomic.Int64
	w.people.set(func(d *fakeDirectory) { d.asked = &asked })
	w.votes(carla, algesta.Approve, second.ID)
	require.Eventually(t, func() bool {
		for _, p := range w.posts() {
			if p.Kind == algesta.CardPost && p.Command == second.ID && p.Report.Tone == algesta.Waiting {
				require.Contains(t, p.Report.Small.String(), "is running ("+first.ID+"). This one comes next.")
				return true
			}
		}
		return false
	}, deadline, lookEvery)
	require.LessOrEqual(t, asked.Load(), int64(2), "the vote asks who clicked, the wait asks nobody")
	began := time.Now()
	close(hold)
	require.Equal(t, second.ID, w.request(algesta.Succeeded).ID)
	require.Less(t, time.Since(began), 10*time.Second, "the end of the other wakes it")
	require.Equal(t, 2, w.cluster.writes())
}

// TestTheTimeOfADecisionStays reads the plan's last line after the rollout.
func TestTheTimeOfADecisionStays(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	done := w.request(algesta.Succeeded)
	require.True(
		t, done.DecidedAt.Before(done.UpdatedAt.Add(-500*time.Millisecond)), "the soak of 1 s lies between: %s, %s", done.DecidedAt,
		done.UpdatedAt,
	)
	for _, p := range w.posts() {
		if p.Kind == algesta.PlanPost {
			last := p.Report.Body[len(p.Report.Body)-1].Text
			require.Equal(t, "Approved by Carla, "+algesta.AtSecond(done.DecidedAt).Text+".", last.String())
		}
	}
}

// An autoscaler that is named itself and by its service is one: the same bounds are asked for once.
func TestTheSameIsAskedForOnceUnderTwoNames(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	scaler := algesta.Object{
		Cluster: "aks", Namespace: "production", Group: "autoscaling", Kind: "HorizontalPodAutoscaler", Name: "api-gateway-production-hpa",
	}
	asks := func(id string, target algesta.Target, to string) algesta.Request {
		c := algesta.Command{
			ID: id, Requester: algesta.AskedBy(luis), Runbook: "hpa set", Target: target, Args: algesta.Args{"max": to}, Channel: "C0OPS",
		}
		return algesta.Request{
			ID: id, Key: id, Command: c, Status: algesta.Pending, ExpiresAt: time.Now().Add(time.Hour), StartBy: time.Now().Add(time.Hour),
			Plan: algesta.Plan{Changes: []algesta.Change{{
				Object: scaler, UID: "u-1", Verb: algesta.Patch, Resource: "horizontalpodautoscalers.autoscaling", Version: "v2",
				Swaps: []algesta.Swap{{Label: "max", Path: "/spec/maxReplicas", From: json.RawMessage("10"), To: json.RawMessage(to)}},
			}}},
		}
	}
	named := algesta.Target{
		Environment: "production", Cluster: "aks", Namespace: "production", Object: "horizontalpodautoscaler/" + scaler.Name,
	}
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Create(asks("c-1", gatewayInProduction, "6")) }))
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
		require.ErrorContains(t, commands.AskedAlready(tx, "c-2", asks("c-2", named, "6")), "the same was asked for as c-1")
		require.NoError(t, commands.AskedAlready(tx, "c-3", asks("c-3", named, "7")), "other bounds")
		require.NoError(t, commands.AskedAlready(tx, "c-1", asks("c-1", gatewayInProduction, "6")), "the same invocation")
		return nil
	}))
}
