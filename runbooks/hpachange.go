package runbooks

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

// autoscaleVerb is a policy's word for every change of an autoscaler's bounds.
const autoscaleVerb = "autoscale"

// patchAutoscalers is the only write of the commands about autoscalers.
const patchAutoscalers = "patch horizontalpodautoscalers.autoscaling"

// aboutScaler is a service, or the autoscaler itself.
var aboutScaler = About{Service: true, Kinds: []string{autoscalerKind}}

// singleArg is what someone types to confirm a single pod.
var singleArg = Arg{Name: "single-pod", Kind: SwitchArg, Summary: "yes, one pod alone is meant: each restart of it is an outage"}

// bounds are between how many pods an autoscaler keeps its workload.
type bounds struct {
	Min int32 `json:"min"`
	Max int32 `json:"max"`
}

func (b bounds) String() string { return fmt.Sprintf("%d–%d", b.Min, b.Max) }

// pods is how many pods there are once an autoscaler with these bounds has seen that many.
func (b bounds) pods(now int32) int32 {
	if now == 0 { // it's switched off then
		return 0
	}
	return min(max(now, b.Min), b.Max)
}

// pinAnnotation on an autoscaler is a pin: the bounds from before it was pinned, and at how many pods it is.
const pinAnnotation = "algesta.io/pinned"

// pin is the value of the pinAnnotation.
type pin struct {
	Before  bounds `json:"before"`
	At      int32  `json:"at"`
	Request string `json:"request"` // that pinned it
}

// scalerAndDeployment is what a change of an autoscaler is made from: the Deployment that it scales, and the autoscaler as the server wrote
// it.
type scalerAndDeployment struct {
	workloadState
	scaler *autoscalingv2.HorizontalPodAutoscaler
	raw    *unstructured.Unstructured
	now    bounds
	pinned *pin // nil where it isn't
	broken bool // there is a pin that can't be read
}

// readScaler finds the autoscaler of a service, or the one that was named, and reads the Deployment that it scales. One that KEDA makes is
// refused.
func readScaler(ctx context.Context, c Cluster, in Input) (scalerAndDeployment, error) {
	var all autoscalingv2.HorizontalPodAutoscalerList
	namespace := in.Command.Target.Namespace
	if err := c.List(ctx, namespace, "", &all); err != nil {
		return scalerAndDeployment{}, fmt.Errorf("reading the autoscalers: %w", err)
	}
	found, err := scalerFor(in, all.Items)
	if err != nil {
		return scalerAndDeployment{}, err
	}
	if keda := kedaObject(*found); keda != "" {
		return scalerAndDeployment{}, refusal(
			algesta.Say(
				"KEDA makes the autoscaler {} from the ScaledObject {}, and puts its own bounds back at once.",
				algesta.Name(found.Name),
				algesta.Name(quote(keda)),
			),
			algesta.Say(
				"Change the ScaledObject (minReplicaCount, maxReplicaCount), or pause it: {}",
				algesta.Name(
					fmt.Sprintf("kubectl annotate scaledobject %s -n %s autoscaling.keda.sh/paused-replicas=<number>", quote(keda), namespace),
				),
			),
		)
	}
	if target := found.Spec.ScaleTargetRef; target.Kind != deploymentKind {
		return scalerAndDeployment{}, refusal(
			algesta.Say(
				"The autoscaler {} scales {} {}. I change only those of Deployments.",
				algesta.Name(found.Name),
				quote(target.Kind),
				algesta.Name(quote(target.Name)),
			),
			algesta.Say("Change it where it's defined."),
		)
	}
	if in.Workload.Name == "" { // the autoscaler was named
		in.Workload = algesta.Deployment(in.Command.Target.Cluster, namespace, found.Spec.ScaleTargetRef.Name)
	}
	s := scalerAndDeployment{}
	if s.workloadState, err = readWorkloadState(ctx, c, in); err != nil {
		return scalerAndDeployment{}, err
	}
	if s.raw, err = readOne(ctx, c, "autoscaling", "v2", autoscalerKind, namespace, found.Name); err != nil {
		return scalerAndDeployment{}, err
	}
	s.scaler = &autoscalingv2.HorizontalPodAutoscaler{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(s.raw.Object, s.scaler); err != nil {
		return scalerAndDeployment{}, fmt.Errorf("reading the autoscaler %s: %w", found.Name, err)
	}
	s.now = bounds{least(*s.scaler), s.scaler.Spec.MaxReplicas}
	if noted, ok := s.scaler.Annotations[pinAnnotation]; ok {
		var p pin
		if err := json.Unmarshal([]byte(noted), &p); err != nil || p.Before.Min < 1 || p.Before.Max < p.Before.Min {
			s.broken = true
		} else {
			s.pinned = &p
		}
	}
	return s, nil
}

// scalerFor is the autoscaler that a command is about.
func scalerFor(in Input, all []autoscalingv2.HorizontalPodAutoscaler) (*autoscalingv2.HorizontalPodAutoscaler, error) {
	if name := objectOf(in, autoscalerKind); name != "" {
		var names []string
		for i := range all {
			if names = append(names, all[i].Name); all[i].Name == name {
				return &all[i], nil
			}
		}
		return nil, noSuch(in, "autoscaler", name, names)
	}
	switch found := scalersOf(all, in.Workload); len(found) {
	case 0:
		if other := scalerOfAnother(in, all); other != nil {
			return other, nil
		}
		return nil, refusal(
			algesta.Say("{} has no autoscaler.", subject(in)),
			algesta.Say("Its number of pods stays as it is set: {}", command(in, "scale", "replicas=<number>")),
		)
	case 1:
		return &found[0], nil
	default:
		var names []string
		for _, h := range found {
			names = append(names, h.Name)
		}
		return nil, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("{} has several autoscalers, which work against each other: {}.", subject(in), list(names)),
			Hint:    algesta.Say("Name the one that you mean: {}", in.typed(in.Command.Runbook, "hpa/"+names[0])),
		}
	}
}

