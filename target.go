package algesta

import (
	"strings"
	"time"
)

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

// Workload is what the target stands for: the StatefulSet or the DaemonSet that it names, or else the Deployment of its service.
func (t Target) Workload() Object {
	word, name, named := strings.Cut(t.Object, "/")
	kind, known := KindOf(word)
	if named && known && (kind.Name == "StatefulSet" || kind.Name == "DaemonSet") {
		return Object{Cluster: t.Cluster, Group: kind.Group, Kind: kind.Name, Namespace: t.Namespace, Name: name}
	}
	return Deployment(t.Cluster, t.Namespace, t.Name)
}

// Lost is a configured service whose Deployment was there once and is gone.
type Lost struct {
	Service    string
	Deployment string
	Until      time.Time // when it was last there
}
