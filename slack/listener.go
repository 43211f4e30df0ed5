package slack

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"
	"k8s.io/apimachinery/pkg/util/wait"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// Inbox keeps what arrives.
type Inbox interface {
	// Receive stores the invocation and returns after the commit; fresh is false when its key was stored before. Only then
	// is it acknowledged, so an error means that Slack sends it again or tells the person that it failed. It is called
	// concurrently, up to 256 at once. ErrTaken says that the key was stored before with another Digest, and nothing is stored.
	Receive(ctx context.Context, in algesta.Invocation) (fresh bool, err error)
	// Moved gives what is stored about a channel its new ID; it returns after the commit and may be called again.
	Moved(ctx context.Context, from, to string) error
}

const (
	lines = 2 // connections kept open; Slack allows 10 per app
	// maxInFlight is how many envelopes may wait for the inbox. Beyond it they are neither stored nor acknowledged.
	maxInFlight = 256
	// receiveTimeout is far over the 3 s after which Slack gives up: what was nearly stored is stored.
	receiveTimeout = 10 * time.Second
	// retireAfter is how long a replaced socket is still read: Slack hangs up about 10 s after its warning.
	retireAfter = 15 * time.Second
)

// Stats is how the connection to Slack is doing, for /readyz and metrics.
type Stats struct {
	Connected  int       // sockets that have said hello
	Hello      time.Time // the last one
	Reconnects int64     // sockets that replaced another
	Received   int64     // envelopes stored
	Repeated   int64     // envelopes that were stored before
	Bad        int64     // frames or envelopes that could not be read; acknowledged where they had an ID
	Dropped    int64     // envelopes not acknowledged, because the inbox failed or was full
	AckErrors  int64     // acknowledgements that could not be written
	InFlight   int       // envelopes on their way to the inbox
	Problem    string    // what keeps a line from its socket, "" for nothing
	// Others are the app's sockets that this process does not hold, at the last hello. Slack gives every envelope to one socket, so a second
	// process with the same app token takes a part of the commands.
	Others int
}

// listener keeps the sockets and passes what arrives to the inbox.
type listener struct {
	web   web
	app   Secret // the app-level token
	inbox Inbox
	log   *zap.Logger
	read  reader
	forms Forms // nil opens none
	// channels is told of channels; nil is not.
	channels Channels

	redactor  *redact.Redactor // of what a form says
	homes     homes
	homePause time.Duration // between two Home tabs that are published again
	homeAgain time.Duration // after one that couldn't be published

	stagger   time.Duration // between the first socket's hello and the second socket
	fatalWait time.Duration // before a refused token is tried again
	slots     chan struct{}
	panics    *algesta.Panics
	work      sync.WaitGroup // lines, sockets and envelopes
	held      atomic.Int64   // sockets that are open here

	mu       sync.Mutex
	stats    Stats
	problems [lines]string     // of each line, since its last hello; "" for none
	acted    map[string]string // when something was chosen last, by the ID of the form
}

// run keeps the sockets until ctx ends, then lets what is in flight be stored and acknowledged.
func (l *listener) run(ctx context.Context) {
	for n := range lines {
		l.work.Go(func() {
			if n == 0 || pause(ctx, time.Duration(n)*l.stagger) {
				l.keep(ctx, n)
			}
		})
	}
	l.work.Go(func() {
		if caught := l.panics.Catch(func() { l.keepHomes(ctx) }); caught != nil {
			l.log.Error("panic while Home tabs were kept", zap.Error(caught))
		}
	})
	l.work.Wait()
}

// keep holds one line: it opens a socket, opens the next one as soon as Slack says that it will hang up, and only
// then lets go of the old one, because Slack sends envelopes on it to the last.
func (l *listener) keep(ctx context.Context, n int) {
	var old *socket
	pauses := pausesBetweenTries
	for ctx.Err() == nil {
		k, err := l.open(ctx)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			d := l.waitAfter(err, &pauses)
			l.fail(n, err, d)
			pause(ctx, d)
			continue
		}
		l.count(func(*Stats) { l.problems[n] = "" })
		if old != nil {
			l.count(func(s *Stats) { s.Reconnects++ })
			close(old.retired)
		}
		old, pauses = k, pausesBetweenTries
		select {
		case <-k.leaving:
			l.log.Info("socket is being refreshed", zap.String("reason", k.reason))
			if err := hungUp(k.reason); errors.Is(err, errHungUp) {
				l.fail(n, err, l.fatalWait)
				pause(ctx, l.fatalWait)
			}
		case <-k.done:
			l.log.Info("socket was closed")
			pause(ctx, pauses.Step()) // so that a Slack that hangs up at once is not called in a tight loop
		case <-ctx.Done():
		}
	}
}

