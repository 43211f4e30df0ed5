package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// inDoubt is a change of Luis that needed no approval and whose outcome nobody knows, and a second one that waits for it.
func inDoubt(t *testing.T) (w *world, doubtful, waiting algesta.Request) {
	t.Helper()
	w = newWorld(t)
	w.setRules(strings.Replace(rules, "verbs: [change]", "verbs: [deploy]", 1))
	w.people.set(func(d *fakeDirectory) { d.people["U0MARTA"] = person("U0MARTA", "Marta", "S0BACKEND") })
	uncertain := &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("It cannot be told.")}
	w.cluster.set(func(f *fakeCluster) {
		f.apply = func(n int) error {
			if n == 1 {
				return uncertain
			}
			return nil
		}
		f.verify = func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, uncertain }
	})
	w.types(luis, "restart api-gateway production")
	doubtful = w.request(algesta.Unknown)
	w.types(luis, "scale api-gateway production 6")
	waiting = w.request(algesta.Approved)
	return w, doubtful, waiting
}

// TestWhoAnswersAWriteInDoubt has a request that needed no approval, and its requester away.
func TestWhoAnswersAWriteInDoubt(t *testing.T) {
	t.Parallel()
	w, doubtful, waiting := inDoubt(t)
	require.Contains(t, w.said(algesta.EndPost)[0], "Check the cluster and answer here: Luis or @backend can.")
	w.votes(nico, algesta.NotDone, doubtful.ID)
	require.Equal(t, []string{"You can't answer this."}, w.said(algesta.AnswerPost))
	w.votes(person("U0MARTA", "Marta"), algesta.NotDone, doubtful.ID)
	require.Equal(t, waiting.ID, w.request(algesta.Succeeded).ID, "the workload is free")
	w.votes(luis, algesta.Done, doubtful.ID)
	require.Contains(t, w.said(algesta.AnswerPost)[1], "Its thread says why.", "it is answered once")
	require.Equal(t, 2, w.cluster.writes())
}

// TestAnOperatorAnswersAWriteInDoubt takes the way out of `bot resolve`.
func TestAnOperatorAnswersAWriteInDoubt(t *testing.T) {
	t.Parallel()
	w, doubtful, waiting := inDoubt(t)
	said, err := commands.Resolve(t.Context(), lent{w.store, w}, doubtful.ID, false, "the operator root")
	require.NoError(t, err)
	require.Equal(t, "Deployment api-gateway-production in production was not changed.", said)
	require.Equal(t, waiting.ID, w.request(algesta.Succeeded).ID)
	// An edit notifies nobody: the answer is a reply of its own, and it mentions the requester.
	require.Len(t, w.said(algesta.VerdictPost), 1)
	require.Contains(t, w.said(algesta.VerdictPost)[0], "didn't happen, according to the operator root. Nothing was changed. "+
		"@Luis")
	require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), "may or may not have happened. It has been answered: see below.")
	lines, err := w.store.Audit(t.Context(), doubtful.ID)
	require.NoError(t, err)
	require.Equal(t, "answered by an operator", lines[len(lines)-1].Kind)
	_, err = commands.Resolve(t.Context(), lent{w.store, w}, doubtful.ID, true, "the operator root")
	require.ErrorIs(t, err, algesta.ErrStale)
}
