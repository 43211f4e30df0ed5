package slack

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// TestNobodySharesAnAnswerFromBeforeTheirQuestion lets two people ask while a call is under way that began before: the one who takes an
// older answer shares it, and the one who needs one from now gets one that was asked for after that, in one call for both of them.
func TestNobodySharesAnAnswerFromBeforeTheirQuestion(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(web{}, nil, nil)
		calls, release := 0, make(chan struct{})
		look := func(maxAge time.Duration) int {
			got, err := ask(t.Context(), d, "key", d.places, time.Now().Add(-maxAge), func(context.Context) (int, error) {
				calls++
				answer := calls // Slack knows it at the start of the call, and says it at the end
				<-release
				return answer, nil
			})
			require.NoError(t, err)
			return got
		}
		answers := map[string]int{}
		var mu sync.Mutex
		var asking sync.WaitGroup
		start := func(name string, maxAge time.Duration) {
			asking.Go(func() {
				got := look(maxAge)
				mu.Lock()
				defer mu.Unlock()
				answers[name] = got
			})
			synctest.Wait()
		}
		start("the first", 0)
		time.Sleep(2 * time.Second) // of made-up time
		start("ten minutes will do", 10*time.Minute)
		start("an execution", 0)
		start("an execution of what was approved a second ago", time.Second)
		release <- struct{}{}
		synctest.Wait()
		close(release)
		asking.Wait()
		require.Equal(t, map[string]int{
			"the first": 1, "ten minutes will do": 1, "an execution": 2, "an execution of what was approved a second ago": 2,
		}, answers)
		require.Equal(t, 2, calls)
	})
}

// TestWhoGaveUpAsksNoMore ends the context of somebody who waits for another one's call.
func TestWhoGaveUpAsksNoMore(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(web{}, nil, nil)
		calls, release := 0, make(chan struct{})
		call := func(ctx context.Context) (int, error) {
			calls++
			<-release
			return calls, context.Cause(context.WithoutCancel(ctx))
		}
		var asking sync.WaitGroup
		asking.Go(func() { _, _ = ask(t.Context(), d, "key", d.places, time.Time{}, call) })
		synctest.Wait()
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(t.Context())
		asking.Go(func() {
			_, err := ask(ctx, d, "key", d.places, time.Now(), call)
			require.ErrorIs(t, err, context.Canceled)
		})
		synctest.Wait()
		cancel()
		close(release)
		asking.Wait()
		require.Equal(t, 1, calls)
	})
}
