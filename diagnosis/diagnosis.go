package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// Diagnose says what is wrong with the subject, or that nothing is. The zero Ref asks about everything in the snapshot.
// The same objects in any order give the same answer.
func Diagnose(s *facts.Snapshot, about facts.Ref) Diagnosis {
	d := Diagnosis{
		Subject:    about,
		Chains:     []Chain{},
		Healthy:    []string{},
		Advice:     []Advice{},
		NotChecked: append([]facts.NotChecked{}, s.NotChecked()...),
	}
	subject, problem := s.Resolve(about)
	if problem != "" {
		d.Verdict, d.Summary = Unknown, problem
		return d
	}
	d.Subject = subject
	near := s.Around(subject)
	touched, measured := map[facts.Ref]bool{}, false
	found, dropped := bounded(rules.Find(s))
	if dropped != nil {
		d.NotChecked = append(d.NotChecked, *dropped)
	}
	roots := findRoots(s, found)
	sortForSubject(roots, subject)
	for _, r := range roots {
		if !r.concerns(near) {
			continue
		}
		wide := near.Everything || subject.Kind == facts.KindNamespace || subject.Kind == facts.KindNode
		if r.Rule.Asked && wide {
			continue
		}
		if r.unneeded() && wide {
			continue // nobody asked about it, and nothing needs it
		}
		for ref := range r.reach {
			touched[ref] = true
		}
		d.Chains = append(d.Chains, chain(s, r))
		measured = measured || r.Measured
	}
	d.NotChecked = s.WithoutUsage(d.NotChecked, measured)
	for i := 1; i < len(d.Chains); i++ {
		d.Chains[i].WhyLower = whyLower(d.Chains[i], d.Chains[0])
	}
	d.Healthy, d.Checks = healthy(s, near, touched)
	d.Advice = slices.DeleteFunc(advice(s, near), d.says)
	d.Verdict, d.Summary = d.conclude(s, subject)
	if at := slices.IndexFunc(roots, func(r *root) bool { return r.concerns(near) }); at >= 0 {
		said := dependencyOf(s, roots[at], subject)
		if slices.ContainsFunc(roots, func(r *root) bool { return r != roots[at] && !r.Rule.Risk && r.hitsDirectly(subject) }) {
			said = strings.Replace(said, " That is why ", " That is one reason why ", 1) // the other is below
		}
		d.Summary += said
	}
	return d
}

// concerns says whether a finding answers the question.
func concerns(f *rules.Finding, near facts.Surroundings) bool {
	if near.Everything {
		return true
	}
	if near.Node != "" {
		for _, p := range f.Pods {
			if p.Spec.NodeName == near.Node {
				return true
			}
		}
	}
	return near.Has(f.Subject) || slices.ContainsFunc(f.Hits, near.Has)
}

// concerns says whether a cause, or anything that it explains, answers the question.
func (r *root) concerns(near facts.Surroundings) bool {
	return concerns(r.Finding, near) || slices.ContainsFunc(r.callers, near.Has) ||
		slices.ContainsFunc(r.explains, func(f *rules.Finding) bool { return concerns(f, near) })
}

// hitsDirectly says that a cause hits the very object that was asked about, or explains something that does, and not only what is around
// it.
func (r *root) hitsDirectly(subject facts.Ref) bool {
	hits := func(f *rules.Finding) bool {
		return f.Subject == subject || slices.Contains(f.Hits, subject) ||
			subject.Kind == facts.KindPod &&
				slices.ContainsFunc(f.Pods, func(p *corev1.Pod) bool { return facts.RefOf(facts.KindPod, p) == subject })
	}
	return hits(r.Finding) || slices.ContainsFunc(r.explains, hits)
}

// sortForSubject puts what hits the asked object before what hits others as much. For a question about a node, the node comes first, and
// then what is wrong on it.
func sortForSubject(roots []*root, subject facts.Ref) {
	if subject.Kind == facts.KindNode {
		slices.SortStableFunc(roots, func(a, b *root) int {
			miss := func(r *root) int {
				if r.Subject == subject {
					return 0
				}
				return 1
			}
			return cmp.Compare(miss(a), miss(b))
		})
		return
	}
	if subject.Kind == "" || subject.Kind == facts.KindNamespace || subject.Kind == facts.KindNode {
		return
	}
	slices.SortStableFunc(roots, func(a, b *root) int {
		miss := func(r *root) int {
			if r.hitsDirectly(subject) {
				return 0
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.impact.Level.Rank(), b.impact.Level.Rank()), cmp.Compare(miss(a), miss(b)))
	})
}

