package facts

import (
	"time"

	"github.com/3astronautas/algesta"
)

// When is a moment in a sentence: "2026-11-30 14:03 UTC". A diagnosis is read again later, when "2 min ago" is no longer true;
// algesta.Dated finds it again.
func When(t time.Time) string { return algesta.AtDay(t).Text }

// Moment is a moment as evidence has it: nil when it is not known.
func Moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Evidence is one thing that was seen.
type Evidence struct {
	Object Ref        `json:"object"`
	Field  string     `json:"field"` // a field path, "event FailedMount" or "log of container x"
	Quote  string     `json:"quote"` // redacted
	At     *time.Time `json:"at,omitempty"`
	Age    string     `json:"age,omitempty"`   // for reading: "6 min"
	Count  int        `json:"count,omitempty"` // of pods, lines or repetitions
}