// scalerOfAnother is the autoscaler of what has the service's name and is no Deployment; nil where there is none.
func scalerOfAnother(in Input, all []autoscalingv2.HorizontalPodAutoscaler) *autoscalingv2.HorizontalPodAutoscaler {
	for i := range all {
		target := all[i].Spec.ScaleTargetRef
		if target.Kind != deploymentKind && (target.Name == in.Command.Target.Service || target.Name == in.Workload.Name) {
			return &all[i]
		}
	}
	return nil
}

// plan is the plan of a change of the bounds, with what it does to the pods. mark is the pin that it leaves; nil for none.
func (s scalerAndDeployment) plan(ctx context.Context, c Cluster, to bounds, mark *pin) (algesta.Plan, error) {
	name := algesta.Name(s.scaler.Name)
	replicas := s.d.Replicas()
	after := to.pods(replicas)
	p := algesta.Plan{Figures: map[string]int64{"min": int64(to.Min), "max": int64(to.Max), "pods": int64(after), "surge": 0}}
	p.Of = deploymentIn(s.in, s.scaler.Spec.ScaleTargetRef.Name)
	if err := s.refuseDeleted(); err != nil {
		return p, err
	}
	if to.Min > to.Max {
		return p, &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("min ({}) can't be above max ({}).", to.Min, to.Max),
			Hint: algesta.Say("Give both: {}", command(s.in, "hpa set", fmt.Sprintf("min=%d max=%d", to.Min, max(to.Min, to.Max)))),
		}
	}
	if err := s.refuseSingle(to); err != nil {
		return p, err
	}
	var err error
	if p.Changes, err = s.changes(to, mark); err != nil {
		return p, err
	}
	peak := fits(s.quotas, s.ranges, s.d.Spec.Template.Spec, max(0, to.Max-replicas))
	room := fits(s.quotas, s.ranges, s.d.Spec.Template.Spec, max(0, after-replicas))
	p.Facts = []algesta.Field{
		{Label: "autoscaler", Value: algesta.Say("{}", name)},
		{Label: "bounds", Value: algesta.Say("{} → {}", s.now, to)},
		{Label: "pods", Value: s.podsAfter(replicas, after)},
	}
	if len(room.obstacle) > 0 {
		p.Warnings = append(p.Warnings, room.obstacle...)
	} else if len(peak.obstacle) > 0 && to.Max > s.now.Max {
		p.Warnings = append(p.Warnings, algesta.Say("It can't get to {}: {}", count(to.Max, "pod"), peak.obstacle[0]))
	}
	p.Warnings = append(p.Warnings, s.nodeWarnings(ctx, c, s.d.Spec.Template, after-replicas)...)
	p.Warnings = append(append(p.Warnings, s.scalerWarnings(to, after)...), s.unchecked...)
	return p, nil
}

