package kube

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

const (
	lookEvery  = time.Minute     // while a cluster answers, it is asked so often who the bot is there
	lookAgain  = 2 * time.Second // after the first time that it doesn't, then twice as long
	lookAtMost = 5 * time.Second
	// awayAfter is how many looks in a row find nothing before a cluster counts as away: one lost packet is no reason to refuse commands.
	awayAfter = 2
)

// State is what is known of a cluster without asking it.
type State struct {
	Access   Access
	Asked    time.Time // when it was asked last; zero when it hasn't been
	Answers  bool
	Version  string // as it last said
	Identity string // who the bot is there, as it last said
	Problem  string // why it doesn't answer, or doesn't let the bot in, in a sentence without its full stop
	// TokenUntil is when the token of Microsoft Entra ends; zero where there is none.
	TokenUntil time.Time
	// SignIns and FailedSignIns count the tokens that were asked for since the start, and Refused those that the cluster didn't take.
	SignIns, FailedSignIns, Refused int
}

// State is how the cluster is, as the last look saw it.
func (c *Cluster) State() State {
	c.watched.mu.Lock()
	out := c.watched.state
	c.watched.mu.Unlock()
	if c.azure != nil {
		out.Access = c.azure.cfg.Access
		out.TokenUntil = c.azure.cluster.until()
		out.SignIns, out.FailedSignIns, out.Refused = c.azure.cluster.counts()
	}
	return out
}

// TokenLife is how long the token lasts that the bot signs in with; ok is false where it signs in without one that ends.
func (c *Cluster) TokenLife() (left time.Duration, ok bool) {
	if c.azure == nil {
		return 0, false
	}
	until := c.azure.cluster.until()
	return time.Until(until), !until.IsZero()
}

// watchedState is the state of a cluster, and whether it is away: then requests fail at once, and nobody waits for what isn't there.
type watchedState struct {
	mu     sync.Mutex
	state  State
	failed int       // looks in a row that found nothing
	since  time.Time // the first of them
	next   time.Time // the next look
	wake   chan struct{}
}

// awayError is a request that wasn't sent, because the cluster was found away shortly before.
type awayError struct{ since, next time.Time }

func (e *awayError) Error() string {
	return "not asked: it hasn't answered since " + e.since.UTC().Format(time.TimeOnly)
}

// looking marks the requests of a look, which are sent although the cluster is away.
type looking struct{}

// guard is the transport of everything but looks.
type guard struct {
	next    http.RoundTripper
	watched *watchedState
}

// RoundTrip implements http.RoundTripper.
func (g guard) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.Context().Value(looking{}) == nil {
		if away := g.watched.away(); away != nil {
			closeBody(r)
			return nil, away
		}
	}
	res, err := g.next.RoundTrip(r)
	if err == nil {
		g.watched.heard()
	} else if r.Context().Err() == nil {
		g.watched.lookSoon()
	}
	return res, err
}

// WrappedRoundTripper lets client-go find the transport underneath.
func (g guard) WrappedRoundTripper() http.RoundTripper { return g.next }

// away is why nothing is sent now; nil where requests are.
func (w *watchedState) away() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.failed < awayAfter {
		return nil
	}
	return &awayError{since: w.since, next: w.next}
}

// lookSoon has the cluster looked at as soon as may be, because a request found nothing.
func (w *watchedState) lookSoon() {
	select {
	case w.wake <- struct{}{}:
	default: // it will be looked at already
	}
}

// heard notes that the cluster answered somebody.
func (w *watchedState) heard() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.failed = 0
}

// look asks the cluster for its version and who the bot is there, again and again until ctx ends.
func (c *Cluster) look(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.watched.wake:
		case <-timer.C:
		}
		timer.Reset(c.lookOnce(ctx))
		soonest := time.NewTimer(lookAgain) // whatever wakes it
		select {
		case <-ctx.Done():
		case <-soonest.C:
		}
		soonest.Stop()
	}
}

// lookOnce asks once, and is how long to wait for the next time.
func (c *Cluster) lookOnce(ctx context.Context) time.Duration {
	ctx = context.WithValue(ctx, looking{}, true)
	version, raw := c.version(ctx)
	err := c.explain(aboutVersion, raw)
	identity := ""
	answered := raw == nil
	if answered {
		identity, err = c.Identity(ctx)
	}
	w := &c.watched
	w.mu.Lock()
	defer w.mu.Unlock()
	now := time.Now()
	w.state.Asked, w.state.Answers, w.state.Problem = now, answered, problemOf(err)
	w.state.Version, w.state.Identity = orElse(version, w.state.Version), orElse(identity, w.state.Identity)
	if answered {
		w.failed = 0
		if err != nil { // it doesn't let the bot in yet
			return lookAtMost
		}
		return lookEvery
	}
	wait := lookAgain
	if codeOf(raw) == 0 && azureErrorIn(raw) == nil { // it said nothing; where the bot couldn't sign in, it wasn't asked
		if w.failed++; w.failed == 1 {
			w.since = now
		}
		wait = lookAgain << min(w.failed-1, 8)
	}
	wait = min(wait, lookAtMost)
	w.next = now.Add(wait)
	return wait
}

// problemOf is what people would be told of an error.
func problemOf(err error) string {
	if err == nil {
		return ""
	}
	if told, ok := errors.AsType[*algesta.Error](err); ok {
		return told.Message.String()
	}
	return "it couldn't be asked"
}

// guarded adds the guard to a client's configuration, outermost.
func (c *Cluster) guarded(base *rest.Config) {
	base.Wrap(func(next http.RoundTripper) http.RoundTripper { return guard{next: next, watched: &c.watched} })
}

// explainAway is the sentence for a request that wasn't sent to a cluster that is away.
func explainAway(cluster string, err error) (signInSentence, bool) {
	e, ok := errors.AsType[*awayError](err)
	if !ok {
		return signInSentence{}, false
	}
	return signInSentence{
		algesta.Say("The cluster {} doesn't answer, for {} now.", algesta.Name(cluster), words.Span(max(time.Since(e.since), time.Second))),
		algesta.Say("Nothing was changed. I'll try again in {}.", words.Span(max(time.Until(e.next), time.Second))),
	}, true
}

// unreachable says what to look at where a cluster of Azure isn't reached: its name goes away when it is stopped, and a firewall of its own
// drops what it doesn't know.
func (c *Cluster) unreachable(err error) (algesta.Text, bool) {
	if !c.aks || err == nil {
		return algesta.Text{}, false
	}
	switch networkCode(err) {
	case noName:
		return algesta.Say("The name of its API server doesn't resolve: is the cluster stopped, or private? Ask again in a minute."), true
	case unknownCA:
		return algesta.Say("The certificate of its API server isn't from the authority that I have for it. The bot's operator can " +
			"look it up again."), true
	case noAnswer:
		return algesta.Say("Nothing answers at its API server's address: do its authorized IP ranges have mine? Ask again in a minute."), true
	}
	return algesta.Text{}, false
}
