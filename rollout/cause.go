package rollout

import (
	appsv1 "k8s.io/api/apps/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

// ChangedOutside takes the place of a change-cause that was left behind by an older change of the bot: otherwise it would put a
// colleague's name to someone else's change.
const ChangedOutside = "changed outside the bot"

// CauseOf is the change-cause that a Deployment or ReplicaSet with this template carries, cleaned; ChangedOutside where it is about
// another template.
func CauseOf(annotations map[string]string, template string) string {
	if !algesta.CauseFits(annotations, template) {
		return ChangedOutside
	}
	return quote(annotations[CauseAnnotation])
}

// InQuotes is a change-cause in a sentence: in quotation marks where someone wrote it.
func InQuotes(cause string) string {
	if cause == ChangedOutside {
		return cause
	}
	return words.Cited(cause)
}

// fillCauses fills in why and when each of the revisions of the Deployment, newest first, was made. A cause of the bot without a mark of
// its template was written before there were marks: it belongs to the oldest revision that carries it, and later ones inherited it.
func fillCauses(d *appsv1.Deployment, revisions []Revision) {
	for i := range revisions {
		r := &revisions[i]
		annotations := r.Annotations
		template, err := TemplateHash(r.Template)
		if err != nil {
			template = "" // fits no mark
		}
		r.Cause = CauseOf(annotations, template)
		var noted bool
		if r.Made, noted = facts.Began(d, r.Set, template); !noted {
			r.Cause = ChangedOutside
		}
		if annotations[algesta.CauseTemplateAnnotation] != "" || algesta.RequestOfCause(annotations[CauseAnnotation]) == "" {
			continue
		}
		for _, older := range revisions[i+1:] {
			if older.Annotations[CauseAnnotation] == annotations[CauseAnnotation] {
				r.Cause = ChangedOutside
			}
		}
	}
}
