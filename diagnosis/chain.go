package diagnosis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

// root is a finding that nothing else explains, with what it explains.
type root struct {
	*finding
	explains []*finding
	reach    map[Ref]bool
	impact   Impact
	change   time.Time // of the rollout nearest before it began
	changed  string
}

// roots separates causes from symptoms: a finding is explained when a finding of a class that absorbs its class reaches
// its subject.
func (s *Snapshot) roots(found []*finding) []*root {
	callers := callersOf(found)
	candidates := make([]*root, len(found))
	for i, f := range found {
		candidates[i] = &root{finding: f, reach: s.reachWith(callers, append(slices.Clone(f.hits), f.subject)...)}
	}
	for _, a := range candidates {
		for _, b := range found {
			if s.explains(a, b) {
				a.explains = append(a.explains, b)
			}
		}
	}
	roots := unexplainedOf(candidates)
	for _, r := range roots {
		r.missed()
		r.impact = s.impactOf(r)
		r.change, r.changed = s.changeBefore(r.finding)
	}
	slices.SortStableFunc(roots, compareRoots)
	return roots
}

// unexplainedOf are the findings that nothing else explains, each with all that it explains, at first and at second hand. Of findings
// that explain each other in a circle the one that explains most is kept: whatever was found is told, or is told of.
func unexplainedOf(candidates []*root) []*root {
	of := make(map[*finding]*root, len(candidates))
	explained, told := map[*finding]bool{}, map[*finding]bool{}
	for _, c := range candidates {
		of[c.finding] = c
		for _, f := range c.explains {
			explained[f] = true
		}
	}
	var roots, circling []*root
	keep := func(c *root) {
		roots, told[c.finding] = append(roots, c), true
		at := map[*finding]bool{c.finding: true}
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
		if !explained[c.finding] {
			keep(c)
		}
	}
	for _, c := range candidates {
		if !told[c.finding] {
			circling = append(circling, c)
		}
	}
	slices.SortStableFunc(circling, func(a, b *root) int { return cmp.Compare(len(b.explains), len(a.explains)) })
	for _, c := range circling {
		if !told[c.finding] {
			keep(c)
		}
	}
	return roots
}

// missed says of what is scaled to zero on purpose that others need it after all.
func (r *root) missed() {
	if r.rule.Class != ClassScale {
		return
	}
	var names []string
	for _, f := range r.explains {
		if len(f.calls) == 0 {
			continue
		}
		for _, hit := range f.hits {
			names = append(names, hit.Name)
		}
	}
	if len(names) > 0 {
		slices.Sort(names)
		names = slices.Compact(names)
		r.what = fmt.Sprintf("%s is scaled to zero, and %s %s it", r.subject.words(), words.Few(names, 4), words.Verb(len(names), "needs", "need"))
	}
}

// asleep says of what is scaled to zero that nothing needs it: no program fails without it, and no Ingress leads to it.
func (r *root) asleep() bool {
	if r.rule.Class != ClassScale || slices.ContainsFunc(r.explains, func(f *finding) bool { return len(f.calls) > 0 }) {
		return false
	}
	return !slices.ContainsFunc(slices.Collect(maps.Keys(r.reach)), func(ref Ref) bool { return ref.Kind == KindIngress })
}

// callersOf lists what fails because a Service of the cluster does not answer: what breaks the Service breaks them, too.
func callersOf(found []*finding) map[Ref][]Ref {
	callers := map[Ref][]Ref{}
	for _, f := range found {
		for _, service := range f.calls {
			callers[service] = append(callers[service], f.hits...)
		}
	}
	return callers
}

// slack is how much later than its symptom a cause may have been noticed: kubelets and controllers report in rounds, and
// clocks of nodes differ.
const slack = 90 * time.Second

func (s *Snapshot) explains(a *root, b *finding) bool {
	if a.finding == b {
		return false
	}
	if failsBeside(b, a.finding) {
		return false
	}
	if breaksCalled(a, b) || b.rule.Risk && !a.rule.Risk && a.subject == b.subject {
		return true // a full quota needs no warning that it is nearly full
	}
	if setsUpNetwork(a.finding, b) || failsBeside(a.finding, b) {
		return true
	}
	if a.overrules && !b.rule.Risk && within(b.pods, a.pods) {
		return true
	}
	if !slices.Contains(absorbs[a.rule.Class], b.rule.Class) {
		return false
	}
	if a.rule.Risk || b.rule.Risk && b.rule.Class != ClassBudget && b.rule.Class != ClassAutoscaling {
		return false
	}
	if !a.reach[b.subject] && !slices.ContainsFunc(b.hits, func(hit Ref) bool { return a.reach[hit] }) {
		return false
	}
	if a.rule.Class == ClassNode && !a.since.IsZero() && !b.since.IsZero() && a.since.After(b.since.Add(slack)) {
		return false
	}
	if a.rule.Class == ClassNode && b.rule.Class == ClassScheduling {
		return lacksRoom(b.rule.ID) // what the lost node ran finds no place on the others
	}
	if a.rule.Class == ClassNode && b.rule.ID == "volume-multi-attach" {
		return true // the new pod waits for the disk that the node does not let go
	}
	return b.rule.Symptom || !apart(a.pods, b.pods)
}

