package main

import (
	"context"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/incidents"
)

// keeper makes what watches the environments of the configuration and tells of incidents where it says so.
func (r *rooms) keeper(d commands.Directory) *incidents.Keeper {
	return incidents.New(r.cfg.Incidents, incidents.Parts{
		Asker: r.dispatcher, Records: r.store, Watched: r.clusters, Catalog: places{r.catalog, r.cfg.Environments}, Link: d.Link,
		Log: r.log.Named("incidents"), Panics: r.panics,
	})
}

// Glance implements incidents.Watched.
func (c clusters) Glance(ctx context.Context, cluster, namespace string) (objects []runtime.Object, unread map[string]error) {
	k, err := c.named(cluster)
	if err != nil {
		return nil, incidents.UnreadAll(err)
	}
	return k.Glance(ctx, namespace)
}

// places implement incidents.Catalog.
type places struct {
	catalog      *catalog.Catalog
	environments []catalog.Environment
}

// Called is the service of a Deployment as people call it; the first, where it is in two environments.
func (p places) Called(cluster, namespace, deployment string) algesta.Target {
	for _, t := range p.catalog.Known(context.Background()) {
		if t.Cluster == cluster && t.Namespace == namespace && t.Name == deployment {
			return t
		}
	}
	return algesta.Target{}
}

// Places are the environments in the order of the configuration.
func (p places) Places() []algesta.Target {
	var out []algesta.Target
	for _, e := range p.environments {
		t, err := p.catalog.Resolve(context.Background(), "", e.Name, func(algesta.Target) bool { return true })
		if err == nil {
			out = append(out, t)
		}
	}
	return out
}
