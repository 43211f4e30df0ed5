package runbooks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// bareArg is what someone types to confirm a pod that nothing replaces.
var bareArg = Arg{Name: "for-good", Kind: SwitchArg, Summary: "yes, although nothing makes the pod again"}

var _ = register(Runbook{
	Name:    "pod delete",
	Aliases: []string{"delete pod", "delete pods", "delete po", "evict"},
	Verb:    "pod.delete",
	Summary: "Take one pod away, if its disruption budget allows that, and follow the one that replaces it.",
	Example: "pod delete api-gateway-production-76794f4cdb-f6plm production",
	Rank:    196,
	About:   About{Kinds: []string{"Pod"}},
	Args:    []Arg{bareArg},
	Reads:   []string{"list pods"},
	Writes:  []string{"create pods/eviction"},
	Ends:    WithPollSince(10*time.Minute, podBefore, pollReplacement),
	Plan:    planPodDelete,
})

func planPodDelete(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	namespace, name := in.Command.Target.Namespace, objectOf(in, "Pod")
	pod, err := readPod(ctx, c, namespace, name)
	if errors.Is(err, algesta.ErrNotFound) {
		return algesta.Plan{}, &algesta.Error{
			Kind:    algesta.ErrNotFound,
			Err:     err,
			Message: algesta.Say("There's no pod {} in {}. It may have been replaced already.", algesta.Name(quote(name)), whereOf(in)),
			Hint:    algesta.Say("To see which there are: {}", algesta.Name(in.Bot.Typed("pods", whereOf(in)))),
		}
	}
	if err != nil {
		return algesta.Plan{}, err
	}
	called := algesta.Say("{} in {}", algesta.Name(name), whereOf(in))
	p := algesta.Plan{
		Title:   algesta.Say("Removal of pod {}", called),
		Summary: algesta.Say("Take the pod {} away", algesta.Name(name)),
		Doing:   algesta.Say("Taking the pod {} away", called),
		Done:    algesta.Say("The pod {} is gone", called),
		Of:      deploymentIn(in, deploymentNameOf(pod)),
	}
	if pod.DeletionTimestamp != nil {
		p.Nothing = algesta.Say("{} is stopping already.", called)
		return p, nil
	}
	owner := metav1.GetControllerOf(pod)
	if err := refuseUnowned(in, pod, owner); err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{{
		Object: algesta.Object{Cluster: in.Command.Target.Cluster, Kind: "Pod", Namespace: namespace, Name: name},
		Verb:   algesta.Delete, Resource: "pods", Subresource: algesta.Eviction, Version: "v1", UID: string(pod.UID),
		Propagation: string(metav1.DeletePropagationBackground),
	}}
	state := rollout.StateOf(pod)
	p.Facts = []algesta.Field{
		{Label: "state", Value: algesta.Say("{}, {}", state.Word, count(state.Restarts, "restart"))},
		{Label: "age", Value: algesta.Say("{}", span(in.Command.At.Sub(pod.CreationTimestamp.Time)))},
		{Label: "node", Value: algesta.Say("{}", orElse(quote(pod.Spec.NodeName), "none yet"))},
	}
	if owner == nil {
		p.Warnings = append(p.Warnings, algesta.Say("Nothing owns it, so nothing makes it again."))
	} else {
		p.Facts = append(
			p.Facts,
			algesta.Field{Label: "made by", Value: algesta.Say("{} {}", quote(owner.Kind), algesta.Name(quote(owner.Name)))},
		)
		p.Warnings = append(p.Warnings, siblingWarnings(ctx, c, pod, owner.UID)...)
	}
	if state.Reason != "" {
		runs := algesta.Say("the same version with the same settings")
		if owner != nil && (owner.Kind == "StatefulSet" || owner.Kind == "DaemonSet") { // its template may be another by now
			runs = algesta.Say("what {} {} wants now. If that's the version of this one", quote(owner.Kind), algesta.Name(quote(owner.Name)))
		}
		p.Warnings = append(p.Warnings, algesta.Say(
			"The pod that replaces it runs {}: what is wrong with this one ({}) is likely to be wrong with that one. {} looks for the cause.",
			runs, quote(state.Reason), in.typed("diagnose", "pod/"+name),
		))
	}
	if slices.ContainsFunc(pod.Spec.Volumes, func(v corev1.Volume) bool { return v.EmptyDir != nil }) {
		p.Warnings = append(p.Warnings, algesta.Say("What it keeps in its own temporary volumes (emptyDir) is lost."))
	}
	return p, nil
}

// deploymentIn is a Deployment in the place of the command, for rules about its service.
func deploymentIn(in Input, name string) algesta.Target {
	t := in.Command.Target
	return algesta.Target{Environment: t.Environment, Cluster: t.Cluster, Namespace: t.Namespace, Name: name}
}

// deploymentNameOf is the name of the Deployment that makes a pod, by that of its ReplicaSet; "" where a pod is made by something else. The
// pod's own labels don't count: they're no part of what people approve.
func deploymentNameOf(pod *corev1.Pod) string {
	owner := metav1.GetControllerOf(pod)
	if owner == nil || owner.Kind != "ReplicaSet" {
		return ""
	}
	return owner.Name[:max(0, strings.LastIndex(owner.Name, "-"))]
}

// refuseUnowned refuses what nothing replaces, unless that is confirmed, and what the API server can't take away.
func refuseUnowned(in Input, pod *corev1.Pod, owner *metav1.OwnerReference) error {
	if _, static := pod.Annotations[corev1.MirrorPodAnnotationKey]; static {
		return refusal(
			algesta.Say("{} is made from a file on its node: it would be there again at once, unchanged.", algesta.Name(pod.Name)),
			algesta.Say("To change or remove it, edit its manifest file on node {}.", algesta.Name(quote(pod.Spec.NodeName))),
		)
	}
	if owner == nil && !bareArg.On(in) {
		return refusal(
			algesta.Say("Nothing owns the pod {}, so nothing would make it again.", algesta.Name(pod.Name)),
			algesta.Say("If it's to go for good, say so: {} --{}", in.typed("pod delete", pod.Name), bareArg.Name),
		)
	}
	return nil
}

