package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/3astronautas/algesta"
)

// Post stores a message to send, or the new content of one that is there: the transport edits it, and contents in between
// that were not sent yet are left out. What is there already in this content, and was not lost, is not sent again.
func (t *Tx) Post(p algesta.Post) error {
	text, err := encode(p)
	if err != nil {
		return fmt.Errorf("storing the %s of %s: %w", p.Kind, p.Command, err)
	}
	t.effects.outbox = true
	threaded := p.Direct || p.Thread != "" || p.OnlyFor != "" || p.Kind == algesta.AnswerPost
	// since stays while something is owed: a message that is always replaced before it is sent must not look young.
	return t.exec("storing the "+string(p.Kind)+" of "+p.Command, `INSERT INTO posts (command, kind, lane, threaded, final, post, rev, since)
		VALUES (?, ?, ?, ?, ?, ?, 1, ?)
		ON CONFLICT (command, kind) DO UPDATE SET lane = excluded.lane, threaded = excluded.threaded, final = excluded.final,
		post = excluded.post, rev = rev + 1, lost = '', since = CASE WHEN rev > sent_rev THEN since ELSE excluded.since END
		WHERE post <> excluded.post OR lost <> ''`,
		p.Command, p.Kind, lane(p), threaded, p.Final, text, ms(time.Now()))
}

// Edit replaces the content of a message that there is, and does nothing where there is none.
func (t *Tx) Edit(p algesta.Post) error {
	var there bool
	if err := t.row(`SELECT EXISTS (SELECT 1 FROM posts WHERE command = ? AND kind = ?)`, p.Command, p.Kind).Scan(&there); err != nil {
		return fmt.Errorf("looking for the %s of %s: %w", p.Kind, p.Command, err)
	}
	if !there {
		return nil
	}
	return t.Post(p)
}

// EditDirect replaces the content of the direct messages of a command about this kind of message.
func (t *Tx) EditDirect(command string, of algesta.PostKind, r algesta.Report) error {
	all, err := list(t.ctx, t, func(row scanner) (text string, err error) { return text, row.Scan(&text) },
		`SELECT post FROM posts WHERE command = ? AND kind LIKE ?`, command, "direct "+string(of)+" %")
	if err != nil {
		return fmt.Errorf("looking for the direct messages of %s: %w", command, err)
	}
	for _, text := range all {
		var p algesta.Post
		if err := decode(text, &p); err != nil {
			return fmt.Errorf("reading a direct message of %s: %w", command, err)
		}
		p.Report = r
		if err := t.Post(p); err != nil {
			return err
		}
	}
	return nil
}

// lane names what a post must keep its place in: an answer keeps none, a post in a thread keeps the order of that
// thread, and any other post that of its command, whose thread does not exist yet.
func lane(p algesta.Post) string {
	switch {
	case p.Direct:
		return "direct " + p.Channel
	case p.OnlyFor != "" || p.Kind == algesta.AnswerPost:
		return "answer " + p.Command + " " + string(p.Kind)
	case p.Thread != "":
		return "thread " + p.Channel + " " + p.Thread
	}
	return "command " + p.Command
}

// due finds the posts to send now, oldest first. A message that was never posted waits for the card of its command, unless it
// has a place of its own, and for the older ones of its lane. An edit waits for nothing.
const due = `SELECT p.id, p.post, p.rev, p.ts, CASE WHEN p.kind = 'card' THEN '' ELSE COALESCE(c.ts, '') END, p.tried, p.tries, p.since
	FROM posts p LEFT JOIN posts c ON c.command = p.command AND c.kind = 'card'
	WHERE p.rev > p.sent_rev AND p.retry_at <= ?1 AND (p.ts <> '' OR p.kind = 'card' OR (
		(p.threaded OR c.id IS NULL OR c.ts <> '' OR c.rev <= c.sent_rev)
		AND NOT EXISTS (SELECT 1 FROM posts e WHERE e.lane = p.lane AND e.rev > e.sent_rev AND e.id < p.id AND e.ts = '')))`

