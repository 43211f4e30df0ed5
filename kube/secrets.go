package kube

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"net/http"
	"slices"
	"strings"

	"go.uber.org/zap"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

const (
	mostSecretBytes = 4 << 20 // of one answer: etcd takes 1.5 MiB, and managed fields come on top
	mostSecrets     = 16      // of one observation
)

// The kinds that Keys reads.
const (
	secretKind    = "Secret"
	configMapKind = "ConfigMap"
)

// Sentences about Secrets. They hold nothing of what was read.
var (
	errSomeRead = &algesta.Error{
		Kind:    algesta.ErrForbidden,
		Message: algesta.Say("I only read the Secrets that pods in trouble and Ingresses name."),
	}
	errTooMany = &algesta.Error{
		Kind:    algesta.ErrUnreachable,
		Message: algesta.Say("Pods in trouble and Ingresses name more than {} Secrets; I read the first.", mostSecrets),
	}
	errUnreadable = &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("I couldn't read the cluster's answer.")}
)

// Keys are the keys of a ConfigMap or Secret, sorted, by one live GET: never its values. ErrNotFound says that it is not there. A
// Secret of a namespace that was not chosen (Config.SecretNamespaces) is ErrForbidden without a request.
func (c *Cluster) Keys(ctx context.Context, kind, namespace, name string) ([]string, error) {
	if kind == configMapKind {
		return c.configMapKeys(ctx, namespace, name)
	}
	s, err := c.secret(ctx, namespace, name, nil)
	if err != nil {
		return nil, err
	}
	keys := slices.Sorted(maps.Keys(s.Data))
	for _, value := range s.Data {
		clear(value)
	}
	return keys, nil
}

func (c *Cluster) configMapKeys(ctx context.Context, namespace, name string) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	m := &corev1.ConfigMap{}
	err := c.lists.Get().AbsPath("/api/v1").Namespace(namespace).Resource("configmaps").Name(name).Do(ctx).Into(m)
	if err != nil {
		return nil, c.explain(attempt{"get", "configmaps", namespace, name}, err)
	}
	return slices.Sorted(maps.Keys(keysIn(m))), nil
}

func keysIn(m *corev1.ConfigMap) map[string]bool {
	keys := map[string]bool{}
	for key := range m.Data {
		keys[key] = true
	}
	for key := range m.BinaryData {
		keys[key] = true
	}
	return keys
}

// secret is one live GET. Before anyone gets the Secret its values are passed to Config.SecretValues, so that nothing that is made
// from it later can show them. names are words that people have to read, even where a Secret holds them too.
func (c *Cluster) secret(ctx context.Context, namespace, name string, names []string) (*corev1.Secret, error) {
	if !slices.Contains(c.secretNamespaces, namespace) {
		return nil, errNotRead
	}
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	body, err := c.lists.Get().AbsPath("/api/v1").Namespace(namespace).Resource("secrets").Name(name).
		SetHeader("Accept", "application/json").Stream(ctx)
	if err != nil {
		return nil, c.noSecret(namespace, name, err)
	}
	defer func() { _ = body.Close() }()
	raw, err := io.ReadAll(io.LimitReader(body, mostSecretBytes))
	defer clear(raw)
	if err != nil {
		return nil, c.explain(attempt{"get", "secrets", namespace, name}, err)
	}
	s := &corev1.Secret{}
	if json.Unmarshal(raw, s) != nil || s.Name != name { // the parser's own words could quote a value
		return nil, errUnreadable
	}
	delete(s.Annotations, corev1.LastAppliedConfigAnnotation) // it repeats the values
	names = append(slices.Concat(names, c.namesIn(namespace), c.namespaces, slices.Collect(maps.Keys(s.Data))), c.name, namespace, name)
	values := hidden(s, names)
	c.hides.Add(values...)
	c.secretValues(values)
	return s, nil
}

// noSecret explains why there is no answer, and logs once where a right that was configured is not there. Only the API
// server's own 404 says that a Secret is missing: a proxy has one, too.
func (c *Cluster) noSecret(namespace, name string, err error) error {
	if apierrors.HasStatusCause(err, metav1.CauseTypeUnexpectedServerResponse) && codeOf(err) == http.StatusNotFound {
		return errUnreadable
	}
	if codeOf(err) == http.StatusForbidden {
		if _, told := c.secretsRefused.LoadOrStore(namespace, true); !told {
			c.cache.log.Warn("not allowed to read secrets", zap.String("cluster", c.name), zap.String("what", namespace+"/secrets"))
		}
	}
	return c.explain(attempt{"get", "secrets", namespace, name}, err)
}

