package slack

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestEveryPauseThatSlackAsksForHasBounds gives a 429 with every kind of Retry-After to everything that pauses because of it.
func TestEveryPauseThatSlackAsksForHasBounds(t *testing.T) {
	t.Parallel()
	for header, wants := range map[string]struct{ least, most time.Duration }{
		"0": {time.Second, time.Second}, "-30": {time.Second, time.Second}, "7": {7 * time.Second, 7 * time.Second},
		"86400": {restAtMost, restAtMost}, "9223372036854775807": {restAtMost, restAtMost}, "10000000000": {restAtMost, restAtMost},
		"": {100 * time.Millisecond, restAtMost}, "soon": {100 * time.Millisecond, restAtMost},
		"Wed, 21 Oct 2099 07:28:00 GMT": {100 * time.Millisecond, restAtMost}, "99999999999999999999": {100 * time.Millisecond, restAtMost},
	} {
		err := statusError(&http.Response{StatusCode: http.StatusTooManyRequests, Header: http.Header{"Retry-After": {header}}})
		for what, pause := range map[string]time.Duration{
			"a socket": (&listener{fatalWait: time.Minute}).waitAfter(err, new(pausesBetweenTries)), "a message": judge(err, 0).after,
		} {
			require.GreaterOrEqual(t, pause, wants.least, "%s after %q", what, header)
			require.LessOrEqual(t, pause, wants.most, "%s after %q", what, header)
		}
		require.True(t, judge(err, 0).limited, header)
	}
}
