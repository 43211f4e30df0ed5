package diagnosis

import "slices"

// What a platform runs for all namespaces, by the names that it has everywhere: kubeadm, AKS, EKS and GKE keep kube-dns as the
// name of the Service whatever resolves, and cert-manager's manifest and chart say where it is.
var (
	clusterDNS            = Ref{KindService, "kube-system", "kube-dns"}
	metricsServer         = Ref{KindService, "kube-system", "metrics-server"}
	certManagerController = Ref{KindDeployment, "cert-manager", "cert-manager"}
)

// WantedBeyond are the Services and Deployments of other namespaces on which the answer may depend and that the snapshot does not
// hold: what resolves names where a name is not resolved, the pods of a webhook that does not answer. At most three, each with
// its pods. Whoever reads them makes another snapshot, and says with OnlyDependencies that the rest of their namespaces was not read.
func WantedBeyond(s *Snapshot, about Ref) []Ref {
	subject, problem := s.resolve(about)
	if problem != "" {
		return nil
	}
	const most = 3
	near := s.around(subject)
	var wanted []Ref
	for _, f := range s.find() {
		if !near.concerns(f) {
			continue
		}
		for _, ref := range f.beyond {
			known := s.index.services[ref] != nil || s.index.byRef[ref] != nil || s.index.namespaces[ref.Namespace]
			if !known && !slices.Contains(wanted, ref) && len(wanted) < most {
				wanted = append(wanted, ref)
			}
		}
	}
	return wanted
}

// OnlyDependencies is the reason why nothing is concluded about the rest of a namespace of which WantedBeyond was read.
const OnlyDependencies = "Only what this depends on was read there."
