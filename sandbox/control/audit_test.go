package control

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A look that starts in the middle of a long log sees what one from its beginning sees, and goes on with what is written meanwhile.
func TestALookFromAMomentSeesEveryRequestSinceThen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit.log")
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_APPEND, 0o600)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })
	began := time.Date(2026, 11, 30, 3, 0, 0, 0, time.UTC)
	write := func(n int, stage string, received, at time.Time) {
		line, err := json.Marshal(map[string]any{
			"auditID": fmt.Sprint(n), "stage": stage, "verb": "get", "requestReceivedTimestamp": received, "stageTimestamp": at,
			"objectRef": map[string]any{"namespace": []string{"a", "b"}[n%2], "name": fmt.Sprint(n)},
		})
		require.NoError(t, err)
		_, err = f.Write(append(line, '\n'))
		require.NoError(t, err)
	}
	const many = 20_000 // several megabytes: fewer are read whole
	for n := range many {
		received := began.Add(time.Duration(n) * 100 * time.Millisecond)
		write(n, "RequestReceived", received, received)
		if n%7 == 3 { // the end of an older one, which was answered late
			write(n-3, "ResponseComplete", received.Add(-300*time.Millisecond), received)
		}
	}
	for _, since := range []time.Duration{-time.Hour, 0, time.Second, 500 * time.Second, 1999 * time.Second, time.Hour} {
		for namespace, share := range map[string]int{"": 1, "a": 2} {
			look, err := lookFrom(f, began.Add(since), namespace)
			require.NoError(t, err)
			require.NoError(t, look.on())
			first := min(many, max(0, int(since/(100*time.Millisecond))))
			require.Len(t, look.requests, (many-first)/share, "%s %s", since, namespace)
			if since == 500*time.Second {
				require.Positive(t, look.at)
				require.Equal(t, began.Add(since), look.requests[0].Received)
				require.Equal(t, look.open(), len(look.requests)-completed(look.requests))
			}
		}
	}
	look, err := lookFrom(f, began.Add(1999*time.Second), "")
	require.NoError(t, err)
	require.NoError(t, look.on())
	open := look.open()
	write(many-1, "ResponseComplete", began.Add(2000*time.Second), began.Add(2001*time.Second))
	require.NoError(t, look.on())
	require.Equal(t, open-1, look.open())
}

func completed(all []Request) int {
	n := 0
	for _, r := range all {
		if !r.Completed.IsZero() {
			n++
		}
	}
	return n
}
