package runbooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/words"
)

// Observer can be read as a whole, for a diagnosis.
type Observer interface {
	// Observe reads a namespace, one LIST a kind; unread has an *algesta.Error for every kind that could not be read.
	Observe(ctx context.Context, namespace string) (objects []runtime.Object, unread map[string]error)
	// Log is the end of a container's log, not redacted; an empty one is no error.
	Log(ctx context.Context, namespace, pod, container string, previous bool) ([]byte, error)
}

// Registry can be asked whether an image is there, and which; namespace is the one that the image would run in: registries
// that nothing there pulls from are not asked, which is ErrRefused. ErrNotFound says that the image is not there; any other error, that
// nothing is known.
type Registry interface {
	Image(ctx context.Context, namespace, image string) (digest string, err error)
}

// Finder can be asked for what other namespaces hold and a diagnosis depends on.
type Finder interface {
	// WithPods reads a Service or Deployment and the pods that it selects. ErrNotFound says that it is not there.
	WithPods(ctx context.Context, kind, namespace, name string) ([]runtime.Object, error)
}

// What a message holds: more is in docs and in the cluster, and nobody reads it at night.
const (
	mostEvidence = 4
	mostOthers   = 4
	mostHealthy  = 6
	mostAdvice   = 2
)

var _ = register(Runbook{
	Name:    "diagnose",
	Aliases: []string{"why"},
	Verb:    "diagnose",
	Summary: "Find the root cause of what's wrong, with its evidence and one safe next step.",
	Example: "diagnose api-gateway production",
	Rank:    170,
	About: About{Service: true, Environment: true, Kinds: []string{
		"Pod",
		"Ingress",
		"Certificate",
		"Node",
		"StatefulSet",
		"DaemonSet",
		"ReplicaSet",
		"Job",
		"CronJob",
		"HorizontalPodAutoscaler",
		"ResourceQuota",
		"PodDisruptionBudget",
		"PersistentVolumeClaim",
		"Secret",
		"ConfigMap",
		"Endpoints",
		"EndpointSlice",
	}},
	Reads: diagnosisReads,
	Answer: func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
		t := in.Command.Target
		about := func(s *facts.Snapshot) facts.Ref {
			s.Configure(facts.Setting{Bot: in.Bot, Environments: map[string]string{t.Namespace: t.Environment}, AKS: c.AKS})
			if !in.Seen.IsZero() {
				s.AddSeen(facts.Ref{Kind: "Deployment", Namespace: in.Workload.Namespace, Name: in.Workload.Name}, in.Seen)
			}
			s.AddFailed(facts.Ref{Kind: facts.KindDeployment, Namespace: in.Workload.Namespace, Name: in.Workload.Name}, neverCameUp(in.Past))
			return subjectOf(s, t)
		}
		d, err := Diagnose(ctx, c, t.Namespace, in.Command.At, about, in.Allowed)
		if err != nil {
			return algesta.Report{}, err
		}
		r := DiagnosisReport(d, in.Command)
		if !in.Seen.IsZero() && len(in.Past) > 0 {
			last := in.Past[0]
			r.Body = append(
				r.Body,
				algesta.Block{
					Text: algesta.Say(
						"{} {}, {}: {}",
						algesta.Strong("My last change to it:"),
						algesta.Name(last.Request),
						algesta.AtDay(last.At),
						quote(last.Note),
					),
				},
			)
		}
		return r, nil
	},
})

// neverCameUp are the TemplateHashes of the versions that a rollback passes over (see deploymentState.failed).
func neverCameUp(past []algesta.Past) []string {
	var failed []string
	for _, p := range past {
		came := func(q algesta.Past) bool {
			return q.Template == p.Template && !q.NoPods && q.Status == algesta.Succeeded
		}
		if !p.NoPods && (p.Status == algesta.Failed || p.Status == algesta.TimedOut) && !slices.ContainsFunc(past, came) {
			failed = append(failed, p.Template)
		}
	}
	return failed
}

