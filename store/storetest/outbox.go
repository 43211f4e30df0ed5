package storetest

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// say stores a post whose title is text.
func say(tb testing.TB, s Store, p algesta.Post, text string) {
	tb.Helper()
	p.Channel = "C0OPS"
	p.Report.Title = algesta.Say("{}", text)
	update(tb, s, func(tx commands.Tx) error { return tx.Post(p) })
}

// owed are the posts that are due, as "command kind title".
func owed(tb testing.TB, s Store) []string {
	tb.Helper()
	var names []string
	for _, o := range dueNow(tb, s) {
		names = append(names, fmt.Sprintf("%s %s %s", o.Post.Command, o.Post.Kind, o.Post.Report.Title))
	}
	return names
}

func dueNow(tb testing.TB, s Store) []algesta.Outgoing {
	tb.Helper()
	all, err := s.Due(context.Background(), 100)
	require.NoError(tb, err)
	return all
}

// idOf is the number under which a post is due.
func idOf(tb testing.TB, s Store, p algesta.Post) int64 {
	tb.Helper()
	for _, o := range dueNow(tb, s) {
		if o.Post.Command == p.Command && o.Post.Kind == p.Kind {
			return o.ID
		}
	}
	require.FailNow(tb, "it is not due", "%s %s", p.Command, p.Kind)
	return 0
}

// deliver records what became of a post that is due.
func deliver(tb testing.TB, s Store, p algesta.Post, d algesta.Delivery) {
	tb.Helper()
	d.ID = idOf(tb, s, p)
	require.NoError(tb, s.Delivered(context.Background(), []algesta.Delivery{d}))
}

var (
	card     = algesta.Post{Command: "c-1", Kind: algesta.CardPost}
	plan     = algesta.Post{Command: "c-1", Kind: algesta.PlanPost}
	progress = algesta.Post{Command: "c-1", Kind: algesta.ProgressPost}
	end      = algesta.Post{Command: "c-1", Kind: algesta.EndPost, Final: true}
	answer   = algesta.Post{Command: "c-1", Kind: algesta.AnswerPost, OnlyFor: "U0DANA"}
)

func testNothingOfACommandGoesBeforeItsCard(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, card, "1")
	say(t, s, plan, "2")
	say(t, s, progress, "3")
	say(t, s, answer, "4")
	inThread := algesta.Post{Command: "c-2", Kind: algesta.DetailPost, Thread: "5.0"}
	say(t, s, inThread, "5")
	alone := algesta.Post{Command: "incident", Kind: algesta.DiagnosePost}
	say(t, s, alone, "6")
	require.Equal(t, []string{"c-1 card 1", "c-1 answer 4", "c-2 detail 5", "incident diagnosis 6"}, owed(t, s))

	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	all := dueNow(t, s)
	require.Equal(t, "c-1 plan 2", owed(t, s)[0], "the progress waits for the plan")
	require.Equal(t, "1.0", all[0].Root)
	require.Empty(t, all[0].TS)
	deliver(t, s, plan, algesta.Delivery{Rev: 1, TS: "2.0"})
	require.Equal(t, "c-1 progress 3", owed(t, s)[0])
}

func testNewContentEditsTheMessage(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, card, "waiting")
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	require.Empty(t, owed(t, s))
	say(t, s, card, "running")
	say(t, s, card, "done")
	all := dueNow(t, s)
	require.Len(t, all, 1)
	require.Equal(t, "1.0", all[0].TS)
	require.Equal(t, int64(3), all[0].Rev)
	require.Empty(t, all[0].Root)
	require.Equal(t, "done", all[0].Post.Report.Title.String())

	say(t, s, card, "watched")
	deliver(t, s, card, algesta.Delivery{Rev: 3, TS: "1.0"})
	require.Equal(t, []string{"c-1 card watched"}, owed(t, s), "what came while it was sent is still owed")
}

