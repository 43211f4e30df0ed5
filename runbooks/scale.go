package runbooks

import (
	"context"
	"fmt"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
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
	About:   aboutWorkload,
	Args:    []Arg{replicas, undoes},
	Reads:   workloadReads,
	Writes:  []string{patchDeployments, patchStatefulSets},
	Ends:    WithRollout(),
	Plan:    planScale,
})

func planScale(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	if err := refuseScalingNodes(in); err != nil {
		return algesta.Plan{}, err
	}
	s, err := readWorkloadState(ctx, c, in)
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
		Of:      s.of(),
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
	claims, kept, err := s.claims(from, to)
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(append([]algesta.Swap{swap}, kept...)...)}
	p.Warnings = append(p.Warnings, claims...)
	p.Undo = &algesta.Offer{
		Runbook: "scale", Target: in.Command.Target, Args: algesta.Args{replicas.Name: int64(from), undoes.Name: in.Command.ID},
		Moves: fmt.Sprintf("%d → %s", to, count(from, "pod")),
	}
	room := fits(s.quotas, s.ranges, s.d.Spec.Template.Spec, max(0, to-from))
	p.Facts = append(s.kindFact(), algesta.Field{Label: "pods", Value: s.scaleFact(from, to, room)})
	if overtaken {
		p.Warnings = append(p.Warnings, notLastScaling(undoes.Text(in), podsSince || in.Undone == nil))
	}
	if len(s.scalers) == 1 && to > 0 {
		p.Keep = algesta.Say("To keep {}, {}.", count(to, "pod"), s.keeping(s.scalers[0], to))
	}
	p.Warnings = append(append(p.Warnings, s.scaleWarnings(to, room)...), s.nodeWarnings(ctx, c, s.d.Spec.Template, to-from)...)
	p.Warnings = append(append(p.Warnings, s.ownerWarnings()...), s.bringsBack(s.d.Template(), to)...)
	p.Warnings = append(p.Warnings, s.unchecked...)
	return p, nil
}

// refuseScalingNodes refuses to set the number of pods of a DaemonSet, which has none.
func refuseScalingNodes(in Input) error {
	if in.Workload.Kind != daemonSetKind {
		return nil
	}
	return refusal(
		algesta.Say("{} is a DaemonSet: it runs one pod on each node that fits it, so there's no number to set.", algesta.Name(in.Workload.Name)),
		algesta.Say(
			"Which nodes fit follows from its nodeSelector, its affinity and its tolerations. To see it: {}", command(in, "describe", ""),
		),
	)
}

// claims say what becomes of the volumes of a StatefulSet's pods that go or come, with a test that it stays what people saw where they are
// deleted. Pods go from the highest number down.
func (s workloadState) claims(from, to int32) (warnings []algesta.Text, kept []algesta.Swap, err error) {
	if s.d.StatefulSet == nil || len(s.d.StatefulSet.Spec.VolumeClaimTemplates) == 0 {
		return nil, nil, nil
	}
	const path = "persistentVolumeClaimRetentionPolicy"
	if kept, err = s.unchanged("policy for volume claims", "/spec/"+path, "spec", path); err != nil || to > from {
		return nil, nil, err
	}
	policy := s.d.StatefulSet.Spec.PersistentVolumeClaimRetentionPolicy
	if policy != nil && policy.WhenScaled == appsv1.DeletePersistentVolumeClaimRetentionPolicyType {
		return []algesta.Text{algesta.Say(
			"The volume claims of {} are deleted with {} (persistentVolumeClaimRetentionPolicy), and the data in them is lost: undoing this "+
				"brings pods back with empty volumes.", goingPods(s.d.StatefulSet, from, to), words.Verb(from-to, "it", "them"),
		)}, kept, nil
	}
	return []algesta.Text{
		algesta.Say(
			"{} {}, the highest number first. Their volume claims stay, and are used again when it's scaled up.",
			goingPods(s.d.StatefulSet, from, to), words.Verb(from-to, "goes", "go"),
		),
	}, kept, nil
}

// goingPods are the pods that a StatefulSet loses: "`loki-2`", "`loki-1` to `loki-2`".
func goingPods(set *appsv1.StatefulSet, from, to int32) algesta.Text {
	first := firstNumber(set)
	name := func(n int32) algesta.Span { return algesta.Name(fmt.Sprintf("%s-%d", set.Name, n)) }
	if from-to == 1 {
		return algesta.Say("{}", name(first+to))
	}
	return algesta.Say("{} to {}", name(first+to), name(first+from-1))
}

func (s workloadState) scaleFact(from, to int32, room fit) algesta.Text {
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
func (s workloadState) refuseOutsideAutoscaler(to int32) error {
	for _, h := range s.scalers {
		low, high := least(h), h.Spec.MaxReplicas
		if to == 0 || to >= low && to <= high {
			continue
		}
		bound, field := low, "min"
		if to > high {
			bound, field = high, "max"
		}
		change := algesta.Say("change the autoscaler first: {}", command(s.in, "hpa set", fmt.Sprintf("%s=%d", field, to)))
		if s.d.Kind != deploymentKind {
			change = algesta.Say("change the autoscaler where it's defined: I change only those of Deployments.")
		}
		if keda := kedaObject(h); keda != "" {
			change = algesta.Say("change the autoscaler first: {}", algesta.Name(
				fmt.Sprintf(
					`kubectl patch scaledobject %s -n %s --type merge -p '{"spec":{"%sReplicaCount":%d}}'`,
					quote(keda),
					h.Namespace,
					field,
					to,
				),
			))
		}
		if _, pinned := h.Annotations[pinAnnotation]; pinned && low == high && s.d.Kind == deploymentKind {
			return refusal(
				algesta.Say("The autoscaler {} is pinned at {}: it would put {} back to that within seconds.",
					algesta.Name(h.Name), words.Count(int(low), "pod"), to),
				algesta.Say("Pin it at another number: {}. Or give it the bounds back that it had: {}",
					command(s.in, "hpa pin", fmt.Sprint(to)), command(s.in, "hpa restore", "")),
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
			algesta.Say("Ask for {} to {} pods, or {}", low, high, change),
		)
	}
	return nil
}

func (s workloadState) scaleWarnings(to int32, room fit) []algesta.Text {
	var out []algesta.Text
	if to == 0 {
		out = append(out, algesta.Say("{} will serve nobody: whatever calls it is refused until a pod is ready again.", subject(s.in)))
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
				"The autoscaler {} keeps {} now and may put that number back within a minute or a few ({}–{}). To keep {}, {}.",
				algesta.Name(h.Name), count(keeps, "pod"), least(h), h.Spec.MaxReplicas, to, s.keeping(h, to),
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

// keeping is what makes the autoscaler leave a number of pods alone.
func (s workloadState) keeping(h autoscalingv2.HorizontalPodAutoscaler, n int32) algesta.Text {
	if kedaObject(h) != "" {
		return algesta.Say("change its bounds")
	}
	return algesta.Say("type {}", command(s.in, "hpa pin", strconv.Itoa(int(n))))
}
