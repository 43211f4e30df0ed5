package slackd

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"time"
)

// Fault is one way in which a call goes wrong. Fields combine: slow and then a 500, for example.
type Fault struct {
	Status     int           `json:"status,omitempty"`     // answer with this HTTP status: 429, 500, 503
	RetryAfter time.Duration `json:"retryAfter,omitempty"` // with 429: its Retry-After, rounded up to seconds
	Error      string        `json:"error,omitempty"`      // answer ok=false with this error, like fatal_error
	Delay      time.Duration `json:"delay,omitempty"`      // wait first
	Drop       bool          `json:"drop,omitempty"`       // close the connection without an answer
	AfterWork  bool          `json:"afterWork,omitempty"`  // do what was asked, then go wrong: the caller cannot know it was done
	// Answer replaces fields of the answer, a good one or one with Error: for forms that a client may not know.
	Answer map[string]any `json:"answer,omitempty"`
}

type fault struct {
	Fault
	method string
	left   int
}

// FailNext lets the next n calls of a method go wrong; "*" is any method. "response_url" and "upload" are methods too.
func (s *Server) FailNext(method string, f Fault, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = append(s.faults, &fault{Fault: f, method: method, left: n})
}

// Heal forgets all faults that are still to come.
func (s *Server) Heal() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults = nil
}

func (s *Server) takeFault(method string) *fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range s.faults {
		if f.left > 0 && (f.method == method || f.method == "*") {
			f.left--
			return f
		}
	}
	return nil
}

// wait sits out the delay; false means that the caller gave up.
func (f *fault) wait(r *http.Request) bool {
	if f == nil || f.Delay == 0 {
		return true
	}
	timer := time.NewTimer(f.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.Context().Done():
		return false
	}
}

func (f *fault) breaksBefore() bool { return f != nil && !f.harmless() && !f.AfterWork }

func (f *fault) breaksAfter() bool { return f != nil && !f.harmless() && f.AfterWork }

func (f *fault) harmless() bool { return f.Status == 0 && f.Error == "" && !f.Drop }

// wreck gives the bad answer.
func (f *fault) wreck(w http.ResponseWriter) {
	switch {
	case f.Drop:
		panic(http.ErrAbortHandler) // net/http's own way to close without an answer
	case f.Status == http.StatusTooManyRequests:
		writeAnswer(w, nil, &limited{after: f.RetryAfter})
	case f.Status != 0:
		w.WriteHeader(f.Status)
	default:
		body := object{"ok": false, "error": f.Error}
		maps.Copy(body, f.Answer)
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		writeJSON(w, body)
	}
}

// alter replaces fields of a good answer.
func (f *fault) alter(answer object) {
	if f != nil {
		maps.Copy(answer, f.Answer)
	}
}

func (f *fault) outcome() error {
	switch {
	case f.Drop:
		return errors.New("connection dropped")
	case f.Status != 0:
		return fmt.Errorf("http %d", f.Status)
	default:
		return refuse(f.Error)
	}
}
