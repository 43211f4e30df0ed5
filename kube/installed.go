package kube

import (
	"context"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// installedFor is how long what a cluster has installed is taken for granted. An operator is installed once.
const installedFor = 10 * time.Minute

// installed are the API groups that a cluster serves, with the version that it prefers.
type installed struct {
	mu       sync.Mutex
	versions map[string]string
	at       time.Time
}

// operatorKinds are the kinds of operators and of the Gateway API that a diagnosis reads where they are installed: one LIST each.
var operatorKinds = []struct {
	kind      schema.GroupKind
	inTrouble bool // only where something isn't well
}{
	{schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "HTTPRoute"}, false},
	{schema.GroupKind{Group: "gateway.networking.k8s.io", Kind: "Gateway"}, false},
	{schema.GroupKind{Group: "keda.sh", Kind: "ScaledObject"}, false},
	{schema.GroupKind{Group: "keda.sh", Kind: "ScaledJob"}, false},
	{schema.GroupKind{Group: "helm.toolkit.fluxcd.io", Kind: "HelmRelease"}, false},
	{schema.GroupKind{Group: "kustomize.toolkit.fluxcd.io", Kind: "Kustomization"}, false},
	{schema.GroupKind{Group: "argoproj.io", Kind: "Rollout"}, false},
	{schema.GroupKind{Group: "external-secrets.io", Kind: "ExternalSecret"}, true},
	{schema.GroupKind{Group: "bitnami.com", Kind: "SealedSecret"}, true},
}

// versionsOf are the versions of the API groups that the cluster serves; nil where that couldn't be read. Everybody who is signed in may
// ask.
func (c *Cluster) versionsOf(ctx context.Context) map[string]string {
	c.installed.mu.Lock()
	defer c.installed.mu.Unlock()
	if c.installed.versions != nil && time.Since(c.installed.at) < installedFor {
		return c.installed.versions
	}
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	groups := &metav1.APIGroupList{}
	if err := c.lists.Get().AbsPath("/apis").Do(ctx).Into(groups); err != nil {
		return nil // the kinds are then not read, and nobody says that they are missing
	}
	versions := map[string]string{}
	for _, group := range groups.Groups {
		versions[group.Name] = group.PreferredVersion.Version
	}
	c.installed.versions, c.installed.at = versions, time.Now()
	return versions
}

// operators reads the kinds of operators that the cluster has, those that matter only in trouble where something isn't well.
func (o *observation) operators(ctx context.Context, trouble bool) {
	var versions map[string]string
	for _, known := range operatorKinds {
		if known.inTrouble != trouble {
			continue
		}
		if versions == nil {
			if versions = o.cluster.versionsOf(ctx); versions == nil {
				return
			}
		}
		if version := versions[known.kind.Group]; version != "" {
			kind := known.kind.WithVersion(version)
			kind.Kind += "List"
			o.list(ctx, resourceName(kind), o.namespace, custom(kind))
		}
	}
}