// open makes a connection and returns after its hello.
func (l *listener) open(ctx context.Context) (*socket, error) {
	opening, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	var answer struct {
		URL lenientString `json:"url"`
	}
	if err := l.web.callAs(opening, l.app, "apps.connections.open", nil, &answer); err != nil {
		return nil, fmt.Errorf("opening a socket: %w", err)
	}
	k, err := dial(ctx, string(answer.URL))
	if err != nil {
		return nil, err
	}
	l.work.Go(func() { l.serve(ctx, k) })
	hello := time.NewTimer(helloTimeout)
	defer hello.Stop()
	select {
	case <-k.hello:
		return k, nil
	case <-k.leaving:
		k.stopReading()
		return nil, hungUp(k.reason)
	case <-k.done:
		select {
		case <-k.leaving: // both at once
			return nil, hungUp(k.reason)
		default:
		}
		return nil, errors.New("the socket was closed before its hello")
	case <-hello.C:
		k.stopReading()
		return nil, errors.New("the socket did not say hello")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// errHungUp says that Slack takes no socket of this app for now: Socket Mode was switched off, or other processes hold all ten.
var errHungUp = errors.New("slack takes no socket")

// hungUp is Slack's reason for a disconnect as an error.
func hungUp(reason string) error {
	if reason == "link_disabled" || reason == "too_many_websockets" {
		return fmt.Errorf("%w: %s", errHungUp, reason)
	}
	return fmt.Errorf("slack hangs up: %.100s", reason)
}

// serve owns one socket from its opening to its end.
func (l *listener) serve(ctx context.Context, k *socket) {
	l.held.Add(1)
	defer l.held.Add(-1)
	l.work.Go(func() { k.readAll(func(f frame) { l.take(ctx, k, f) }, l.countBad) })
	greeted := l.watch(ctx, k)
	k.stopReading()
	<-k.done
	k.inFlight.Wait()
	k.close()
	if greeted {
		l.count(func(s *Stats) { s.Connected-- })
	}
}

// watch returns when the socket is of no more use, and says whether it was ever counted as connected.
func (l *listener) watch(ctx context.Context, k *socket) (greeted bool) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	hello, retired := k.hello, k.retired
	var leave <-chan time.Time
	for {
		select {
		case <-hello:
			hello, greeted = nil, true
			l.connected(k)
		case <-retired:
			retired = nil
			timer := time.NewTimer(retireAfter)
			defer timer.Stop()
			leave = timer.C
		case <-ping.C:
			if k.ping() != nil {
				return greeted
			}
		case <-leave:
			return greeted
		case <-k.done:
			return greeted
		case <-ctx.Done():
			return greeted
		}
	}
}

func (l *listener) connected(k *socket) {
	others := max(0, k.sockets-int(l.held.Load()))
	l.count(func(s *Stats) {
		s.Connected++
		s.Hello = time.Now()
		s.Others = others
	})
	if others > 0 {
		l.log.Warn("another process uses this app token: Slack gives it a part of the commands and clicks", zap.Int("sockets", others))
	}
}

// fail notes what keeps a line from its socket. Another line's hello does not take it back.
func (l *listener) fail(n int, err error, retry time.Duration) {
	l.count(func(*Stats) { l.problems[n] = err.Error() })
	l.log.Error("no socket", zap.Error(err), zap.Duration("retry", retry))
}

func (l *listener) countBad() { l.count(func(s *Stats) { s.Bad++ }) }

func (l *listener) count(f func(*Stats)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	f(&l.stats)
}

func (l *listener) snapshot() Stats {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.stats
	s.Problem = cmp.Or(l.problems[:]...)
	return s
}

// waitAfter is how long to wait before the next try. A refused token is no reason to exit: someone may repair it.
func (l *listener) waitAfter(err error, pauses *wait.Backoff) time.Duration {
	if limited, ok := errors.AsType[*slackapi.RateLimitedError](err); ok {
		return rest(limited)
	}
	if credentials(code(err)) || errors.Is(err, errOtherTeam) || errors.Is(err, errOrgInstall) || errors.Is(err, errHungUp) {
		return l.fatalWait
	}
	return pauses.Step()
}

// pausesBetweenTries double from 200 ms to 30 s, with a third of it random so that many bots do not come back together.
var pausesBetweenTries = wait.Backoff{Duration: 200 * time.Millisecond, Factor: 2, Jitter: 1.0 / 3, Steps: 10, Cap: 30 * time.Second}

// pause waits; false means that ctx ended first.
func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
