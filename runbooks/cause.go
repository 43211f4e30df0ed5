package runbooks

import (
	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// causeSwaps note why the template changes, and which template that reason is about, in the same patch: a new revision inherits
// the Deployment's annotations, and a cause that is written later would name the wrong revision for a while.
func (s workloadState) causeSwaps(cause, template string) ([]algesta.Swap, error) {
	why, err := s.swap("change-cause", algesta.CausePath, cause, "metadata", "annotations", rollout.CauseAnnotation)
	if err != nil {
		return nil, err
	}
	about, err := s.swap(
		"template of the change-cause",
		causeTemplatePath,
		template,
		"metadata",
		"annotations",
		algesta.CauseTemplateAnnotation,
	)
	return []algesta.Swap{why, about}, err
}

// undone says which request an undo takes back: the one that its button belongs to, while that is still the last change. superseded is
// true when it is not any more, and then the command is a plain change.
func (s workloadState) undone(wrote bool) (request string, superseded bool) {
	request = undoes.Text(s.in)
	if request == "" {
		return "", false
	}
	if !wrote || !algesta.WroteLast(request, s.d.Annotations) {
		return "", true
	}
	return request, false
}

// asUndo has a plan say which request it takes back, where it does exactly that: moves is what becomes what.
func asUndo(p *algesta.Plan, request string, what any, moves string) {
	name := algesta.Name(quote(request))
	p.Title = algesta.Say("Undo of {} for {} ({})", name, what, moves)
	p.Summary = algesta.Say("Undo {}: {}", name, p.Summary)
	p.Doing = algesta.Say("Undoing {} for {}: {}", name, what, moves)
}

// asUndoOfPause does so for a plan that pauses or resumes, or warns where something else was changed after what it takes back.
func (s workloadState) asUndoOfPause(p *algesta.Plan, moves string) {
	_, rest := s.scaledSince()
	switch request, overtaken := s.undone(!rest); {
	case request != "":
		asUndo(p, request, subject(s.in), moves)
	case overtaken:
		p.Warnings = append(p.Warnings, algesta.Say(
			"{} isn't the last change here any more. This takes back only whether it's paused; what was changed after it stays.",
			algesta.Name(quote(undoes.Text(s.in))),
		))
	}
}

// wroteTemplate reports whether the template that runs now is the one that the last change of the bot to a template wrote.
func (s workloadState) wroteTemplate() bool {
	now, err := rollout.TemplateHash(s.d.Template())
	return err == nil && s.d.Annotations[algesta.CauseTemplateAnnotation] == now
}

// scaledSince says what was changed after the scaling that a command takes back, as far as the deployment tells: its number of pods, and
// everything else. With kubectl or by an autoscaler nothing is noted on it.
func (s workloadState) scaledSince() (pods, rest bool) {
	was := s.in.Undone
	if was == nil {
		return false, false
	}
	now, err := rollout.TemplateHash(s.d.Template())
	n, known := was.Figures["pods"]
	return known && n != int64(s.d.Replicas()), err == nil && was.Template != "" && was.Template != now
}

// notLastScaling warns of an undo of a scaling after which something else was changed.
func notLastScaling(request string, pods bool) algesta.Text {
	if pods {
		return notLast(request)
	}
	return algesta.Say(
		"{} isn't the last change here any more. Only its number of pods goes back; what was changed after it stays.",
		algesta.Name(quote(request)),
	)
}

// notLast warns that an undo takes back more than its request.
func notLast(request string) algesta.Text {
	return algesta.Say("{} isn't the last change here any more: what was changed after it goes away, too.", algesta.Name(quote(request)))
}