// dependencyOf says how the asked object depends on a shared cause whose sentence does not name it; empty where it does.
func dependencyOf(s *facts.Snapshot, r *root, subject facts.Ref) string {
	if subject.Kind == "" || subject.Kind == facts.KindNamespace || subject.Kind == facts.KindNode ||
		strings.Contains(sentence(s, r.Finding), subject.Name) {
		return ""
	}
	if slices.Contains(r.callers, subject) {
		return fmt.Sprintf(" %s calls it.", subject.Name)
	}
	for _, f := range r.explains {
		if said := sentence(
			s,
			f,
		); (f.Because == r.Subject || slices.ContainsFunc(f.Calls, func(service facts.Ref) bool { return r.reach[service] })) &&
			f.Effect != rules.NoEffect &&
			strings.Contains(said, subject.Name) {
			return " That is why " + strings.Replace(said, "The ", "the ", 1)
		}
	}
	if impact, felt := impactOn(s, subject, r); felt && r.reach[subject] {
		return fmt.Sprintf(" That is why %s.", strings.TrimSuffix(impact.Text, "."))
	}
	return ""
}

// whyLower tells a reader why a chain is not the first.
func whyLower(c, first Chain) string {
	var why string
	switch {
	case c.Impact.Level.Rank() < first.Impact.Level.Rank(): // only behind what was found about the node that was asked about
		why = "it is about what runs there"
	case c.Impact.Level == rules.Latent && first.Impact.Level != rules.Latent:
		why = "nobody notices it yet"
	case c.Impact.Level.Rank() > first.Impact.Level.Rank():
		why = "users notice it less: " + strings.TrimSuffix(c.Impact.Text, ".")
	case len(c.Links) < len(first.Links):
		why = "it explains fewer of the symptoms"
	case c.Confidence.Rank() > first.Confidence.Rank():
		why = "it is less certain"
	default:
		why = "it's separate, and about as serious"
	}
	if c.WhyLower != "" {
		why += "; " + strings.TrimSuffix(c.WhyLower, ".")
	}
	return words.Capital(why) + "."
}

// conclude finds the verdict and the first line.
func (d Diagnosis) conclude(s *facts.Snapshot, subject facts.Ref) (verdict Verdict, summary string) {
	name := subject.Name
	if subject == (facts.Ref{}) {
		name = "everything in this snapshot"
	}
	switch {
	case len(d.Chains) > 0 && !slices.ContainsFunc(d.Chains, func(c Chain) bool { return c.Impact.Level != rules.Latent }):
		return Risky, d.Chains[0].Cause
	case len(d.Chains) > 0:
		return Sick, d.Chains[0].Cause
	case !s.Knows("pods", subject.Namespace):
		return Unknown, fmt.Sprintf("I couldn't check the pods, so I can't say whether %s is healthy.", name)
	case s.Workload(subject) != nil && !s.Knows(subject.Resource(), subject.Namespace): // its pods are known, what it wants is not
		return Unknown, fmt.Sprintf("I couldn't check the %s, so I can't say whether %s is healthy.", subject.Resource(), name)
	case len(d.Healthy) == 0 && starting(s, subject):
		return Unknown, fmt.Sprintf("%s is just starting: none of its pods is ready yet. Ask again in a minute.", name)
	case len(d.Healthy) == 0:
		return Unknown, fmt.Sprintf("I found nothing wrong with %s, but there was nothing I could look at.", name)
	}
	switch {
	case subject == (facts.Ref{}):
		name = words.Capital(name)
	case subject.Namespace != "":
		name += " in " + subject.Namespace
	}
	if w := s.Workload(subject); w != nil && w.Desired == 0 && w.Ref.Kind != facts.KindDaemonSet {
		return Healthy, fmt.Sprintf("%s is scaled to zero%s.", name, atZero(s, w.Ref))
	}
	return Healthy, fmt.Sprintf("%s is healthy (%s).", name, words.Count(d.Checks, "check"))
}

// starting says that a workload has pods, and that none of them has had the time to become ready.
func starting(s *facts.Snapshot, subject facts.Ref) bool {
	w := s.Workload(subject)
	return w != nil && w.Desired > 0 && w.Ready == 0 && len(w.Pods) > 0 && s.Settling(w)
}
