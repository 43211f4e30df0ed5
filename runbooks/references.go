package runbooks

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/sourcegraph/conc"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
)

// KeyReader says which keys a ConfigMap or Secret has.
type KeyReader interface {
	// Keys are the keys, never the values. ErrNotFound says that the object is not there; after any other error nothing is
	// known of it, as where the right to a Secret is missing (design.md, decision 23).
	Keys(ctx context.Context, kind, namespace, name string) ([]string, error)
}

// The kinds that a pod takes its configuration from.
const (
	configMap = "ConfigMap"
	secret    = "Secret"
)

// mostReferences bounds what is read before a change.
const mostReferences = 16

// reference is a ConfigMap or Secret that a pod cannot start without, and the keys of it; no keys means any.
type reference struct {
	kind, name string
	keys       []string // sorted
}

// missingReferences warns of ConfigMaps and Secrets that a pod of the new template needs and that are not there, or lack a
// key. What the old template uses is read, too: its pods took their values when they started, and a key may be gone since.
func missingReferences(ctx context.Context, c Cluster, namespace string, from, to corev1.PodSpec) []algesta.Text {
	wanted, used := references(to), references(from)
	isNew := func(r reference) bool { return !slices.ContainsFunc(used, r.within) }
	old := slices.DeleteFunc(slices.Clone(wanted), isNew)
	looked := append(slices.DeleteFunc(wanted, func(r reference) bool { return !isNew(r) }), old...)
	more := max(0, len(looked)-mostReferences)
	looked = looked[:len(looked)-more]
	found := readKeys(ctx, c, namespace, looked)
	var out, unread []algesta.Text
	for _, kind := range []string{configMap, secret} {
		var names []string
		var why error
		for i, r := range looked {
			switch err := found[i].err; {
			case r.kind != kind:
			case err == nil:
				out = append(out, r.lacks(found[i].keys)...)
			case errors.Is(err, algesta.ErrNotFound):
				out = append(out, algesta.Say("{} {} does not exist, so no pod of this version can start.", r.kind, algesta.Name(quote(r.name))))
			case errors.Is(err, algesta.ErrForbidden) && !isNew(r): // its pods run with it now, and that it can't be checked is nothing new
			default:
				names, why = append(names, quote(r.name)), err
			}
		}
		if len(names) > 0 {
			unread = append(unread, notCheckedNamed(kind, names, why))
		}
	}
	if more > 0 {
		unread = append(
			unread,
			algesta.Say("Couldn't check {} more of the ConfigMaps and Secrets that the pods need (I look at {} at most).", more, mostReferences),
		)
	}
	return append(out, unread...)
}

// notCheckedNamed says that objects of one kind could not be read, by their names.
func notCheckedNamed(kind string, names []string, err error) algesta.Text {
	if len(names) == 1 {
		return algesta.Say("Couldn't check {} {} ({}).", kind, algesta.Name(names[0]), whyUnread(err, "it"))
	}
	return algesta.Say("Couldn't check {}s {} ({}).", kind, list(names), whyUnread(err, "them"))
}

// keysRead is the result of one read.
type keysRead struct {
	keys []string
	err  error
}

// errNoKeys is the error of a cluster that can't be asked for keys.
var errNoKeys = &algesta.Error{Kind: algesta.ErrForbidden, Message: algesta.Say("I can't read keys in this cluster.")}

// readKeys reads all of them at once.
func readKeys(ctx context.Context, c Cluster, namespace string, wanted []reference) []keysRead {
	found := make([]keysRead, len(wanted))
	var reading conc.WaitGroup
	for i, r := range wanted {
		if c.Keys == nil {
			found[i].err = errNoKeys
			continue
		}
		reading.Go(func() { found[i].keys, found[i].err = c.Keys.Keys(ctx, r.kind, namespace, r.name) })
	}
	reading.Wait()
	return found
}

// lacks says which keys are missing of those that the object has.
func (r reference) lacks(have []string) []algesta.Text {
	var missing []string
	for _, key := range r.keys {
		if !slices.Contains(have, key) {
			missing = append(missing, quote(key))
		}
	}
	if len(missing) == 0 {
		return nil
	}
	which := algesta.Say("key {}", algesta.Name(missing[0]))
	if len(missing) > 1 {
		which = algesta.Say("keys {}", list(missing))
	}
	said := algesta.Say("{} {} has no {}, so no pod of this version can start.", r.kind, algesta.Name(quote(r.name)), which)
	switch {
	case len(have) == 0:
		said = said.Then("It has no keys at all.")
	case len(have) <= mostKeys:
		said = said.Then("It has {}.", quote(list(have)))
	}
	return []algesta.Text{said}
}

// mostKeys is how many keys are named beside one that is missing: it's usually just spelled differently.
const mostKeys = 6

// within says that the other reference needs all of this one.
func (r reference) within(other reference) bool {
	return r.kind == other.kind && r.name == other.name &&
		!slices.ContainsFunc(r.keys, func(key string) bool { return !slices.Contains(other.keys, key) })
}

// references are the ConfigMaps and Secrets that a pod cannot start without, by kind and name.
func references(pod corev1.PodSpec) []reference {
	var all gathered
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, e := range c.Env {
			if e.ValueFrom == nil {
				continue
			}
			if from := e.ValueFrom.SecretKeyRef; from != nil {
				all.add(secret, from.Name, from.Optional, from.Key)
			}
			if from := e.ValueFrom.ConfigMapKeyRef; from != nil {
				all.add(configMap, from.Name, from.Optional, from.Key)
			}
		}
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil {
				all.add(secret, e.SecretRef.Name, e.SecretRef.Optional)
			}
			if e.ConfigMapRef != nil {
				all.add(configMap, e.ConfigMapRef.Name, e.ConfigMapRef.Optional)
			}
		}
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil {
			all.add(secret, v.Secret.SecretName, v.Secret.Optional, paths(v.Secret.Items)...)
		}
		if v.ConfigMap != nil {
			all.add(configMap, v.ConfigMap.Name, v.ConfigMap.Optional, paths(v.ConfigMap.Items)...)
		}
		if v.Projected != nil {
			all.projected(v.Projected.Sources)
		}
	}
	slices.SortFunc(all, func(a, b reference) int { return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.name, b.name)) })
	for i := range all {
		slices.Sort(all[i].keys)
	}
	return all
}

// gathered has one reference for each object.
type gathered []reference

func (g *gathered) add(kind, name string, optional *bool, keys ...string) {
	if name == "" || optional != nil && *optional {
		return
	}
	i := slices.IndexFunc(*g, func(r reference) bool { return r.kind == kind && r.name == name })
	if i < 0 {
		i = len(*g)
		*g = append(*g, reference{kind: kind, name: name})
	}
	for _, key := range keys {
		if !slices.Contains((*g)[i].keys, key) {
			(*g)[i].keys = append((*g)[i].keys, key)
		}
	}
}

func (g *gathered) projected(sources []corev1.VolumeProjection) {
	for _, source := range sources {
		if source.Secret != nil {
			g.add(secret, source.Secret.Name, source.Secret.Optional, paths(source.Secret.Items)...)
		}
		if source.ConfigMap != nil {
			g.add(configMap, source.ConfigMap.Name, source.ConfigMap.Optional, paths(source.ConfigMap.Items)...)
		}
	}
}

// paths are the keys that a volume takes by name.
func paths(items []corev1.KeyToPath) []string {
	var keys []string
	for _, item := range items {
		keys = append(keys, item.Key)
	}
	return keys
}
