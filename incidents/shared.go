package incidents

import (
	"slices"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// environmentOf is the environment of what a signal is about, by the same rule for every kind of object: a workload is of the one whose
// template says most about its name; anything else is of the one of the workloads that it belongs to, is used by or leads to, or that its
// cause hits, or else of the one that its name spells out. It's "" where these are of several, or nobody can tell.
func environmentOf(s *facts.Snapshot, c diagnosis.Chain, place algesta.Target, about facts.Ref, places Places) string {
	var workloads []facts.Ref
	if about.Kind != facts.KindNamespace { // of which all workloads are
		workloads = s.WorkloadsOf(about)
	}
	if len(workloads) == 0 {
		workloads = slices.Concat(c.Hits, s.WorkloadsOf(c.Subject))
	}
	environment, found := "", false
	for _, ref := range workloads {
		if ref.Namespace != place.Namespace || s.Workload(ref) == nil && !isWorkload(ref) {
			continue
		}
		of := places.EnvironmentOf(place.Cluster, ref.Namespace, ref.Name, !isWorkload(ref))
		if of == "" || found && of != environment {
			return ""
		}
		environment, found = of, true
	}
	if found {
		return environment
	}
	name := about.Name
	if about.Namespace == "" || about.Kind == facts.KindNamespace { // a node, or the namespace itself: the name is of no environment
		name = ""
	}
	return places.EnvironmentOf(place.Cluster, place.Namespace, name, !isWorkload(about))
}

// isWorkload reports whether people name objects of its kind as the templates of environments say. A pod that nothing manages has any name.
func isWorkload(ref facts.Ref) bool {
	return slices.Contains(
		[]string{facts.KindDeployment, facts.KindStatefulSet, facts.KindDaemonSet, facts.KindReplicaSet, facts.KindJob, facts.KindCronJob},
		ref.Kind,
	)
}

// ofWorkloads are the environments of the workloads of a place of which a diagnosis tells, by their kind and name: what is hit, the causes
// and what is advised to be changed. "" is that of one of which nobody can tell. A cause of another kind, such as a Service, is among them
// where its name or the pods behind it say whose it is.
func ofWorkloads(
	s *facts.Snapshot, chains []diagnosis.Chain, about facts.Ref, place algesta.Target, places Places,
) map[[2]string]string {
	refs := []facts.Ref{about}
	for _, c := range chains {
		refs = append(append(refs, c.Hits...), c.Subject, c.Remedy.Target)
	}
	out := map[[2]string]string{}
	for _, ref := range refs {
		if ref.Namespace == place.Namespace && (isWorkload(ref) || ref.Kind == facts.KindPod) {
			out[[2]string{ref.Kind, ref.Name}] = places.EnvironmentOf(place.Cluster, ref.Namespace, ref.Name, !isWorkload(ref))
		} else if of := spelledOut(s, ref, place, places); of != "" {
			out[[2]string{ref.Kind, ref.Name}] = of
		}
	}
	return out
}

// spelledOut is the environment of an object that is no workload by its own name, or else by those of what makes the pods behind it.
func spelledOut(s *facts.Snapshot, ref facts.Ref, place algesta.Target, places Places) string {
	if ref.Namespace != place.Namespace || ref.Kind == facts.KindNamespace {
		return ""
	}
	if of := places.EnvironmentOf(place.Cluster, ref.Namespace, ref.Name, true); of != "" {
		return of
	}
	for _, p := range s.Behind(ref) {
		for _, w := range s.WorkloadsOf(facts.RefOf(facts.KindPod, p)) {
			if of := places.EnvironmentOf(place.Cluster, w.Namespace, w.Name, !isWorkload(w)); of != "" {
				return of
			}
		}
	}
	return ""
}

// apart is what was found about an environment without what is of another one of the same namespace, unless that may be told wherever it is
// told: shares says so. sharing are the environments of the namespace. What may be of any of them stays as it is: it's told only where all
// of them may be.
func apart(f Found, sharing []string, shares func(found, told string) bool) Found {
	own := f.About.Environment
	if own == "" || f.Key.Kind == "" || len(sharing) < 2 {
		return f
	}
	strange := func(kind, name string) bool {
		of, is := f.workloads[[2]string{kind, name}]
		if of != "" {
			return of != own && !shares(of, own)
		}
		return is && slices.ContainsFunc(sharing, func(e string) bool { return e != own && !shares(e, own) })
	}
	theirs := false
	for workload := range f.workloads {
		theirs = theirs || strange(workload[0], workload[1])
	}
	if !theirs {
		return f
	}
	f.Cause.Pods = slices.DeleteFunc(slices.Clone(f.Cause.Pods), func(p algesta.ReadyPods) bool { return strange(p.Kind, p.Name) })
	if strange(f.Key.Kind, f.Key.Name) {
		f.Cause.What = "The cause is in another environment of its namespace"
	}
	f.Cause.Sentence, f.Cause.Impact, f.Cause.Change = f.Cause.What+".", "", ""
	f.Cause.Next, f.Cause.Command, f.Cause.Runbook = "", "", ""
	f.Detail = algesta.Report{
		Title: algesta.Say("What I found: {}.", algesta.Dated(f.Cause.What)),
		Body: []algesta.Block{{Text: algesta.Say(
			"Another environment of the same namespace is part of it, so I don't show what I read. Whoever may read both can diagnose it.",
		)}},
	}
	return f
}

// environmentsOf are the environments of a place's namespace, its own first.
func (k *Keeper) environmentsOf(place algesta.Target) []string {
	out := []string{place.Environment}
	for _, p := range k.Catalog.Places() {
		if p.Cluster == place.Cluster && p.Namespace == place.Namespace && !slices.Contains(out, p.Environment) {
			out = append(out, p.Environment)
		}
	}
	return out
}

// sayApart says in the log which namespaces several environments share whose incidents go to different channels: what nobody can tell apart
// there is told to nobody.
func (k *Keeper) sayApart() {
	for _, place := range k.Catalog.Places() {
		together := k.environmentsOf(place)
		d := draft{Book: &Book{cfg: k.cfg}, seen: Observation{Place: place, Environments: together}}
		for _, severity := range algesta.Severities() {
			channel, _ := d.sendTo(Found{Cause: algesta.IncidentCause{Severity: severity}})
			if len(together) > 1 && channel == "" && k.cfg.channel(place.Environment, severity) != "" {
				k.Log.Warn("what can't be told apart in a shared namespace is told to nobody: route its environments to one channel",
					zap.String("cluster", place.Cluster), zap.String("namespace", place.Namespace), zap.String("severity", string(severity)))
			}
		}
	}
}