func testEndsGoBeforeProgress(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	for i := range 3 {
		p := algesta.Post{Command: fmt.Sprint("c-", i), Kind: algesta.CardPost}
		say(t, s, p, "begin")
		deliver(t, s, p, algesta.Delivery{Rev: 1, TS: fmt.Sprint(i, ".0")})
	}
	say(t, s, algesta.Post{Command: "c-0", Kind: algesta.CardPost}, "half")
	say(t, s, algesta.Post{Command: "c-1", Kind: algesta.CardPost}, "half")
	say(t, s, algesta.Post{Command: "c-2", Kind: algesta.CardPost, Final: true}, "end")
	require.Equal(t, []string{"c-2 card end", "c-0 card half", "c-1 card half"}, owed(t, s))
}

func testARetryWaitsForItsTimeAndKeepsItsPlace(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, card, "1")
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	say(t, s, plan, "2")
	say(t, s, end, "3")
	require.NoError(t, s.Attempting(context.Background(), []int64{idOf(t, s, plan)}))
	at := time.Now().Add(200 * time.Millisecond)
	deliver(t, s, plan, algesta.Delivery{Rev: 1, RetryAt: at})
	drain(s.OutboxWake())
	require.Empty(t, owed(t, s), "the end does not overtake the plan")
	next(t, s.OutboxWake())
	require.False(t, time.Now().Before(at.Truncate(time.Millisecond)))
	all := dueNow(t, s)
	require.Len(t, all, 1)
	require.True(t, all[0].Tried)
	require.Equal(t, 1, all[0].Tries)
	deliver(t, s, plan, algesta.Delivery{Rev: 1, TS: "2.0"})
	require.Equal(t, []string{"c-1 end 3"}, owed(t, s))
}

// drain takes a pending wake-up, so that the next one is a new one.
func drain(c <-chan struct{}) {
	select {
	case <-c:
	default:
	}
}

func testAnAttemptIsRememberedByTheNextProcess(t *testing.T, open Open) {
	t.Parallel()
	place := t.TempDir()
	s := open.at(t, place)
	say(t, s, card, "1")
	require.False(t, dueNow(t, s)[0].Tried)
	require.NoError(t, s.Attempting(context.Background(), []int64{idOf(t, s, card)}))
	closeStore(t, s)

	s = open.at(t, place)
	next(t, s.OutboxWake())
	require.True(t, dueNow(t, s)[0].Tried)
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	say(t, s, card, "2")
	require.False(t, dueNow(t, s)[0].Tried, "an edit may be repeated")
}

func testALostMessageIsAuditedAndHoldsNobodyUp(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	say(t, s, card, "1")
	say(t, s, end, "2")
	deliver(t, s, card, algesta.Delivery{Rev: 1, Lost: "the channel is gone"})
	require.Equal(t, []string{"c-1 end 2"}, owed(t, s))
	entries, err := s.Audit(context.Background(), "c-1")
	require.NoError(t, err)
	require.Len(t, entries, 1)
	require.Equal(t, "message lost", entries[0].Kind)
	require.Equal(t, algesta.Args{"message": "card", "reason": "the channel is gone"}, entries[0].Data)
	say(t, s, card, "3")
	require.Equal(t, []string{"c-1 card 3"}, owed(t, s), "new content is tried again")
}

func testTheOutboxRingsAfterACommitThatLeftSomethingToSend(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	next(t, s.OutboxWake()) // at the start
	update(t, s, func(tx commands.Tx) error { return tx.Create(Pending("c-1")) })
	require.Empty(t, s.OutboxWake())
	say(t, s, card, "1")
	next(t, s.OutboxWake())
	deliver(t, s, card, algesta.Delivery{Rev: 1, TS: "1.0"})
	next(t, s.OutboxWake())
}

func testTheLagIsTheAgeOfTheOldestMessageOwed(t *testing.T, open Open) {
	t.Parallel()
	s := open.fresh(t)
	age, waiting, err := s.OutboxLag(context.Background())
	require.NoError(t, err)
	require.Zero(t, age)
	require.Zero(t, waiting)
	say(t, s, card, "1")
	since := dueNow(t, s)[0].Since
	say(t, s, card, "2")
	require.Equal(t, since, dueNow(t, s)[0].Since, "replacing it does not make it younger")
	age, waiting, err = s.OutboxLag(context.Background())
	require.NoError(t, err)
	require.Equal(t, 1, waiting)
	require.Less(t, age, time.Since(since)+time.Second)
	require.WithinDuration(t, time.Now(), since, waitFor)
}

