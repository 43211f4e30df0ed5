package kube

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
)

// A cluster that hangs holds up its own commands twice, and the commands of another one never.
func TestAClusterThatIsAwayIsNotAskedAndHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	var hangs atomic.Bool
	var asked atomic.Int32
	release := make(chan struct{})
	away := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if hangs.Load() {
			select {
			case <-release:
			case <-r.Context().Done():
			}
			return
		}
		answerWho(w, r)
	}))
	defer away.Close()
	defer close(release)
	near := httptest.NewServer(http.HandlerFunc(answerWho))
	defer near.Close()
	gone, err := OpenREST("aks-away", &rest.Config{Host: away.URL})
	require.NoError(t, err)
	there, err := OpenREST("aks-near", &rest.Config{Host: near.URL})
	require.NoError(t, err)
	require.Equal(t, lookEvery, gone.lookOnce(t.Context()))
	state := gone.State()
	require.True(t, state.Answers)
	require.Equal(t, "v1.37.2", state.Version)
	require.Equal(t, "algesta", state.Identity)

	hangs.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.LessOrEqual(t, gone.lookOnce(ctx), lookAgain)
	ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	require.LessOrEqual(t, gone.lookOnce(ctx), lookAtMost)
	before := asked.Load()
	var said *algesta.Error
	start := time.Now()
	for range 20 {
		_, err = gone.Server(t.Context())
		require.ErrorAs(t, err, &said)
		require.Regexp(t, `^The cluster aks-away doesn't answer, for \d+ s now\.$`, said.Message.String())
		require.Regexp(t, `^Nothing was changed\. I'll try again in \d s\.$`, said.Hint.String())
		require.True(t, neverSent(gone.watched.away()))
	}
	require.Less(t, time.Since(start), time.Second)
	require.Equal(t, before, asked.Load(), "nothing was sent")
	_, err = there.Server(t.Context())
	require.NoError(t, err)

	hangs.Store(false)
	require.Equal(t, lookEvery, gone.lookOnce(t.Context()))
	_, err = gone.Server(t.Context())
	require.NoError(t, err, "it heals by itself")
}

// A request that finds nothing has the cluster looked at at once: the command after it needn't wait.
func TestAFailedRequestHasTheClusterLookedAt(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(answerWho))
	c, err := OpenREST("aks", &rest.Config{Host: server.URL})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	running.Go(func() { c.Start(ctx) })
	defer running.Wait()
	defer cancel()
	require.Eventually(t, func() bool { return c.State().Answers }, 10*time.Second, 5*time.Millisecond)
	server.Close()
	_, err = c.Server(t.Context())
	require.Error(t, err)
	require.Eventually(t, func() bool { return c.watched.away() != nil }, lookEvery/2, 50*time.Millisecond, "long before the next look")
	require.False(t, c.State().Answers)
	require.Equal(t, "The cluster aks doesn't answer.", c.State().Problem)
}

func answerWho(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	if r.URL.Path == "/version" {
		_, _ = w.Write([]byte(`{"gitVersion":"v1.37.2"}`))
		return
	}
	_, _ = w.Write([]byte(`{"kind":"SelfSubjectReview","apiVersion":"authentication.k8s.io/v1","status":{"userInfo":{"username":"algesta"}}}`))
}
