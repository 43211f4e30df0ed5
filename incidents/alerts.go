package incidents

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// alertAge is how long an alert counts that is no longer repeated. Alertmanager repeats one every four hours unless its
// configuration says otherwise. mostAlerts bounds those that are kept in memory.
const (
	alertAge   = 48 * time.Hour
	mostAlerts = 50_000
)

// alerts are the last of each alert, as they are in the store.
type alerts struct {
	mu     sync.Mutex
	loaded bool
	all    map[string]algesta.Alert
}

// load reads what the store has, once.
func (a *alerts) load(ctx context.Context, from Records) error {
	if a.loaded {
		return nil
	}
	stored, err := from.Alerts(ctx, time.Now().Add(-alertAge), mostAlerts)
	if err != nil {
		return fmt.Errorf("reading the alerts: %w", err)
	}
	a.all = map[string]algesta.Alert{}
	for _, known := range stored {
		a.all[known.ID] = known
	}
	a.loaded = true
	return nil
}

// Receive stores alerts and takes them over. After an error the sender has to send them again.
func (k *Keeper) Receive(ctx context.Context, received []algesta.Alert) error {
	k.alerts.mu.Lock()
	defer k.alerts.mu.Unlock()
	if err := k.alerts.load(ctx, k.Records); err != nil {
		return err
	}
	merged := map[string]algesta.Alert{}
	for _, said := range received {
		known, ok := merged[said.ID]
		if !ok {
			known = k.alerts.all[said.ID]
		}
		merged[said.ID] = newer(known, said)
	}
	if len(k.alerts.all)+len(merged) > mostAlerts {
		k.alerts.forget(time.Now())
	}
	if len(k.alerts.all)+len(merged) > mostAlerts {
		return fmt.Errorf("there are more than %d alerts", mostAlerts)
	}
	err := k.Update(ctx, func(tx commands.Tx) error {
		for _, a := range merged {
			if err := tx.SaveAlert(a); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("storing alerts: %w", err)
	}
	maps.Copy(k.alerts.all, merged)
	return nil
}

// forget drops what is no longer repeated, and what was resolved an hour ago.
func (a *alerts) forget(now time.Time) {
	for id, known := range a.all {
		age := now.Sub(known.SeenAt)
		if age > alertAge || !known.ResolvedAt.IsZero() && age > time.Hour {
			delete(a.all, id)
		}
	}
}

// alerting adds the signals of the alerts that fire about a place. A pod counts as its workload: pods come and go. A node is in no place,
// so those are told of in each that an alert fires about anywhere. why is set where the alerts are not known.
func (k *Keeper) alerting(
	ctx context.Context, place algesta.Target, objects []runtime.Object,
) (seen []algesta.Signal, nodes map[string]bool, why string) {
	k.alerts.mu.Lock()
	defer k.alerts.mu.Unlock()
	if err := k.alerts.load(ctx, k.Records); err != nil {
		k.fail(ctx, "reading the alerts", err)
		return nil, nil, "Couldn't check the alerts: " + sentenceOf(err)
	}
	now := time.Now()
	k.alerts.forget(now)
	owners := ownersOf(objects)
	nodes = map[string]bool{}
	about := map[algesta.Signal]string{} // many alerts may be about one object, which is looked at once
	for _, a := range k.alerts.all {
		if !a.ResolvedAt.IsZero() || !k.meant(a, place) {
			continue
		}
		if a.Kind == "Node" {
			nodes[a.Name] = true
		}
		if a.Namespace != place.Namespace {
			continue
		}
		s := algesta.Signal{Rule: Alertmanager, Kind: a.Kind, Namespace: a.Namespace, Name: a.Name}
		if owner, ok := owners[a.Name]; ok && a.Kind == "Pod" {
			s.Kind, s.Name = owner[0], owner[1]
		}
		if s.Kind == "Node" {
			s.Namespace = ""
		}
		if says, known := about[s]; !known || a.Says < says {
			about[s] = a.Says
		}
	}
	for s, says := range about {
		s.Says = says
		seen = append(seen, s)
	}
	slices.SortFunc(seen, compareSignals)
	return seen, nodes, ""
}

// meant says that an alert is about this cluster: its label says so, or it names no cluster that is configured and this is the first
// one with such a namespace.
func (k *Keeper) meant(a algesta.Alert, place algesta.Target) bool {
	if a.Cluster == place.Cluster {
		return true
	}
	first := ""
	for _, p := range k.Catalog.Places() {
		if p.Cluster == a.Cluster {
			return false
		}
		if first == "" && p.Namespace == a.Namespace {
			first = p.Cluster
		}
	}
	return first == place.Cluster
}

// ownersOf are the workloads of the pods that were read, kind and name by the pod's name.
func ownersOf(objects []runtime.Object) map[string][2]string {
	flat := flatten(objects)
	v := view{owners: map[string]string{}}
	for _, o := range flat {
		if set, ok := o.(*appsv1.ReplicaSet); ok {
			v.own(set)
		}
	}
	out := map[string][2]string{}
	for _, o := range flat {
		if p, ok := o.(*corev1.Pod); ok {
			if kind, name, told := v.owner(p); told {
				out[p.Name] = [2]string{kind, name}
			}
		}
	}
	return out
}
