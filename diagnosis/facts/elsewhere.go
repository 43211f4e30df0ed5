package facts

// What a platform runs for all namespaces, by the names that it has everywhere: kubeadm, AKS, EKS and GKE keep kube-dns as the
// name of the Service whatever resolves, and cert-manager's manifest and chart say where it is.
var (
	ClusterDNS            = Ref{KindService, "kube-system", "kube-dns"}
	MetricsServer         = Ref{KindService, "kube-system", "metrics-server"}
	CertManagerController = Ref{KindDeployment, "cert-manager", "cert-manager"}
)

// Elsewhere is a Service or Deployment of another namespace, and why it's wanted: the reader decides by that.
type Elsewhere struct {
	Ref Ref
	// Platform marks what the cluster runs for all namespaces, by names that are fixed here: cluster DNS, metrics-server, cert-manager.
	Platform bool
	// FromLog says that a program's log names it. Anyone who can write a line chooses the name, so it is no reason to read a log there.
	FromLog bool
}

// CertManagerDown names the controller of cert-manager when it was read and does not run.
func (s *Snapshot) CertManagerDown() []Ref {
	for _, w := range s.index.workloads {
		isController := w.Ref.Name == "cert-manager" && w.Ref.Namespace == "cert-manager"
		if w.Template != nil {
			isController = isController ||
				w.Template.Labels["app.kubernetes.io/name"] == "cert-manager" && w.Template.Labels["app.kubernetes.io/component"] == "controller"
		}
		if !isController || w.Ref.Kind != KindDeployment || w.Ready > 0 {
			continue
		}
		if w.Desired == 0 || len(w.Pods) == 0 && w.Desired > 0 && !s.justScaled(w) || len(w.Pods) > 0 && !s.Settling(w) {
			return []Ref{w.Ref}
		}
	}
	return nil
}
