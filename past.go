package algesta

import (
	"slices"
	"strings"
	"time"
)

// Past is what became of an earlier change of the bot to a pod template, as far as a later plan needs to know it.
type Past struct {
	Request  string    // its ID: "c-7f3a9k"
	Template string    // the TemplateHash that it wrote
	Status   Status    // how it ended: Succeeded, Failed, TimedOut, Superseded
	Note     string    // why it ended so, in the words of its card
	At       time.Time // when it ended
	NoPods   bool      // no pod was wanted when it ended: nothing ran, so it says nothing about the template
}

// NoPods begins the note of a change that ended well and while no pod was wanted.
const NoPods = "no pods"

// PastOf is the past that a request has become; ok is false where it has not ended or changed no template.
func PastOf(r Request) (p Past, ok bool) {
	if !r.Status.Ended() || r.Plan.Template == "" || !r.Plan.WritesTemplate() {
		return Past{}, false
	}
	note := r.Note
	if _, why, found := strings.Cut(note, ": "); found { // "failed and was not undone: pod x crashes"
		note = why
	}
	return Past{
		Request:  r.ID,
		Template: r.Plan.Template,
		Status:   r.Status,
		Note:     note,
		At:       r.UpdatedAt,
		NoPods:   strings.HasPrefix(r.Note, NoPods),
	}, true
}

// WritesTemplate reports whether the plan changes a pod template.
func (p Plan) WritesTemplate() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool {
		return slices.ContainsFunc(c.Swaps, func(s Swap) bool { return strings.HasPrefix(s.Path, "/spec/template") && !s.Tests() })
	})
}
