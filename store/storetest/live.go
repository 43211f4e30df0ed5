package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/store"
)

// liveAnswer is one that is followed.
func liveAnswer(id string) algesta.LiveAnswer {
	return algesta.LiveAnswer{
		Command: algesta.Command{
			ID: id, Requester: algesta.AskedBy(algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0LUIS"}, Standing: algesta.Member}),
			Runbook: "pods", Target: gateway, Args: algesta.Args{"watch": true}, At: noon, Channel: "C0OPS",
		},
		From: noon, Until: noon.Add(10 * time.Minute), Shown: algesta.Report{Title: algesta.Say("4 of 4 ready")}, ShownAt: noon,
	}
}

// saveLive stores a followed answer and says whether it was taken.
func saveLive(tb testing.TB, s Store, l algesta.LiveAnswer) (saved bool) {
	tb.Helper()
	update(tb, s, func(tx commands.Tx) (err error) {
		saved, err = tx.SaveLive(l)
		return err
	})
	return saved
}

func testAFollowedAnswerComesBackAsItWasStored(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open(t, place)
	l := liveAnswer("c-aaaaaa")
	require.True(t, saveLive(t, s, l))
	require.False(t, saveLive(t, s, l), "its ID is taken")
	closeStore(t, s)
	s = open.at(t, place)
	l.Version = 1
	back, found, err := s.LiveAnswer(t.Context(), "c-aaaaaa")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, l, back)
	_, found, err = s.LiveAnswer(t.Context(), "c-none")
	require.NoError(t, err)
	require.False(t, found)
}

func testAFollowedAnswerIsNotOverwrittenByWhoeverIsLate(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	l := liveAnswer("c-aaaaaa")
	require.True(t, saveLive(t, s, l))
	l.Version = 1
	ended, late := l, l
	ended.EndedAt = noon
	require.True(t, saveLive(t, s, ended))
	require.False(t, saveLive(t, s, late), "a look that took long doesn't begin it again")
	n, err := s.OpenLiveAnswers(t.Context())
	require.NoError(t, err)
	require.Zero(t, n)
	update(t, s, func(tx commands.Tx) error {
		all, err := tx.LiveAnswers()
		require.Empty(t, all)
		return err
	})
	back, _, err := s.LiveAnswer(t.Context(), "c-aaaaaa")
	require.NoError(t, err)
	require.False(t, back.Open())
}

// testAFollowedAnswerWithoutAJobGetsOne: its message promises to be brought up to date.
func testAFollowedAnswerWithoutAJobGetsOne(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	require.True(t, saveLive(t, s, liveAnswer("c-aaaaaa")))
	over := liveAnswer("c-bbbbbb")
	over.EndedAt = noon
	require.True(t, saveLive(t, s, over))
	calls := make(chan handled, 10)
	start(t, s, map[algesta.JobKind]store.Handler{algesta.LiveJob: reporting(calls)})
	require.Equal(t, "c-aaaaaa", next(t, calls).request)
	require.Empty(t, calls)
}

// testAFollowedAnswerMovesWithItsChannel: Slack gives a private channel another ID when it's shared.
func testAFollowedAnswerMovesWithItsChannel(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	require.True(t, saveLive(t, s, liveAnswer("c-aaaaaa")))
	require.NoError(t, s.Moved(t.Context(), "C0OPS", "C0NEW"))
	l, _, err := s.LiveAnswer(t.Context(), "c-aaaaaa")
	require.NoError(t, err)
	require.Equal(t, "C0NEW", l.Command.Channel)
	require.EqualValues(t, 2, l.Version, "a look that began before doesn't bring the old one back")
}
