package runbooks

import (
	"context"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var restart = register(Runbook{
	Name:    "restart",
	Aliases: []string{"rollout restart"},
	Verb:    "restart",
	Summary: "Replace all pods of a service, a few at a time, without changing its version.",
	Example: "restart api-gateway production",
	Rank:    190,
	About:   aboutWorkload,
	Reads:   workloadReads,
	Writes:  patchWorkloads,
	Ends:    WithRollout(),
	Plan:    planRestart,
})

func planRestart(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	s, err := readWorkloadState(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := s.refuseTemplate(ctx, c, "restart"); err != nil {
		return algesta.Plan{}, err
	}
	if err := s.refuseByHand(); err != nil {
		return algesta.Plan{}, err
	}
	replicas := s.d.Replicas()
	p := algesta.Plan{
		Title: algesta.Say("Restart of {}", subject(in)),
		Summary: algesta.Say(
			"Restart {}: replace {}, still {}",
			algesta.Name(in.Workload.Name),
			count(replicas, "pod"),
			quote(rollout.Version(rollout.MainContainer(s.d.Spec.Template, in.Command.Target.Service).Image)),
		),
		Doing:   algesta.Say("Restarting {}", subject(in)),
		Done:    s.stored(algesta.Say("{} is restarted", subject(in)), "the restart"),
		Of:      s.of(),
		Figures: map[string]int64{"pods": int64(replicas), "surge": 0},
	}
	if replicas == 0 {
		p.Nothing = algesta.Say("{} is scaled to 0 pods, so there's nothing to restart.", subject(in))
		if s.d.DaemonSet != nil {
			p.Nothing = algesta.Say("No node fits {}, so there's nothing to restart.", subject(in))
		}
		return p, nil
	}
	template := s.d.Template()
	// kubectl's own annotation, so that its history and other tools know a restart when they see one.
	if err := unstructured.SetNestedField(
		template,
		in.Command.At.UTC().Format(time.RFC3339),
		"metadata",
		"annotations",
		restartedAnnotation,
	); err != nil {
		return algesta.Plan{}, err
	}
	if p.Template, err = rollout.TemplateHash(template); err != nil {
		return algesta.Plan{}, err
	}
	swaps, err := s.restartSwaps(template, p.Template)
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(swaps...)}
	typed, err := rollout.TypedTemplate(template)
	if err != nil {
		return algesta.Plan{}, err
	}
	surge, unavailable := rolling(s.d, replicas)
	p.Figures["surge"] = int64(surge)
	room, warnings := s.rollWarnings(ctx, c, typed, surge, unavailable)
	main := rollout.MainContainer(typed, in.Command.Target.Service)
	p.Facts = append(s.kindFact(),
		algesta.Field{Label: "image", Value: algesta.Say("{}, unchanged", quote(rollout.ShortImage(main.Image)))},
		algesta.Field{Label: "pods", Value: s.podsFact(replicas, s.extra(surge), room)},
	)
	s.askMovable(ctx, c, typed, &p)
	p.Warnings = append(p.Warnings, warnings...)
	if s.now >= 0 && s.rollout.Controller != nil && s.rollout.Sick() {
		p.Warnings = append(
			p.Warnings,
			algesta.Say("A restart doesn't fix a version that can't start: {} goes back instead.", command(in, "rollback", "")),
		)
	}
	return p, nil
}

// restartSwaps sets the annotation alone where the template has annotations, and creates the map where it has none.
func (s workloadState) restartSwaps(template map[string]any, hash string) ([]algesta.Swap, error) {
	why, err := s.causeSwaps("restart "+by(s.in), hash)
	if err != nil {
		return nil, err
	}
	same, err := s.sameStrategy()
	if err != nil {
		return nil, err
	}
	why = append(same, why...)
	after, _, _ := unstructured.NestedMap(template, "metadata", "annotations")
	path, label := []string{"spec", "template", "metadata", "annotations"}, "pod annotations"
	if _, found, _ := unstructured.NestedMap(s.d.Raw, path...); !found {
		whole, err := s.swap(label, "/spec/template/metadata/annotations", after, path...)
		return append([]algesta.Swap{whole}, why...), err
	}
	one, err := s.swap(
		"restartedAt",
		"/spec/template/metadata/annotations/kubectl.kubernetes.io~1restartedAt",
		after[restartedAnnotation],
		append(path, restartedAnnotation)...)
	return append([]algesta.Swap{one}, why...), err
}