// hidden are the values that nobody may read: all but certificates, which are public, and what is part of a name. A Secret may
// well hold "production" or the name of a service, and without those no sentence could be read.
func hidden(s *corev1.Secret, names []string) [][]byte {
	var values [][]byte
	known := strings.Join(names, "\n")
	for key, value := range s.Data {
		public := s.Type == corev1.SecretTypeTLS && (key == corev1.TLSCertKey || key == corev1.ServiceAccountRootCAKey)
		if !public && !strings.Contains(known, strings.TrimSpace(string(value))) {
			values = append(values, value)
		}
	}
	return values
}

// namesIn are the names of what the caches hold of a namespace.
func (c *Cluster) namesIn(namespace string) []string {
	space, watching := c.cache.spaces[namespace]
	if !watching {
		return nil
	}
	var names []string
	for _, i := range space.kinds() {
		for _, o := range i.GetStore().List() {
			if m, ok := o.(metav1.Object); ok {
				names = append(names, m.GetName())
			}
		}
	}
	return names
}

// secrets reads the Secrets that failing pods and Ingresses name, where the bot may. What is not there comes as a
// reference to it: only that may be called missing by a diagnosis.
func (o *observation) secrets(ctx context.Context) {
	if !slices.Contains(o.cluster.secretNamespaces, o.namespace) {
		return
	}
	wanted, names := o.secretNames(), o.names()
	delete(o.unread, "secrets")
	o.unread["other secrets"] = errSomeRead
	if len(wanted) > mostSecrets {
		wanted = wanted[:mostSecrets]
		o.unread["secrets"] = errTooMany
	}
	for _, name := range wanted {
		o.work.Go(func() {
			o.slots <- struct{}{}
			defer func() { <-o.slots }()
			s, err := o.cluster.secret(ctx, o.namespace, name, names)
			o.mu.Lock()
			defer o.mu.Unlock()
			switch {
			case err == nil:
				o.objects = append(o.objects, s)
			case errors.Is(err, algesta.ErrNotFound):
				o.objects = append(o.objects, &corev1.ObjectReference{Kind: secretKind, Namespace: o.namespace, Name: name})
			default:
				o.unread["secrets"] = err
			}
		})
	}
}

// secretNames are the names in the order in which they matter: what pods cannot start without, what certificates are shown from,
// what pods use if it is there. Each once.
func (o *observation) secretNames() []string {
	var needed, used []string
	for i := range o.pods.Items {
		if unhealthy(o.pods.Items[i]) {
			n, u := secretsOf(o.pods.Items[i].Spec)
			needed, used = append(needed, n...), append(used, u...)
		}
	}
	for _, in := range o.ingresses.Items {
		for _, tls := range in.Spec.TLS {
			needed = append(needed, tls.SecretName)
		}
	}
	var names []string
	for _, name := range slices.Concat(needed, used) {
		if name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// secretsOf lists the Secrets that a pod takes variables and files from; used are the optional ones, and those that a driver mounts with.
func secretsOf(pod corev1.PodSpec) (needed, used []string) {
	add := func(name string, optional *bool) {
		if optional != nil && *optional {
			used = append(used, name)
		} else {
			needed = append(needed, name)
		}
	}
	for _, c := range slices.Concat(pod.InitContainers, pod.Containers) {
		for _, e := range c.Env {
			if e.ValueFrom != nil && e.ValueFrom.SecretKeyRef != nil {
				add(e.ValueFrom.SecretKeyRef.Name, e.ValueFrom.SecretKeyRef.Optional)
			}
		}
		for _, e := range c.EnvFrom {
			if e.SecretRef != nil {
				add(e.SecretRef.Name, e.SecretRef.Optional)
			}
		}
	}
	for _, v := range pod.Volumes {
		if v.Secret != nil {
			add(v.Secret.SecretName, v.Secret.Optional)
		}
		if v.CSI != nil && v.CSI.NodePublishSecretRef != nil { // a driver's error may quote it
			used = append(used, v.CSI.NodePublishSecretRef.Name)
		}
		if v.Projected == nil {
			continue
		}
		for _, source := range v.Projected.Sources {
			if source.Secret != nil {
				add(source.Secret.Name, source.Secret.Optional)
			}
		}
	}
	return needed, used
}

// names are those of all objects that were read, and the hosts of Ingresses.
func (o *observation) names() []string {
	var names []string
	for _, list := range o.objects {
		_ = meta.EachListItem(list, func(item runtime.Object) error { // what is no list has been passed over
			if m, err := meta.Accessor(item); err == nil {
				names = append(names, m.GetName())
			}
			return nil
		})
	}
	for _, in := range o.ingresses.Items {
		for _, rule := range in.Spec.Rules {
			names = append(names, rule.Host)
		}
	}
	return names
}