// siblingWarnings say who serves while the pod is missing.
func siblingWarnings(ctx context.Context, c Cluster, pod *corev1.Pod, owner types.UID) []algesta.Text {
	siblings, err := controlledBy(ctx, c, pod.Namespace, owner)
	if err != nil {
		return []algesta.Text{couldNotCheck("its other pods", err)}
	}
	ready := 0
	for _, s := range siblings {
		if s.UID != pod.UID && rollout.IsReady(s) {
			ready++
		}
	}
	if ready == 0 && rollout.IsReady(pod) {
		return []algesta.Text{algesta.Say("It's the only pod of its kind that is ready: users see an outage until the new one is.")}
	}
	return nil
}

func readPod(ctx context.Context, c Cluster, namespace, name string) (*corev1.Pod, error) {
	raw, err := readOne(ctx, c, "", "v1", "Pod", namespace, name)
	if err != nil {
		return nil, err
	}
	pod := &corev1.Pod{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(raw.Object, pod); err != nil {
		return nil, fmt.Errorf("reading pod %s: %w", name, err)
	}
	return pod, nil
}

// controlledBy are the pods that an owner controls and that aren't stopping.
func controlledBy(ctx context.Context, c Cluster, namespace string, owner types.UID) ([]*corev1.Pod, error) {
	var all corev1.PodList
	if err := c.List(ctx, namespace, "", &all); err != nil {
		return nil, err
	}
	var out []*corev1.Pod
	for i := range all.Items {
		if o := metav1.GetControllerOf(&all.Items[i]); o != nil && o.UID == owner && all.Items[i].DeletionTimestamp == nil {
			out = append(out, &all.Items[i])
		}
	}
	return out, nil
}

// podWas is what the follower remembers of a pod that is taken away.
type podWas struct {
	UID   types.UID   `json:"uid"`
	Owner types.UID   `json:"owner,omitempty"` // "" where nothing makes it again
	Known []types.UID `json:"known,omitempty"` // of the owner's pods before, itself too
}

func podBefore(ctx context.Context, c Cluster, object algesta.Object) (string, error) {
	pod, err := readPod(ctx, c, object.Namespace, object.Name)
	if err != nil {
		return "", err
	}
	was := podWas{UID: pod.UID}
	if owner := metav1.GetControllerOf(pod); owner != nil {
		was.Owner = owner.UID
		siblings, err := controlledBy(ctx, c, object.Namespace, owner.UID)
		if err != nil {
			return "", err
		}
		for _, s := range siblings {
			was.Known = append(was.Known, s.UID)
		}
	}
	b, err := json.Marshal(was)
	if err != nil {
		return "", fmt.Errorf("noting the pods of %s: %w", object.Name, err)
	}
	return string(b), nil
}

// pollReplacement waits until the pod has gone, and until one that wasn't there before is ready in its place.
func pollReplacement(ctx context.Context, c Cluster, object algesta.Object, noted string) (Polled, error) {
	var was podWas
	if noted == "" || json.Unmarshal([]byte(noted), &was) != nil {
		unread := algesta.Say("Which pods there were before couldn't be read, so I can't tell which one replaces it.")
		return Polled{Phase: rollout.OutOfTime, Said: unread}, nil //nolint:nilerr // the report says so
	}
	pod, err := readPod(ctx, c, object.Namespace, object.Name)
	there := err == nil && pod.UID == was.UID
	switch {
	case err != nil && !errors.Is(err, algesta.ErrNotFound):
		return Polled{}, err
	case was.Owner == "" && there:
		return Polled{Phase: rollout.Moving, Said: algesta.Say("it's stopping")}, nil
	case was.Owner == "":
		return Polled{Phase: rollout.Settled, Said: algesta.Say("Nothing makes it again.")}, nil
	}
	siblings, err := controlledBy(ctx, c, object.Namespace, was.Owner)
	if err != nil {
		return Polled{}, err
	}
	var fresh *corev1.Pod
	for _, s := range siblings {
		if !slices.Contains(was.Known, s.UID) && (fresh == nil || rollout.IsReady(s)) {
			fresh = s
		}
	}
	switch {
	case fresh == nil && there:
		return Polled{Phase: rollout.Moving, Said: algesta.Say("it's stopping, and no new pod is there yet")}, nil
	case fresh == nil:
		return Polled{Phase: rollout.Moving, Said: algesta.Say("it's gone, and no new pod is there yet")}, nil
	case rollout.IsReady(fresh) && there:
		return Polled{Phase: rollout.Moving, Said: algesta.Say("{} is ready; the old pod is stopping", algesta.Name(fresh.Name))}, nil
	case rollout.IsReady(fresh):
		return Polled{Phase: rollout.Settled, Said: algesta.Say("{} is ready in its place.", algesta.Name(fresh.Name))}, nil
	}
	state := rollout.StateOf(fresh)
	if slices.Contains([]string{"CrashLoopBackOff", "ImagePullBackOff", "CreateContainerConfigError", "InvalidImageName"}, state.Reason) {
		return Polled{
			Phase: rollout.Broken,
			Said:  algesta.Say("The pod {} that replaces it doesn't come up either: {}.", algesta.Name(fresh.Name), state.Reason),
		}, nil
	}
	return Polled{Phase: rollout.Moving, Said: algesta.Say("{}: {}", algesta.Name(fresh.Name), state.Word)}, nil
}
