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

// storeFor adapts the store for commands: Go matches function types exactly, so the transaction needs this line.
// What it stores is redacted.
type storeFor struct {
	*store.Store
	redactor *redact.Redactor
}

// Update implements commands.Store.
func (s storeFor) Update(ctx context.Context, f func(commands.Tx) error) error {
	return s.Store.Update(ctx, func(tx *store.Tx) error { return f(hidingTx{tx, s.redactor}) })
}

// Receive keeps what somebody typed or clicked. The reason of a vote is redacted before it's stored; a command has to be understood first,
// so its text stays in the inbox until it is answered.
func (s storeFor) Receive(ctx context.Context, in algesta.Invocation) (fresh bool, err error) {
	if in.Vote != nil {
		vote := *in.Vote
		vote.Reason = s.redactor.String(vote.Reason)
		in.Vote = &vote
	}
	return s.Store.Receive(ctx, in)
}

// clusters are the configured clusters by name.
type clusters map[string]*kube.Cluster

// Reader implements commands.Clusters.
func (c clusters) Reader(name string) (runbooks.Cluster, error) {
	k, err := c.named(name)
	if err != nil {
		return runbooks.Cluster{}, err
	}
	all := runbooks.AllOf(k)
	all.AKS = k.AKS()
	return all, nil
}

// Writer implements commands.Clusters. What may write nothing is nobody's.
func (c clusters) Writer(name string, may []string, asked algesta.Requester) (commands.Writer, error) {
	k, err := c.named(name)
	if err != nil {
		return nil, err
	}
	if len(may) == 0 {
		return k.Writer(nil), nil
	}
	return k.WriterFor(may, asked.Actor.ID.User)
}

// makersIn is what the caches know of what makes the pods of a namespace, for commands.Config.
func (c clusters) makersIn(cluster, namespace string) []algesta.Object {
	k, ok := c[cluster]
	if !ok {
		return nil
	}
	return k.MakersIn(namespace)
}

func (c clusters) named(name string) (*kube.Cluster, error) {
	if k, ok := c[name]; ok {
		return k, nil
	}
	return nil, &algesta.Error{
		Kind:    algesta.ErrUnknownName,
		Message: algesta.Say("The cluster {} isn't in my configuration.", algesta.Name(name)),
		Err:     fmt.Errorf("cluster %q is not configured", name),
	}
}
