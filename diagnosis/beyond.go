package diagnosis

import (
	"slices"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// WantedBeyond are the Services and Deployments of other namespaces on which the answer may depend and that the snapshot does not
// hold: what resolves names where a name is not resolved, the pods of a webhook that does not answer. At most three, each with
// its pods. The caller reads them into another snapshot, and says with OnlyDependencies that the rest of their namespaces was not read.
func WantedBeyond(s *facts.Snapshot, about facts.Ref) []facts.Elsewhere {
	subject, problem := s.Resolve(about)
	if problem != "" {
		return nil
	}
	const most = 3
	near := s.Around(subject)
	var wanted []facts.Elsewhere
	for _, f := range rules.Find(s) {
		if !concerns(f, near) {
			continue
		}
		for _, w := range f.Beyond {
			w.Platform = slices.Contains([]facts.Ref{facts.ClusterDNS, facts.MetricsServer, facts.CertManagerController}, w.Ref)
			if at := slices.IndexFunc(wanted, func(o facts.Elsewhere) bool { return o.Ref == w.Ref }); at >= 0 {
				wanted[at].FromLog = wanted[at].FromLog && w.FromLog // the cluster itself names it, too
				continue
			}
			known := s.Service(w.Ref) != nil || s.Workload(w.Ref) != nil || s.WasRead(w.Ref.Namespace)
			if !known && len(wanted) < most {
				wanted = append(wanted, w)
			}
		}
	}
	return wanted
}

// OnlyDependencies is the reason why nothing is concluded about the rest of a namespace of which WantedBeyond was read.
const OnlyDependencies = "Only what this depends on was read there."
