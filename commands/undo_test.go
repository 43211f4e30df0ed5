package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestAnUndoIsNotUndoneByTyping types undo a second time after the first has ended, where nobody has to approve anything.
func TestAnUndoIsNotUndoneByTyping(t *testing.T) {
	t.Parallel()
	for name, status := range map[string]algesta.Status{"came up": algesta.Succeeded, "failed": algesta.Failed} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, marta, undo := undoable(t)
			w.setRules(rules[:strings.Index(rules, "approvals:")])
			if status == algesta.Failed {
				w.cluster.set(func(c *fakeCluster) { c.crashes = "no database" })
			}
			w.votes(marta, algesta.Run, undo)
			require.Eventually(t, func() bool {
				last, _, err := w.store.LastChange(t.Context(), w.request(status).Command.Target.Workload())
				return err == nil && last.Status == status && last.Command.Args.String("undoes") != ""
			}, deadline, lookEvery)
			w.types(luis, "undo api-gateway production")
			answers := w.answers()
			require.Regexp(t, `^My last change of api-gateway in production, c-[a-z0-9]+, was an undo itself\. To undo that would go forward again `+
				`\(4 → 6 pods\)\. Nothing was run\.\nName the number of pods that you want: /algesta scale api-gateway production replicas=<number>\n$`,
				answers[len(answers)-1])
			require.Equal(t, 2, w.cluster.writes())
		})
	}
}

// TestATypedUndoAfterSomebodyElseScaledSaysSo has kubectl scale after the bot did.
func TestATypedUndoAfterSomebodyElseScaledSaysSo(t *testing.T) {
	t.Parallel()
	for name, replicas := range map[string]int64{"nobody did": 6, "kubectl did": 9} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, marta, _ := undoable(t)
			first := w.request(algesta.Succeeded)
			w.cluster.set(func(c *fakeCluster) {
				c.replicas, c.operation = replicas, algesta.Operation(first.ID, 0)
			})
			w.types(marta, "undo api-gateway production")
			r := w.request(algesta.Pending)
			warned := false
			for _, text := range r.Plan.Warnings {
				warned = warned ||
					strings.Contains(text.String(), first.ID+" isn't the last change here any more: what was changed after it goes away, too.")
			}
			require.Equal(t, replicas != 6, warned, r.Plan.Warnings)
		})
	}
}

// TestAnUndoThatHasNothingToDoLosesItsButton has kubectl do what the Undo would, before the click and before the write.
func TestAnUndoThatHasNothingToDoLosesItsButton(t *testing.T) {
	t.Parallel()
	t.Run("before the click", func(t *testing.T) {
		t.Parallel()
		w, marta, undo := undoable(t)
		w.cluster.set(func(c *fakeCluster) { c.replicas = 4 })
		w.votes(marta, algesta.Run, undo)
		require.Equal(t, "api-gateway in production already runs 4 pods.", w.said(algesta.AnswerPost)[0])
		require.Empty(t, w.offers())
	})
	t.Run("before the write", func(t *testing.T) {
		t.Parallel()
		w, marta, undo := undoable(t)
		w.votes(marta, algesta.Run, undo)
		r := w.request(algesta.Pending)
		w.cluster.set(func(c *fakeCluster) { c.replicas = 4 })
		w.votes(carla, algesta.Approve, r.ID)
		w.request(algesta.Superseded)
		w.idle()
		require.Empty(t, w.offers())
		require.Equal(t, 1, w.cluster.writes())
	})
}

// TestAnUndoDoesNotComeBackAfterALaterChange denies an Undo after somebody else scaled.
func TestAnUndoDoesNotComeBackAfterALaterChange(t *testing.T) {
	t.Parallel()
	w, marta, undo := undoable(t)
	w.votes(marta, algesta.Run, undo)
	waiting := w.request(algesta.Pending)
	w.types(luis, "scale api-gateway production 7")
	var later algesta.Request
	require.Eventually(t, func() bool { later = w.request(algesta.Pending); return later.ID != waiting.ID }, deadline, lookEvery)
	w.votes(carla, algesta.Approve, later.ID)
	require.Eventually(t, func() bool { return w.request(algesta.Succeeded).ID == later.ID }, deadline, lookEvery)
	require.Equal(t, 2, w.cluster.writes())
	w.votes(carla, algesta.Deny, waiting.ID)
	require.NotContains(t, w.offers(), undo)
}

