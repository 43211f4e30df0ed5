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

// chain puts a root into words.
func chain(s *facts.Snapshot, r *root) Chain {
	c := Chain{
		Cause: sentence(s, r.Finding), Subject: r.Subject, Rule: r.Rule.ID, Class: r.Rule.Class, Hits: r.Hits, Evidence: r.Shown,
		Links: links(s, r), Impact: r.impact, Change: r.changed,
		Remedy: rules.Typed(s, rules.Guarded(s, r.Remedy)), Confidence: r.Sure, WhyLower: r.Unsure,
	}
	c.Explains = []string{}
	for _, f := range r.explains {
		if !slices.Contains(c.Explains, f.Rule.ID) {
			c.Explains = append(c.Explains, f.Rule.ID)
		}
	}
	slices.Sort(c.Explains)
	if c.Hits == nil {
		c.Hits = []facts.Ref{}
	}
	if c.Evidence == nil {
		c.Evidence = []facts.Evidence{}
	}
	if !r.Since.IsZero() {
		since := r.Since
		c.Since = &since
	}
	c.Remedy.Text = s.Redact(c.Remedy.Text)
	for i := range c.Evidence {
		e := &c.Evidence[i]
		e.Quote = s.Quote(e.Quote)
		if e.At != nil {
			e.Age = words.Span(s.Age(*e.At))
		}
	}
	return c
}

// sentence is the cause and what it stops, such as "Secret x has no key uri, so no pod of ms-orders can start".
func sentence(s *facts.Snapshot, f *rules.Finding) string {
	what := words.Capital(phrase(s, f))
	if f.Effect == rules.NoEffect {
		return fitted(strings.TrimSuffix(what, "."), ".")
	}
	var wording []string
	for _, hit := range f.Hits {
		wording = append(wording, hit.Name)
	}
	called := words.Few(slices.Compact(wording), 4)
	if f.Effect == rules.FailsReady {
		return fitted(what, fmt.Sprintf(", so %s %s failing although the pods are ready.", called, words.Verb(len(f.Hits), "is", "are")))
	}
	return fitted(what, fmt.Sprintf(", so %s.", affected(s, f, called)))
}

// phrase is what a finding says, redacted and on one line.
func phrase(s *facts.Snapshot, f *rules.Finding) string { return s.Brief(f.What, 600) }

// effects are the ends of sentences: of all pods, of the new pods of a rollout, of some pods.
var effects = map[rules.Effect][3]string{
	rules.CannotStart: {"no pod of %s can start", "the new pods of %s cannot start", "%d of %d pods of %s cannot start"},
	rules.CannotSchedule: {
		"no pod of %s can be scheduled", "the new pods of %s cannot be scheduled", "%d of %d pods of %s cannot be scheduled",
	},
	rules.KeepCrashing: {"every pod of %s keeps crashing", "the new pods of %s keep crashing", "%d of %d pods of %s keep crashing"},
	rules.NotReady:     {"no pod of %s becomes ready", "the new pods of %s do not become ready", "%d of %d pods of %s are not ready"},
}

// alone are the ends of sentences about a pod that nothing manages.
var alone = map[rules.Effect]string{
	rules.CannotStart:    "cannot start",
	rules.CannotSchedule: "cannot be scheduled",
	rules.KeepCrashing:   "keeps crashing",
	rules.NotReady:       "does not become ready",
}

func affected(s *facts.Snapshot, f *rules.Finding, names string) string {
	total, ready, onlyNew, missing := 0, 0, true, 0
	var lacking []string // whose pods, and how many
	for _, hit := range f.Hits {
		w := s.Workload(hit)
		if w == nil {
			continue
		}
		total += max(w.Desired, len(w.Pods))
		ready += w.Ready
		if lacks := w.Desired - len(w.Pods); lacks > 0 {
			missing += lacks
			lacking = append(lacking, words.Count(lacks, "pod")+" of "+hit.Name)
		}
		onlyNew = onlyNew && w.Before() != nil && len(w.CurrentPods()) < len(w.Pods)
	}
	if f.Effect == rules.CannotCreate {
		switch {
		case ready == 0 && total <= missing:
			return fmt.Sprintf("no pod of %s can be created", names)
		case missing > 0:
			return words.Few(lacking, 4) + " cannot be created"
		}
		return fmt.Sprintf("no new pod of %s can be created", names)
	}
	if len(f.Hits) == 1 && f.Hits[0].Kind == facts.KindPod {
		return "pod " + names + " " + alone[f.Effect]
	}
	forms := effects[f.Effect]
	switch {
	case onlyNew && ready > 0 && !slices.ContainsFunc(f.Pods, func(p *corev1.Pod) bool { return !s.Owner(p).IsCurrent(p) }):
		still := ""
		if ready > 0 {
			still = fmt.Sprintf("; %s still %s", words.Count(ready, "ready pod"), words.Verb(ready, "serves", "serve"))
		}
		return fmt.Sprintf(forms[1], names) + still
	case ready == 0 && len(f.Pods) >= total-missing:
		return fmt.Sprintf(forms[0], names)
	}
	said := fmt.Sprintf(forms[2], len(f.Pods), total, names)
	if len(f.Pods) == 1 { // "1 of 2 pods of x keeps crashing"
		said = strings.NewReplacer(" keep crashing", " keeps crashing", " are not ready", " is not ready").Replace(said)
	}
	return said
}

// links are the steps from the cause to the last symptom.
func links(s *facts.Snapshot, r *root) []string {
	links := []string{words.Capital(phrase(s, r.Finding))}
	if r.State != "" && len(r.Pods) > 0 {
		links = append(links, fmt.Sprintf("%s: %s", words.Count(len(r.Pods), "pod"), r.State))
	}
	explained := slices.DeleteFunc(slices.Clone(r.explains), func(f *rules.Finding) bool {
		return f.Rule.Risk && f.Subject == r.Subject // it says less of the same: a quota that is used up doesn't lead to one that is nearly full
	})
	slices.SortStableFunc(explained, func(a, b *rules.Finding) int { return cmp.Compare(layer(a.Rule.Class), layer(b.Rule.Class)) })
	const most = 10
	for i, f := range explained {
		if i == most {
			links = append(links, fmt.Sprintf("and %d more", len(explained)-most))
			break
		}
		links = append(links, words.Capital(phrase(s, f)))
	}
	if len(explained) == 0 && r.impact.Level != rules.Latent && r.Level == "" {
		links = append(links, strings.TrimSuffix(r.impact.Text, "."))
	}
	return slices.Compact(links)
}

var layers = []rules.Class{
	rules.ClassOperator,
	rules.ClassNode,
	rules.ClassStorage,
	rules.ClassConfig,
	rules.ClassImage,
	rules.ClassAdmission,
	rules.ClassScheduling,
	rules.ClassDependency,
	rules.ClassCrash,
	rules.ClassProbe,
	rules.ClassScale,
	rules.ClassLifecycle,
	rules.ClassRollout,
	rules.ClassJob,
	rules.ClassWiring,
	rules.ClassEndpoints,
	rules.ClassCertificate,
	rules.ClassTLS,
	rules.ClassIngress,
	rules.ClassBackend,
	rules.ClassMetrics,
	rules.ClassAutoscaling,
	rules.ClassBudget,
}

func layer(c rules.Class) int { return slices.Index(layers, c) }
