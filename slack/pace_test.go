package slack

import (
	"context"
	"net/http"
	"strconv"
	"testing"
	"time"

	slackapi "github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

func postTo(t *testing.T, address string) error {
	t.Helper()
	return slackapi.PostWebhookCustomHTTPContext(t.Context(), address, &http.Client{}, &slackapi.WebhookMessage{Text: "x"})
}

// clock runs a pacer against a box in made-up time: every call takes 200 ms.
type clock struct {
	t     *testing.T
	now   time.Time
	pacer *pacer
	box   *box
	edits []time.Time
	seen  map[int64]map[int64]time.Time // post → revision → when it was visible
}

func newClock(t *testing.T) *clock {
	t.Helper()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	return &clock{t: t, now: now, pacer: newPacer(now.Add(-time.Hour)), box: newBox(), seen: map[int64]map[int64]time.Time{}}
}

// run lets d pass in steps of 100 ms; each does what is to be said in it.
func (c *clock) run(d time.Duration, each func(elapsed time.Duration)) {
	type call struct {
		o  algesta.Outgoing
		at time.Time
	}
	var flying []call
	for elapsed := time.Duration(0); elapsed < d; elapsed += 100 * time.Millisecond {
		each(elapsed)
		var still []call
		for _, f := range flying {
			if c.now.Sub(f.at) < 200*time.Millisecond {
				still = append(still, f)
				continue
			}
			c.pacer.forget(f.o.ID)
			c.box.settle([]algesta.Delivery{{ID: f.o.ID, Rev: f.o.Rev, TS: "ts" + strconv.FormatInt(f.o.ID, 10)}})
			if c.seen[f.o.ID] == nil {
				c.seen[f.o.ID] = map[int64]time.Time{}
			}
			c.seen[f.o.ID][f.o.Rev] = c.now
		}
		flying = still
		start, _ := c.pacer.pick(c.now, c.box.due(c.now, 1000))
		for _, o := range start {
			if o.TS != "" {
				c.edits = append(c.edits, c.now)
			}
			flying = append(flying, call{o: o, at: c.now})
		}
		c.now = c.now.Add(100 * time.Millisecond)
	}
}

func TestTenRolloutsAtOnce(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	const rollouts = 10
	post := func(n int, kind algesta.PostKind, text string, final bool) {
		c.box.post(algesta.Post{Command: "c-" + strconv.Itoa(n), Kind: kind, Channel: "C" + strconv.Itoa(n), Final: final, Report: say(text)})
	}
	var ended time.Time
	c.run(150*time.Second, func(elapsed time.Duration) {
		for n := range rollouts {
			switch {
			case elapsed == 0:
				post(n, algesta.CardPost, "card", false)
				post(n, algesta.ProgressPost, "progress", false)
			case elapsed < 120*time.Second && elapsed%time.Second == 0:
				post(n, algesta.CardPost, elapsed.String(), false)
				post(n, algesta.ProgressPost, elapsed.String(), false)
			case elapsed == 120*time.Second:
				ended = c.now
				post(n, algesta.CardPost, "end", true)
				post(n, algesta.EndPost, "end", true)
				post(n, algesta.ProgressPost, "end", true)
			}
		}
	})
	for i := range c.edits {
		n := 0
		for _, other := range c.edits[i:] {
			if other.Sub(c.edits[i]) < time.Minute {
				n++
			}
		}
		require.LessOrEqual(t, n, maxEdits, "edits in the minute from %s", c.edits[i])
	}
	turns := 0
	for _, r := range c.box.rows {
		last, ok := c.seen[r.ID][r.Rev]
		if r.Post.Kind == algesta.ProgressPost {
			turns += len(c.seen[r.ID]) - 2 // it was posted, and it ended
		}
		require.True(t, ok, "%s of %s is not visible", r.Post.Kind, r.Post.Command)
		require.LessOrEqual(t, last.Sub(ended), 5*time.Second, "%s of %s", r.Post.Kind, r.Post.Command)
	}
	require.GreaterOrEqual(t, turns, rollouts/2, "progress has its turns")
}

// Ten changes that are approved, followed and ended within one minute need four final edits each. Their cards say the end at once; where
// the window is used up, their progress, which names its end beforehand, follows when it opens again.
func TestTenShortRolloutsEndInTheMinuteOfTheirApproval(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	const rollouts = 10
	var ended time.Time
	c.run(70*time.Second, func(elapsed time.Duration) {
		for n := range rollouts {
			post := func(kind algesta.PostKind, final bool) {
				c.box.post(
					algesta.Post{Command: "c-" + strconv.Itoa(n), Kind: kind, Channel: "C" + strconv.Itoa(n), Final: final, Report: say(elapsed.String())},
				)
			}
			switch {
			case elapsed == 0:
				post(algesta.CardPost, false)
				post(algesta.PlanPost, false)
				post(algesta.ProgressPost, false)
			case elapsed == 5*time.Second:
				post(algesta.PlanPost, true)
			case elapsed > 5*time.Second && elapsed < 30*time.Second && elapsed%time.Second == 0:
				post(algesta.CardPost, false)
				post(algesta.ProgressPost, false)
			case elapsed == 30*time.Second:
				post(algesta.CardPost, true)
			case elapsed == 32*time.Second:
				ended = c.now
				post(algesta.CardPost, true)
				post(algesta.ProgressPost, true)
			}
		}
	})
	for _, r := range c.box.rows {
		if r.Post.Kind == algesta.ProgressPost {
			last, ok := c.seen[r.ID][r.Rev]
			require.True(t, ok, "the end of the progress of %s is not visible", r.Post.Command)
			require.LessOrEqual(t, last.Sub(ended), 35*time.Second, "%s: the window is used up, and cards go first", r.Post.Command)
		}
		if r.Post.Kind == algesta.CardPost {
			last, ok := c.seen[r.ID][r.Rev]
			require.True(t, ok, "the end of %s is not visible", r.Post.Command)
			require.LessOrEqual(t, last.Sub(ended), 5*time.Second, r.Post.Command)
		}
	}
}

func TestOneRolloutIsEditedEveryFewSeconds(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	c.run(60*time.Second, func(elapsed time.Duration) {
		if elapsed%time.Second == 0 {
			c.box.post(algesta.Post{Command: "c-1", Kind: algesta.ProgressPost, Channel: "C1", Report: say(elapsed.String())})
		}
	})
	require.InDelta(t, 25, len(c.edits), 2)
}

func TestAChannelTakesOneMessageASecond(t *testing.T) {
	t.Parallel()
	c := newClock(t)
	const n = 20
	c.run(30*time.Second, func(elapsed time.Duration) {
		if elapsed == 0 {
			for i := range n {
				c.box.post(algesta.Post{Command: "c-" + strconv.Itoa(i), Kind: algesta.CardPost, Channel: "C1", Report: say("card")})
			}
		}
	})
	var first, last time.Time
	for i := range c.box.rows {
		at := c.seen[int64(i+1)][1]
		require.False(t, at.IsZero())
		if first.IsZero() || at.Before(first) {
			first = at
		}
		last = latest(last, at)
	}
	require.InDelta(t, float64(n-channelBurst), last.Sub(first).Seconds(), 1)
}

func TestAnOldAttemptIsLookedUpAfterTwoSeconds(t *testing.T) {
	t.Parallel()
	now := time.Now()
	p := newPacer(now)
	o := algesta.Outgoing{ID: 1, Tried: true, Since: now, Post: algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C1"}}
	start, wait := p.pick(now, []algesta.Outgoing{o})
	require.Empty(t, start)
	require.Equal(t, lookupAfter, wait)
	start, _ = p.pick(now.Add(wait), []algesta.Outgoing{o})
	require.Len(t, start, 1)
}

func TestAMethodRestsAfterA429(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newSender(now)
	s.log = zap.NewNop()
	o := algesta.Outgoing{ID: 1, Since: now, Post: algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C1"}}
	s.flying = 1
	s.note(result{out: o, way: byPost, err: &slackapi.RateLimitedError{RetryAfter: 7 * time.Second}})
	other := algesta.Outgoing{ID: 2, Since: now, Post: algesta.Post{Command: "c-2", Kind: algesta.CardPost, Channel: "C2"}}
	start, wait := s.pacer.pick(time.Now(), []algesta.Outgoing{other})
	require.Empty(t, start)
	require.InDelta(t, 7, wait.Seconds(), 1)
}

func TestAFailingStoreSendsNothingTwice(t *testing.T) {
	t.Parallel()
	s := newSender(time.Now())
	s.log = zap.NewNop()
	b := &brokenBox{box: newBox()}
	s.outbox = b
	b.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C1", Report: say("card")})
	due, err := b.Due(t.Context(), 10)
	require.NoError(t, err)
	start, _ := s.pacer.pick(time.Now(), due)
	require.Len(t, start, 1)
	s.flying = 1
	s.note(result{out: start[0], way: byPost, ts: "1.1", rev: 1})
	require.False(t, s.save(t.Context()))
	again, _ := s.pacer.pick(time.Now(), due)
	require.Empty(t, again)
	b.healthy = true
	require.True(t, s.save(t.Context()))
	require.Zero(t, b.open())
}

type brokenBox struct {
	*box
	healthy bool
}

func (b *brokenBox) Delivered(ctx context.Context, all []algesta.Delivery) error {
	if !b.healthy {
		return context.DeadlineExceeded
	}
	return b.box.Delivered(ctx, all)
}
