package slack

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"golang.org/x/time/rate"

	"github.com/3astronautas/algesta"
)

// Rates, each a little below Slack's own (docs.slack.dev/apis/web-api/rate-limits), which are said to be approximate.
const (
	channelBurst   = 4               // then one message a second in a channel
	teamEvery      = time.Second / 4 // messages in all channels together; Slack says "several hundred per minute"
	teamBurst      = 20              //
	editWindow     = time.Minute     // chat.update takes 50 in any minute
	maxEdits       = 40              // of ours in the window (design.md, decision 15)
	maxProgress    = 26              // of them, so that an end always finds room
	leastShare     = 6               // of progress alone, however many changes are under way
	finalEdits     = 3               // of one change: its buttons go, its card turns green, its card says the end
	progressGap    = 2500 * time.Millisecond
	ephemeralEvery = 700 * time.Millisecond // chat.postEphemeral takes 100 a minute
)

// How many calls of a kind may be under way at once.
const (
	maxAnswers = 16
	maxPosts   = 8
	maxUpdates = 4
)

// way is how a message leaves.
type way int

const (
	byPost    way = iota // chat.postMessage
	byEdit               // chat.update
	byReply              // the response_url of what it answers
	byWhisper            // chat.postEphemeral
)

// method is the name that rate limits are kept under.
func (w way) method() string {
	switch w {
	case byEdit:
		return "chat.update"
	case byReply:
		return "response_url"
	case byWhisper:
		return "chat.postEphemeral"
	case byPost:
	}
	return "chat.postMessage"
}

// memory is what the sender knows about a message that did not get through.
type memory struct {
	tries     int
	at        time.Time // of the last attempt
	after     time.Time // not before
	refused   bool      // the last attempt was certainly not carried out
	noReply   bool      // the response_url is used up
	noPost    bool      // it is not the bot's own direct message
	noWhisper bool      // chat.postEphemeral does not reach them here
	textOnly  bool      // Slack does not take its blocks
	broke     int       // internal errors of Slack
	fileTries int       // how often its file could not be put into the thread
	noFile    string    // why it goes without its file
}

// replyLife is a little less than the 30 minutes for which Slack takes answers.
const replyLife = 29 * time.Minute

// lookupAfter is how long a message may take to be found in its channel (durable.md).
const lookupAfter = 2 * time.Second

// pacer decides what may leave now. It knows the time only from its callers.
type pacer struct {
	started  time.Time // attempts of earlier processes were before it
	channels map[string]*rate.Limiter
	team     *rate.Limiter
	whispers *rate.Limiter
	progress *rate.Limiter
	edits    []edit               // in the last window
	edited   map[int64]time.Time  // last edit of a message, for turns
	resting  map[string]time.Time // methods that Slack has told to wait
	busy     map[int64]way        // under way, or done and not yet recorded
	known    map[int64]memory
}

// edit is one that was made.
type edit struct {
	at    time.Time
	final bool
	of    string // the command
}

func newPacer(now time.Time) *pacer {
	return &pacer{
		started: now, channels: map[string]*rate.Limiter{}, team: rate.NewLimiter(rate.Every(teamEvery), teamBurst),
		whispers: rate.NewLimiter(rate.Every(ephemeralEvery), 20), progress: rate.NewLimiter(rate.Every(progressGap), 3),
		edited: map[int64]time.Time{}, resting: map[string]time.Time{}, busy: map[int64]way{}, known: map[int64]memory{},
	}
}

func (p *pacer) way(o algesta.Outgoing, now time.Time) way {
	switch {
	case o.TS != "":
		return byEdit
	case o.Post.OnlyFor == "":
		return byPost
	}
	m := p.known[o.ID]
	reply := o.Post.Reply != "" && !m.noReply && now.Sub(o.Since) < replyLife
	switch {
	// Nobody else reads the bot's own direct messages, and there an ephemeral message would neither be kept nor push. Whether it is the bot's
	// own shows when Slack does not know the channel.
	case strings.HasPrefix(o.Post.Channel, "D") && !m.noPost:
		return byPost
	// A response_url puts what one person sees into the channel, not into the thread (bolt-js#963). It also works where the bot may not write.
	case reply && (o.Post.Thread == "" || m.noWhisper):
		return byReply
	}
	return byWhisper
}

// pick chooses what leaves now, marks it busy, and says how long at most to wait before asking again.
func (p *pacer) pick(now time.Time, due []algesta.Outgoing) (start []algesta.Outgoing, wait time.Duration) {
	wait = time.Hour
	due = slices.Clone(due)
	slices.SortStableFunc(due, p.before)
	for _, o := range due {
		if _, busy := p.busy[o.ID]; busy {
			continue
		}
		w := p.way(o, now)
		if later := p.later(o, w, now); later > 0 {
			wait = min(wait, later)
			continue
		}
		p.busy[o.ID] = w
		start = append(start, o)
	}
	return start, wait
}