// podsAfter is the row about the pods: what the new bounds do to them at once.
func (s scalerAndDeployment) podsAfter(now, after int32) algesta.Text {
	switch now {
	case 0:
		return algesta.Say("0: the autoscaler does nothing until it's scaled up")
	case after:
		return algesta.Say("{}, no change at once", now)
	}
	return algesta.Say("{} → {} within seconds", now, after)
}

// refuseSingle refuses bounds that leave a service which had several pods a single one, unless that is confirmed: someone who wants to
// switch an autoscaler off doesn't want an outage.
func (s scalerAndDeployment) refuseSingle(to bounds) error {
	if to.Max > 1 || s.now.Min <= 1 || singleArg.On(s.in) {
		return nil
	}
	return refusal(
		algesta.Say(
			"min and max of 1 switch {} off and leave {} a single pod: every restart, crash or node upgrade is then an outage.",
			algesta.Name(s.scaler.Name),
			subject(s.in),
		),
		algesta.Say("To keep the number of pods fixed: {}. If you mean a single pod, add {}.",
			command(s.in, "hpa pin", fmt.Sprint(max(2, s.d.Replicas()))), algesta.Name("--"+singleArg.Name)),
	)
}

// scalerWarnings are what people should know of the new bounds, and who puts them back.
func (s scalerAndDeployment) scalerWarnings(to bounds, after int32) []algesta.Text {
	var out []algesta.Text
	switch {
	case to.Max == 1:
		out = append(out, algesta.Say("A single pod: each restart of it is an outage."))
	case to.Min == to.Max && s.now.Min != s.now.Max:
		out = append(out, algesta.Say("From then on {} keeps {}, whatever the load is.", subject(s.in), count(to.Max, "pod")))
	}
	if active := scalerCondition(
		s.scaler,
		autoscalingv2.ScalingActive,
	); active.Status == corev1.ConditionFalse && active.Reason != "ScalingDisabled" &&
		to.Min != to.Max {
		out = append(out, algesta.Say("It has no measurements now ({}), so it only keeps the pods within its bounds.", quote(active.Reason)))
	}
	if after < s.d.Replicas() {
		out = append(out, algesta.Say(
			"{} {} removed within seconds, whatever the load is.",
			count(s.d.Replicas()-after, "pod"), wordsof.Verb(s.d.Replicas()-after, "is", "are"),
		))
	}
	return append(out, boundsOwners(s.scaler, to)...)
}

// boundsOwners names who would put other bounds back: the tools that own the autoscaler, and the file that it was applied from.
func boundsOwners(h *autoscalingv2.HorizontalPodAutoscaler, to bounds) []algesta.Text {
	var out []algesta.Text
	who := "`kubectl apply` of the file that this autoscaler was made from"
	if app, ok := trackedBy(h, "autoscaling/"+autoscalerKind); ok {
		who = "a sync of Argo CD (app " + app + ")"
		out = append(
			out,
			algesta.Say(
				"Argo CD (app {}) owns this autoscaler. With self-heal on it puts the bounds from Git back within minutes: change them there.",
				algesta.Name(app),
			),
		)
	}
	out = append(out, ownersOf(h, "autoscaler", "its own bounds")...)
	var file struct {
		Spec struct {
			Min *int32 `json:"minReplicas"`
			Max *int32 `json:"maxReplicas"`
		} `json:"spec"`
	}
	if json.Unmarshal([]byte(h.Annotations[corev1.LastAppliedConfigAnnotation]), &file) == nil {
		var back []string
		if file.Spec.Min != nil && *file.Spec.Min != to.Min {
			back = append(back, fmt.Sprintf("min %d", *file.Spec.Min))
		}
		if file.Spec.Max != nil && *file.Spec.Max != to.Max {
			back = append(back, fmt.Sprintf("max %d", *file.Spec.Max))
		}
		if len(back) > 0 {
			out = append(out, algesta.Say("The next time, {} brings back: {}.", who, list(back)))
		}
	}
	return out
}

