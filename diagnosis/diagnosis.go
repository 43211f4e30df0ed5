package diagnosis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

// Diagnose says what is wrong with the subject, or that nothing is. The zero Ref asks about everything in the snapshot.
// The same objects in any order give the same answer.
func Diagnose(s *Snapshot, about Ref) Diagnosis {
	d := Diagnosis{Subject: about, Chains: []Chain{}, Healthy: []string{}, Advice: []Advice{}, NotChecked: append([]NotChecked{}, s.notChecked...)}
	subject, problem := s.resolve(about)
	if problem != "" {
		d.Verdict, d.Summary = Unknown, problem
		return d
	}
	d.Subject = subject
	near := s.around(subject)
	touched, measured := map[Ref]bool{}, false
	found, dropped := s.bounded(s.find())
	if dropped != nil {
		d.NotChecked = append(d.NotChecked, *dropped)
	}
	roots := s.roots(found)
	sortForSubject(roots, subject)
	for _, r := range roots {
		if !r.concerns(near) {
			continue
		}
		if r.asleep() && (near.everything || subject.Kind == KindNamespace || subject.Kind == KindNode) {
			continue // nobody asked about it, and nobody misses it
		}
		for ref := range r.reach {
			touched[ref] = true
		}
		d.Chains = append(d.Chains, s.chain(r))
		measured = measured || r.measured
	}
	d.NotChecked = s.withoutUsage(d.NotChecked, measured)
	for i := 1; i < len(d.Chains); i++ {
		d.Chains[i].WhyLower = whyLower(d.Chains[i], d.Chains[0])
	}
	d.Healthy, d.Checks = s.healthy(near, touched)
	d.Advice = slices.DeleteFunc(s.advice(near), d.says)
	d.Verdict, d.Summary = d.conclude(s, subject)
	if at := slices.IndexFunc(roots, func(r *root) bool { return r.concerns(near) }); at >= 0 {
		d.Summary += s.hangsOn(roots[at], subject)
	}
	return d
}

// concerns says whether a finding answers the question.
func (f *finding) concerns(near surroundings) bool {
	if near.everything {
		return true
	}
	if near.node != "" {
		for _, p := range f.pods {
			if p.Spec.NodeName == near.node {
				return true
			}
		}
	}
	return near.has(f.subject) || slices.ContainsFunc(f.hits, near.has)
}

// concerns says whether a cause, or anything that it explains, answers the question.
func (r *root) concerns(near surroundings) bool {
	return r.finding.concerns(near) || slices.ContainsFunc(r.explains, func(f *finding) bool { return f.concerns(near) })
}

// strikes says that a cause hits what was asked about itself, or explains something that does, and not only what stands around it.
func (r *root) strikes(subject Ref) bool {
	hits := func(f *finding) bool {
		return f.subject == subject || slices.Contains(f.hits, subject) ||
			subject.Kind == KindPod && slices.ContainsFunc(f.pods, func(p *corev1.Pod) bool { return refOf(KindPod, p) == subject })
	}
	return hits(r.finding) || slices.ContainsFunc(r.explains, hits)
}

// sortForSubject puts what hits the asked object before what hits others as much.
func sortForSubject(roots []*root, subject Ref) {
	if subject.Kind == "" || subject.Kind == KindNamespace || subject.Kind == KindNode {
		return
	}
	slices.SortStableFunc(roots, func(a, b *root) int {
		miss := func(r *root) int {
			if r.strikes(subject) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.impact.Level.rank(), b.impact.Level.rank()), cmp.Compare(miss(a), miss(b)))
	})
}

// hangsOn says how the asked object hangs on a shared cause whose sentence does not name it; empty where it does.
func (s *Snapshot) hangsOn(r *root, subject Ref) string {
	if subject.Kind == "" || subject.Kind == KindNamespace || subject.Kind == KindNode || strings.Contains(s.sentence(r.finding), subject.Name) {
		return ""
	}
	for _, f := range r.explains {
		if said := s.sentence(f); slices.ContainsFunc(f.calls, func(service Ref) bool { return r.reach[service] }) && f.effect != noEffect && strings.Contains(said, subject.Name) {
			return " That is why " + strings.Replace(said, "The ", "the ", 1)
		}
	}
	if impact, felt := s.impactOn(subject, r); felt && r.reach[subject] {
		return fmt.Sprintf(" That is why %s.", strings.TrimSuffix(impact.Text, "."))
	}
	return ""
}