// Diagnose takes a snapshot of a namespace, reads the few logs that a diagnosis wants, and judges. about finds in the
// snapshot what was asked about; now is the moment of asking. allowed says which other namespaces the answer may be about; nil
// allows none. What the cluster runs for everyone (cluster DNS, metrics-server, cert-manager) is read without it, but not its logs.
func Diagnose(
	ctx context.Context,
	c Cluster,
	namespace string,
	now time.Time,
	about func(*facts.Snapshot) facts.Ref,
	allowed func(namespace string) bool,
) (diagnosis.Diagnosis, error) {
	s, subject, err := Look(ctx, c, namespace, now, about, allowed)
	if err != nil {
		return diagnosis.Diagnosis{}, err
	}
	return diagnosis.Diagnose(s, subject), nil
}

// Look takes the snapshot of Diagnose and leaves the judgement to the caller, who may ask about several things in it.
func Look(
	ctx context.Context,
	c Cluster,
	namespace string,
	now time.Time,
	about func(*facts.Snapshot) facts.Ref,
	allowed func(namespace string) bool,
) (s *facts.Snapshot, subject facts.Ref, err error) {
	if c.Observer == nil {
		return nil, facts.Ref{}, errNoObserver
	}
	objects, unread := c.Observer.Observe(ctx, namespace)
	if len(objects) == 0 {
		for _, resource := range slices.Sorted(maps.Keys(unread)) {
			if errors.Is(unread[resource], algesta.ErrUnreachable) {
				return nil, facts.Ref{}, fmt.Errorf("observing %s: %w", namespace, unread[resource])
			}
		}
	}
	holes := notCheckedOf(unread, namespace)
	s = facts.NewSnapshot(now, objects, holes)
	subject = about(s)
	reading := read(ctx, c, namespace, facts.WantedLogs(s, subject), facts.WantedImages(s, subject))
	reading.into(s)
	wanted := diagnosis.WantedBeyond(s, subject)
	if len(wanted) == 0 {
		return s, subject, nil
	}
	wanted, refused := readable(wanted, allowed)
	further, more := beyond(ctx, c.Finder, wanted)
	s = facts.NewSnapshot(now, slices.Concat(objects, further), slices.Concat(holes, more, refused))
	subject = about(s)
	reading.into(s)
	var logs []facts.LogRequest
	for _, w := range wanted {
		if !w.FromLog && allowed != nil && allowed(w.Ref.Namespace) {
			logs = append(logs, facts.WantedLogs(s, w.Ref)...)
		}
	}
	read(ctx, c, namespace, logs[:min(max(0, facts.MaxLogPods-len(reading.logs)), len(logs))], nil).into(s)
	return s, subject, nil
}

// The errors of a cluster that can't be asked.
var (
	errNoObserver = &algesta.Error{
		Kind:    algesta.ErrForbidden,
		Message: algesta.Say("I can't look at this cluster as a whole, so I couldn't check."),
	}
	errNoFinder = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I can't look into other namespaces of this cluster.")}
)

// readable leaves out what the requester may not read, and says so.
func readable(wanted []facts.Elsewhere, allowed func(namespace string) bool) (kept []facts.Elsewhere, refused []facts.NotChecked) {
	for _, w := range wanted {
		if w.Platform || allowed != nil && allowed(w.Ref.Namespace) {
			kept = append(kept, w)
			continue
		}
		refused = append(refused, facts.NotChecked{
			Kind: w.Ref.Kind + " " + w.Ref.Name, Namespace: w.Ref.Namespace, Reason: fmt.Sprintf("You may not read %s.", w.Ref.Namespace),
		})
	}
	return kept, refused
}

// readings are what was read for a diagnosis beside the lists.
type readings struct {
	logs    []facts.LogRequest
	texts   [][]byte
	unread  []error // of the logs
	images  []string
	answers []error // of the registry
}

// read reads the logs and asks for the images that a diagnosis wants, all at once.
func read(ctx context.Context, c Cluster, namespace string, logs []facts.LogRequest, images []string) readings {
	r := readings{logs: logs, images: images[:min(mostImages, len(images))]}
	r.texts, r.unread, r.answers = make([][]byte, len(r.logs)), make([]error, len(r.logs)), make([]error, len(r.images))
	var reading conc.WaitGroup
	for i, w := range r.logs {
		reading.Go(func() { r.texts[i], r.unread[i] = c.Observer.Log(ctx, w.Namespace, w.Pod, w.Container, w.Previous) })
	}
	for i, image := range r.images {
		if r.answers[i] = errNoRegistry; c.Registry == nil {
			continue
		}
		reading.Go(func() { _, r.answers[i] = c.Registry.Image(ctx, namespace, image) })
	}
	reading.Wait()
	return r
}

