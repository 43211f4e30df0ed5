package storetest

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

func testADeletedThreadIsPostedAgain(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, card, "1")
	say(t, s, plan, "2")
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	deliver(t, s, plan, algesta.Delivery{Rev: 1, TS: "2.0"})
	say(t, s, end, "3")
	require.Equal(t, []string{"c-1 end 3"}, owed(t, s))

	deliver(t, s, end, algesta.Delivery{Rev: 1, NoRoot: "1.0"})
	require.Equal(t, []string{"c-1 card 1"}, owed(t, s), "everything else waits for the new card")
	again := dueNow(t, s)[0]
	require.Empty(t, again.TS)
	require.False(t, again.Tried)

	deliver(t, s, card, algesta.Delivery{Rev: again.Rev, TS: "4.0"})
	require.Equal(t, []string{"c-1 plan 2"}, owed(t, s))
	require.Equal(t, "4.0", dueNow(t, s)[0].Root)
	deliver(t, s, plan, algesta.Delivery{Rev: 1, TS: "5.0"})
	require.Equal(t, []string{"c-1 end 3"}, owed(t, s))

	deliver(t, s, end, algesta.Delivery{Rev: 1, NoRoot: "1.0"}) // found out by a call that was under way meanwhile
	require.Equal(t, []string{"c-1 end 3"}, owed(t, s), "the new thread stays")
}

func testAChannelWithANewIDTakesItsMessagesAndRequestsAlong(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	r := Pending("c-1")
	r.Command.Channel, r.Command.Args = "C0OPS", algesta.Args{"replicas": int64(9007199254740993)}
	update(t, s, func(tx commands.Tx) error { return tx.Create(r) })
	say(t, s, card, "1")
	say(t, s, algesta.Post{Command: "c-1", Kind: algesta.DetailPost, Thread: "5.0"}, "2")
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	say(t, s, card, "3")
	require.NoError(t, s.Moved(t.Context(), "C0OPS", "C0SHARED"))
	for _, o := range dueNow(t, s) {
		require.Equal(t, "C0SHARED", o.Post.Channel)
	}
	require.Len(t, dueNow(t, s), 2)
	stored, err := s.Request(t.Context(), "c-1")
	require.NoError(t, err)
	require.Equal(t, "C0SHARED", stored.Command.Channel)
	require.Equal(t, r.Command.Args, stored.Command.Args)
	require.NoError(t, s.Moved(t.Context(), "C0OPS", "C0SHARED"), "a repeated event changes nothing")
}