// within says that the pods of b are among those of a.
func within(b, a []*corev1.Pod) bool {
	return len(b) > 0 && !slices.ContainsFunc(b, func(p *corev1.Pod) bool { return !slices.Contains(a, p) })
}

// breaksCalled says that a is why a Service that b needs does not answer.
func breaksCalled(a *root, b *finding) bool {
	if b.rule.Class == ClassJob && !a.since.IsZero() && a.since.After(b.since.Add(slack)) {
		return false // the Job failed before
	}
	if a.rule.Risk || !slices.ContainsFunc(b.calls, func(service Ref) bool { return a.reach[service] }) {
		return false
	}
	switch a.rule.Class {
	case ClassDependency, ClassMetrics, ClassAutoscaling, ClassBudget, ClassBackend, ClassIngress, ClassTLS, ClassCertificate:
		return false
	default:
	}
	return !slices.ContainsFunc(a.hits, func(hit Ref) bool { return slices.Contains(b.hits, hit) })
}

// setsUpNetwork says that a is the trouble of the network plugin's own pod on the node where b finds that it cannot set up networks.
func setsUpNetwork(a, b *finding) bool {
	if b.rule.ID != "sandbox-failed" || b.product == "" || a.rule.ID == b.rule.ID || a.rule.Risk {
		return false
	}
	return slices.ContainsFunc(a.hits, func(hit Ref) bool { return hit.Kind == KindDaemonSet && strings.Contains(hit.Name, b.product) }) &&
		slices.ContainsFunc(a.pods, func(p *corev1.Pod) bool { return p.Spec.NodeName == b.subject.Name })
}

// failsBeside says that b does not reach what should listen in its own pod, and that a is why another container of that pod does not run.
func failsBeside(a, b *finding) bool {
	if !isLoopback(b.host) || isLoopback(a.host) || a.subject == b.subject && a.key == b.key || !within(b.pods, a.pods) {
		return false
	}
	return slices.Contains([]Class{ClassCrash, ClassConfig, ClassImage, ClassDependency}, a.rule.Class)
}

func lacksRoom(rule string) bool {
	switch rule {
	case "insufficient-cpu", "insufficient-memory", "too-many-pods", "untolerated-taint", "pod-affinity", "topology-spread":
		return true
	}
	return false
}

// apart says that two findings are about different pods: one crashing pod does not explain another pod's crash.
func apart(a, b []*corev1.Pod) bool {
	if len(a) == 0 || len(b) == 0 {
		return false
	}
	return !slices.ContainsFunc(b, func(p *corev1.Pod) bool { return slices.Contains(a, p) })
}

func compareRoots(a, b *root) int {
	return cmp.Or(
		cmp.Compare(a.impact.Level.rank(), b.impact.Level.rank()),
		cmp.Compare(unexplained(a), unexplained(b)),
		cmp.Compare(len(b.explains)+len(b.hits), len(a.explains)+len(a.hits)),
		cmp.Compare(a.sure.rank(), b.sure.rank()),
		b.change.Compare(a.change),
		a.subject.compare(b.subject),
		strings.Compare(a.rule.ID, b.rule.ID),
		strings.Compare(a.key, b.key),
	)
}

// unexplained puts a symptom without a cause, and a cause without certainty, after the others of the same impact.
func unexplained(r *root) int {
	if r.rule.Symptom || r.rule.Class == ClassDependency && r.target == "" {
		return 1
	}
	return 0
}

func (c Confidence) rank() int {
	switch c {
	case High:
		return 0
	case Medium:
		return 1
	case Low:
	}
	return 2
}

// impactOf judges by what serves now: ready pods of the workloads and ready endpoints of the Services in reach.
func (s *Snapshot) impactOf(r *root) Impact {
	worst := Impact{Level: Latent, Text: "Users do not feel it yet."}
	if r.level != "" {
		worst = Impact{Level: r.level, Text: levelWords(r.level)}
		if r.rule.Class == ClassScale {
			worst.Text = "Requests to it fail until it is scaled up."
		}
	}
	if r.rule.Risk {
		return worst
	}
	var wording []string
	for _, ref := range slices.SortedFunc(maps.Keys(r.reach), Ref.compare) {
		impact, found := s.impactOn(ref, r)
		if !found {
			continue
		}
		if impact.Level.rank() < worst.Level.rank() {
			worst = impact
			wording = nil
		}
		if impact.Level == worst.Level {
			wording = append(wording, impact.Text)
		}
	}
	if len(wording) > 0 {
		worst.Text = words.Capital(words.Few(slices.Compact(wording), 4)) + "."
	}
	return worst
}

