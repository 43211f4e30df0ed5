package diagnosis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// root is a finding that nothing else explains, with what it explains.
type root struct {
	*rules.Finding
	explains []*rules.Finding
	callers  []facts.Ref // that are ready, and whose calls fail for it
	reach    map[facts.Ref]bool
	impact   Impact
	change   time.Time // of the rollout nearest before it began
	changed  string
}

// findRoots separates causes from symptoms: a finding is explained when a finding of a class that absorbs its class reaches
// its subject.
func findRoots(s *facts.Snapshot, found []*rules.Finding) []*root {
	callers := callersOf(found)
	candidates := make([]*root, len(found))
	for i, f := range found {
		candidates[i] = &root{Finding: f, reach: s.ReachWith(callers, append(slices.Clone(f.Hits), f.Subject)...)}
	}
	for _, a := range candidates {
		for _, b := range found {
			if explains(a, b) {
				a.explains = append(a.explains, b)
			}
		}
	}
	roots := unexplainedOf(candidates)
	for _, r := range roots {
		r.callers = callersReached(s, r.reach)
		r.missed()
		r.impact = impactOf(s, r)
		r.change, r.changed = changeBefore(s, r.Finding)
	}
	slices.SortStableFunc(roots, compareRoots)
	return roots
}

// unexplainedOf are the findings that nothing else explains, each with all that it explains, at first and at second hand. Of findings
// that explain each other in a circle the one that explains most is kept: everything that was found is either the cause or explained by
// one.
func unexplainedOf(candidates []*root) []*root {
	of := make(map[*rules.Finding]*root, len(candidates))
	explained, told := map[*rules.Finding]bool{}, map[*rules.Finding]bool{}
	for _, c := range candidates {
		of[c.Finding] = c
		for _, f := range c.explains {
			explained[f] = true
		}
	}
	var roots, circling []*root
	keep := func(c *root) {
		roots, told[c.Finding] = append(roots, c), true
		at := map[*rules.Finding]bool{c.Finding: true}
		for _, f := range c.explains {
			at[f] = true
		}
		for i := 0; i < len(c.explains); i++ { // it grows while it is walked
			f := c.explains[i]
			told[f] = true
			for _, further := range of[f].explains {
				if !at[further] {
					at[further] = true
					c.explains = append(c.explains, further)
				}
			}
		}
	}
	for _, c := range candidates {
		if !explained[c.Finding] {
			keep(c)
		}
	}
	for _, c := range candidates {
		if !told[c.Finding] {
			circling = append(circling, c)
		}
	}
	slices.SortStableFunc(circling, func(a, b *root) int { return cmp.Compare(len(b.explains), len(a.explains)) })
	for _, c := range circling {
		if !told[c.Finding] {
			keep(c)
		}
	}
	return roots
}

// missed says of what is scaled to zero on purpose that others need it after all.
func (r *root) missed() {
	if r.Rule.Class != rules.ClassScale {
		return
	}
	var names []string
	for _, f := range r.explains {
		if len(f.Calls) == 0 {
			continue
		}
		for _, hit := range f.Hits {
			names = append(names, hit.Name)
		}
	}
	for _, caller := range r.callers {
		names = append(names, caller.Name)
	}
	if len(names) > 0 {
		slices.Sort(names)
		names = slices.Compact(names)
		r.What = fmt.Sprintf(
			"%s is scaled to zero, and %s %s it",
			r.Subject.Words(),
			words.Few(names, 4),
			words.Verb(len(names), "needs", "need"),
		)
	}
}

// unneeded says of a workload that is scaled to zero that nothing needs it: no program fails without it, and no Ingress leads to it.
func (r *root) unneeded() bool {
	if r.Rule.Class != rules.ClassScale || len(r.callers) > 0 ||
		slices.ContainsFunc(r.explains, func(f *rules.Finding) bool { return len(f.Calls) > 0 }) {
		return false
	}
	return !slices.ContainsFunc(slices.Collect(maps.Keys(r.reach)), func(ref facts.Ref) bool { return ref.Kind == facts.KindIngress })
}

// callersReached are the workloads that are ready and call a Service which no longer answers.
func callersReached(s *facts.Snapshot, reach map[facts.Ref]bool) []facts.Ref {
	var callers []facts.Ref
	for ref := range reach {
		if ref.Kind == facts.KindService {
			callers = append(callers, s.CallersOf(ref)...)
		}
	}
	slices.SortFunc(callers, facts.Ref.Compare)
	return slices.Compact(callers)
}

