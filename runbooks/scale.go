package runbooks

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var replicas = Arg{
	Name: "replicas", Kind: IntArg, Min: 0, Max: 500, Required: true, Bare: true,
	Summary: "how many pods to run", Offers: offerReplicas,
}

var _ = register(Runbook{
	Name:    "scale",
	Verb:    "scale",
	Summary: "Change how many pods a service runs.",
	Example: "scale api-gateway production replicas=6",
	Rank:    200,
	About:   aboutService,
	Args:    []Arg{replicas, undoes},
	Reads:   planReads,
	Writes:  []string{patchDeployments},
	Ends:    WithRollout(),
	Plan:    planScale,
})

func planScale(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	s, err := readDeploymentState(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := s.refuseDeleted(); err != nil {
		return algesta.Plan{}, err
	}
	if err := s.refuseOwned(ctx, c, "scale"); err != nil {
		return algesta.Plan{}, err
	}
	from, to := s.d.Replicas(), int32(replicas.Of(in)) //nolint:gosec // bounded by the argument's Max
	if err := s.refuseOutsideAutoscaler(to); err != nil {
		return algesta.Plan{}, err
	}
	p := algesta.Plan{
		Title:   algesta.Say("Scaling of {} ({} → {})", subject(in), from, count(to, "pod")),
		Summary: algesta.Say("Scale {}: {} → {}", algesta.Name(in.Workload.Name), from, count(to, "pod")),
		Doing:   algesta.Say("Scaling {}: {} → {}", subject(in), from, count(to, "pod")),
		Done:    algesta.Say("{} is scaled to {}", subject(in), count(to, "pod")),
		Figures: map[string]int64{"pods": int64(to), "surge": 0},
	}
	podsSince, restSince := s.scaledSince()
	request, overtaken := s.undone(!podsSince && !restSince)
	if request != "" {
		p.Title = algesta.Say("Undo of {} for {} ({} → {})", algesta.Name(request), subject(in), from, count(to, "pod"))
		p.Summary = algesta.Say("Undo {}, scale {} back: {} → {}", algesta.Name(request), algesta.Name(in.Workload.Name), from, count(to, "pod"))
		p.Doing = algesta.Say("Undoing {} for {}: {} → {}", algesta.Name(request), subject(in), from, count(to, "pod"))
	}
	if from == to {
		p.Nothing = algesta.Say("{} already runs {}.", subject(in), count(to, "pod"))
		return p, nil
	}
	swap, err := s.swap("replicas", rollout.ReplicasPath, to, "spec", "replicas")
	if err != nil {
		return algesta.Plan{}, err
	}
	if p.Template, err = rollout.TemplateHash(s.d.Template()); err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(swap)}
	p.Undo = &algesta.Offer{
		Runbook: "scale", Target: in.Command.Target, Args: algesta.Args{replicas.Name: int64(from), undoes.Name: in.Command.ID},
		Moves: fmt.Sprintf("%d → %s", to, count(from, "pod")),
	}
	room := fits(s.quotas, s.ranges, s.d.Spec.Template.Spec, max(0, to-from))
	p.Facts = []algesta.Field{{Label: "pods", Value: s.scaleFact(from, to, room)}}
	if overtaken {
		p.Warnings = append(p.Warnings, notLastScaling(undoes.Text(in), podsSince || in.Undone == nil))
	}
	p.Warnings = append(append(p.Warnings, s.scaleWarnings(to, room)...), s.nodeWarnings(ctx, c, s.d.Spec.Template, to-from)...)
	p.Warnings = append(append(p.Warnings, s.ownerWarnings()...), s.bringsBack(s.d.Template(), to)...)
	p.Warnings = append(p.Warnings, s.unchecked...)
	return p, nil
}

func (s deploymentState) scaleFact(from, to int32, room fit) algesta.Text {
	out := algesta.Say("{} → {}", from, to)
	for _, h := range s.scalers {
		out = algesta.Say("{}, {}", out, autoscaled(h, to))
	}
	if to > from && len(room.obstacle) == 0 && room.tightest != "" {
		out = algesta.Say("{}; fits ({})", out, room.tightest)
	}
	return out
}

// refuseOutsideAutoscaler refuses a number that an autoscaler would put back within seconds: it brings the pods into its
// range at its next check, even without metrics. Zero is different: it switches the autoscaler off.
func (s deploymentState) refuseOutsideAutoscaler(to int32) error {
	for _, h := range s.scalers {
		low, high := least(h), h.Spec.MaxReplicas
		if to == 0 || to >= low && to <= high {
			continue
		}
		bound, field := low, "min"
		if to > high {
			bound, field = high, "max"
		}
		change := command(s.in, "hpa set", fmt.Sprintf("%s=%d", field, to))
		if keda := kedaObject(h); keda != "" {
			change = algesta.Name(
				fmt.Sprintf(
					`kubectl patch scaledobject %s -n %s --type merge -p '{"spec":{"%sReplicaCount":%d}}'`,
					quote(keda),
					h.Namespace,
					field,
					to,
				),
			)
		}
		return refusal(
			algesta.Say(
				"The autoscaler {} keeps {} between {} and {} pods: it would put {} back to {} within seconds.",
				algesta.Name(h.Name),
				algesta.Name(s.d.Name),
				low,
				high,
				to,
				bound,
			),
			algesta.Say("Ask for {} to {} pods, or change the autoscaler first: {}", low, high, change),
		)
	}
	return nil
}

func (s deploymentState) scaleWarnings(to int32, room fit) []algesta.Text {
	var out []algesta.Text
	if to == 0 {
		out = append(out, algesta.Say("{} will serve no traffic: without a ready pod the ingress answers 503.", subject(s.in)))
	}
	for _, h := range s.scalers {
		if keda := kedaObject(h); keda != "" && to == 0 {
			out = append(
				out,
				algesta.Say("KEDA (ScaledObject {}) brings pods back as soon as its trigger asks for them.", algesta.Name(quote(keda))),
			)
		} else if to == 0 {
			out = append(
				out,
				algesta.Say(
					"The autoscaler {} switches itself off at 0 pods and doesn't bring them back: someone has to scale up again.",
					algesta.Name(h.Name),
				),
			)
		} else if keeps := h.Status.DesiredReplicas; keeps > 0 && keeps != to {
			out = append(out, algesta.Say(
				"The autoscaler {} keeps {} now and may put that number back within a minute or a few ({}–{}). To keep {}, change its bounds.",
				algesta.Name(h.Name), count(keeps, "pod"), least(h), h.Spec.MaxReplicas, to,
			))
		} else {
			out = append(
				out,
				algesta.Say(
					"The autoscaler {} may change the number again when the load asks for it ({}–{}).",
					algesta.Name(h.Name),
					least(h),
					h.Spec.MaxReplicas,
				),
			)
		}
	}
	out = append(out, room.obstacle...)
	return append(out, s.stateWarnings()...)
}
