package algesta

// Object names one object in one cluster: what a change is about, and what locks and the store go by.
type Object struct {
	Cluster   string `json:"cluster"`             // as the configuration calls it
	Group     string `json:"group,omitempty"`     // of its API: "apps"; "" for the core group
	Kind      string `json:"kind"`                // as in a manifest: "Deployment"
	Namespace string `json:"namespace,omitempty"` // "" for what is in no namespace
	Name      string `json:"name"`
}

// Deployment names a Deployment.
func Deployment(cluster, namespace, name string) Object {
	return Object{Cluster: cluster, Group: "apps", Kind: "Deployment", Namespace: namespace, Name: name}
}

// String is "aks-algesta-production/apps/Deployment/production/api-gateway-production": a key for locks and the store. Two objects never
// have the same one, because none of its parts may hold a slash.
func (o Object) String() string {
	return o.Cluster + "/" + o.Group + "/" + o.Kind + "/" + o.Namespace + "/" + o.Name
}