// callersOf lists what fails because a Service of the cluster does not answer: what breaks the Service breaks them, too.
func callersOf(found []*rules.Finding) map[facts.Ref][]facts.Ref {
	callers := map[facts.Ref][]facts.Ref{}
	for _, f := range found {
		for _, service := range f.Calls {
			callers[service] = append(callers[service], f.Hits...)
		}
	}
	return callers
}

func explains(a *root, b *rules.Finding) bool {
	if a.Finding == b {
		return false
	}
	if failsBeside(b, a.Finding) || a.Rule.ID == anyError && b.Callee != (facts.Ref{}) && slices.Contains(a.Hits, b.Callee) {
		return false
	}
	if b.Because != (facts.Ref{}) && b.Because == a.Subject && !a.Rule.Risk {
		return true
	}
	if saysWhy(a.Finding, b) {
		return true
	}
	if breaksCalled(a, b) || b.Rule.Risk && !a.Rule.Risk && a.Subject == b.Subject {
		return true // a full quota needs no warning that it is nearly full
	}
	if setsUpNetwork(a.Finding, b) || failsBeside(a.Finding, b) {
		return true
	}
	if a.Overrules && !b.Rule.Risk && within(b.Pods, a.Pods) {
		return true
	}
	if !slices.Contains(rules.Absorbs[a.Rule.Class], b.Rule.Class) {
		return false
	}
	if a.Rule.Risk || b.Rule.Risk && b.Rule.Class != rules.ClassBudget && b.Rule.Class != rules.ClassAutoscaling {
		return false
	}
	if !a.reach[b.Subject] && !slices.ContainsFunc(b.Hits, func(hit facts.Ref) bool { return a.reach[hit] }) {
		return false
	}
	if a.Rule.Class == rules.ClassNode && !a.Since.IsZero() && !b.Since.IsZero() && a.Since.After(b.Since.Add(facts.ClockSlack)) {
		return false
	}
	if a.Rule.Class == rules.ClassNode && b.Rule.Class == rules.ClassScheduling {
		return lacksRoom(b.Rule.ID) // what the lost node ran finds no place on the others
	}
	if a.Rule.Class == rules.ClassNode && b.Rule.ID == "volume-multi-attach" {
		return true // the new pod waits for the disk that the node doesn't release
	}
	return b.Rule.Symptom || !onOtherPods(a.Pods, b.Pods)
}

// within says that the pods of b are among those of a.
func within(b, a []*corev1.Pod) bool {
	return len(b) > 0 && !slices.ContainsFunc(b, func(p *corev1.Pod) bool { return !slices.Contains(a, p) })
}

// anyError is the rule that says less than whatever else is found in the same log.
const anyError = "errors-while-ready"

// saysWhy says that a is what was found in the log of what b calls, or that it quotes the very log that b is about, with a caller to it.
func saysWhy(a, b *rules.Finding) bool {
	if a.Rule.ID == anyError || b.Rule.ID == anyError {
		return a.Rule.ID != anyError && a.Callee != (facts.Ref{}) && slices.Contains(b.Hits, a.Callee)
	}
	return b.Callee != (facts.Ref{}) && !a.Rule.Risk && slices.Contains(a.Hits, b.Callee) &&
		(a.Rule.Class == rules.ClassDependency || a.Rule.Class == rules.ClassCrash || a.Rule.Class == rules.ClassStorage)
}

// breaksCalled says that a is why a Service that b needs does not answer.
func breaksCalled(a *root, b *rules.Finding) bool {
	if b.Rule.Class == rules.ClassJob && !a.Since.IsZero() && a.Since.After(b.Since.Add(facts.ClockSlack)) {
		return false // the Job failed before
	}
	if a.Rule.Risk || !slices.ContainsFunc(b.Calls, func(service facts.Ref) bool { return a.reach[service] }) {
		return false
	}
	switch a.Rule.Class {
	case rules.ClassDependency,
		rules.ClassMetrics,
		rules.ClassAutoscaling,
		rules.ClassBudget,
		rules.ClassBackend,
		rules.ClassIngress,
		rules.ClassTLS,
		rules.ClassCertificate:
		return false
	default:
	}
	return !slices.ContainsFunc(a.Hits, func(hit facts.Ref) bool { return slices.Contains(b.Hits, hit) })
}

// setsUpNetwork says that a is the trouble of the network plugin's own pod on the node where b finds that it cannot set up networks.
func setsUpNetwork(a, b *rules.Finding) bool {
	if b.Rule.ID != "sandbox-failed" || b.Product == "" || a.Rule.ID == b.Rule.ID || a.Rule.Risk {
		return false
	}
	return slices.ContainsFunc(a.Hits, func(hit facts.Ref) bool {
		return hit.Kind == facts.KindDaemonSet && strings.Contains(hit.Name, b.Product)
	}) &&
		slices.ContainsFunc(a.Pods, func(p *corev1.Pod) bool { return p.Spec.NodeName == b.Subject.Name })
}

