package slack

import (
	"cmp"
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// box is an inbox and an outbox in memory, with the promises of the store: order in a thread, cards first, Tried after an attempt.
type box struct {
	mu       sync.Mutex
	received []algesta.Invocation
	refuse   error
	late     error // the answer to what was stored: its sender can't know
	slow     time.Duration
	rows     []*row
	wake     chan struct{}
	came     chan struct{} // wakes for every invocation
	commits  int
	lost     []string
	changed  chan struct{} // closed and replaced by every record of a delivery
}

type row struct {
	algesta.Outgoing
	sent    int64
	retryAt time.Time
}

func newBox() *box {
	return &box{wake: make(chan struct{}, 1), came: make(chan struct{}, 10_000), changed: make(chan struct{})}
}

func (b *box) Receive(ctx context.Context, in algesta.Invocation) (bool, error) {
	b.mu.Lock()
	refuse, slow := b.refuse, b.slow
	b.mu.Unlock()
	if refuse != nil {
		return false, refuse
	}
	if slow > 0 {
		pause(ctx, slow)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	at := slices.IndexFunc(b.received, func(old algesta.Invocation) bool { return old.Key == in.Key })
	if at >= 0 && in.Digest != "" && b.received[at].Digest != in.Digest {
		return false, algesta.ErrTaken
	}
	if at < 0 {
		b.received = append(b.received, in)
	}
	b.came <- struct{}{}
	return at < 0, b.late
}

func (b *box) Moved(_ context.Context, from, to string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if r.Post.Channel == from {
			r.Post.Channel = to
		}
	}
	b.came <- struct{}{}
	return nil
}

func (b *box) next(t *testing.T) algesta.Invocation {
	t.Helper()
	select {
	case <-b.came:
	case <-time.After(10 * time.Second):
		require.Fail(t, "nothing was received")
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.received[len(b.received)-1]
}

func (b *box) post(p algesta.Post) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, r := range b.rows {
		if r.Post.Command == p.Command && r.Post.Kind == p.Kind {
			r.Post, r.Rev = p, r.Rev+1
			b.signal()
			return
		}
	}
	b.rows = append(b.rows, &row{Outgoing: algesta.Outgoing{ID: int64(len(b.rows) + 1), Post: p, Rev: 1, Since: time.Now()}})
	b.signal()
}

func (b *box) signal() {
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

func (b *box) Due(_ context.Context, limit int) ([]algesta.Outgoing, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.due(time.Now(), limit), nil
}

func (b *box) due(now time.Time, limit int) []algesta.Outgoing {
	var out []algesta.Outgoing
	waiting := map[string]bool{}
	for _, r := range b.rows {
		if r.Rev <= r.sent {
			continue
		}
		o := r.Outgoing
		lane := o.Post.Command
		if o.Post.Kind != algesta.CardPost {
			for _, c := range b.rows {
				if c.Post.Command == o.Post.Command && c.Post.Kind == algesta.CardPost {
					o.Root = c.TS
				}
			}
		}
		if o.Post.Kind != algesta.CardPost && o.TS == "" && o.Root == "" && o.Post.Thread == "" && slices.ContainsFunc(b.rows, func(c *row) bool {
			return c.Post.Command == o.Post.Command && c.Post.Kind == algesta.CardPost && c.Rev > c.sent
		}) {
			continue
		}
		if o.TS == "" && o.Post.OnlyFor == "" {
			if waiting[lane] {
				continue
			}
			waiting[lane] = true
		}
		if !r.retryAt.After(now) {
			out = append(out, o)
		}
	}
	slices.SortStableFunc(out, func(a, b algesta.Outgoing) int {
		progress := func(o algesta.Outgoing) int {
			if o.TS != "" && !o.Post.Final {
				return 1
			}
			return 0
		}
		return cmp.Or(cmp.Compare(progress(a), progress(b)), a.Since.Compare(b.Since))
	})
	return out[:min(limit, len(out))]
}

func (b *box) Attempting(_ context.Context, ids []int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.commits++
	for _, id := range ids {
		b.rows[id-1].Tried = true
		b.rows[id-1].Tries++
	}
	return nil
}

func (b *box) Delivered(_ context.Context, all []algesta.Delivery) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.commits++
	b.settle(all)
	b.signal()
	close(b.changed)
	b.changed = make(chan struct{})
	return nil
}

func (b *box) settle(all []algesta.Delivery) {
	for _, d := range all {
		r := b.rows[d.ID-1]
		if !d.RetryAt.IsZero() {
			r.retryAt = d.RetryAt
			time.AfterFunc(time.Until(d.RetryAt), b.signal)
			continue
		}
		if d.NoRoot != "" {
			r.Tried = false
			for _, other := range b.rows {
				if other.Post.Command == r.Post.Command && other.TS != "" && other.Post.Kind != algesta.EndPost {
					other.TS, other.sent = "", other.Rev-1
				}
			}
			continue
		}
		r.sent, r.retryAt, r.Tried, r.Tries = max(r.sent, d.Rev), time.Time{}, false, 0
		if d.TS != "" {
			r.TS = d.TS
		}
		if d.Lost != "" {
			b.lost = append(b.lost, d.Lost)
		}
	}
}

func (b *box) OutboxWake() <-chan struct{} { return b.wake }

// open counts what is still to be delivered.
func (b *box) open() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	n := 0
	for _, r := range b.rows {
		if r.Rev > r.sent {
			n++
		}
	}
	return n
}

// drained waits until everything is delivered or lost.
func (b *box) drained(t *testing.T) {
	t.Helper()
	timeout := time.After(15 * time.Second)
	for {
		b.mu.Lock()
		changed := b.changed
		b.mu.Unlock()
		if b.open() == 0 {
			return
		}
		select {
		case <-changed:
		case <-timeout:
			require.Fail(t, "the outbox is not empty")
		}
	}
}

// running is a Slack with the bot in it.
type running struct {
	*Slack
	server *slackd.Server
	box    *box
}

// start runs the bot against a local Slack until the test ends.
func start(t *testing.T, opts slackd.Options, adjust ...func(*Slack)) running {
	t.Helper()
	server := slackd.New(t, opts)
	b := newBox()
	s, err := New(Config{
		BotToken: Secret(server.BotToken()), AppToken: Secret(server.AppToken()), APIURL: server.APIURL(), Command: "/algesta",
		TeamID: "T0ALGESTA", Groups: []string{"S0PLATFORM", "S0BACKEND"}, Inbox: b, Outbox: b, Stagger: time.Millisecond,
		Log: zaptest.NewLogger(t, zaptest.Level(zap.ErrorLevel)),
	})
	require.NoError(t, err)
	for _, f := range adjust {
		f(s)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		require.NoError(t, <-done)
	})
	return running{Slack: s, server: server, box: b}
}

// until waits for a state of the local Slack; its other side is asked again after every change of the server.
func (r running) until(t *testing.T, what string, done func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	require.NoError(t, r.server.WaitFor(ctx, done), what)
}

// stats waits until the bot itself says so.
func (r running) stats(t *testing.T, want func(Stats) bool) {
	t.Helper()
	require.Eventually(t, func() bool { return want(r.Stats()) }, 15*time.Second, time.Millisecond)
}

func (r running) sockets(t *testing.T, n int) {
	t.Helper()
	r.until(t, "sockets", func() bool { return r.server.Sockets() == n })
}
