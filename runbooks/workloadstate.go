package runbooks

import (
	"context"
	"errors"

	"github.com/sourcegraph/conc"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// workloadState is what a plan is made from: the Deployment, StatefulSet or DaemonSet, its history, and what limits or owns it.
type workloadState struct {
	in        Input
	d         rollout.Workload
	revisions []rollout.Revision // newest first
	now       int                // index of the revision that runs now, -1 when it is not there yet
	rollout   rollout.Rollout
	scalers   []autoscalingv2.HorizontalPodAutoscaler // that scale it
	quotas    []corev1.ResourceQuota
	ranges    []corev1.LimitRange
	argo      argoApplication // that owns the workload; the zero value when none does, or it could not be read
	unchecked []algesta.Text  // what could not be read, as warnings
	there     int32           // pods that run already what a rollback leads to
}

// readWorkloadState reads everything at once. Only the workload and its history must be readable; what else can't be read is
// mentioned, and doesn't stop a change.
func readWorkloadState(ctx context.Context, c Cluster, in Input) (workloadState, error) {
	s := workloadState{in: in, now: -1}
	var wg conc.WaitGroup
	var main, pods, scalers, quotas, ranges error
	wg.Go(func() {
		if s.d, main = readWorkload(ctx, c, in.Workload); main == nil {
			s.revisions, main = rollout.ReadRevisions(ctx, c, s.d)
		}
	})
	wg.Go(func() {
		if s.rollout, pods = rollout.Look(ctx, c.Rollout(), in.Workload); pods == nil {
			pods = s.rollout.Unread
		}
	})
	var hpas autoscalingv2.HorizontalPodAutoscalerList
	wg.Go(func() { scalers = c.List(ctx, in.Workload.Namespace, "", &hpas) })
	var quotaList corev1.ResourceQuotaList
	wg.Go(func() { quotas = c.List(ctx, in.Workload.Namespace, "", &quotaList) })
	var rangeList corev1.LimitRangeList
	wg.Go(func() { ranges = c.List(ctx, in.Workload.Namespace, "", &rangeList) })
	wg.Wait()
	if main != nil {
		return workloadState{}, main
	}
	s.argo = readArgo(ctx, c, s.d)
	s.now = rollout.CurrentOf(s.d, s.revisions)
	s.quotas, s.ranges, s.scalers = quotaList.Items, rangeList.Items, scalersOf(hpas.Items, in.Workload)
	for _, part := range []struct {
		what string
		err  error
	}{{"pods", pods}, {"autoscalers", scalers}, {"quotas", quotas}, {"limit ranges", ranges}} {
		if part.err != nil {
			s.unchecked = append(s.unchecked, notChecked(part.what, part.err))
		}
	}
	return s, nil
}

// notChecked says that something could not be read. The error's own sentence is for the log.
func notChecked(what string, err error) algesta.Text {
	return algesta.Say("Couldn't check {} ({}).", what, whyUnread(err, "them"))
}

// whyUnread is why something could not be read, in a few words; it is "it" or "them".
func whyUnread(err error, it string) string {
	if errors.Is(err, algesta.ErrForbidden) {
		return "no permission to read " + it
	}
	return "the cluster didn't answer in time"
}

func scalersOf(all []autoscalingv2.HorizontalPodAutoscaler, w algesta.Object) []autoscalingv2.HorizontalPodAutoscaler {
	var out []autoscalingv2.HorizontalPodAutoscaler
	for _, h := range all {
		if h.Spec.ScaleTargetRef.Kind == w.Kind && h.Spec.ScaleTargetRef.Name == w.Name {
			out = append(out, h)
		}
	}
	return out
}

// least is the fewest pods an autoscaler keeps; the API server's default is one.
func least(h autoscalingv2.HorizontalPodAutoscaler) int32 {
	if h.Spec.MinReplicas == nil {
		return 1
	}
	return *h.Spec.MinReplicas
}

// refuseTemplate refuses what no change of the template can do: a workload that is going away, and a paused one,
// where nothing would happen.
func (s workloadState) refuseTemplate(ctx context.Context, c Cluster, verb string) error {
	if err := s.refuseDeleted(); err != nil {
		return err
	}
	if err := s.refuseOwned(ctx, c, verb); err != nil {
		return err
	}
	if s.d.Spec.Paused {
		return refusal(
			algesta.Say("{} is paused, so a {} would be stored and nothing would happen.", algesta.Name(s.d.Name), verb),
			algesta.Say("Resume it first: {}. Then ask again.", command(s.in, "resume", "")),
		)
	}
	return nil
}

func (s workloadState) refuseDeleted() error {
	if s.d.DeletionTimestamp == nil {
		return nil
	}
	return refusal(algesta.Say("{} is being deleted.", algesta.Name(s.d.Name)), algesta.Say("Wait until it is gone, or ask who deleted it."))
}

// podsFact is the row about pods: "4, autoscaled 2–10; one extra pod while it rolls: fits (requests.cpu 1.3 of 4)".
func (s workloadState) podsFact(replicas, extra int32, f fit) algesta.Text {
	out := algesta.Say("{}", replicas)
	for _, h := range s.scalers {
		out = algesta.Say("{}, {}", out, autoscaled(h, replicas))
	}
	if extra == 0 {
		return out
	}
	out = algesta.Say("{}; {} while it rolls", out, count(extra, "extra pod"))
	switch {
	case len(f.obstacle) > 0:
		return algesta.Say("{}: doesn't fit", out)
	case f.tightest != "":
		return algesta.Say("{}: fits ({})", out, f.tightest)
	}
	return out
}

// rollWarnings is what everyone should know before a rollout of this template: capacity, the pods now, owners.
func (s workloadState) rollWarnings(
	ctx context.Context,
	c Cluster,
	template corev1.PodTemplateSpec,
	surge, unavailable int32,
) (fit, []algesta.Text) {
	f := fits(s.quotas, s.ranges, template.Spec, s.extra(surge))
	out := append([]algesta.Text{}, s.stateWarnings()...)
	if s.d.Replicas() == 0 {
		out = append(out, s.nothingRuns())
	}
	for _, obstacle := range f.obstacle {
		if unavailable == 0 {
			obstacle = obstacle.Then("The rollout would wait for room; the old pods keep serving.")
		}
		out = append(out, obstacle)
	}
	out = append(out, s.nodeWarnings(ctx, c, template, s.extra(surge))...)
	out = append(out, missingReferences(ctx, c, s.d.Namespace, s.d.Spec.Template.Spec, template.Spec)...)
	out = append(out, s.outageWarnings(unavailable)...)
	out = append(out, s.strategyWarnings()...)
	out = append(out, s.ownerWarnings()...)
	return f, append(out, s.unchecked...)
}

// nothingRuns warns of a rollout that starts no pod.
func (s workloadState) nothingRuns() algesta.Text {
	return algesta.Say(
		"{} is scaled to 0 pods: nothing will run, and I can't see whether this version comes up. To run it afterwards: {}", subject(s.in),
		command(s.in, "scale", "replicas=1"),
	)
}

// autoscaled is what a row about so many pods says of an autoscaler. Kubernetes' own does nothing at 0 pods; KEDA brings them back.
func autoscaled(h autoscalingv2.HorizontalPodAutoscaler, pods int32) algesta.Text {
	if pods == 0 && kedaObject(h) == "" {
		return algesta.Say("the autoscaler is off at 0 pods ({}–{} above)", least(h), h.Spec.MaxReplicas)
	}
	return algesta.Say("autoscaled {}–{}", least(h), h.Spec.MaxReplicas)
}

// extra is how many pods more than now there are at the peak of a rollout. It starts no more than are missing of the version it leads to:
// going back from one that never came up, whose old pods are all there, starts none.
func (s workloadState) extra(surge int32) int32 {
	return max(0, min(s.d.Replicas()+surge-s.d.Made(), s.d.Replicas()-s.there))
}

// podsOf is how many pods of a revision are there and stay.
func (s workloadState) podsOf(to rollout.Revision) int32 {
	var n int32
	for _, pod := range s.rollout.Pods {
		if pod.DeletionTimestamp == nil && to.Runs(pod) {
			n++
		}
	}
	return n
}

// stateWarnings says what state the pods are in, when something is wrong with them or a rollout is under way.
func (s workloadState) stateWarnings() []algesta.Text {
	if s.rollout.Controller == nil {
		return nil
	}
	if t, trouble := s.rollout.Trouble(s.in.Command.At); trouble {
		return []algesta.Text{t}
	}
	if s.d.Replicas() > 0 && !s.d.Spec.Paused && !s.rollout.Done() {
		fresh, old := s.rollout.Ready()
		return []algesta.Text{
			algesta.Say("A rollout is still under way: {} of {} ready, {} serving.", fresh, s.rollout.Desired(), count(old, "old pod")),
		}
	}
	return nil
}

// up reports whether the workload runs what it's meant to run: its rollout is over.
func (s workloadState) up() bool {
	now, err := s.d.Controller()
	return err == nil && now.Done()
}

// notUp says that what is asked for is what the workload is meant to run already, and doesn't run yet.
func (s workloadState) notUp(what algesta.Text) algesta.Text {
	return algesta.Say("{} is meant to run {} already, and its rollout isn't over. To see how far it is: {}",
		subject(s.in), what, command(s.in, "status", ""))
}
