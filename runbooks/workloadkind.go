package runbooks

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

// The kinds whose pods are replaced by a rollout.
const (
	deploymentKind  = "Deployment"
	statefulSetKind = "StatefulSet"
	daemonSetKind   = "DaemonSet"
)

// aboutWorkload is a service, or a StatefulSet or a DaemonSet by its kind and name.
var aboutWorkload = About{Service: true, Workloads: true}

// What the commands of this package write to workloads.
const (
	patchDeployments  = "patch deployments.apps"
	patchStatefulSets = "patch statefulsets.apps"
	patchDaemonSets   = "patch daemonsets.apps"
)

// patchWorkloads are the writes of a command that changes any of the three.
var patchWorkloads = []string{patchDeployments, patchStatefulSets, patchDaemonSets}

// workloadReads are what a plan looks at around any of the three.
var workloadReads = union(planReads, rollout.OtherReads)

// readWorkload reads what the command is about as the server wrote it.
func readWorkload(ctx context.Context, c Cluster, w algesta.Object) (rollout.Workload, error) {
	if w.Kind == "" || w.Kind == deploymentKind {
		return rollout.ReadDeployment(ctx, c, w)
	}
	raw, err := readOne(ctx, c, "apps", "v1", w.Kind, w.Namespace, w.Name)
	if err != nil {
		return rollout.Workload{}, err
	}
	return rollout.WorkloadOf(w.Kind, raw)
}

// thing is the kind of a workload as a sentence has it.
func (s workloadState) thing() string { return thingOf(s.d.Kind) }

func thingOf(kind string) string {
	if kind == "" || kind == deploymentKind {
		return strings.ToLower(deploymentKind)
	}
	return kind
}

// resource is the kind as a role calls it.
func (s workloadState) resource() string { return strings.ToLower(s.d.Kind) + "s.apps" }

// of is the workload for the rules about a service, where the command names it by its kind: a limit of a service holds for what is called
// like it.
func (s workloadState) of() algesta.Target {
	if s.d.Kind == deploymentKind {
		return algesta.Target{}
	}
	of := deploymentIn(s.in, s.d.Name)
	of.Service = s.d.Name
	return of
}

// refuseByHand refuses a change that the strategy OnDelete would store without replacing a pod.
func (s workloadState) refuseByHand() error {
	if !s.d.ByHand() {
		return nil
	}
	return refusal(
		algesta.Say(
			"The strategy of {} is OnDelete: its pods are replaced only when someone deletes them, so a restart would replace none.",
			algesta.Name(s.d.Name),
		),
		algesta.Say(
			"Take its pods away one after another, each once the one before is ready again: {}",
			s.in.typed("pod delete", orElse(s.somePod(), "<pod>")),
		),
	)
}

// somePod is the name of a pod of the workload, "" where none is known.
func (s workloadState) somePod() string {
	if len(s.rollout.Pods) == 0 {
		return ""
	}
	return s.rollout.Pods[len(s.rollout.Pods)-1].Name
}

// outageWarnings say what users notice of a rollout that takes so many pods away at a time.
func (s workloadState) outageWarnings(unavailable int32) []algesta.Text {
	replicas := s.d.Replicas()
	switch {
	case replicas == 0 || s.d.ByHand():
		return nil
	case s.d.Deployment != nil && s.d.Deployment.Spec.Strategy.Type == appsv1.RecreateDeploymentStrategyType:
		return []algesta.Text{
			algesta.Say("The strategy is Recreate: all pods stop before the first new one starts. Users see an outage until then."),
		}
	case s.d.Deployment == nil && replicas == 1 && unavailable > 0:
		return []algesta.Text{algesta.Say("Its only pod stops before the new one starts. Users see an outage until then.")}
	case unavailable >= replicas:
		return []algesta.Text{
			algesta.Say("maxUnavailable allows every pod to be down at once: users may see an outage while it rolls."),
		}
	}
	return nil
}

