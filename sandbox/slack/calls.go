package slackd

import (
	"slices"
	"time"
)

// Call is one Web API call as it arrived, without its token.
type Call struct {
	Method string         `json:"method"`
	Args   map[string]any `json:"args"`
	At     time.Time      `json:"at"`
	Took   time.Duration  `json:"took"`
	Error  string         `json:"error,omitempty"` // empty for ok=true; "ratelimited" for a 429
}

// maxCalls bounds the log; the oldest half is forgotten beyond it.
const maxCalls = 100_000

// record logs a call that did nothing.
func (s *Server) record(c Call, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.recordDone(c, err)
}

// recordDone logs a call in the same hold of mu as its effect, so that a test that sees the effect finds the call. The caller
// holds mu.
func (s *Server) recordDone(c Call, err error) {
	c.Took = time.Since(c.At)
	if err != nil {
		c.Error = err.Error()
	}
	if len(s.calls) >= maxCalls {
		s.calls = slices.Clone(s.calls[maxCalls/2:])
	}
	s.calls = append(s.calls, c)
	s.touch()
}

// Calls are the Web API calls so far, oldest first: all of them, or those of the given methods.
func (s *Server) Calls(methods ...string) []Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(methods) == 0 {
		return slices.Clone(s.calls)
	}
	var out []Call
	for _, c := range s.calls {
		if slices.Contains(methods, c.Method) {
			out = append(out, c)
		}
	}
	return out
}
