package runbooks

import (
	"encoding/json"
	"fmt"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
)

// What kubectl writes on workloads, and the places that patches name.
const (
	restartedAnnotation = "kubectl.kubernetes.io/restartedAt"
	causeTemplatePath   = "/metadata/annotations/algesta.io~1change-cause-template"
	templatePath        = "/spec/template"
)

// change is one patch of the workload.
func (s workloadState) change(swaps ...algesta.Swap) algesta.Change {
	return algesta.Change{
		Object: s.in.Workload, UID: string(s.d.UID), Verb: algesta.Patch, Resource: s.resource(), Version: "v1", Swaps: swaps,
	}
}

// swap replaces the value at a path of the workload by to; from is what the server wrote there.
func (s workloadState) swap(label, pointer string, to any, path ...string) (algesta.Swap, error) {
	out := algesta.Swap{Label: label, Path: pointer}
	from, found, err := unstructured.NestedFieldNoCopy(s.d.Raw, path...)
	if err != nil {
		return out, fmt.Errorf("reading %s of %s: %w", label, s.d.Name, err)
	}
	if found {
		if out.From, err = json.Marshal(from); err != nil {
			return out, fmt.Errorf("reading %s of %s: %w", label, s.d.Name, err)
		}
	}
	if out.To, err = json.Marshal(to); err != nil {
		return out, fmt.Errorf("planning %s of %s: %w", label, s.d.Name, err)
	}
	return out, nil
}

// templateSwaps replaces the pod template, whose TemplateHash is hash, and notes why in the same patch. How pods get it has to be as people
// saw it.
func (s workloadState) templateSwaps(template map[string]any, hash, cause string) ([]algesta.Swap, error) {
	whole, err := s.swap("template", templatePath, template, "spec", "template")
	if err != nil {
		return nil, err
	}
	why, err := s.causeSwaps(cause, hash)
	if err != nil {
		return nil, err
	}
	same, err := s.sameStrategy()
	return append(append([]algesta.Swap{whole}, same...), why...), err
}

// by ends a change-cause: who asked, and the command to look up.
func by(in Input) string {
	return fmt.Sprintf("by %s (%s)", shorten(oneLine(in.Command.Called()), 60), in.Command.ID)
}

// undo is the command that goes back to the template that runs now, by its hash: the numbers of revisions move.
// It is nil when that template has no revision to go back to. from is the image that runs then, to the one of now.
func (s workloadState) undo(from, to string) *algesta.Offer {
	if s.now < 0 || s.d.Spec.RevisionHistoryLimit != nil && *s.d.Spec.RevisionHistoryLimit == 0 {
		return nil
	}
	_, never := s.failed(s.revisions[s.now])
	if s.rollout.Controller != nil && s.rollout.Sick() { // what runs now doesn't: nobody watched it to its end, or it came up once
		ready, _ := s.rollout.Ready()
		never = never || ready == 0
	}
	return &algesta.Offer{
		Runbook: "rollback", Target: s.in.Command.Target, ToFailed: never,
		Args:  algesta.Args{templateArg.Name: s.revisions[s.now].Hash(), undoes.Name: s.in.Command.ID},
		Moves: orElse(versions(from, to), fmt.Sprintf("back to revision %d", s.revisions[s.now].Number)),
	}
}

// quoted is a string as JSON.
func quoted(s string) (json.RawMessage, error) {
	b, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("writing %q as JSON: %w", s, err)
	}
	return b, nil
}