// strategyWarnings say which pods get the new template, and what is in the way: what StatefulSets and DaemonSets do otherwise than
// Deployments.
func (s workloadState) strategyWarnings() []algesta.Text {
	var out []algesta.Text
	replicas := s.d.Replicas()
	if s.d.ByHand() {
		out = append(out, algesta.Say(
			"The strategy is OnDelete: this is stored, and no pod changes until someone deletes it. One after another: {}",
			s.in.typed("pod delete", orElse(s.somePod(), "<pod>")),
		))
	}
	if p := min(s.d.Partition(), replicas); p > 0 {
		stay := algesta.Say(
			"{} of {} with a lower number {} as before, also when made again", p, count(replicas, "pod"), words.Verb(p, "stays", "stay"),
		)
		if p == replicas {
			stay = algesta.Say("every pod stays as before, also when made again")
		}
		out = append(out, algesta.Say("Its partition is {}: {}.", s.d.Partition(), stay))
	}
	for _, pod := range s.rollout.Blocking() {
		out = append(out, algesta.Say(
			"{} isn't ready ({}), and a StatefulSet replaces no pod while one isn't (podManagementPolicy OrderedReady). "+
				"This change alone doesn't repair it; afterwards take it away: {}",
			algesta.Name(pod.Name), quote(rollout.StateOf(pod).Reason), s.in.typed("pod delete", pod.Name),
		))
	}
	return out
}

// sameStrategy is a test that pods get the new template as people saw that they would.
func (s workloadState) sameStrategy() ([]algesta.Swap, error) {
	if s.d.Deployment != nil {
		return s.unchanged("strategy", "/spec/strategy", "spec", "strategy")
	}
	return s.unchanged("update strategy", "/spec/updateStrategy", "spec", "updateStrategy")
}

// unchanged is a test that a field is still what people saw; none where it isn't there.
func (s workloadState) unchanged(label, pointer string, path ...string) ([]algesta.Swap, error) {
	now, found, err := unstructured.NestedFieldNoCopy(s.d.Raw, path...)
	if err != nil || !found {
		return nil, err
	}
	b, err := json.Marshal(now)
	if err != nil {
		return nil, fmt.Errorf("reading the %s of %s: %w", label, s.d.Name, err)
	}
	return []algesta.Swap{{Label: label, Path: pointer, From: b, To: b}}, nil
}

// firstNumber is that of a StatefulSet's first pod.
func firstNumber(set *appsv1.StatefulSet) int32 {
	if set.Spec.Ordinals == nil {
		return 0
	}
	return set.Spec.Ordinals.Start
}

// stored is the sentence of the end of a change that its controller doesn't carry out to the last pod, or at all.
func (s workloadState) stored(done algesta.Text, version string) algesta.Text {
	switch p := s.d.Partition(); {
	case s.d.ByHand():
		return algesta.Say("{} has {} stored, and its pods get it when they're deleted", subject(s.in), version)
	case p >= s.d.Replicas() && p > 0 && s.d.Replicas() > 0:
		return algesta.Say("{} has {} stored, and its partition keeps every pod as it is", subject(s.in), version)
	case p > 0 && s.d.Replicas() > 0:
		return algesta.Say("{} from pod {} on", done, algesta.Name(fmt.Sprintf("%s-%d", s.d.Name, firstNumber(s.d.StatefulSet)+p)))
	}
	return done
}

// WorkloadCalled is the StatefulSet or the DaemonSet of this name, as a target has it: "statefulset/loki". makers are what makes pods.
// found is false where neither is among them, or both: nobody guesses which.
func WorkloadCalled(makers []algesta.Object, name string) (object string, found bool) {
	for _, o := range OtherWorkloads(makers) {
		if _, called, _ := strings.Cut(o, "/"); called == name {
			if found {
				return "", false
			}
			object, found = o, true
		}
	}
	return object, found
}

// OtherWorkloads are the StatefulSets and DaemonSets among what makes pods, as a target has them: "statefulset/loki".
func OtherWorkloads(makers []algesta.Object) []string {
	var out []string
	for _, o := range makers {
		if o.Kind == statefulSetKind || o.Kind == daemonSetKind {
			out = append(out, strings.ToLower(o.Kind)+"/"+o.Name)
		}
	}
	return out
}

// kindFact is the row that says of which kind a workload is that isn't a Deployment, as most services are.
func (s workloadState) kindFact() []algesta.Field {
	if s.d.Deployment != nil {
		return nil
	}
	how := ""
	switch p := s.d.Partition(); {
	case s.d.ByHand():
		how = ", OnDelete"
	case p > 0:
		how = fmt.Sprintf(", partition %d", p)
	case s.d.StatefulSet != nil && !s.d.Ordered():
		how = ", Parallel"
	}
	return []algesta.Field{{Label: "kind", Value: algesta.Say("{}{}", s.d.Kind, how)}}
}