// into adds what was read to a snapshot; what was not answered is not checked.
func (r readings) into(s *facts.Snapshot) {
	for i, w := range r.logs {
		if r.unread[i] == nil {
			s.AddLog(w, r.texts[i])
			continue
		}
		s.LogUnread(w, sentenceOf(r.unread[i], "I couldn't read the log."))
	}
	for i, image := range r.images {
		switch err := r.answers[i]; {
		case err == nil:
			s.AddImage(image, facts.ImageFound)
		case errors.Is(err, algesta.ErrNotFound):
			s.AddImage(image, facts.ImageMissing)
		default:
			s.ImageUnread(image, sentenceOf(err, "I couldn't ask the registry."))
		}
	}
}

// beyond reads what the answer depends on in other namespaces.
func beyond(ctx context.Context, finder Finder, wanted []facts.Elsewhere) (objects []runtime.Object, holes []facts.NotChecked) {
	found, errs := make([][]runtime.Object, len(wanted)), make([]error, len(wanted))
	var reading conc.WaitGroup
	for i, w := range wanted {
		if errs[i] = errNoFinder; finder == nil {
			continue
		}
		reading.Go(func() { found[i], errs[i] = finder.WithPods(ctx, w.Ref.Kind, w.Ref.Namespace, w.Ref.Name) })
	}
	reading.Wait()
	for i, w := range wanted {
		objects = append(objects, found[i]...)
		for _, kind := range []string{"services", "deployments"} {
			holes = append(holes, facts.NotChecked{Kind: kind, Namespace: w.Ref.Namespace, Reason: diagnosis.OnlyDependencies})
		}
		if errs[i] != nil && !errors.Is(errs[i], algesta.ErrNotFound) {
			holes = append(holes, facts.NotChecked{Kind: "pods", Namespace: w.Ref.Namespace, Reason: sentenceOf(errs[i], "I couldn't read them.")})
		}
	}
	return objects, holes
}

// sentenceOf is an error as people may read it.
func sentenceOf(err error, otherwise string) string {
	if known := (*algesta.Error)(nil); errors.As(err, &known) {
		return known.Message.String()
	}
	return otherwise
}

// subjectOf is what the command asks about: the Deployment, or the object or namespace that was named instead.
func subjectOf(s *facts.Snapshot, t algesta.Target) facts.Ref {
	switch {
	case t.Object == "namespace" || t.Object == "" && t.Name == "":
		return facts.Ref{Kind: "Namespace", Name: t.Namespace}
	case t.Object != "":
		return s.Subject(t.Object, t.Namespace)
	}
	return facts.Ref{Kind: "Deployment", Namespace: t.Namespace, Name: t.Name}
}

func notCheckedOf(unread map[string]error, namespace string) []facts.NotChecked {
	out := []facts.NotChecked{{Kind: facts.OtherPods, Reason: "Only this namespace was read, so what is free on the nodes is an upper bound."}}
	for _, resource := range slices.Sorted(maps.Keys(unread)) {
		standing := resource == "podmetrics" && !errors.Is(unread[resource], algesta.ErrForbidden) ||
			errors.Is(unread[resource], algesta.ErrNotAsked)
		out = append(
			out,
			facts.NotChecked{
				Kind:      resource,
				Namespace: namespace,
				Reason:    sentenceOf(unread[resource], "I couldn't read it."),
				Standing:  standing,
			},
		)
	}
	return out
}

// mostImages bounds what a registry is asked at a time: one tag is mistyped, not ten.
const mostImages = 3

