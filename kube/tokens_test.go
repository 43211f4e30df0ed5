package kube

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// entra hands out numbered tokens that live for an hour.
type entra struct {
	asked, made atomic.Int32
	hangs, down atomic.Bool
	past        atomic.Bool // its tokens have expired already
}

func (e *entra) credential(*azureTrip) (azcore.TokenCredential, error) {
	e.made.Add(1)
	return e, nil
}

func (e *entra) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	n := e.asked.Add(1)
	if e.hangs.Load() {
		<-ctx.Done()
		return azcore.AccessToken{}, ctx.Err()
	}
	if e.down.Load() {
		return azcore.AccessToken{}, errors.New("AADSTS7000222: the provided client secret keys are expired, and sixteen more lines")
	}
	if e.past.Load() {
		return azcore.AccessToken{Token: "token", ExpiresOn: time.Now().Add(-time.Hour)}, nil
	}
	return azcore.AccessToken{Token: fmt.Sprintf("token-%d-for-%s", n, o.Scopes[0][:8]), ExpiresOn: time.Now().Add(time.Hour)}, nil
}

func TestATokenIsKeptAndRefreshedAhead(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		source := newTokens(aksScope, e.credential)
		for range 10 {
			token, err := source.get(t.Context())
			require.NoError(t, err)
			require.Equal(t, "token-1-for-6dae42f8", token)
		}
		time.Sleep(51 * time.Minute)
		token, err := source.get(t.Context())
		require.NoError(t, err)
		require.Equal(t, "token-1-for-6dae42f8", token, "nobody waits for the new one")
		synctest.Wait()
		token, err = source.get(t.Context())
		require.NoError(t, err)
		require.Equal(t, "token-2-for-6dae42f8", token)
	})
}

func TestATokenIsUsedToItsEndWhileEntraIsDown(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		source := newTokens(aksScope, e.credential)
		_, err := source.get(t.Context())
		require.NoError(t, err)
		e.down.Store(true)
		time.Sleep(59 * time.Minute)
		token, err := source.get(t.Context())
		require.NoError(t, err)
		require.Equal(t, "token-1-for-6dae42f8", token)
		time.Sleep(time.Minute)
		_, err = source.get(t.Context())
		require.ErrorContains(t, err, "AADSTS7000222")
		e.down.Store(false)
		time.Sleep(5 * time.Second)
		_, err = source.get(t.Context())
		require.NoError(t, err, "it heals by itself")
	})
}

func TestATokenThatHasExpiredIsNotAskedForWithoutAPause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		e.past.Store(true)
		source := newTokens(aksScope, e.credential)
		for range 10 {
			_, err := source.get(t.Context())
			require.ErrorContains(t, err, clockIsWrong)
		}
		require.EqualValues(t, 1, e.asked.Load())
		time.Sleep(signInBackoff)
		e.past.Store(false)
		_, err := source.get(t.Context())
		require.NoError(t, err, "it heals by itself")
	})
}

func TestAHangingSignInHoldsNobodyLongerThanTheyCanWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		e.hangs.Store(true)
		source := newTokens(aksScope, e.credential)
		ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
		defer cancel()
		start := time.Now()
		_, err := source.get(ctx)
		require.ErrorIs(t, err, context.DeadlineExceeded)
		require.Equal(t, 300*time.Millisecond, time.Since(start))
		time.Sleep(time.Minute) // the attempt ends by its own deadline
		require.Equal(t, int32(1), e.asked.Load())
	})
}

// signedServer is an API server that takes only this token.
func signedServer(t *testing.T, e *entra, accepts string) (*http.Client, string, *atomic.Int32) {
	t.Helper()
	var seen atomic.Int32
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen.Add(1)
		if r.Header.Get("Authorization") != "Bearer "+accepts {
			w.WriteHeader(http.StatusUnauthorized)
		}
	}))
	t.Cleanup(s.Close)
	host, err := url.Parse(s.URL)
	require.NoError(t, err)
	way := &signedIn{next: s.Client().Transport, tokens: newTokens(aksScope, e.credential), host: host.Host}
	return &http.Client{Transport: way}, s.URL, &seen
}

func request(t *testing.T, client *http.Client, address string) int {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPatch, address, strings.NewReader("body"))
	require.NoError(t, err)
	res, err := client.Do(req)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	return res.StatusCode
}

func TestARefusedTokenIsReplacedOnce(t *testing.T) {
	t.Parallel()
	e := &entra{}
	client, address, seen := signedServer(t, e, "token-2-for-6dae42f8")
	require.Equal(t, http.StatusOK, request(t, client, address))
	require.Equal(t, int32(2), seen.Load())
	require.Equal(t, int32(2), e.made.Load(), "the old credential would return the same token")

	client, address, seen = signedServer(t, &entra{}, "never")
	require.Equal(t, http.StatusUnauthorized, request(t, client, address))
	require.Equal(t, http.StatusUnauthorized, request(t, client, address))
	require.Equal(t, int32(3), seen.Load(), "not at every request: Entra throttles who asks in a loop")
}

func TestATokenGoesNowhereElse(t *testing.T) {
	t.Parallel()
	var got atomic.Value
	elsewhere := httptest.NewServer(
		http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got.Store(r.Header.Get("Authorization")) }),
	)
	t.Cleanup(elsewhere.Close)
	client, _, _ := signedServer(t, &entra{}, "x")
	require.Equal(t, http.StatusOK, request(t, client, elsewhere.URL))
	require.Empty(t, got.Load())
}

func TestSignInErrorsAreSentences(t *testing.T) {
	t.Parallel()
	e := &entra{}
	e.down.Store(true)
	client, address, _ := signedServer(t, e, "x")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address, http.NoBody)
	require.NoError(t, err)
	_, err = client.Do(req) //nolint:bodyclose // there is no response
	require.True(t, neverSent(err))
	c := &Cluster{name: "aks-algesta-dev"}
	err = c.explain(attempt{"get", "deployments", "production", "api-gateway"}, err)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
	var said *algesta.Error
	require.ErrorAs(t, err, &said)
	require.Equal(t, "I can't sign in to aks-algesta-dev: the client secret has expired (AADSTS7000222).", said.Message.String())
	require.Equal(t, "Nothing was changed. The bot's operator can fix it. I'll try again in 2 s.", said.Hint.String())
	require.NotContains(t, err.Error(), "sixteen more lines")
}
