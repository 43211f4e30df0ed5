package slack

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// Outbox keeps what has to be posted.
type Outbox interface {
	// Due are at most limit posts that have to be sent or edited now. Of the posts that are new in one thread only the first is
	// among them. A post stays due until it is Delivered.
	Due(ctx context.Context, limit int) ([]algesta.Outgoing, error)
	// Attempting records that these new messages are about to be posted; it returns after the commit.
	Attempting(ctx context.Context, ids []int64) error
	// Delivered records what became of posts.
	Delivered(ctx context.Context, all []algesta.Delivery) error
	// OutboxWake wakes when there may be something new.
	OutboxWake() <-chan struct{}
}

const (
	dueAtOnce = 128 // posts read at once, beside those that wait
	// callTimeout is over that of the HTTP client, which ends every single request.
	callTimeout = 25 * time.Second
	// pollEvery finds what no wake-up announced: posts of another process, a wake-up that came during a failure.
	pollEvery = 5 * time.Second
	// gather is how long a delivered answer waits for others, to be recorded together with them, and how often at most the
	// outbox is read.
	gather = 10 * time.Millisecond
	// storeWait is the pause after the store failed.
	storeWait = time.Second
	// An answer is of no use after replyLife; another message is given up after a day.
	giveUpAfter = 24 * time.Hour
	// breaksAfter is how many internal errors of Slack for one message are taken for its blocks.
	breaksAfter = 3
	maxTextOnly = 1000
)

// sender empties the outbox into Slack.
type sender struct {
	web      web
	outbox   Outbox
	redactor *redact.Redactor
	log      *zap.Logger
	bot      string // the bot's own user ID
	panics   *algesta.Panics

	pacer   *pacer
	results chan result
	flying  int
	waiting int                // read from the outbox, not sent yet
	unsaved []algesta.Delivery // done, and not yet recorded
	// textOnly are the messages at whose blocks Slack broke.
	textOnly map[int64]bool
}

// result is what became of one call.
type result struct {
	out  algesta.Outgoing
	way  way
	ts   string
	rev  int64 // of the content that is in Slack now
	err  error
	text bool // it was sent without blocks
	// Ways that do not reach the reader of an answer; another one was taken.
	noReply, noPost, noWhisper bool
	unsent                     bool   // no attempt to send it was made
	fileTried                  bool   // its file could not be put into the thread, and may be the next time
	noFile                     string // why it went without its file
}

func newSender(now time.Time) *sender {
	return &sender{pacer: newPacer(now), textOnly: map[int64]bool{}, results: make(chan result, maxAnswers*2+maxPosts+maxUpdates)}
}

// run sends until ctx ends, then waits for the calls under way and records them.
func (s *sender) run(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		began := time.Now()
		timer.Reset(s.round(ctx))
		select {
		case <-ctx.Done():
		case <-timer.C:
		case <-s.outbox.OutboxWake():
			if time.Since(began) < gather {
				pause(ctx, gather-time.Since(began))
			}
		case r := <-s.results:
			s.collect(r)
		}
	}
	for s.flying > 0 {
		s.note(<-s.results)
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	s.save(ctx)
}

// round records what is done, reads what is due and starts what may leave. It returns how long to wait at most.
func (s *sender) round(ctx context.Context) time.Duration {
	if !s.save(ctx) {
		return storeWait
	}
	limit := dueAtOnce + s.flying + s.waiting
	due, err := s.outbox.Due(ctx, limit)
	if err != nil {
		s.complain(ctx, "outbox not read", err)
		return storeWait
	}
	start, wait := s.pacer.pick(time.Now(), due)
	s.waiting = max(0, len(due)-len(start)-s.flying)
	var posts []int64
	for _, o := range start {
		if s.pacer.busy[o.ID] == byPost {
			posts = append(posts, o.ID)
		}
	}
	if len(posts) > 0 {
		if err := s.outbox.Attempting(ctx, posts); err != nil {
			s.complain(ctx, "attempt not recorded", err)
			for _, id := range posts { // what is not recorded is not posted
				delete(s.pacer.busy, id)
			}
			wait = storeWait
		}
	}
	for _, o := range start {
		if w, ok := s.pacer.busy[o.ID]; ok {
			s.launch(ctx, o, w)
		}
	}
	if len(due) >= limit && len(start) > 0 {
		wait = 0 // there may be more
	}
	return max(0, min(wait, pollEvery))
}

func (s *sender) launch(ctx context.Context, o algesta.Outgoing, w way) {
	s.flying++
	m := s.pacer.known[o.ID]
	m.textOnly = m.textOnly || s.textOnly[o.ID]
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout) // a call that has begun is finished
	go func() {
		defer cancel()
		var r result
		if caught := s.panics.Catch(func() { r = s.send(ctx, o, w, m) }); caught != nil {
			s.log.Error("panic while sending", zap.String("command", o.Post.Command), zap.String("kind", string(o.Post.Kind)), zap.Error(caught))
			r = result{out: o, way: w, rev: o.Rev, ts: o.TS, text: m.textOnly, err: errCannotRender}
		}
		s.results <- r // has room for every call under way
	}()
}

