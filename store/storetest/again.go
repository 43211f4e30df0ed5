package storetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// testALostMessageIsPostedAgainInTheSameContent has what could not be posted stored again, as by a bot that is back in its channel.
func testALostMessageIsPostedAgainInTheSameContent(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, card, "1")
	deliver(t, s, card, algesta.Delivery{Rev: 1, Lost: "the channel is gone"})
	require.Empty(t, owed(t, s))
	say(t, s, card, "1")
	require.Equal(t, []string{"c-1 card 1"}, owed(t, s))
	deliver(t, s, card, algesta.Delivery{Rev: 2, TS: "1.0"})
	say(t, s, card, "1")
	require.Empty(t, owed(t, s), "what arrived is sent once")
}

// testACardGoesFirstWheneverItWasStored has a reply stored before the card that it belongs under.
func testACardGoesFirstWheneverItWasStored(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, plan, "1")
	say(t, s, card, "2")
	require.Equal(t, []string{"c-1 card 2"}, owed(t, s))
}

// testWhatOnePersonSeesKeepsItsButtons drops a button that stands in an ephemeral answer and in a direct message, too: those can't be
// edited, and would be posted a second time.
func testWhatOnePersonSeesKeepsItsButtons(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	direct := algesta.Post{Command: "c-1", Kind: "direct end U0DANA", Direct: true}
	for _, p := range []algesta.Post{answer, direct} {
		p.Report.Buttons = []algesta.Button{{Label: "Undo", Action: algesta.Run, ID: "o-1"}}
		say(t, s, p, "1")
		deliver(t, s, p, algesta.Delivery{Rev: 1, TS: "1.0"})
	}
	update(t, s, func(tx commands.Tx) error { return tx.DropButton("o-1") })
	require.Empty(t, owed(t, s))
}

// testADirectMessageIsNoReply sends one about a command whose card is in a channel.
func testADirectMessageIsNoReply(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, card, "1")
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	say(t, s, algesta.Post{Command: "c-1", Kind: "direct end U0DANA", Direct: true}, "2")
	require.Empty(t, dueNow(t, s)[0].Root, "the card is in another conversation")
}

// testAFreezeEndsOnce ends a freeze twice: its end is told once.
func testAFreezeEndsOnce(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	update(t, s, func(tx commands.Tx) error { return tx.Create(Pending("c-1")) })
	now := time.Now()
	z := algesta.Freeze{ID: "c-1", Reason: "stop", From: now, Until: now.Add(time.Hour)}
	update(t, s, func(tx commands.Tx) error { return tx.Freeze(z) })
	for _, want := range []bool{true, false} {
		update(t, s, func(tx commands.Tx) error {
			ended, err := tx.Thaw(z.ID, now)
			require.Equal(t, want, ended)
			return err
		})
	}
}
