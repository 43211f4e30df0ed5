package incidents

import (
	"cmp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
	"github.com/3astronautas/algesta/runbooks"
)

// Places names what is in a cluster as people call it.
type Places interface {
	// Called is the service of a Deployment, zero where there is none, or where it's of several environments of its namespace.
	Called(cluster, namespace, deployment string) algesta.Target
	// EnvironmentOf is the environment of an object by its name, "" where nobody can tell. With exactly set only a template that says more
	// than {service} counts.
	EnvironmentOf(cluster, namespace, name string, exactly bool) string
}

// atRisk are the rules whose trouble users may not feel yet: a diagnosis that speaks of a risk is about them, too.
var atRisk = []string{CertificateFailing, QuotaFull, AutoscalerAtMax, NodeNotReady, Alertmanager}

// find says what the diagnosis of a snapshot makes of a signal.
func find(s *facts.Snapshot, place algesta.Target, signal algesta.Signal, places Places) Found {
	about := facts.Ref{Kind: signal.Kind, Namespace: signal.Namespace, Name: signal.Name}
	d := diagnosis.Diagnose(s, about)
	f := Found{Detail: detail(d, place)}
	f.About = aboutOf(s, diagnosis.Chain{}, place, about, places) // until the diagnosis knows a cause
	if d.Verdict == diagnosis.Unknown && len(d.Chains) == 0 {
		if _, problem := s.Resolve(about); problem != "" && s.Knows(about.Resource(), about.Namespace) {
			f.Healthy, f.Missing = true, true
			return f
		}
		f.Unknown = d.Summary
		for _, n := range d.NotChecked {
			if n.Kind == about.Resource() || n.Kind == "pods" { // why
				f.Unknown += " " + n.Reason
				break
			}
		}
		return f
	}
	at := slices.IndexFunc(d.Chains, func(c diagnosis.Chain) bool {
		return c.Impact.Level != rules.Latent || slices.Contains(atRisk, signal.Rule) && c.Subject.Kind == signal.Kind
	})
	if at < 0 {
		f.Healthy = true
		return f
	}
	c := d.Chains[at]
	f.Key = algesta.IncidentKey{
		Cluster: place.Cluster, Namespace: c.Subject.Namespace, Kind: c.Subject.Kind, Name: c.Subject.Name, Class: string(c.Class),
	}
	f.Cause = causeOf(s, c, about)
	f.About = aboutOf(s, c, place, about, places)
	f.workloads = ofWorkloads(s, d.Chains, about, place, places)
	if proposed(c.Remedy, f.About) {
		f.Cause.Runbook = c.Remedy.Verb
	}
	return f
}

// causeOf is a chain in the words of a card.
func causeOf(s *facts.Snapshot, c diagnosis.Chain, about facts.Ref) algesta.IncidentCause {
	out := algesta.IncidentCause{
		What: strings.TrimSuffix(c.Cause, "."), Sentence: c.Cause, Sure: string(c.Confidence), Severity: severityOf(c.Impact.Level),
		Impact: c.Impact.Text, Change: c.Change, Next: c.Remedy.Text, Command: c.Remedy.Command,
	}
	if len(c.Links) > 0 {
		out.What = strings.TrimSuffix(c.Links[0], ".")
	}
	if c.Since != nil {
		out.Since = *c.Since
	}
	for _, ref := range append(slices.Clone(c.Hits), about, c.Subject) {
		w := s.Workload(ref)
		if w == nil || w.Desired <= 0 || ref.Kind == facts.KindPod || ref.Kind == facts.KindJob {
			continue
		}
		p := algesta.ReadyPods{Kind: ref.Kind, Name: ref.Name, Ready: w.Ready, Of: w.Desired}
		if !slices.Contains(out.Pods, p) {
			out.Pods = append(out.Pods, p)
		}
	}
	slices.SortFunc(out.Pods, func(a, b algesta.ReadyPods) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind))
	})
	return out
}

func severityOf(l rules.ImpactLevel) algesta.Severity {
	switch l {
	case rules.Outage:
		return algesta.Critical
	case rules.Degraded:
		return algesta.Degraded
	case rules.Latent:
	}
	return algesta.Latent
}

// aboutOf is the service that an incident is reported for: that of the signal, or else the first that the cause hits. Where that is no
// service it's the environment alone, and zero where nobody can tell which of several in the namespace.
func aboutOf(s *facts.Snapshot, c diagnosis.Chain, place algesta.Target, about facts.Ref, places Places) algesta.Target {
	environment := environmentOf(s, c, place, about, places)
	if environment == "" {
		return algesta.Target{}
	}
	for _, ref := range append([]facts.Ref{about}, c.Hits...) {
		if ref.Kind != facts.KindDeployment || ref.Namespace != place.Namespace { // the card is about this place
			continue
		}
		if t := places.Called(place.Cluster, ref.Namespace, ref.Name); t.Name != "" && t.Environment == environment {
			return t
		}
	}
	return algesta.Target{Cluster: place.Cluster, Namespace: place.Namespace, Environment: environment}
}

// proposed says that a button may propose the next step: it is a command that needs no further word, about the service of the card.
func proposed(r rules.Remedy, about algesta.Target) bool {
	ours := (r.Verb == "rollback" || r.Verb == "restart") && !r.Afterwards
	return ours && about.Name != "" && (r.Target.Name == "" || r.Target.Name == about.Name)
}

// unseen is what a look showed that found no cause for what an alert says.
func unseen(f Found) algesta.Unseen {
	switch {
	case f.Missing:
		return algesta.UnseenMissing
	case f.Healthy:
		return algesta.UnseenWell
	}
	return algesta.UnseenUnchecked
}

// differs says that the evidence has to be read again: the same cause with other counts reads the same.
func differs(before, now algesta.IncidentCause) bool {
	return before.Sentence != now.Sentence || before.Severity != now.Severity || before.Next != now.Next
}

// detail is what was found, for the thread. The next step is on the card.
func detail(d diagnosis.Diagnosis, place algesta.Target) algesta.Report {
	r := runbooks.DiagnosisReport(d, algesta.Command{Target: place})
	return algesta.Report{Push: r.Title, Title: algesta.Say("What I found: {}", r.Title), Body: r.Body}
}