// Two queries, so that each can read an index in order and stop: what is new and ends go before progress.
const (
	dueFirst    = due + ` AND (p.ts = '' OR p.final) ORDER BY p.since, p.id LIMIT ?2`
	dueProgress = due + ` AND p.ts <> '' AND NOT p.final ORDER BY p.since, p.id LIMIT ?2`
)

// Due are at most limit posts that have to be sent or edited now; what is answered ephemerally, what is new and what is Final
// come first. Of the posts that are new in one thread only the first is among them, so all of them may be sent at once.
// A post stays due until it is Delivered: a caller that asks again meanwhile gets it again. OutboxWake wakes when posts that
// have to be tried again later have come due.
func (s *Store) Due(ctx context.Context, limit int) ([]algesta.Outgoing, error) {
	now := time.Now()
	all, err := list(ctx, s.read, scanOutgoing, dueFirst, ms(now), limit)
	if err == nil && len(all) < limit {
		var progress []algesta.Outgoing
		progress, err = list(ctx, s.read, scanOutgoing, dueProgress, ms(now), limit-len(all))
		all = append(all, progress...)
	}
	if err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	var next int64
	if err := s.read.row(ctx, `SELECT COALESCE(MIN(retry_at), 0) FROM posts WHERE rev > sent_rev AND retry_at > ?`,
		ms(now)).Scan(&next); err != nil {
		return nil, fmt.Errorf("reading the outbox: %w", err)
	}
	if next != 0 {
		s.outbox.wakeAt(moment(next))
	}
	return all, nil
}

func scanOutgoing(row scanner) (o algesta.Outgoing, err error) {
	var text string
	var since int64
	if err = row.Scan(&o.ID, &text, &o.Rev, &o.TS, &o.Root, &o.Tried, &o.Tries, &since); err != nil {
		return o, err
	}
	o.Since = moment(since)
	err = decode(text, &o.Post)
	o.Post.Report.Buttons = slices.DeleteFunc(o.Post.Report.Buttons, func(b algesta.Button) bool { return b.Used })
	if o.Post.Direct {
		o.Root = "" // the card is in another conversation
	}
	return o, err
}

// Attempting records that these posts, by Outgoing.ID, are about to be sent. It has to return before a new message is sent: only
// then does Tried say after a crash that it may be in Slack already.
func (s *Store) Attempting(ctx context.Context, ids []int64) error {
	return s.Update(ctx, func(t *Tx) error {
		for _, id := range ids {
			if err := t.exec("recording an attempt to send", `UPDATE posts SET tried = 1, tries = tries + 1 WHERE id = ?`, id); err != nil {
				return err
			}
		}
		return nil
	})
}

// Delivered records what became of posts. A lost one is given up in this content, which is audited; new content is tried again. Where it
// is the card, the plan or an end of a request, or an answer that everyone should see, a LostJob is scheduled in the same transaction.
func (s *Store) Delivered(ctx context.Context, all []algesta.Delivery) error {
	return s.Update(ctx, func(t *Tx) error {
		t.effects.outbox, t.effects.point = true, "delivered" // the next in a thread may go
		for _, d := range all {
			if err := t.delivered(d); err != nil {
				return err
			}
		}
		return nil
	})
}

