package kube

import (
	"net/http"
	"sync/atomic"
	"time"
)

// watchGap is longer than client-go pauses between two tries to watch (30 s): while a cluster is away, a watch fails at
// least this often. A watch that is refused a connection is tried again silently, and the cache goes on showing what was.
const watchGap = 35 * time.Second

// away notes when a watch could not reach the cluster. The zero value says never.
type away struct{ last atomic.Int64 } // Unix nanoseconds

// lately reports that the caches may be older than they look.
func (a *away) lately() bool {
	last := a.last.Load()
	return last != 0 && time.Since(time.Unix(0, last)) < watchGap
}

// around is the transport of the watches.
func (a *away) around(next http.RoundTripper) http.RoundTripper {
	return awayTripper{next: next, away: a}
}

type awayTripper struct {
	next http.RoundTripper
	away *away
}

// RoundTrip implements http.RoundTripper.
func (t awayTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err != nil && r.Context().Err() == nil {
		t.away.last.Store(time.Now().UnixNano())
	}
	return answer, err
}