// changes patch the bounds and the pin, where they differ. What people saw of both must still hold.
func (s scalerAndDeployment) changes(to bounds, mark *pin) ([]algesta.Change, error) {
	var swaps []algesta.Swap
	for _, f := range []struct {
		label, field string
		to           int32
	}{{"min", "minReplicas", to.Min}, {"max", "maxReplicas", to.Max}} {
		from, found, err := unstructured.NestedFieldNoCopy(s.raw.Object, "spec", f.field)
		if err != nil {
			return nil, fmt.Errorf("reading %s of %s: %w", f.field, s.scaler.Name, err)
		}
		swap := algesta.Swap{Label: f.label, Path: "/spec/" + f.field, To: json.RawMessage(fmt.Sprint(f.to))}
		if found {
			if swap.From, err = json.Marshal(from); err != nil {
				return nil, fmt.Errorf("reading %s of %s: %w", f.field, s.scaler.Name, err)
			}
		}
		swaps = append(swaps, swap)
	}
	note := algesta.Swap{Label: "pin", Path: "/metadata/annotations/" + strings.ReplaceAll(pinAnnotation, "/", "~1")}
	was, noted := s.scaler.Annotations[pinAnnotation]
	if noted {
		var err error
		if note.From, err = quoted(was); err != nil {
			return nil, err
		}
	}
	if mark != nil {
		b, err := json.Marshal(mark)
		if err != nil {
			return nil, fmt.Errorf("noting the pin of %s: %w", s.scaler.Name, err)
		}
		if note.To, err = quoted(string(b)); err != nil {
			return nil, err
		}
	}
	if noted || mark != nil {
		swaps = append(swaps, note)
	}
	ref, _, err := unstructured.NestedFieldNoCopy(s.raw.Object, "spec", "scaleTargetRef")
	if err != nil {
		return nil, fmt.Errorf("reading what %s scales: %w", s.scaler.Name, err)
	}
	same, err := json.Marshal(ref)
	if err != nil {
		return nil, fmt.Errorf("reading what %s scales: %w", s.scaler.Name, err)
	}
	swaps = append(swaps, algesta.Swap{Label: "what it scales", Path: "/spec/scaleTargetRef", From: same, To: same}) // as people saw it
	return []algesta.Change{{
		Object: algesta.Object{
			Cluster: s.in.Workload.Cluster, Group: "autoscaling", Kind: autoscalerKind, Namespace: s.scaler.Namespace, Name: s.scaler.Name,
		},
		Verb: algesta.Patch, Resource: "horizontalpodautoscalers.autoscaling", Version: "v2", UID: string(s.scaler.UID), Swaps: swaps,
	}}, nil
}

// asUndo has a plan say which request it takes back, where the bounds are still those that this one set; else it warns.
func (s scalerAndDeployment) asUndo(p *algesta.Plan, to bounds) {
	request, was := undoes.Text(s.in), s.in.Undone
	switch {
	case request == "":
	case was == nil || !algesta.WroteLast(request, s.scaler.Annotations) ||
		was.Figures["min"] != int64(s.now.Min) || was.Figures["max"] != int64(s.now.Max):
		p.Warnings = append(p.Warnings, algesta.Say(
			"{} isn't the last change of this autoscaler any more: what was changed after it goes away, too.", algesta.Name(quote(request)),
		))
	default:
		asUndo(p, request, subject(s.in), fmt.Sprintf("%s → %s pods", s.now, to))
	}
}

// wayBack is the command that sets the bounds of now again.
func (s scalerAndDeployment) wayBack(to bounds) *algesta.Offer {
	args := algesta.Args{minArg.Name: int64(s.now.Min), maxArg.Name: int64(s.now.Max), undoes.Name: s.in.Command.ID}
	if s.now.Max == 1 {
		args[singleArg.Name] = true
	}
	return &algesta.Offer{Runbook: "hpa set", Target: s.in.Command.Target, Args: args, Moves: fmt.Sprintf("%s → %s", to, s.now)}
}