func (t *Tx) delivered(d algesta.Delivery) error {
	if !d.RetryAt.IsZero() {
		return t.exec("recording a delivery", `UPDATE posts SET retry_at = ? WHERE id = ?`, ms(d.RetryAt), d.ID)
	}
	if d.NoRoot != "" {
		return t.postAgain(d)
	}
	err := t.exec("recording a delivery", `UPDATE posts SET sent_rev = MAX(sent_rev, ?2), ts = CASE WHEN ?3 = '' THEN ts ELSE ?3 END,
		tried = 0, tries = 0, retry_at = 0, lost = ?4, sent_at = ?5, since = CASE WHEN rev > ?2 THEN ?5 ELSE since END WHERE id = ?1`,
		d.ID, d.Rev, d.TS, d.Lost, ms(time.Now()))
	if err != nil || d.Lost == "" {
		return err
	}
	var command, kind string
	err = t.row(`SELECT command, kind FROM posts WHERE id = ?`, d.ID).Scan(&command, &kind)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recording a lost message: %w", err)
	}
	if err := t.Append(algesta.Entry{
		Request: command, Kind: "message lost", At: time.Now(),
		Data: algesta.Args{"message": kind, "reason": d.Lost},
	}); err != nil {
		return err
	}
	switch algesta.PostKind(kind) {
	case algesta.CardPost, algesta.PlanPost, algesta.EndPost, algesta.VerdictPost, algesta.DetailPost:
	default:
		return nil
	}
	return t.Schedule(algesta.LostJob, command, time.Now())
}

// LostPosts are the messages of a request that can never be delivered as they are, oldest first.
func (s *Store) LostPosts(ctx context.Context, request string) ([]algesta.LostPost, error) {
	all, err := list(ctx, s.read, func(row scanner) (l algesta.LostPost, err error) {
		var text string
		if err = row.Scan(&text, &l.Posted, &l.Reason); err != nil {
			return l, err
		}
		return l, decode(text, &l.Post)
	}, `SELECT post, ts <> '', lost FROM posts WHERE command = ? AND lost <> '' ORDER BY id`, request)
	if err != nil {
		return nil, fmt.Errorf("reading the lost messages of %s: %w", request, err)
	}
	return all, nil
}

// CardOf is where the card of a command was posted: the channel and its timestamp, "" where it was not.
func (s *Store) CardOf(ctx context.Context, command string) (channel, ts string, err error) {
	var text string
	err = s.read.row(ctx, `SELECT post, ts FROM posts WHERE command = ? AND kind = 'card'`, command).Scan(&text, &ts)
	if errors.Is(err, sql.ErrNoRows) {
		return "", "", nil
	}
	var p algesta.Post
	if err == nil {
		err = decode(text, &p)
	}
	if err != nil {
		return "", "", fmt.Errorf("looking for the card of %s: %w", command, err)
	}
	return p.Channel, ts, nil
}

// DropButton takes the buttons with this ID out of the messages that hold them: their offers are used up.
func (t *Tx) DropButton(id string) error {
	return t.editButtons(id, func(all []algesta.Button) []algesta.Button {
		return slices.DeleteFunc(all, func(b algesta.Button) bool { return b.ID == id })
	})
}

// showButton hides the buttons with this ID, or shows them again. A hidden one stays in what is stored, and is in nothing that is sent.
func (t *Tx) showButton(id string, shown bool) error {
	return t.editButtons(id, func(all []algesta.Button) []algesta.Button {
		for i := range all {
			if all[i].ID == id {
				all[i].Used = !shown
			}
		}
		return all
	})
}

// editButtons changes the buttons of every message that holds one with this ID.
func (t *Tx) editButtons(id string, edit func([]algesta.Button) []algesta.Button) error {
	type holder struct {
		id   int64
		text string
	}
	all, err := list(t.ctx, t, func(row scanner) (h holder, err error) { return h, row.Scan(&h.id, &h.text) },
		`SELECT id, post FROM posts WHERE instr(post, ?) > 0`, `"id":"`+id+`"`)
	if err != nil {
		return fmt.Errorf("looking for the button %s: %w", id, err)
	}
	for _, h := range all {
		var p algesta.Post
		if err := decode(h.text, &p); err != nil {
			return fmt.Errorf("reading the message of the button %s: %w", id, err)
		}
		has := func(b algesta.Button) bool { return b.ID == id }
		if p.OnlyFor != "" || p.Direct || !slices.ContainsFunc(p.Report.Buttons, has) { // what one person sees can't be edited
			continue
		}
		p.Report.Buttons = edit(p.Report.Buttons)
		p.Final = true
		if err := t.Post(p); err != nil {
			return err
		}
	}
	return nil
}