// before puts ends first, cards before their progress, and among edits the message that was edited longest ago.
func (p *pacer) before(a, b algesta.Outgoing) int {
	if c := cmp.Compare(rank(a), rank(b)); c != 0 {
		return c
	}
	if a.TS != "" && b.TS != "" && !a.Post.Final {
		if c := p.edited[a.ID].Compare(p.edited[b.ID]); c != 0 {
			return c
		}
	}
	return 0 // as the outbox gave them
}

func rank(o algesta.Outgoing) int {
	switch {
	case o.Post.Final && o.Post.Kind == algesta.CardPost:
		return 0
	case o.Post.Final:
		return 1
	}
	return 2
}

// later is how long this message has to wait; 0 lets it go and counts it.
func (p *pacer) later(o algesta.Outgoing, w way, now time.Time) time.Duration {
	m := p.known[o.ID]
	if d := max(p.resting[w.method()].Sub(now), m.after.Sub(now)); d > 0 {
		return d
	}
	switch w {
	case byEdit:
		return p.editLater(o, now)
	case byReply:
		return p.room(maxAnswers, byReply)
	case byWhisper:
		return cmp.Or(p.room(maxAnswers, byWhisper), take(now, p.whispers))
	case byPost:
	}
	if o.Tried && !m.refused {
		if d := latest(p.started, m.at).Add(lookupAfter).Sub(now); d > 0 {
			return d
		}
	}
	return cmp.Or(p.room(maxPosts, byPost), take(now, p.team, p.channel(o.Post.Channel, now)))
}

// untilDone means "when a call has ended": the sender asks again then anyway.
const untilDone = time.Minute

func (p *pacer) room(most int, w way) time.Duration {
	n := 0
	for _, other := range p.busy {
		if other == w {
			n++
		}
	}
	if n >= most {
		return untilDone
	}
	return 0
}

// editLater keeps the one budget of all edits. Progress gets a turn every progressGap, whichever message waited longest, so the
// interval of each grows with their number; ends take what is left of the window.
func (p *pacer) editLater(o algesta.Outgoing, now time.Time) time.Duration {
	p.edits = slices.DeleteFunc(p.edits, func(e edit) bool { return now.Sub(e.at) >= editWindow })
	most := maxEdits
	if !o.Post.Final {
		most = maxProgress
	}
	if n := len(p.edits); n >= most {
		return p.edits[n-most].at.Add(editWindow).Sub(now)
	}
	if d := p.shareLater(o, now); d > 0 {
		return d
	}
	if d := p.room(maxUpdates, byEdit); d > 0 {
		return d
	}
	if !o.Post.Final {
		if d := take(now, p.progress); d > 0 {
			return d
		}
	}
	p.edits = append(p.edits, edit{now, o.Post.Final, o.Post.Command})
	p.edited[o.ID] = now
	return 0
}

// shareLater holds progress back when many changes are under way: their ends, which may come all at once, need the window.
func (p *pacer) shareLater(o algesta.Outgoing, now time.Time) time.Duration {
	if o.Post.Final {
		return 0
	}
	open := map[string]bool{o.Post.Command: true}
	var progress []edit
	for _, e := range p.edits {
		open[e.of] = true
		if !e.final {
			progress = append(progress, e)
		}
	}
	share := max(leastShare, maxEdits-finalEdits*len(open))
	if n := len(progress); n >= share {
		return progress[n-share].at.Add(editWindow).Sub(now)
	}
	return 0
}

func (p *pacer) channel(id string, now time.Time) *rate.Limiter {
	if len(p.channels) > 256 {
		for other, l := range p.channels {
			if l.TokensAt(now) >= channelBurst {
				delete(p.channels, other)
			}
		}
	}
	l, ok := p.channels[id]
	if !ok {
		l = rate.NewLimiter(rate.Every(time.Second), channelBurst)
		p.channels[id] = l
	}
	return l
}

// take takes one turn of every limiter, or none and says how long to wait.
func take(now time.Time, limiters ...*rate.Limiter) time.Duration {
	var wait time.Duration
	var turns []*rate.Reservation
	for _, l := range limiters {
		r := l.ReserveN(now, 1)
		turns = append(turns, r)
		wait = max(wait, r.DelayFrom(now))
	}
	if wait > 0 {
		for _, r := range turns {
			r.CancelAt(now)
		}
	}
	return wait
}

// forget drops what is known of a message that is through or lost.
func (p *pacer) forget(id int64) {
	delete(p.known, id)
	delete(p.busy, id)
	if len(p.edited) > 1000 {
		clear(p.edited) // only the turns are lost
	}
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
