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

func testAThreadIsAboutWhatWasPostedThere(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	gateway := algesta.Target{Service: "api-gateway", Environment: "production"}
	payments := algesta.Target{Service: "payments", Environment: "production"}
	about := func(p algesta.Post, t algesta.Target) algesta.Post { p.About = t; return p }
	say(t, s, about(card, gateway), "1")
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	say(t, s, about(plan, gateway), "2")
	other := algesta.Post{Command: "c-2", Kind: algesta.CardPost, Thread: "1.0"}
	say(t, s, about(other, payments), "3") // asked in the thread of the first
	say(t, s, algesta.Post{Command: "c-3", Kind: algesta.AnswerPost, OnlyFor: "U0DANA", Thread: "1.0", About: payments}, "only for one person")
	old := Pending("c-4") // its card was stored before cards said what they are about
	old.Command.Target = gateway
	update(t, s, func(tx commands.Tx) error { return tx.Create(old) })
	say(t, s, algesta.Post{Command: "c-4", Kind: algesta.CardPost}, "4")
	deliver(t, s, algesta.Post{Command: "c-4", Kind: algesta.CardPost}, algesta.Delivery{Rev: 1, TS: "9.0"})
	asked := algesta.Post{Command: "c-4", Kind: algesta.DirectPost(algesta.AskedPost, algesta.Pending, algesta.PersonID{User: "U0CARLA"})}
	asked.Direct = true
	say(t, s, asked, "5")
	deliver(t, s, asked, algesta.Delivery{Rev: 1, TS: "D0CARLA/5.0"})

	for place, want := range map[[2]string][]algesta.Topic{
		{"C0OPS", "1.0"}:   {{Command: "c-1", About: gateway}, {Command: "c-2", About: payments}},
		{"C0OPS", "9.0"}:   {{Command: "c-4", About: gateway}},
		{"D0CARLA", "5.0"}: {{Command: "c-4", About: gateway}},
		{"C0OTHER", "1.0"}: nil,
		{"C0OPS", "7.0"}:   nil,
	} {
		got, err := s.Topics(t.Context(), place[0], place[1])
		require.NoError(t, err)
		require.Equal(t, want, got, place)
	}
}
