package rollout

import (
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// ChangedOutside stands in the place of a change-cause that was left behind by an older change of the bot: it would sign somebody
// else's change with a colleague's name.
const ChangedOutside = "changed outside the bot"

// CauseOf is the change-cause that a Deployment or ReplicaSet with this template carries, cleaned; ChangedOutside where it is about
// another template.
func CauseOf(annotations map[string]string, template string) string {
	if !algesta.CauseFits(annotations, template) {
		return ChangedOutside
	}
	return quote(annotations[CauseAnnotation])
}

// InQuotes is a change-cause in a sentence: in quotation marks where somebody wrote it.
func InQuotes(cause string) string {
	if cause == ChangedOutside {
		return cause
	}
	return words.Cited(cause)
}

// tellCauses fills in why and when each of the revisions, newest first, was made. A cause of the bot without a mark of its template was
// written before there were marks: it belongs to the oldest revision that carries it, and later ones inherited it.
func tellCauses(revisions []Revision) {
	for i := range revisions {
		r := &revisions[i]
		annotations := r.Set.Annotations
		template, err := TemplateHash(r.Template)
		if err != nil {
			template = "" // fits no mark
		}
		r.Cause, r.Made = CauseOf(annotations, template), r.Set.CreationTimestamp.Time
		if at, ok := algesta.TemplateChangedAt(annotations, template); ok && at.After(r.Made) {
			r.Made = at
		}
		if annotations[algesta.CauseTemplateAnnotation] != "" || algesta.RequestOfCause(annotations[CauseAnnotation]) == "" {
			continue
		}
		for _, older := range revisions[i+1:] {
			if older.Set.Annotations[CauseAnnotation] == annotations[CauseAnnotation] {
				r.Cause = ChangedOutside
			}
		}
	}
}

// Age is how long ago the revision was made what runs, the last time that it was.
func (r Revision) Age(now time.Time) time.Duration { return now.Sub(r.Made) }