// failsBeside says that b does not reach what should listen in its own pod, and that a is why another container of that pod does not run.
func failsBeside(a, b *rules.Finding) bool {
	if !facts.IsLoopback(b.Host) || facts.IsLoopback(a.Host) || a.Subject == b.Subject && a.Key == b.Key || !within(b.Pods, a.Pods) {
		return false
	}
	return slices.Contains([]rules.Class{rules.ClassCrash, rules.ClassConfig, rules.ClassImage, rules.ClassDependency}, a.Rule.Class)
}

func lacksRoom(rule string) bool {
	switch rule {
	case "insufficient-cpu", "insufficient-memory", "too-many-pods", "untolerated-taint", "pod-affinity", "topology-spread":
		return true
	}
	return false
}

// onOtherPods says that two findings are about different pods: one crashing pod does not explain another pod's crash.
func onOtherPods(a, b []*corev1.Pod) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	return !slices.ContainsFunc(b, func(p *corev1.Pod) bool { return slices.Contains(a, p) })
}

func compareRoots(a, b *root) int {
	return cmp.Or(
		cmp.Compare(a.impact.Level.Rank(), b.impact.Level.Rank()),
		cmp.Compare(unexplained(a), unexplained(b)),
		cmp.Compare(len(b.explains)+len(b.Hits), len(a.explains)+len(a.Hits)),
		cmp.Compare(a.Sure.Rank(), b.Sure.Rank()),
		b.change.Compare(a.change),
		a.Subject.Compare(b.Subject),
		strings.Compare(a.Rule.ID, b.Rule.ID),
		strings.Compare(a.Key, b.Key),
	)
}

// unexplained puts a symptom without a cause, and a cause without certainty, after the others of the same impact.
func unexplained(r *root) int {
	if r.Rule.Symptom || r.Rule.Class == rules.ClassDependency && r.Target == "" {
		return 1
	}
	return 0
}

// changeWindow is how long ago a rollout may be and still be suspected.
const changeWindow = 24 * time.Hour

// changeBefore finds the newest rollout of a workload that is hit, or the newest change of its configuration, if the
// trouble began after it and not days later.
func changeBefore(s *facts.Snapshot, f *rules.Finding) (at time.Time, wording string) {
	for _, hit := range f.Hits {
		w := s.Workload(hit)
		if w == nil {
			continue
		}
		if w.Desired == 0 { // no rollout before that is why nothing runs
			if w.Ref == f.Subject && f.Since.After(at) {
				at, wording = f.Since, fmt.Sprintf("%s was scaled to 0 pods %s.", w.Ref.Words(), facts.When(f.Since))
			}
			continue
		}
		if source, changed := s.ConfigBefore(w, lastStart(f)); changed.After(at) {
			at, wording = changed, fmt.Sprintf("%s, which %s uses, was changed %s.", source.Words(), w.Ref.Name, facts.When(changed))
		}
		if w.Current() == nil || w.Before() == nil {
			continue
		}
		life := facts.LifeOf(w.Rollout.Deployment, w.Current())
		switch {
		case life.Began.IsZero():
			if at.IsZero() {
				wording = fmt.Sprintf(
					"Revision %d of %s was rolled out again; when isn't known.",
					facts.RevisionOf(w.Current()),
					w.Ref.Name,
				)
			}
		case life.Began.Before(at) || s.Age(life.Began) > changeWindow || !f.Since.IsZero() && life.Began.After(f.Since.Add(facts.ClockSlack)):
		default:
			at, wording = life.Began, rolledOut(s, w, life)
		}
	}
	return at, wording
}

// rolledOut says when the newest revision of a workload became the current one, and why.
func rolledOut(s *facts.Snapshot, w *facts.Workload, life facts.Life) string {
	how := "was rolled out"
	if life.Again {
		how = "was rolled out again"
	}
	out := fmt.Sprintf("Revision %d of %s %s %s", facts.RevisionOf(w.Current()), w.Ref.Name, how, facts.When(life.Began))
	if life.Cause != "" {
		out += fmt.Sprintf(": %q", s.Quote(life.Cause))
	}
	return out + "."
}

// lastStart is when the latest of the failing containers started, or else when the trouble began: what was changed before
// that may be why.
func lastStart(f *rules.Finding) time.Time {
	began := f.Since
	for _, p := range f.Pods {
		for i := range p.Status.ContainerStatuses {
			status := &p.Status.ContainerStatuses[i]
			for _, end := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
				if end != nil {
					began = facts.Latest(began, end.StartedAt.Time)
				}
			}
		}
	}
	return began
}