// DiagnosisReport says the cause first, then what it explains, the evidence, one next step, the rest in brief.
func DiagnosisReport(d diagnosis.Diagnosis, c algesta.Command) algesta.Report {
	r := algesta.Report{Tone: diagnosisTone(d), Title: algesta.Dated(d.Summary)}
	called := d.Subject.Name + " in " + d.Subject.Namespace
	if rest, ok := strings.CutPrefix(
		d.Summary,
		called,
	); ok && d.Verdict == diagnosis.Healthy && c.Target.Object == "" &&
		c.Target.Service != "" {
		r.Title = algesta.Say("{} in {}{}", c.Target.Service, c.Target.Environment, rest) // as people call it
	}
	if len(d.Chains) > 0 {
		first := d.Chains[0]
		r.Body = append(r.Body, chainBlocks(first)...)
		r.Buttons = remedyButtons(first.Remedy, c.Target)
	}
	if others := otherCauses(d.Chains); len(others) > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{}", algesta.Strong("Also"))}, algesta.Block{List: others})
	}
	if len(d.Healthy) > 0 {
		r.Body = append(
			r.Body,
			algesta.Block{
				Text: algesta.Say("{} {}", algesta.Strong("Checked and fine:"), algesta.Dated(strings.Join(few(d.Healthy, mostHealthy), " "))),
			},
		)
	}
	if words := worthKnowing(d.Advice); words != "" {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Worth knowing:"), algesta.Dated(words))})
	}
	if lines := unchecked(relevant(d), c.Target.Namespace); len(lines) > 0 {
		r.Body = append(r.Body, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Couldn't check:"), strings.Join(lines, " "))})
	}
	return r
}

// worthKnowing is what causes no trouble today: little of it, because people read this when something is wrong.
func worthKnowing(advice []diagnosis.Advice) string {
	var sentences []string
	for _, a := range advice[:min(mostAdvice, len(advice))] {
		sentences = append(sentences, a.Text)
	}
	return strings.Join(sentences, " ")
}

func diagnosisTone(d diagnosis.Diagnosis) algesta.Tone {
	switch {
	case d.Verdict == diagnosis.Unknown:
		return algesta.Warning
	case len(d.Chains) == 0:
		return algesta.Good
	case d.Chains[0].Impact.Level == rules.Outage:
		return algesta.Bad
	}
	return algesta.Warning
}

func chainBlocks(c diagnosis.Chain) []algesta.Block {
	var blocks []algesta.Block
	impact := strings.TrimSuffix(c.Impact.Text, ".")
	if n := len(c.Links); n < 2 || c.Links[n-1] != impact { // the last link says it already
		blocks = append(blocks, algesta.Block{Text: algesta.Dated(c.Impact.Text)})
	}
	if len(c.Links) > 1 {
		blocks = append(
			blocks,
			algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Leads to:"), algesta.Dated(strings.Join(c.Links[1:], " → ")))},
		)
	}
	var quotes []string
	for _, e := range c.Evidence[:min(mostEvidence, len(c.Evidence))] {
		quotes = append(quotes, fmt.Sprintf("%s %s%s\n  %s", e.Object, e.Field, aside(e), e.Quote))
	}
	if len(quotes) > 0 {
		blocks = append(blocks, algesta.Block{Pre: strings.Join(quotes, "\n")})
	}
	if c.Change != "" {
		blocks = append(blocks, algesta.Block{Text: algesta.Say("{} {}", algesta.Strong("Nearest change:"), algesta.Dated(c.Change))})
	}
	next := algesta.Say("{} {}", algesta.Strong("Next:"), algesta.Dated(c.Remedy.Text))
	if c.Remedy.Command != "" {
		next = algesta.Say("{} {}", next, algesta.Name(c.Remedy.Command))
	}
	blocks = append(blocks, algesta.Block{Text: next})
	if c.WhyLower != "" {
		blocks = append(blocks, algesta.Block{Text: algesta.Dated(c.WhyLower)})
	}
	return blocks
}

// aside is the time and the count of evidence, in parentheses. It is in preformatted text, where the reader's time zone isn't known.
func aside(e facts.Evidence) string {
	var parts []string
	if e.At != nil {
		parts = append(parts, facts.When(*e.At))
	}
	if e.Count > 1 {
		parts = append(parts, fmt.Sprintf("%d times", e.Count))
	}
	if len(parts) == 0 {
		return ""
	}
	return " (" + strings.Join(parts, ", ") + ")"
}