// slackThread is what a reader of one channel sees: messages in the order of posting, with their last content.
type slackThread struct {
	messages []string          // "command kind", in order
	content  map[string]string // by timestamp
}

func testEveryMessageArrivesInOrderWithItsLastContent(t *testing.T, open Open) {
	t.Parallel()
	kinds := []algesta.PostKind{
		algesta.CardPost, algesta.PlanPost, algesta.DetailPost, algesta.ProgressPost,
		algesta.VerdictPost, algesta.EndPost, algesta.AnswerPost,
	}
	rapid.Check(t, func(rt *rapid.T) {
		s := open(t, t.TempDir())
		defer func() { require.NoError(rt, s.Close(context.Background())) }()
		slack := &slackThread{content: map[string]string{}}
		last, ts := map[string]string{}, map[string]string{}
		var stored []string // in the order of their first post
		for i := range rapid.IntRange(1, 40).Draw(rt, "steps") {
			if rapid.Bool().Draw(rt, "send") {
				slack.send(rt, s, ts, rapid.IntRange(0, 5).Draw(rt, "fail"))
				continue
			}
			p := algesta.Post{
				Command: rapid.SampledFrom([]string{"c-1", "c-2"}).Draw(rt, "command"),
				Kind:    rapid.SampledFrom(kinds).Draw(rt, "kind"), Final: rapid.Bool().Draw(rt, "final"),
			}
			if p.Command == "c-2" {
				p.Thread = "9.0"
			}
			name := p.Command + " " + string(p.Kind)
			if !slices.Contains(stored, name) {
				stored = append(stored, name)
			}
			last[name] = fmt.Sprint(i)
			p.Report.Title = algesta.Say("{}", i)
			require.NoError(rt, s.Update(context.Background(), func(tx commands.Tx) error { return tx.Post(p) }))
		}
		for slack.send(rt, s, ts, 0) {
		}
		for name, want := range last {
			require.Equal(rt, want, slack.content[ts[name]], name)
		}
		_, waiting, err := s.OutboxLag(context.Background())
		require.NoError(rt, err)
		require.Zero(rt, waiting)
		require.Equal(rt, placed(stored), placed(slack.messages))
	})
}

// placed leaves out what has no place in a thread: cards, which start it, and answers.
func placed(names []string) (inThread []string) {
	for _, command := range []string{"c-1", "c-2"} {
		for _, name := range names {
			kind := algesta.PostKind(name[len(command)+1:])
			if name[:len(command)] == command && kind != algesta.CardPost && kind != algesta.AnswerPost {
				inThread = append(inThread, name)
			}
		}
	}
	return inThread
}

// send sends what is due as Slack would take it; every fail-th message has to be tried again at once. It reports
// whether there was anything.
func (c *slackThread) send(rt *rapid.T, s Store, ts map[string]string, fail int) bool {
	all, err := s.Due(context.Background(), 100)
	require.NoError(rt, err)
	if len(all) == 0 {
		return false
	}
	var done []algesta.Delivery
	edits := false
	lanes := map[string]bool{}
	for i, o := range all {
		name := o.Post.Command + " " + string(o.Post.Kind)
		progressEdit := o.TS != "" && !o.Post.Final
		require.False(rt, edits && !progressEdit, "progress goes last")
		edits = progressEdit
		if o.TS == "" && o.Post.Kind != algesta.CardPost && o.Post.Kind != algesta.AnswerPost {
			require.False(rt, lanes[o.Post.Command], "two new messages of one thread at once")
			lanes[o.Post.Command] = true
			require.True(rt, o.Post.Thread != "" || o.Root == ts[o.Post.Command+" card"])
		}
		if fail > 0 && i%fail == 0 {
			done = append(done, algesta.Delivery{ID: o.ID, Rev: o.Rev, RetryAt: time.Now().Add(-time.Second)})
			continue
		}
		if o.TS == "" {
			o.TS = fmt.Sprint(len(c.messages)+1, ".0")
			c.messages = append(c.messages, name)
			ts[name] = o.TS
		}
		c.content[o.TS] = o.Post.Report.Title.String()
		done = append(done, algesta.Delivery{ID: o.ID, Rev: o.Rev, TS: o.TS})
	}
	require.NoError(rt, s.Delivered(context.Background(), done))
	return true
}
