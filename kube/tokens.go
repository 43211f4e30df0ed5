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
	tokenSkew     = 10 * time.Second // before its end a token is no longer used
	tokenAhead    = 10 * time.Minute // before its end a new one is fetched in the background
	signInWithin  = 20 * time.Second
	signInBackoff = 2 * time.Second // after a failure callers are answered at once for this long
	rejectEvery   = 30 * time.Second
)

// tokens keeps one token and fetches the next. It is needed around azidentity because that refuses its own cached token in
// the last five minutes, holds a lock without a context while it asks, and cannot be told that a token was refused.
type tokens struct {
	sign func() (azcore.TokenCredential, error)

	mu         sync.Mutex
	credential azcore.TokenCredential
	token      azcore.AccessToken
	fetching   chan struct{} // closed when the fetch that is under way has ended; nil when there is none
	failed     error
	failedAt   time.Time
	rejectedAt time.Time
}

func newTokens(factory func() (azcore.TokenCredential, error)) *tokens { return &tokens{sign: factory} }

// get is a token that is still good. It waits for a fetch no longer than ctx allows.
func (t *tokens) get(ctx context.Context) (string, error) {
	for {
		t.mu.Lock()
		left := time.Until(t.token.ExpiresOn)
		good := t.token.Token != "" && left > tokenSkew
		blocked := t.failed != nil && time.Since(t.failedAt) < signInBackoff
		if t.fetching == nil && !blocked && (!good || left < tokenAhead) {
			t.fetching = make(chan struct{})
			go t.fetch() //nolint:contextcheck,gosec // it serves every caller, and ends within signInWithin
		}
		token, fetching, failed := t.token.Token, t.fetching, t.failed
		t.mu.Unlock()
		switch {
		case good:
			return token, nil
		case fetching == nil:
			return "", failed
		}
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-fetching:
		}
	}
}

// fetch asks for one token. It is the only one that asks, and has its own deadline.
func (t *tokens) fetch() {
	ctx, cancel := context.WithTimeout(context.Background(), signInWithin)
	defer cancel()
	token, credential, err := t.ask(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	if err == nil {
		t.token, t.credential, t.failed = token, credential, nil
	} else {
		t.failed, t.failedAt = err, time.Now()
	}
	close(t.fetching)
	t.fetching = nil
}

func (t *tokens) ask(ctx context.Context) (azcore.AccessToken, azcore.TokenCredential, error) {
	t.mu.Lock()
	credential := t.credential
	t.mu.Unlock()
	if credential == nil {
		var err error
		if credential, err = t.sign(); err != nil {
			return azcore.AccessToken{}, nil, err
		}
	}
	token, err := credential.GetToken(ctx, policy.TokenRequestOptions{Scopes: []string{aksScope}})
	if err == nil && token.Token == "" {
		err = errors.New("the answer holds no token")
	}
	if err == nil && time.Until(token.ExpiresOn) <= tokenSkew { // it would be asked for again without a pause
		err = errors.New("the token of the answer has expired already: is this machine's clock right?")
	}
	return token, credential, err
}

// reject drops a token that the API server refused, and the credential, which would return the same one again. It does so
// at most every 30 s, and reports whether a new try makes sense.
func (t *tokens) reject(token string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.token.Token != token {
		return true // somebody else has a new one already
	}
	if time.Since(t.rejectedAt) < rejectEvery {
		return false
	}
	t.token, t.credential, t.rejectedAt = azcore.AccessToken{}, nil, time.Now()
	return true
}
