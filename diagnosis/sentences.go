package diagnosis

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

// chain puts a root into words.
func (s *Snapshot) chain(r *root) Chain {
	c := Chain{
		Cause: s.sentence(r.finding), Subject: r.subject, Rule: r.rule.ID, Class: r.rule.Class, Hits: r.hits, Evidence: r.shown,
		Links: s.links(r), Impact: r.impact, Change: r.changed, Remedy: s.typed(r.remedy), Confidence: r.sure, WhyLower: r.unsure,
	}
	c.Explains = []string{}
	for _, f := range r.explains {
		if !slices.Contains(c.Explains, f.rule.ID) {
			c.Explains = append(c.Explains, f.rule.ID)
		}
	}
	slices.Sort(c.Explains)
	if c.Hits == nil {
		c.Hits = []Ref{}
	}
	if c.Evidence == nil {
		c.Evidence = []Evidence{}
	}
	if !r.since.IsZero() {
		since := r.since
		c.Since = &since
	}
	c.Remedy.Text = s.redact(c.Remedy.Text)
	for i := range c.Evidence {
		e := &c.Evidence[i]
		e.Quote = s.quote(e.Quote)
		if e.At != nil {
			e.Age = words.Span(s.age(*e.At))
		}
	}
	return c
}

// sentence is the cause and whom it stops, such as "Secret x has no key uri, so no pod of ms-orders can start".
func (s *Snapshot) sentence(f *finding) string {
	what := s.tell(f)
	if f.effect == noEffect {
		return strings.TrimSuffix(words.Capital(what), ".") + "."
	}
	var wording []string
	for _, hit := range f.hits {
		wording = append(wording, hit.Name)
	}
	return fmt.Sprintf("%s, so %s.", words.Capital(what), s.whom(f, words.Few(slices.Compact(wording), 4)))
}

// tell is what a finding says, redacted and on one line.
func (s *Snapshot) tell(f *finding) string { return s.brief(f.what, 600) }

// effects are the ends of sentences: of all pods, of the new pods of a rollout, of some pods.
var effects = map[effect][3]string{
	cannotStart:    {"no pod of %s can start", "the new pods of %s cannot start", "%d of %d pods of %s cannot start"},
	cannotSchedule: {"no pod of %s finds a node", "the new pods of %s find no node", "%d of %d pods of %s find no node"},
	keepCrashing:   {"every pod of %s keeps crashing", "the new pods of %s keep crashing", "%d of %d pods of %s keep crashing"},
	notReady:       {"no pod of %s becomes ready", "the new pods of %s do not become ready", "%d of %d pods of %s are not ready"},
}

// alone are the ends of sentences about a pod that nothing manages.
var alone = map[effect]string{
	cannotStart: "cannot start", cannotSchedule: "finds no node", keepCrashing: "keeps crashing", notReady: "does not become ready",
}

func (s *Snapshot) whom(f *finding, names string) string {
	total, ready, onlyNew, missing := 0, 0, true, 0
	var lacking []string // whose pods, and how many
	for _, hit := range f.hits {
		w := s.index.byRef[hit]
		if w == nil {
			continue
		}
		total += max(w.desired, len(w.pods))
		ready += w.ready
		if lacks := w.desired - len(w.pods); lacks > 0 {
			missing += lacks
			lacking = append(lacking, words.Count(lacks, "pod")+" of "+hit.Name)
		}
		onlyNew = onlyNew && w.before() != nil && len(w.currentPods()) < len(w.pods)
	}
	if f.effect == cannotCreate {
		switch {
		case ready == 0 && total <= missing:
			return fmt.Sprintf("no pod of %s can be created", names)
		case missing > 0:
			return words.Few(lacking, 4) + " cannot be created"
		}
		return fmt.Sprintf("no new pod of %s can be created", names)
	}
	if len(f.hits) == 1 && f.hits[0].Kind == KindPod {
		return "pod " + names + " " + alone[f.effect]
	}
	forms := effects[f.effect]
	switch {
	case onlyNew && ready > 0 && !slices.ContainsFunc(f.pods, func(p *corev1.Pod) bool { return !s.index.podOwner[p].isCurrent(p) }):
		still := ""
		if ready > 0 {
			still = fmt.Sprintf("; %s still %s", words.Count(ready, "ready pod"), words.Verb(ready, "serves", "serve"))
		}
		return fmt.Sprintf(forms[1], names) + still
	case ready == 0 && len(f.pods) >= total-missing:
		return fmt.Sprintf(forms[0], names)
	}
	return fmt.Sprintf(forms[2], len(f.pods), total, names)
}

// links are the steps from the cause to the last symptom.
func (s *Snapshot) links(r *root) []string {
	links := []string{words.Capital(s.tell(r.finding))}
	if r.state != "" && len(r.pods) > 0 {
		links = append(links, fmt.Sprintf("%s: %s", words.Count(len(r.pods), "pod"), r.state))
	}
	explained := slices.Clone(r.explains)
	slices.SortStableFunc(explained, func(a, b *finding) int { return cmp.Compare(layer(a.rule.Class), layer(b.rule.Class)) })
	const most = 10
	for i, f := range explained {
		if i == most {
			links = append(links, fmt.Sprintf("and %d more", len(explained)-most))
			break
		}
		links = append(links, words.Capital(s.tell(f)))
	}
	if len(explained) == 0 && r.impact.Level != Latent && r.level == "" {
		links = append(links, strings.TrimSuffix(r.impact.Text, "."))
	}
	return slices.Compact(links)
}

var layers = []Class{
	ClassNode, ClassStorage, ClassConfig, ClassImage, ClassAdmission, ClassScheduling, ClassDependency, ClassCrash, ClassProbe, ClassScale,
	ClassLifecycle, ClassRollout, ClassJob, ClassWiring, ClassEndpoints, ClassCertificate, ClassTLS, ClassIngress, ClassBackend,
	ClassMetrics, ClassAutoscaling, ClassBudget,
}

func layer(c Class) int { return slices.Index(layers, c) }