// TestTheSameEffectIsAskedForOnce asks in other words for what waits.
func TestTheSameEffectIsAskedForOnce(t *testing.T) {
	t.Parallel()
	w, marta, undo := undoable(t)
	w.votes(marta, algesta.Run, undo)
	first := w.request(algesta.Pending)
	w.types(luis, "scale api-gateway production 4")
	require.Regexp(t, `^Marta asked for the same (\d+ s ago|just now); it's waiting for approval\.$`, w.said(algesta.AnswerPost)[0])
	require.Equal(t, first.ID, w.request(algesta.Pending).ID)
	w.types(luis, "scale api-gateway production 5")
	require.NotEqual(t, first.ID, w.request(algesta.Pending).ID, "another number is another change")
}

// TestAReplacedChangeWhosePodsWereThereSaysSo replaces a change while its pods are only watched.
func TestAReplacedChangeWhosePodsWereThereSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(rules[:strings.Index(rules, "approvals:")])
	w.cluster.set(func(c *fakeCluster) { c.coming = true })
	w.watched = `{"steadyAt":"2026-03-10T14:03:00Z"}` // its pods are there
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Applied)
	w.types(luis, "scale api-gateway production 7")
	r := w.request(algesta.Superseded)
	require.Contains(t, r.Note, "after all its pods had come up, while I was still watching them.")
	w.cluster.set(func(c *fakeCluster) { c.coming = false })
	w.idle()
}

// TestAChangeOfAnotherObjectIsFollowedOn scales a service whose autoscaler was changed by a request that is still followed: nothing of it
// was replaced.
func TestAChangeOfAnotherObjectIsFollowedOn(t *testing.T) {
	t.Parallel()
	w, _, _ := undoable(t)
	of := w.request(algesta.Succeeded)
	scaler := algesta.Object{
		Cluster:   "aks",
		Namespace: "production",
		Group:     "autoscaling",
		Kind:      "HorizontalPodAutoscaler",
		Name:      "gateway-hpa",
	}
	of.ID, of.Key, of.Status, of.Command.Runbook = "c-scaler", "", algesta.Applied, "hpa pin"
	of.Plan.Changes = []algesta.Change{
		{Object: scaler, UID: "u", Verb: algesta.Patch, Resource: "horizontalpodautoscalers.autoscaling", Version: "v2"},
	}
	require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Create(of) }))
	w.types(luis, "scale api-gateway production replicas=5")
	second := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, second.ID)
	require.Eventually(t, func() bool {
		r, err := w.store.Request(t.Context(), second.ID)
		return err == nil && r.Status == algesta.Succeeded
	}, deadline, lookEvery)
	r, err := w.store.Request(t.Context(), of.ID)
	require.NoError(t, err)
	require.Equal(t, algesta.Applied, r.Status)
}

// TestAnUndoTellsNothingToWhoeverMayReadNothing: not what the last change was, nor whether there was one.
func TestAnUndoTellsNothingToWhoeverMayReadNothing(t *testing.T) {
	t.Parallel()
	w, _, _ := undoable(t)
	last := w.request(algesta.Succeeded)
	for _, text := range []string{"undo api-gateway production", "can-i undo api-gateway production"} {
		w.types(nico, text)
		said := strings.Join(w.answered(), "\n")
		require.Contains(t, said, "You can't roll back in production", text)
		require.NotContains(t, said, last.ID, text)
		require.NotContains(t, said, "→", text)
	}
	sent := w.dispatcher.Submit(t.Context(), w.invocation(nico), map[string]string{
		"command": "undo", "environment": "production", "service": "api-gateway",
	})
	require.Contains(t, sent.Problems["service"].String(), "You can't roll back in production")
	w.setRules(strings.Replace(rules, "allow: [read, restart, scale]", "allow: [scale]", 1))
	w.types(luis, "undo api-gateway production")
	require.NotEmpty(t, w.request(algesta.Pending).Command.Args.String("undoes"), "whoever may change it needs no right to read")
}
