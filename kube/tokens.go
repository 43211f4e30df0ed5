package kube

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
)

const (
	tokenSkew      = 10 * time.Second // before its end a token is no longer used
	tokenAhead     = 10 * time.Minute // before its end a new one is fetched in the background, at most a fifth of its life
	signInWithin   = 20 * time.Second
	signInBackoff  = 2 * time.Second // after a failure callers are answered at once for this long, then for twice as long
	longestBackoff = time.Minute
	rejectEvery    = 30 * time.Second
	clockTolerance = time.Minute
)

// tokens keeps one token and fetches the next. It is needed around azidentity because that refuses its own cached token in
// the last five minutes, holds a lock without a context while it asks, and cannot be told that a token was refused.
type tokens struct {
	scope  string
	sign   func(*azureTrip) (azcore.TokenCredential, error) // a new credential
	who    string                                           // signs the bot in; entraName when empty
	cached bool                                             // the credential caches tokens for the whole process, unless it is given claims
	owner  *signing

	mu                         sync.Mutex
	token                      azcore.AccessToken
	from                       time.Time     // when the token was fetched
	fetching                   chan struct{} // closed when the fetch that is under way has ended; nil when there is none
	failed                     *azureError
	failures                   int // since the last token
	rejectedAt                 time.Time
	skew                       time.Duration // see azureTrip
	asked, unanswered, refused int           // tokens since the start
}

func newTokens(scope string, sign func(*azureTrip) (azcore.TokenCredential, error)) *tokens {
	return &tokens{scope: scope, sign: sign}
}

// get is a token that is still good. It waits for a fetch no longer than ctx allows. Its errors are azureErrors, or those of ctx.
func (t *tokens) get(ctx context.Context) (string, error) {
	token, err := t.current(ctx)
	return token.Token, err
}

// current is the same with its times.
func (t *tokens) current(ctx context.Context) (azcore.AccessToken, error) {
	for {
		t.mu.Lock()
		good, due := t.usable(), t.due()
		blocked := t.failed != nil && time.Now().Before(t.failed.again)
		if t.fetching == nil && !blocked && due {
			t.fetch() //nolint:contextcheck // it serves every caller, and ends within signInWithin
		}
		token, fetching, failed := t.token, t.fetching, t.failed
		t.mu.Unlock()
		switch {
		case good:
			return token, nil
		case fetching == nil && failed != nil:
			return azcore.AccessToken{}, failed
		case fetching == nil: // the bot is stopping
			return azcore.AccessToken{}, &azureError{code: noAnswer, err: context.Canceled}
		}
		select {
		case <-ctx.Done():
			return azcore.AccessToken{}, ctx.Err()
		case <-fetching:
		}
	}
}

// usable reports whether the token may be sent. t.mu is held.
func (t *tokens) usable() bool {
	return t.token.Token != "" && time.Until(t.token.ExpiresOn) > tokenSkew
}

// due reports whether a new token is to be fetched. t.mu is held.
func (t *tokens) due() bool {
	if !t.usable() {
		return true
	}
	if !t.token.RefreshOn.IsZero() && time.Now().After(t.token.RefreshOn) {
		return true
	}
	return time.Until(t.token.ExpiresOn) < min(tokenAhead, t.token.ExpiresOn.Sub(t.from)/5)
}

// fetch begins to ask for one token, which is the only one that is asked for then. t.mu is held.
func (t *tokens) fetch() {
	met, token := &azureTrip{}, azcore.AccessToken{}
	fetching := make(chan struct{})
	ask := func(ctx context.Context) (err error) {
		token, err = t.ask(ctx, met)
		return err
	}
	if t.owner.begin(signInWithin, ask, func(err error) { t.fetched(token, met, err) }) {
		t.fetching = fetching
	}
}

// fetched takes over what came of a fetch.
func (t *tokens) fetched(token azcore.AccessToken, met *azureTrip, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked++
	t.skew = met.skew
	if err == nil {
		t.token, t.from, t.failed, t.failures = token, time.Now(), nil, 0
	} else {
		wait := min(signInBackoff<<min(t.failures, 10), longestBackoff)
		t.failures++
		t.unanswered++
		t.failed = explained(err, met)
		t.failed.again, t.failed.who = time.Now().Add(wait), t.who
	}
	close(t.fetching)
	t.fetching = nil
}

var (
	errEmptyToken = errors.New("the answer holds no token")
	errPastToken  = errors.New("the token of the answer has expired already: is this machine's clock right?")
)

func (t *tokens) ask(ctx context.Context, met *azureTrip) (azcore.AccessToken, error) {
	credential, err := t.sign(met)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	options := policy.TokenRequestOptions{Scopes: []string{t.scope}}
	if t.cached {
		options.Claims = "{}" // the metadata service isn't sent them
	}
	token, err := credential.GetToken(ctx, options)
	if err == nil && token.Token == "" {
		err = errEmptyToken
	}
	if err == nil && time.Until(token.ExpiresOn) <= tokenSkew { // it would be asked for again without a pause
		err = errPastToken
	}
	return token, err
}

// reject drops a token that the API server refused. It does so at most every 30 s, and reports whether a new try makes sense.
func (t *tokens) reject(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refused++
	if t.token.Token != token {
		return true // somebody else has a new one already
	}
	if time.Since(t.rejectedAt) < rejectEvery {
		return false
	}
	t.token, t.rejectedAt = azcore.AccessToken{}, time.Now()
	return true
}

// until is when the token ends; zero where there is none.
func (t *tokens) until() time.Time {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.Token == "" {
		return time.Time{}
	}
	return t.token.ExpiresOn
}

// counts are the tokens that were asked for, those that didn't come, and those that were refused where they were sent.
func (t *tokens) counts() (asked, failed, refused int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.asked, t.unanswered, t.refused
}

// clockOff is how far this machine's clock is from Microsoft's, where that is too far for tokens; zero where it isn't.
func (t *tokens) clockOff() time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.skew.Abs() < clockTolerance {
		return 0
	}
	return t.skew.Abs()
}

// GetToken implements azcore.TokenCredential, for the clients of Azure's other services.
func (t *tokens) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	if o.Claims != "" { // the service wants another token than the one that it was sent
		t.mu.Lock()
		refused := t.token.Token
		t.mu.Unlock()
		t.reject(refused)
	}
	token, err := t.current(ctx)
	if err != nil {
		return azcore.AccessToken{}, err
	}
	return azcore.AccessToken{Token: token.Token, ExpiresOn: token.ExpiresOn}, nil
}
