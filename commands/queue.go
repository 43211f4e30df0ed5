package commands

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// The bounds of the queue.
const (
	// atOnce is how many commands are worked on at a time.
	atOnce = 32
	// votesAtOnce is how many clicks are worked on beside them: a vote never waits for a command.
	votesAtOnce = 16
	// eachAtOnce is how many commands, and how many clicks, of one person are worked on at a time: a person who asks for a lot waits
	// behind their own commands and holds up nobody else.
	eachAtOnce = 4
)

// lane is a number of places that people share fairly.
type lane struct {
	all chan struct{}

	mu   sync.Mutex
	each map[algesta.PersonID]*share
}

// share is what one person has of a lane, as long as they have something in it.
type share struct {
	places chan struct{}
	inside int // waiting or running
}

func newLane(places int) *lane {
	return &lane{all: make(chan struct{}, places), each: map[algesta.PersonID]*share{}}
}

// enter waits for a place of the person's own, and only then for one of all, so that those who wait there are few of each person.
// late is called once when that takes long. ok is false when ctx ended first; otherwise leave gives the place back.
func (l *lane) enter(ctx context.Context, who algesta.PersonID, late func()) (leave func(), ok bool) {
	own := l.begin(who)
	wait := time.NewTimer(lagging)
	defer wait.Stop()
	held := []chan struct{}{}
	leave = func() {
		for _, places := range held {
			<-places
		}
		l.end(who)
	}
	for _, places := range []chan struct{}{own.places, l.all} {
		for len(held) == 0 || held[len(held)-1] != places {
			select {
			case places <- struct{}{}:
				held = append(held, places)
			case <-wait.C:
				late()
			case <-ctx.Done():
				leave()
				return nil, false
			}
		}
	}
	return leave, true
}

func (l *lane) begin(who algesta.PersonID) *share {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.each[who]
	if s == nil {
		s = &share{places: make(chan struct{}, eachAtOnce)}
		l.each[who] = s
	}
	s.inside++
	return s
}

func (l *lane) end(who algesta.PersonID) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.each[who]
	if s.inside--; s.inside == 0 {
		delete(l.each, who)
	}
}

// queue waits for a free place and says so to the person when that takes long.
func (d *Dispatcher) queue(ctx context.Context, in algesta.Invocation) {
	lane := d.commands
	if in.Kind == algesta.Voted && !isOffer(in) {
		lane = d.votes
	}
	leave, ok := lane.enter(ctx, in.Person, func() { d.sayBusy(ctx, in) })
	if !ok { // the inbox keeps it for the next start
		return
	}
	defer leave()
	d.Handle(ctx, in)
}

func (d *Dispatcher) sayBusy(ctx context.Context, in algesta.Invocation) {
	err := d.guard("saying busy", in.Key, func() error {
		p := fromPerson(in).alone.answer(
			"busy-"+in.Key,
			algesta.Report{Tone: algesta.Waiting, Title: algesta.Say("I'm busy and haven't looked at this yet. I'll answer as soon " +
				"as I can.")},
		)
		return d.Store.Update(ctx, func(tx Tx) error { return tx.Post(p) })
	})
	if err != nil {
		d.Log.Warn("could not say busy", zap.Error(err))
	}
}

// isOffer reports whether this is a click on a proposed command: work like a typed one, with all that it reads.
func isOffer(in algesta.Invocation) bool { return in.Vote != nil && in.Vote.Action == algesta.Run }

// startsAllowed is how many processes may begin with one invocation. What ends the process before it is answered (out of memory, a stack
// overflow: no recover catches those) would do so at every start.
const startsAllowed = 3

// tooOften refuses what several processes started and none answered. What an invocation changes closes it in the same transaction, so
// nothing came of it.
func tooOften(in algesta.Invocation) error {
	if in.Starts <= startsAllowed {
		return nil
	}
	return &algesta.Error{
		Kind:    algesta.ErrStale,
		Message: algesta.Say("I was restarted {} times while looking at this, so I gave up. Nothing was run.", startsAllowed),
		Hint:    algesta.Say("The bot's operator can find the reason in my log."),
	}
}

// tooLate refuses what was typed, or proposed and clicked, so long ago that the person has moved on (decision 17). A vote on
// a request has the request's own times. began is when this process started.
func tooLate(in algesta.Invocation, began, now time.Time) error {
	if in.Kind == algesta.Voted && !isOffer(in) || now.Sub(in.At) <= tooOld {
		return nil
	}
	why := algesta.Say("I was too busy to look at this within {}.", words.Span(tooOld))
	if in.At.Before(began) {
		why = algesta.Say("I was restarted while you asked.")
	}
	return &algesta.Error{Kind: algesta.ErrStale, Message: join(why, algesta.Say("Nothing was run; please ask again."))}
}