// whyLower tells a reader why a chain is not the first.
func whyLower(c, first Chain) string {
	var why string
	switch {
	case c.Impact.Level == Latent && first.Impact.Level != Latent:
		why = "nobody feels it yet"
	case c.Impact.Level.rank() > first.Impact.Level.rank():
		why = "users feel it less: " + strings.TrimSuffix(c.Impact.Text, ".")
	case len(c.Links) < len(first.Links):
		why = "it explains fewer of the symptoms"
	case c.Confidence.rank() > first.Confidence.rank():
		why = "it is less certain"
	default:
		why = "it is independent and weighs about the same"
	}
	if c.WhyLower != "" {
		why += "; " + strings.TrimSuffix(c.WhyLower, ".")
	}
	return words.Capital(why) + "."
}

// conclude finds the verdict and the first line.
func (d Diagnosis) conclude(s *Snapshot, subject Ref) (verdict Verdict, summary string) {
	name := subject.Name
	if subject == (Ref{}) {
		name = "everything in this snapshot"
	}
	switch {
	case len(d.Chains) > 0 && d.Chains[0].Impact.Level == Latent:
		return Risky, d.Chains[0].Cause
	case len(d.Chains) > 0:
		return Sick, d.Chains[0].Cause
	case !s.knows("pods", subject.Namespace):
		return Unknown, fmt.Sprintf("I could not look at the pods, so I cannot say whether %s is healthy.", name)
	case s.index.byRef[subject] != nil && !s.knows(subject.resource(), subject.Namespace): // its pods are known, what it wants is not
		return Unknown, fmt.Sprintf("I could not look at the %s, so I cannot say whether %s is healthy.", subject.resource(), name)
	case len(d.Healthy) == 0 && s.starting(subject):
		return Unknown, fmt.Sprintf("%s is just starting: none of its pods is ready yet. Ask again in a minute.", name)
	case len(d.Healthy) == 0:
		return Unknown, fmt.Sprintf("I found nothing wrong with %s, but there was nothing I could look at.", name)
	}
	switch {
	case subject == (Ref{}):
		name = words.Capital(name)
	case subject.Namespace != "":
		name += " in " + subject.Namespace
	}
	if w := s.index.byRef[subject]; w != nil && w.desired == 0 && w.ref.Kind != KindDaemonSet {
		return Healthy, name + " is scaled to zero and nothing asks for it."
	}
	return Healthy, fmt.Sprintf("%s is healthy (%s).", name, words.Count(d.Checks, "check"))
}

// starting says that a workload has pods, and that none of them has had the time to become ready.
func (s *Snapshot) starting(subject Ref) bool {
	w := s.index.byRef[subject]
	return w != nil && w.desired > 0 && w.ready == 0 && len(w.pods) > 0 && s.settling(w)
}