// Lost counts the messages that were given up since then.
func (s *Store) Lost(ctx context.Context, since time.Time) (n int, err error) {
	if err := s.read.row(ctx, `SELECT COUNT(*) FROM posts WHERE sent_at > ? AND sent_at <> 0 AND lost <> ''`, ms(since)).Scan(&n); err != nil {
		return 0, fmt.Errorf("counting the lost messages: %w", err)
	}
	return n, nil
}

// postAgain makes the messages of a command new whose thread was deleted with all its replies: its card, and under it what people still
// need. The message that found out stays due. A thread that was replaced already is left alone.
func (t *Tx) postAgain(d algesta.Delivery) error {
	var command string
	err := t.row(`SELECT command FROM posts WHERE id = ?`, d.ID).Scan(&command)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("recording a deleted thread: %w", err)
	}
	if err := t.exec("recording a deleted thread", `UPDATE posts SET tried = 0, tries = 0, retry_at = 0 WHERE id = ?`, d.ID); err != nil {
		return err
	}
	var same bool
	if err := t.row(
		`SELECT EXISTS (SELECT 1 FROM posts WHERE command = ? AND kind = 'card' AND ts = ?)`, command, d.NoRoot,
	).Scan(
		&same,
	); err != nil {
		return fmt.Errorf("recording a deleted thread: %w", err)
	}
	if !same {
		return nil
	}
	if err := t.exec(
		"recording a deleted thread",
		`UPDATE posts SET ts = '', sent_rev = rev - 1, tried = 0, tries = 0, retry_at = 0, lost = '', since = ?
		WHERE command = ? AND kind IN ('card', 'plan', 'progress') AND ts <> ''`,
		ms(time.Now()),
		command,
	); err != nil {
		return err
	}
	return t.Append(algesta.Entry{Request: command, Kind: "thread deleted", At: time.Now()})
}

// OutboxWake wakes after a commit that left something to send, and when a retry is due. One wake-up may stand for many posts.
func (s *Store) OutboxWake() <-chan struct{} { return s.outbox.wakes }

// OutboxLag is how long the oldest message has been waiting to be sent, 0 when none is, and how many wait.
func (s *Store) OutboxLag(ctx context.Context) (age time.Duration, waiting int, err error) {
	var since int64
	err = s.read.row(ctx, `SELECT COALESCE(MIN(since), 0), COUNT(*) FROM posts WHERE rev > sent_rev`).Scan(&since, &waiting)
	if err != nil {
		return 0, 0, fmt.Errorf("reading the outbox: %w", err)
	}
	if waiting == 0 {
		return 0, 0, nil
	}
	return max(0, time.Since(moment(since))), waiting, nil
}

// waker wakes the goroutine that waits for it, now or at a time.
type waker struct {
	wakes chan struct{}

	mu      sync.Mutex
	stopped bool
	next    time.Time
	timer   *time.Timer
}

func newWaker() *waker { return &waker{wakes: make(chan struct{}, 1)} }

func (k *waker) wake() {
	select {
	case k.wakes <- struct{}{}:
	default:
	}
}

// wakeAt wakes at the given time, or at an earlier one that was asked for before.
func (k *waker) wakeAt(at time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.stopped || (!k.next.IsZero() && !at.Before(k.next)) {
		return
	}
	if k.timer != nil {
		k.timer.Stop()
	}
	k.next = at
	k.timer = time.AfterFunc(time.Until(at), func() {
		k.mu.Lock()
		if k.next.Equal(at) {
			k.next = time.Time{}
		}
		k.mu.Unlock()
		k.wake()
	})
}

func (k *waker) stop() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.stopped = true
	if k.timer != nil {
		k.timer.Stop()
	}
}
