package runbooks

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/fields"

	"github.com/3astronautas/algesta"
)

// fieldsArg is kubectl's --field-selector.
var fieldsArg = Arg{
	Name: "field-selector", Kind: TextArg, Typed: true,
	Summary: "only those with these fields, such as status.phase=Pending or spec.nodeName=<node>",
}

// podFields are the fields that fieldsArg may name, with what a pod has in them: those that people select pods by.
var podFields = map[string]func(*corev1.Pod) string{
	"metadata.name": func(p *corev1.Pod) string { return p.Name },
	"spec.nodeName": func(p *corev1.Pod) string { return p.Spec.NodeName },
	"status.phase":  func(p *corev1.Pod) string { return string(p.Status.Phase) },
}

// podFieldsOf is the field selector that was typed, everything where none was.
func podFieldsOf(in Input) (fields.Selector, error) {
	typed := fieldsArg.Text(in)
	selector, err := fields.ParseSelector(typed)
	if err != nil || typed != "" && selector.Empty() || slices.ContainsFunc(selector.Requirements(), isNoPodField) {
		return nil, &algesta.Error{
			Kind: algesta.ErrUsage, Err: err, Message: algesta.Say("I can't read the field selector {}.", algesta.Name(quote(typed))),
			Hint: algesta.Say("It may name metadata.name, spec.nodeName and status.phase: {}",
				algesta.Name(in.Bot.Typed("pods", in.Command.Target.Environment, "--field-selector=status.phase=Pending"))),
		}
	}
	return selector, nil
}

func isNoPodField(r fields.Requirement) bool { return podFields[r.Field] == nil }

// withFields are the pods that the selector takes.
func withFields(pods []corev1.Pod, selector fields.Selector) []corev1.Pod {
	return slices.DeleteFunc(pods, func(p corev1.Pod) bool { return !takes(selector, &p) })
}

func takes(selector fields.Selector, p *corev1.Pod) bool {
	has := fields.Set{}
	for _, r := range selector.Requirements() {
		has[r.Field] = podFields[r.Field](p)
	}
	return selector.Matches(has)
}
