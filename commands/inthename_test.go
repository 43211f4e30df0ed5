package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestWhatIsTriedOutAndWrittenIsForWhoeverAsked, and not for whoever approved it; where the cluster knows them no more when the change is
// to be made, nothing is written and the request ends with the reason.
func TestWhatIsTriedOutAndWrittenIsForWhoeverAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	w.request(algesta.Succeeded)
	w.cluster.set(func(c *fakeCluster) {
		require.GreaterOrEqual(t, len(c.askedFor), 2, "the preview, and the write")
		for _, asked := range c.askedFor {
			require.Equal(t, luis.ID, asked.Actor.ID)
		}
	})

	w = newWorld(t)
	w.types(luis, "restart api-gateway production")
	r := w.request(algesta.Pending)
	unknown := &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I don't know who you are there.")}
	w.cluster.set(func(c *fakeCluster) { c.refuses = unknown })
	w.votes(carla, algesta.Approve, r.ID)
	require.Contains(t, w.request(algesta.Failed).Note, "I don't know who you are there")
	require.Zero(t, w.cluster.writes())

	w = newWorld(t)
	w.cluster.set(func(c *fakeCluster) { c.refuses = unknown })
	w.types(luis, "restart api-gateway production")
	said := w.said(algesta.AnswerPost)
	require.Contains(t, said[len(said)-1], "I don't know who you are there")
	require.Empty(t, w.said(algesta.CardPost), "nobody is asked to approve it")
}
