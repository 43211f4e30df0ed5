package kube

import (
	"net/http"
	"sync/atomic"
	"time"
)

// watchGap is longer than client-go pauses between two tries to watch (30 s): while a cluster is away, a watch fails at
// least this often. A watch that is refused a connection is tried again silently, and the cache keeps showing what was.
const watchGap = 35 * time.Second

// outage notes when a watch could not reach the cluster. The zero value says never.
type outage struct{ last atomic.Int64 } // Unix nanoseconds

// recent reports that the caches may be older than they look.
func (o *outage) recent() bool {
	last := o.last.Load()
	return last != 0 && time.Since(time.Unix(0, last)) < watchGap
}

// wrap is the transport of the watches.
func (o *outage) wrap(next http.RoundTripper) http.RoundTripper {
	return outageTripper{next: next, outage: o}
}

type outageTripper struct {
	next   http.RoundTripper
	outage *outage
}

// RoundTrip implements http.RoundTripper.
func (t outageTripper) RoundTrip(r *http.Request) (*http.Response, error) {
	answer, err := t.next.RoundTrip(r)
	if err != nil && r.Context().Err() == nil {
		t.outage.last.Store(time.Now().UnixNano())
	}
	return answer, err
}