// otherCauses are the chains behind the first, a line each, with why they rank lower.
func otherCauses(chains []diagnosis.Chain) []algesta.Text {
	var out []algesta.Text
	for i, c := range chains {
		switch {
		case i == 0:
		case i > mostOthers:
			return append(out, algesta.Say("and {} more", len(chains)-i))
		case c.WhyLower != "":
			out = append(out, algesta.Dated(c.Cause+" "+c.WhyLower))
		default:
			out = append(out, algesta.Dated(c.Cause))
		}
	}
	return out
}

// remedyButtons offer the next step where it is a command of ours: the click goes through policy, plan and approval as
// if it were typed.
func remedyButtons(r rules.Remedy, t algesta.Target) []algesta.Button {
	if r.Target.Name != "" && r.Target.Name != t.Name {
		return nil // it is about another workload than the command; its own command says which
	}
	switch r.Verb { // a number or an image has to be typed: these need neither
	case rollback.Name:
		return []algesta.Button{{Label: "Roll back", Offer: &algesta.Offer{Runbook: rollback.Name, Target: t}}}
	case restart.Name:
		return []algesta.Button{{Label: "Restart", Offer: &algesta.Offer{Runbook: restart.Name, Target: t}}}
	}
	return nil
}

func few(lines []string, most int) []string {
	if len(lines) <= most {
		return lines
	}
	return append(slices.Clone(lines[:most]), fmt.Sprintf("And %d more.", len(lines)-most))
}

// relevant leaves out what is never read, unless the answer may depend on it: a line that is below every answer isn't read
// where it matters. The answer as JSON has all of it.
func relevant(d diagnosis.Diagnosis) []facts.NotChecked {
	matters := map[string][]rules.Class{
		facts.OtherPods: {rules.ClassScheduling}, facts.OtherSecrets: nil,
		"events of nodes": {rules.ClassNode},
		"secrets":         {rules.ClassConfig, rules.ClassCrash, rules.ClassTLS, rules.ClassCertificate},
	}
	return slices.DeleteFunc(slices.Clone(d.NotChecked), func(n facts.NotChecked) bool {
		if n.Reason == diagnosis.OnlyDependencies || n.Standing && n.Kind != "podmetrics" { // nothing gave a reason to read it
			return true
		}
		classes, standing := matters[n.Kind]
		return standing &&
			!slices.ContainsFunc(d.Chains, func(c diagnosis.Chain) bool { return slices.Contains(classes, c.Class) })
	})
}

// unchecked puts the kinds that could not be read for one reason into one sentence; of another namespace than the one asked about it says
// which.
func unchecked(all []facts.NotChecked, namespace string) []string {
	type why struct{ where, reason string }
	var reasons []why
	kinds := map[why][]string{}
	for _, n := range all {
		at := why{reason: n.Reason}
		if n.Namespace != "" && n.Namespace != namespace {
			at.where = " in " + n.Namespace
		}
		if len(kinds[at]) == 0 {
			reasons = append(reasons, at)
		}
		kinds[at] = append(kinds[at], n.Kind)
	}
	var out []string
	for _, at := range reasons {
		out = append(out, fmt.Sprintf("%s%s: %s", words.Few(grouped(kinds[at]), mostUnchecked), at.where, at.reason))
	}
	return out
}

// mostUnchecked is how many kinds one line names; the terminal and the JSON of a diagnosis name each.
const mostUnchecked = 5

// ofCertManager are the kinds of cert-manager, as resources.
var ofCertManager = []string{"certificates", "certificaterequests", "orders", "challenges", "issuers", "clusterissuers"}

// grouped puts the kinds of cert-manager into one word where most of them are there: they are missing together, and nobody reads six names.
func grouped(kinds []string) []string {
	isTheirs := func(kind string) bool { return slices.Contains(ofCertManager, kind) }
	theirs := 0
	for _, kind := range kinds {
		if isTheirs(kind) {
			theirs++
		}
	}
	if theirs < 3 {
		return kinds
	}
	at := slices.IndexFunc(kinds, isTheirs)
	return slices.Insert(slices.DeleteFunc(slices.Clone(kinds), isTheirs), at, "what cert-manager keeps")
}
