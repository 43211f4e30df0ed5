package diagnosis

import "slices"

// What a platform runs for all namespaces, by the names that it has everywhere: kubeadm, AKS, EKS and GKE keep kube-dns as the
// name of the Service whatever resolves, and cert-manager's manifest and chart say where it is.
var (
	clusterDNS            = Ref{KindService, "kube-system", "kube-dns"}
	metricsServer         = Ref{KindService, "kube-system", "metrics-server"}
	certManagerController = Ref{KindDeployment, "cert-manager", "cert-manager"}
)

// Elsewhere is a Service or Deployment of another namespace, and how it came to be wanted: whoever reads it decides by that.
type Elsewhere struct {
	Ref Ref
	// Platform marks what the cluster runs for all namespaces, by names that are fixed here: cluster DNS, metrics-server, cert-manager.
	Platform bool
	// FromLog says that a program's log names it. Whoever can write a line chooses the name, so it is no reason to read a log there.
	FromLog bool
}

// WantedBeyond are the Services and Deployments of other namespaces on which the answer may depend and that the snapshot does not
// hold: what resolves names where a name is not resolved, the pods of a webhook that does not answer. At most three, each with
// its pods. Whoever reads them makes another snapshot, and says with OnlyDependencies that the rest of their namespaces was not read.
func WantedBeyond(s *Snapshot, about Ref) []Elsewhere {
	subject, problem := s.resolve(about)
	if problem != "" {
		return nil
	}
	const most = 3
	near := s.around(subject)
	var wanted []Elsewhere
	for _, f := range s.find() {
		if !f.concerns(near) {
			continue
		}
		for _, w := range f.beyond {
			w.Platform = slices.Contains([]Ref{clusterDNS, metricsServer, certManagerController}, w.Ref)
			if at := slices.IndexFunc(wanted, func(o Elsewhere) bool { return o.Ref == w.Ref }); at >= 0 {
				wanted[at].FromLog = wanted[at].FromLog && w.FromLog // the cluster itself names it, too
				continue
			}
			known := s.index.services[w.Ref] != nil || s.index.byRef[w.Ref] != nil || s.index.namespaces[w.Ref.Namespace]
			if !known && len(wanted) < most {
				wanted = append(wanted, w)
			}
		}
	}
	return wanted
}

// OnlyDependencies is the reason why nothing is concluded about the rest of a namespace of which WantedBeyond was read.
const OnlyDependencies = "Only what this depends on was read there."
