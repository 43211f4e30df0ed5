package commands_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// The text beside a message's blocks is what a notification says: an answer's detail says the answer's title there, not the head of its
// table.
func TestTheDetailOfAnAnswerNotifiesWithItsTitle(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "pods api-gateway production")
	posts := w.posts()
	detail := slices.IndexFunc(posts, func(p algesta.Post) bool { return p.Kind == algesta.DetailPost })
	require.GreaterOrEqual(t, detail, 0)
	require.NotEmpty(t, posts[detail].Report.Body)
	require.Equal(t, w.said(algesta.CardPost)[0], posts[detail].Report.Push.String())
}

// A refusal that only its reader sees has the approvers' names in its text, not their IDs.
func TestARefusalNamesTheApproversInItsText(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	w.votes(luis, algesta.Approve, w.request(algesta.Pending).ID)
	require.Equal(
		t, []string{"You can't approve your own request. Ask someone else in @platform or @Carla."}, w.said(algesta.AnswerPost),
	)
}
