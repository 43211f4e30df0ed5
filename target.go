package algesta

// Target is what a command is about, after the catalogue resolved what was typed.
type Target struct {
	Service     string `json:"service,omitempty"`     // "api-gateway"
	Environment string `json:"environment,omitempty"` // "production", the canonical name
	Cluster     string `json:"cluster,omitempty"`     // "aks-algesta-production"
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"` // of the Deployment: "api-gateway-production"
	// Object is set when a command names something other than a service,
	// as in diagnose: "pod/x", "ingress/x", "node/x", "namespace".
	Object string `json:"object,omitempty"`
}

// Workload is the Deployment that the target stands for.
func (t Target) Workload() Workload {
	return Workload{Cluster: t.Cluster, Namespace: t.Namespace, Name: t.Name}
}

// Workload names one Deployment in one cluster.
type Workload struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace"`
	Name      string `json:"name"`
}

// String is "aks-algesta-production/production/api-gateway-production": a key for
// locks and the store.
func (w Workload) String() string { return w.Cluster + "/" + w.Namespace + "/" + w.Name }
