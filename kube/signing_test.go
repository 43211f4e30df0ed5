package kube

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
)

// renewing hands out numbered tokens that are to be renewed at once; the number is in the time at which they end, too.
type renewing struct{ made atomic.Int64 }

func (r *renewing) GetToken(context.Context, policy.TokenRequestOptions) (azcore.AccessToken, error) {
	n := r.made.Add(1)
	return azcore.AccessToken{
		Token: fmt.Sprint(n), ExpiresOn: time.Unix(1<<32+n, 0), RefreshOn: time.Unix(1, 0),
	}, nil
}

func TestATokenComesWithItsOwnEnd(t *testing.T) {
	t.Parallel()
	r := &renewing{}
	source := newTokens(aksScope, func(*azureTrip) (azcore.TokenCredential, error) { return r, nil })
	source.owner = newSigning(nil, nil)
	defer source.owner.end()
	var callers sync.WaitGroup
	var mixed atomic.Int32
	for range 8 {
		callers.Go(func() {
			for range 2000 {
				token, err := source.GetToken(context.Background(), policy.TokenRequestOptions{})
				if err != nil || token.Token != fmt.Sprint(token.ExpiresOn.Unix()-1<<32) {
					mixed.Add(1)
				}
			}
		})
	}
	callers.Wait()
	require.Zero(t, mixed.Load())
}

// What signs in has an owner that ends it: nobody waits for it any more, and nothing begins afterwards.
func TestWhatSignsInEndsWithItsCluster(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e := &entra{}
		e.hangs.Store(true)
		owner := newSigning(nil, nil)
		source := newTokens(aksScope, e.credential)
		source.owner = owner
		place := &located{owner: owner, find: func(ctx context.Context) (_ *rest.Config, err error) {
			_, err = source.get(ctx)
			return nil, err
		}}
		failed := make(chan error, 2)
		go func() { _, err := source.get(t.Context()); failed <- err }()
		go func() { _, _, err := place.where(t.Context()); failed <- err }()
		synctest.Wait()
		began := time.Now()
		owner.end()
		require.Error(t, <-failed)
		require.Error(t, <-failed)
		require.Zero(t, time.Since(began))
		time.Sleep(time.Hour) // no longer because it failed a moment ago
		asked := e.asked.Load()
		_, err := source.get(t.Context())
		require.Error(t, err)
		require.Equal(t, asked, e.asked.Load())
		_, _, err = place.where(t.Context())
		require.ErrorIs(t, err, context.Canceled)
	})
}

// A mistake in what signs in ends that try and not the bot, and its text is nowhere but in the log.
func TestAPanicWhileSigningInIsCaught(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		e, panics := &entra{}, &algesta.Panics{}
		source := newTokens(aksScope, e.credential)
		source.owner = newSigning(panics, nil)
		source.sign = func(*azureTrip) (azcore.TokenCredential, error) { panic("a value of a token") }
		_, err := source.get(t.Context())
		require.ErrorContains(t, err, notUnderstood)
		require.NotContains(t, err.Error(), "a value")
		require.Equal(t, int64(1), panics.Total())
		source.sign = e.credential
		time.Sleep(time.Minute)
		_, err = source.get(t.Context())
		require.NoError(t, err)
	})
}
