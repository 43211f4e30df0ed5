package runbooks

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

// configMapRead is one read of a ConfigMap.
type configMapRead struct {
	found *corev1.ConfigMap // nil where it isn't there
	err   error             // why nothing is known of it
}

// envSources are what variables come from, each read once.
type envSources struct {
	ctx       context.Context //nolint:containedctx // it lives for one answer
	c         Cluster
	namespace string
	maps      map[string]configMapRead
	keys      map[string]keysRead // of Secrets: names, never values
}

func (s *envSources) configMap(name string) configMapRead {
	read, known := s.maps[name]
	if known {
		return read
	}
	var l corev1.ConfigMapList
	if _, read.err = listSome(s.ctx, s.c, s.namespace, "metadata.name="+name, 1, &l); read.err == nil {
		if i := slices.IndexFunc(l.Items, func(m corev1.ConfigMap) bool { return m.Name == name }); i >= 0 {
			read.found = &l.Items[i]
		}
	}
	s.maps[name] = read
	return read
}

func (s *envSources) secretKeys(name string) keysRead {
	read, known := s.keys[name]
	if !known {
		read = readKeys(s.ctx, s.c, s.namespace, []reference{{kind: secret, name: name}})[0]
		s.keys[name] = read
	}
	return read
}

// notes say what couldn't be read.
func (s *envSources) notes() []algesta.Text {
	var out []algesta.Text
	for _, name := range slices.Sorted(maps.Keys(s.maps)) {
		if err := s.maps[name].err; err != nil {
			out = append(out, couldNotCheck("ConfigMap "+quote(name), err))
		}
	}
	var unread []string
	why := map[string][]string{} // the Secrets that can't be read for one reason
	errOf := map[string]error{}
	for _, name := range slices.Sorted(maps.Keys(s.keys)) {
		err := s.keys[name].err
		if err == nil || errors.Is(err, algesta.ErrNotFound) {
			continue
		}
		reason := err.Error()
		if _, again := errOf[reason]; !again {
			unread = append(unread, reason)
		}
		errOf[reason], why[reason] = err, append(why[reason], quote(name))
	}
	for _, reason := range unread {
		what, have := "Secret ", " has"
		if len(why[reason]) > 1 {
			what, have = "the Secrets ", " have"
		}
		out = append(out, couldNotCheck("whether "+what+wordsof.Few(why[reason], mostUnreadSecrets)+have+" the keys", errOf[reason]))
	}
	return out
}

// mostUnreadSecrets is how many Secrets that couldn't be read one line names.
const mostUnreadSecrets = 5

// variables are those of a container, as the kubelet fills them: what env says overrides what envFrom brings, and the last of several
// overrides those before.
func (s *envSources) variables(c *corev1.Container) (all []variable, problems []algesta.Text) {
	at := map[string]int{}
	add := func(v variable) {
		v.container = c.Name
		if i, again := at[v.name]; again {
			all[i] = v
			return
		}
		at[v.name] = len(all)
		all = append(all, v)
	}
	for _, from := range c.EnvFrom {
		found, problem := s.fromAll(from)
		for _, v := range found {
			add(v)
		}
		if len(problem) > 0 {
			problems = append(problems, problem)
		}
	}
	for _, e := range c.Env {
		v, problem := s.variable(e)
		add(v)
		if len(problem) > 0 {
			problems = append(problems, problem)
		}
	}
	return all, problems
}