func levelWords(level ImpactLevel) string {
	switch level {
	case Outage:
		return "Nothing is served through it."
	case Degraded:
		return "It works only in part."
	case Latent:
	}
	return "Users do not feel it yet."
}

func (s *Snapshot) impactOn(ref Ref, r *root) (Impact, bool) {
	w := s.index.byRef[ref]
	if w != nil && (ref.Kind == KindJob || ref.Kind == KindPod) {
		return Impact{Degraded, fmt.Sprintf("%s %s does not run", strings.ToLower(ref.Kind), ref.Name)}, w.ready == 0 && r.effect != noEffect
	}
	if w != nil {
		switch {
		case w.desired == 0:
			return Impact{}, false
		case w.desired < 0 && w.ready == 0 && len(w.pods) > 0:
			return Impact{Outage, fmt.Sprintf("no pod of %s is ready", ref.Name)}, true
		case w.desired < 0 && w.ready < len(w.pods):
			return Impact{Degraded, fmt.Sprintf("%d of %d pods of %s are ready", w.ready, len(w.pods), ref.Name)}, true
		case w.desired < 0:
			return Impact{}, false
		case w.ready == 0:
			return Impact{Outage, fmt.Sprintf("0 of %d pods of %s are ready", w.desired, ref.Name)}, true
		case w.ready < w.desired:
			return Impact{Degraded, fmt.Sprintf("%d of %d pods of %s are ready", w.ready, w.desired, ref.Name)}, true
		case r.effect == cannotCreate || slices.ContainsFunc(r.pods, func(p *corev1.Pod) bool { return p.DeletionTimestamp == nil && !podReady(p) }):
			serve := "serve"
			if w.ready == 1 {
				serve = "serves"
			}
			return Impact{Degraded, fmt.Sprintf("the rollout of %s cannot finish; %s still %s", ref.Name, words.Count(w.ready, "ready pod"), serve)}, true
		}
		return Impact{}, false
	}
	if service := s.index.services[ref]; service != nil && r.rule.Class == ClassWiring {
		if r.rule.ID == "load-balancer-pending" {
			return Impact{Outage, fmt.Sprintf("Service %s cannot be reached from outside of the cluster", ref.Name)}, true
		}
		if r.rule.ID == "network-policy-blocks" {
			return Impact{Outage, fmt.Sprintf("Service %s cannot be reached from outside of the cluster", ref.Name)}, r.level == Outage
		}
		return Impact{Outage, fmt.Sprintf("Service %s reaches no pod", ref.Name)}, r.level == Outage
	}
	return Impact{}, false
}

// changeWindow is how long ago a rollout may be and still be suspected.
const changeWindow = 24 * time.Hour

// changeBefore finds the newest rollout of a workload that is hit, or the newest change of its configuration, if the
// trouble began after it and not days later.
func (s *Snapshot) changeBefore(f *finding) (at time.Time, wording string) {
	for _, hit := range f.hits {
		w := s.index.byRef[hit]
		if w == nil {
			continue
		}
		if source, changed := s.configBefore(w, f.lastStart()); changed.After(at) {
			at, wording = changed, fmt.Sprintf("%s, which %s uses, was changed %s ago.", source.words(), w.ref.Name, words.Span(s.age(changed)))
		}
		if w.current() == nil || w.before() == nil {
			continue
		}
		set := w.current()
		made, cause := lifeOf(set)
		if made.Before(at) || s.age(made) > changeWindow || !f.since.IsZero() && made.After(f.since.Add(slack)) {
			continue
		}
		at = made
		wording = fmt.Sprintf("Revision %d of %s was rolled out %s ago", revisionOf(set), w.ref.Name, words.Span(s.age(made)))
		if cause != "" {
			wording += fmt.Sprintf(": %q", s.quote(cause))
		}
		wording += "."
	}
	return at, wording
}

// lastStart is when the latest of the failing containers started, or else when the trouble began: what was changed before
// that may be why.
func (f *finding) lastStart() time.Time {
	began := f.since
	for _, p := range f.pods {
		for i := range p.Status.ContainerStatuses {
			status := &p.Status.ContainerStatuses[i]
			for _, end := range []*corev1.ContainerStateTerminated{status.State.Terminated, status.LastTerminationState.Terminated} {
				if end != nil {
					began = latest(began, end.StartedAt.Time)
				}
			}
		}
	}
	return began
}