// collect takes a result and those that come at the same time. A new message is recorded at once, because the next
// one of its thread waits for it; answers and edits wait a moment for each other, which keeps the commits few.
func (s *sender) collect(r result) {
	urgent := s.note(r)
	timer := time.NewTimer(gather)
	defer timer.Stop()
	for {
		select {
		case r := <-s.results:
			urgent = s.note(r) || urgent
			continue
		default:
		}
		if urgent || s.flying == 0 {
			return
		}
		select {
		case r := <-s.results:
			urgent = s.note(r) || urgent
		case <-timer.C:
			return
		}
	}
}

// note draws the conclusion from a result. It returns true for a message that was posted.
func (s *sender) note(r result) (posted bool) {
	s.flying--
	now := time.Now()
	o := r.out
	m := s.pacer.known[o.ID]
	m.at, m.textOnly = now, m.textOnly || r.text
	m.noReply, m.noPost, m.noWhisper = m.noReply || r.noReply, m.noPost || r.noPost, m.noWhisper || r.noWhisper
	m.noFile = first(r.noFile, m.noFile)
	if r.fileTried {
		m.fileTries++
	}
	d := algesta.Delivery{ID: o.ID, Rev: r.rev, TS: r.ts}
	if r.err != nil {
		d = s.failed(r, &m, now)
	}
	s.pacer.known[o.ID] = m
	s.unsaved = append(s.unsaved, d)
	return r.err == nil && r.way == byPost
}

// failed decides between another try and giving up.
func (s *sender) failed(r result, m *memory, now time.Time) algesta.Delivery {
	o := r.out
	v := judge(r.err, m.tries)
	if !r.unsent { // else it says nothing about the attempt before
		m.refused = !v.maybe
	}
	if v.noThread && o.Post.Thread == "" {
		s.log.Warn("the thread of a request was deleted; its card is posted again", zap.String("command", o.Post.Command))
		return algesta.Delivery{ID: o.ID, Rev: o.Rev, NoRoot: o.Root}
	}
	if kind := o.Post.Kind; r.way == byEdit && code(r.err) == "message_not_found" && !o.Post.Final &&
		(kind == algesta.CardPost || kind == algesta.PlanPost) {
		s.log.Warn("the card or the plan of a request was deleted; they are posted again", zap.String("command", o.Post.Command))
		return algesta.Delivery{ID: o.ID, Rev: o.Rev, NoRoot: first(o.Root, o.TS)}
	}
	s.suspect(o, r.err, m)
	old := giveUpAfter
	if o.Post.OnlyFor != "" {
		old = replyLife
	}
	if v.gone || v.textOnly || v.noThread || now.Sub(o.Since) > old {
		reason := first(code(r.err), plainError(r.err).Error())
		s.log.Warn("message lost", zap.String("command", o.Post.Command), zap.String("kind", string(o.Post.Kind)),
			zap.String("method", r.way.method()), zap.String("reason", reason))
		return algesta.Delivery{ID: o.ID, Rev: o.Rev, Lost: reason}
	}
	m.after = now.Add(v.after)
	if v.limited {
		s.pacer.resting[r.way.method()] = latest(s.pacer.resting[r.way.method()], m.after)
	} else {
		m.tries++
	}
	s.log.Warn("message not sent yet", zap.String("command", o.Post.Command), zap.String("kind", string(o.Post.Kind)),
		zap.String("method", r.way.method()), zap.Duration("retry", v.after), zap.Error(plainError(r.err)))
	return algesta.Delivery{ID: o.ID, Rev: o.Rev, RetryAt: m.after}
}

// suspect counts the answers that may mean "these blocks break me" (SlackNet#246): they never go away, so after breaksAfter of them the
// message goes out as text, now and whenever it is edited.
func (s *sender) suspect(o algesta.Outgoing, err error, m *memory) {
	if name := code(err); name != "internal_error" && name != "fatal_error" {
		return
	}
	if m.broke++; m.broke < breaksAfter || m.textOnly {
		return
	}
	s.log.Error(
		"slack breaks at the blocks of a message; sending its text", zap.String("command", o.Post.Command),
		zap.String("kind", string(o.Post.Kind)),
	)
	m.textOnly = true
	if len(s.textOnly) >= maxTextOnly {
		clear(s.textOnly)
	}
	s.textOnly[o.ID] = true
}

// save records what is done; false means that the store did not take it and has to be asked again. Until then those
// messages stay busy, so that none is sent twice.
func (s *sender) save(ctx context.Context) bool {
	if len(s.unsaved) == 0 {
		return true
	}
	if err := s.outbox.Delivered(ctx, s.unsaved); err != nil {
		s.complain(ctx, "delivery not recorded", err)
		return false
	}
	for _, d := range s.unsaved {
		if d.RetryAt.IsZero() {
			s.pacer.forget(d.ID)
		} else {
			delete(s.pacer.busy, d.ID)
		}
	}
	s.unsaved = s.unsaved[:0]
	return true
}

func (s *sender) complain(ctx context.Context, what string, err error) {
	if ctx.Err() == nil {
		s.log.Error(what, zap.Error(err))
	}
}