// resolve finds the subject in the snapshot; otherwise it says why not, and which name is near.
func (s *Snapshot) resolve(about Ref) (found Ref, problem string) {
	if about.Kind == "" {
		return Ref{}, ""
	}
	if about.Kind == KindNamespace {
		if s.index.namespaces[about.Name] || !s.knows("pods", about.Name) || slices.ContainsFunc(s.namespaces, func(n *corev1.Namespace) bool { return n.Name == about.Name }) {
			return about, ""
		}
	}
	if s.index.byRef[about] != nil {
		return about, "" // also of a kind of its own, such as a Rollout, that is known by its pods
	}
	known := s.refsOf(about.Kind)
	if at := slices.IndexFunc(known, func(r Ref) bool { return r.Name == about.Name && r.Namespace == about.Namespace }); at >= 0 {
		return known[at], ""
	}
	if about.Kind == AnyWorkload {
		for _, w := range s.index.workloads {
			if w.ref.Namespace == about.Namespace && w.carries(about.Name) {
				return w.ref, ""
			}
		}
	}
	if missing, ok := s.goneCalled(about); ok {
		return missing, ""
	}
	kind := strings.ToLower(about.Kind)
	if !s.knows(about.resource(), about.Namespace) {
		return about, fmt.Sprintf("I could not look for %s %s: %s were not read.", kind, about.Name, about.resource())
	}
	if until, ok := s.seen[about]; ok {
		return about, fmt.Sprintf("%s is gone from %s: it was there until %s ago.", about.words(), about.Namespace, words.Span(s.age(until)))
	}
	where := ""
	if about.Namespace != "" {
		where = " in " + about.Namespace
	}
	if about.Kind == AnyWorkload {
		var unread []string
		for _, resource := range []string{"statefulsets", "daemonsets", "jobs", "cronjobs", "pods"} {
			if !s.knows(resource, about.Namespace) {
				unread = append(unread, resource)
			}
		}
		if len(unread) > 0 {
			where += fmt.Sprintf(" among what was read; %s were not", words.Few(unread, 4))
		}
	}
	problem = fmt.Sprintf("There is no %s %s%s.", kind, about.Name, where)
	var names []string
	if read := s.readNamespaces(); about.Namespace != "" && !slices.Contains(read, about.Namespace) {
		if near := words.NearestName(about.Namespace, read); near != "" {
			return about, fmt.Sprintf("There is nothing in %s. Did you mean %s?", about.Namespace, near)
		}
	}
	for _, ref := range known {
		if ref.Namespace == about.Namespace {
			names = append(names, ref.Name)
		}
	}
	if near := words.NearestName(about.Name, names); near != "" {
		problem += fmt.Sprintf(" Did you mean %s?", near)
	}
	return about, problem
}

// readNamespaces are those that exist as far as was read.
func (s *Snapshot) readNamespaces() []string {
	names := slices.Sorted(maps.Keys(s.index.namespaces))
	for _, n := range s.namespaces {
		if !slices.Contains(names, n.Name) {
			names = append(names, n.Name)
		}
	}
	for _, w := range s.index.workloads {
		if !slices.Contains(names, w.ref.Namespace) {
			names = append(names, w.ref.Namespace)
		}
	}
	return names
}

// carries says that people call the workload by this name: its pods are labelled with it.
func (w *workload) carries(name string) bool {
	for _, key := range []string{"app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "k8s-app"} {
		if w.template != nil && w.template.Labels[key] == name || len(w.pods) > 0 && w.pods[0].Labels[key] == name {
			return true
		}
	}
	return false
}

func (s *Snapshot) refsOf(kind string) []Ref {
	var refs []Ref
	switch kind {
	case AnyWorkload, KindDeployment, KindStatefulSet, KindDaemonSet, KindJob, KindReplicaSet:
		for _, w := range s.index.workloads {
			if w.ref.Kind == kind || kind == AnyWorkload && w.ref.Kind != KindPod {
				refs = append(refs, w.ref)
			}
		}
		if kind == AnyWorkload {
			refs = appendRefs(refs, KindCronJob, s.cronJobs)
		}
	case KindCronJob:
		refs = appendRefs(refs, kind, s.cronJobs)
	case KindPod:
		refs = appendRefs(refs, kind, s.pods)
	case KindService:
		refs = appendRefs(refs, kind, s.services)
	case KindIngress:
		refs = appendRefs(refs, kind, s.ingresses)
	case KindNode:
		refs = appendRefs(refs, kind, s.nodes)
	case KindNamespace:
		refs = appendRefs(refs, kind, s.namespaces)
	case KindAutoscaler:
		refs = appendRefs(refs, kind, s.autoscalers)
	case KindClaim:
		refs = appendRefs(refs, kind, s.claims)
	case KindBudget:
		refs = appendRefs(refs, kind, s.budgets)
	case KindQuota:
		refs = appendRefs(refs, kind, s.quotas)
	default:
		for _, c := range s.custom {
			if c.GetKind() == kind {
				refs = append(refs, refOf(kind, c))
			}
		}
	}
	return refs
}

func appendRefs[T named](refs []Ref, kind string, list []T) []Ref {
	for _, o := range list {
		refs = append(refs, refOf(kind, o))
	}
	return refs
}
