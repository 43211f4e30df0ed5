package runbooks

import (
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// changedOutside stands in the place of a change-cause that was left behind by an older change of the bot: it would sign somebody
// else's change with a colleague's name.
const changedOutside = "changed outside the bot"

// causeSwaps note why the template changes, and which template that reason is about, in the same patch: a new revision inherits
// the Deployment's annotations, and a cause that is written later would name the wrong revision for a while.
func (s scene) causeSwaps(cause, template string) ([]algesta.Swap, error) {
	why, err := s.swap("change-cause", causePath, cause, "metadata", "annotations", causeAnnotation)
	if err != nil {
		return nil, err
	}
	about, err := s.swap("template of the change-cause", causeTemplatePath, template, "metadata", "annotations", algesta.CauseTemplateAnnotation)
	return []algesta.Swap{why, about}, err
}

// causeOf is the change-cause that a Deployment or ReplicaSet with this template carries, cleaned; changedOutside where it is about
// another template.
func causeOf(annotations map[string]string, template string) string {
	if !algesta.CauseFits(annotations, template) {
		return changedOutside
	}
	return quote(annotations[causeAnnotation])
}

// inQuotes is a change-cause in a sentence: in quotation marks where somebody wrote it.
func inQuotes(cause string) string {
	if cause == changedOutside {
		return cause
	}
	return words.Cited(cause)
}

// tellCauses fills in why and when each of the revisions, newest first, was made. A cause of the bot without a mark of its template was
// written before there were marks: it belongs to the oldest revision that carries it, and later ones inherited it.
func tellCauses(revisions []revision) {
	for i := range revisions {
		r := &revisions[i]
		annotations := r.set.Annotations
		template, err := templateHash(r.template)
		if err != nil {
			template = "" // fits no mark
		}
		r.cause, r.made = causeOf(annotations, template), r.set.CreationTimestamp.Time
		if at, ok := algesta.TemplateChangedAt(annotations, template); ok && at.After(r.made) {
			r.made = at
		}
		if annotations[algesta.CauseTemplateAnnotation] != "" || algesta.RequestOfCause(annotations[causeAnnotation]) == "" {
			continue
		}
		for _, older := range revisions[i+1:] {
			if older.set.Annotations[causeAnnotation] == annotations[causeAnnotation] {
				r.cause = changedOutside
			}
		}
	}
}

// age is how long ago the revision was made what runs, the last time that it was.
func (r revision) age(now time.Time) time.Duration { return now.Sub(r.made) }

// undone says which request an undo takes back: the one that its button belongs to, while that is still the last change. superseded is
// true when it is not any more, and then the command is a plain change.
func (s scene) undone(wrote bool) (request string, superseded bool) {
	request = undoes.Text(s.in)
	if request == "" {
		return "", false
	}
	if !wrote || s.d.Annotations[algesta.OperationAnnotation] != algesta.Operation(request) {
		return "", true
	}
	return request, false
}

// wroteTemplate reports whether the template that runs now is the one that the last change of the bot to a template wrote.
func (s scene) wroteTemplate() bool {
	now, err := templateHash(s.d.template())
	return err == nil && s.d.Annotations[algesta.CauseTemplateAnnotation] == now
}

// notLast warns that an undo takes back more than its request.
func notLast(request string) algesta.Text {
	return algesta.Say("{} isn't the last change here any more: what was changed after it goes away, too.", algesta.Name(quote(request)))
}
