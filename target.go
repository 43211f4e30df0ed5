package algesta

// Target is what a command is about, after the catalogue resolved what was typed.
type Target struct {
	Service     string `json:"service,omitempty"`     // "api-gateway"
	Environment string `json:"environment,omitempty"` // "production", the canonical name
	Cluster     string `json:"cluster,omitempty"`     // "aks-algesta-production"
	Namespace   string `json:"namespace,omitempty"`
	Name        string `json:"name,omitempty"` // of the Deployment: "api-gateway-production"
	// Object is set when a command names something other than a service,
	// as in diagnose: "pod/x", "ingress/x", "node/x", "host/api.example.com"; or the environment as a whole: "namespace".
	Object string `json:"object,omitempty"`
}

// Workload is the Deployment that the target stands for.
func (t Target) Workload() Object { return Deployment(t.Cluster, t.Namespace, t.Name) }