// fromAll are the variables that one envFrom brings. Of a Secret whose keys can't be read it's one row for all.
func (s *envSources) fromAll(from corev1.EnvFromSource) (all []variable, problem algesta.Text) {
	switch {
	case from.ConfigMapRef != nil:
		name := from.ConfigMapRef.Name
		source := "ConfigMap " + name
		read := s.configMap(name)
		switch {
		case read.err != nil:
			return []variable{{name: from.Prefix + "*", from: source, unknown: true}}, nil
		case read.found == nil && !optional(from.ConfigMapRef.Optional):
			return []variable{{name: from.Prefix + "*", from: source, missing: true}}, algesta.Say(
				"ConfigMap {} doesn't exist, so no new pod can start.", algesta.Name(quote(name)),
			)
		case read.found == nil:
			return nil, nil
		}
		for _, key := range slices.Sorted(maps.Keys(read.found.Data)) {
			v := variable{name: from.Prefix + key, from: source, value: read.found.Data[key]}
			v.hidden = !isPlain(v.name, v.value) || !isPlain(key, v.value)
			all = append(all, v)
		}
	case from.SecretRef != nil:
		name := from.SecretRef.Name
		source := "Secret " + name
		read := s.secretKeys(name)
		switch {
		case errors.Is(read.err, algesta.ErrNotFound) && optional(from.SecretRef.Optional):
			return nil, nil
		case errors.Is(read.err, algesta.ErrNotFound):
			return []variable{{name: from.Prefix + "*", from: source, missing: true}}, algesta.Say(
				"Secret {} doesn't exist, so no new pod can start.", algesta.Name(quote(name)),
			)
		case read.err != nil:
			return []variable{{name: from.Prefix + "*", from: source + ", all its keys", hidden: true}}, nil
		}
		for _, key := range read.keys {
			all = append(all, variable{name: from.Prefix + key, from: source, hidden: true})
		}
	}
	return all, nil
}

func optional(set *bool) bool { return set != nil && *set }

// variable is one entry of env.
func (s *envSources) variable(e corev1.EnvVar) (v variable, problem algesta.Text) {
	v = variable{name: e.Name, from: "the template", value: e.Value}
	from := e.ValueFrom
	switch {
	case from == nil:
		v.hidden = !isPlain(e.Name, e.Value)
	case from.SecretKeyRef != nil:
		ref := from.SecretKeyRef
		v.from, v.hidden = fmt.Sprintf("Secret %s, key %s", ref.Name, ref.Key), true
		read := s.secretKeys(ref.Name)
		gone := errors.Is(read.err, algesta.ErrNotFound)
		lacks := read.err == nil && !slices.Contains(read.keys, ref.Key)
		if (gone || lacks) && !optional(ref.Optional) {
			v.missing = true
			return v, missingKey(secret, ref.Name, ref.Key, e.Name, gone)
		}
	case from.ConfigMapKeyRef != nil:
		ref := from.ConfigMapKeyRef
		v.from = fmt.Sprintf("ConfigMap %s, key %s", ref.Name, ref.Key)
		read := s.configMap(ref.Name)
		if v.unknown = read.err != nil; v.unknown {
			return v, nil
		}
		there := false
		if read.found != nil {
			v.value, there = read.found.Data[ref.Key]
		}
		if v.hidden = !isPlain(e.Name, v.value) || !isPlain(ref.Key, v.value); !there && !optional(ref.Optional) {
			v.missing = true
			return v, missingKey(configMap, ref.Name, ref.Key, e.Name, read.found == nil)
		}
	case from.FieldRef != nil:
		v.from, v.value = "the pod's "+from.FieldRef.FieldPath, "set when a pod starts"
	case from.ResourceFieldRef != nil:
		v.from, v.value = "the container's "+from.ResourceFieldRef.Resource, "set when a pod starts"
	default:
		v.from, v.value = "a source that I don't know", "set when a pod starts"
	}
	return v, nil
}

func missingKey(kind, name, key, variable string, gone bool) algesta.Text {
	if gone {
		return algesta.Say(
			"{} {} doesn't exist, so {} can't be filled and no new pod can start.",
			kind,
			algesta.Name(quote(name)),
			algesta.Name(quote(variable)),
		)
	}
	return algesta.Say("{} {} has no key {}, so {} can't be filled and no new pod can start.",
		kind, algesta.Name(quote(name)), algesta.Name(quote(key)), algesta.Name(quote(variable)))
}
