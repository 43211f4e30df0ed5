package main

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/store"
)

// storeFor lends the store to commands: Go matches function types exactly, so the transaction needs this line.
// What it stores is redacted.
type storeFor struct {
	*store.Store
	redactor *redact.Redactor
}

// Update implements commands.Store.
func (s storeFor) Update(ctx context.Context, f func(commands.Tx) error) error {
	return s.Store.Update(ctx, func(tx *store.Tx) error { return f(hidingTx{tx, s.redactor}) })
}

// What a diagnosis and a plan ask of a cluster.
var (
	_ runbooks.Observer  = (*kube.Cluster)(nil)
	_ runbooks.Finder    = (*kube.Cluster)(nil)
	_ runbooks.KeyReader = (*kube.Cluster)(nil)
	_ runbooks.Registry  = (*kube.Cluster)(nil)
	_ runbooks.Bounded   = (*kube.Cluster)(nil)
)

// clusters are the configured clusters by name.
type clusters map[string]*kube.Cluster

// Reader implements commands.Clusters.
func (c clusters) Reader(name string) (runbooks.Cluster, error) { return c.named(name) }

// Writer implements commands.Clusters.
func (c clusters) Writer(name string) (commands.Writer, error) { return c.named(name) }

func (c clusters) named(name string) (*kube.Cluster, error) {
	if k, ok := c[name]; ok {
		return k, nil
	}
	return nil, &algesta.Error{
		Kind:    algesta.ErrUnknownName,
		Message: algesta.Say("The cluster {} is not in my configuration.", algesta.Name(name)),
		Err:     fmt.Errorf("cluster %q is not configured", name),
	}
}
