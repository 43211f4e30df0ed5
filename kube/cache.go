package kube

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	clientcache "k8s.io/client-go/tools/cache"

	"github.com/3astronautas/algesta"
)

// settle is how long changes are gathered before those who wait for them are woken: a rollout changes a Deployment
// several times within milliseconds.
const settle = 50 * time.Millisecond

// byOwner is the index of ReplicaSets by their Deployment's UID and of pods by their ReplicaSet's.
const byOwner = "owner"

// watched are the shared informers of one namespace.
type watched struct {
	factory                 informers.SharedInformerFactory
	deployments, sets, pods clientcache.SharedIndexInformer
}

func (w watched) kinds() map[string]clientcache.SharedIndexInformer {
	return map[string]clientcache.SharedIndexInformer{"deployments": w.deployments, "replicasets": w.sets, "pods": w.pods}
}

// cache is what the informers of a cluster hold, and who is told of changes.
type cache struct {
	cluster string
	spaces  map[string]watched
	wake    chan struct{}

	mu        sync.Mutex
	refused   map[string]bool // the right to list or watch is missing, by "namespace/resource"
	changed   map[algesta.Workload]bool
	listeners []func(algesta.Workload)
}

// Service is a Deployment as discovery sees it.
type Service struct {
	Workload algesta.Workload
	Labels   map[string]string
}

func newCache(c *Cluster) (*cache, error) {
	out := &cache{
		cluster: c.name, spaces: map[string]watched{}, wake: make(chan struct{}, 1),
		refused: map[string]bool{}, changed: map[algesta.Workload]bool{},
	}
	for _, namespace := range c.namespaces {
		f := informers.NewSharedInformerFactoryWithOptions(c.watches, 0, informers.WithNamespace(namespace), informers.WithTransform(strip))
		w := watched{
			factory: f, deployments: f.Apps().V1().Deployments().Informer(),
			sets: f.Apps().V1().ReplicaSets().Informer(), pods: f.Core().V1().Pods().Informer(),
		}
		out.spaces[namespace] = w
		if err := out.listen(namespace, w); err != nil {
			return nil, fmt.Errorf("preparing the caches of namespace %s: %w", namespace, err)
		}
	}
	return out, nil
}

func (k *cache) listen(namespace string, w watched) error {
	for _, i := range []clientcache.SharedIndexInformer{w.sets, w.pods} {
		if err := i.AddIndexers(clientcache.Indexers{byOwner: ownerUID}); err != nil {
			return err
		}
	}
	for resource, i := range w.kinds() {
		handler := clientcache.ResourceEventHandlerFuncs{
			AddFunc:    func(o any) { k.note(namespace, resource, o) },
			UpdateFunc: func(_, o any) { k.note(namespace, resource, o) },
			DeleteFunc: func(o any) { k.note(namespace, resource, o) },
		}
		if _, err := i.AddEventHandler(handler); err != nil {
			return err
		}
		// The reflector tries again by itself, ever slower. Its own handler would log the server's words.
		key := namespace + "/" + resource
		if err := i.SetWatchErrorHandlerWithContext(func(_ context.Context, _ *clientcache.Reflector, err error) { k.failed(key, err) }); err != nil {
			return err
		}
	}
	return nil
}

func ownerUID(o any) ([]string, error) {
	m, ok := o.(metav1.Object)
	if !ok {
		return nil, nil
	}
	if owner := metav1.GetControllerOfNoCopy(m); owner != nil {
		return []string{string(owner.UID)}, nil
	}
	return nil, nil
}

func (k *cache) failed(key string, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if apierrors.IsForbidden(err) || apierrors.IsUnauthorized(err) {
		k.refused[key] = true
	}
}

// note gathers which Deployment an event is about and wakes the teller.
func (k *cache) note(namespace, resource string, o any) {
	if gone, ok := o.(clientcache.DeletedFinalStateUnknown); ok {
		o = gone.Obj
	}
	m, ok := o.(metav1.Object)
	if !ok {
		return
	}
	name := m.GetName()
	if resource != "deployments" {
		owner := metav1.GetControllerOfNoCopy(m)
		if owner == nil {
			return
		}
		name = owner.Name
		if resource == "pods" { // owned by a ReplicaSet, which the deployment controller names <deployment>-<hash>
			i := strings.LastIndexByte(name, '-')
			if owner.Kind != "ReplicaSet" || i < 0 {
				return
			}
			name = name[:i]
		}
	}
	k.mu.Lock()
	delete(k.refused, namespace+"/"+resource)
	k.changed[algesta.Workload{Cluster: k.cluster, Namespace: namespace, Name: name}] = true
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Start fills and keeps the caches until ctx ends, and returns when everything it started has ended.
func (c *Cluster) Start(ctx context.Context) {
	k := c.cache
	for _, w := range k.spaces {
		w.factory.StartWithContext(ctx)
	}
	for {
		select {
		case <-ctx.Done():
			for _, w := range k.spaces {
				w.factory.Shutdown()
			}
			return
		case <-k.wake:
		}
		timer := time.NewTimer(settle)
		select {
		case <-ctx.Done():
			timer.Stop()
			continue
		case <-timer.C:
		}
		k.mu.Lock()
		changed, listeners := k.changed, slices.Clone(k.listeners)
		k.changed = map[algesta.Workload]bool{}
		k.mu.Unlock()
		for w := range changed {
			for _, tell := range listeners {
				tell(w)
			}
		}
	}
}

// OnChange calls f with every workload of which the Deployment, a ReplicaSet or a pod changed, shortly after it did; what changes
// within 50 ms is told once. f is called from one goroutine, and must not block. Register before Start.
func (c *Cluster) OnChange(f func(algesta.Workload)) {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	c.cache.listeners = append(c.cache.listeners, f)
}

// Synced reports whether the caches hold everything that the bot may read.
func (c *Cluster) Synced() bool {
	for namespace, w := range c.cache.spaces {
		for resource, i := range w.kinds() {
			if !i.HasSynced() && !c.cache.isRefused(namespace, resource) {
				return false
			}
		}
	}
	return true
}

// Trouble says what the bot may not watch; it reads that live, or not at all.
func (c *Cluster) Trouble() []algesta.Text {
	c.cache.mu.Lock()
	defer c.cache.mu.Unlock()
	var out []algesta.Text
	for _, key := range slices.Sorted(maps.Keys(c.cache.refused)) {
		namespace, resource, _ := strings.Cut(key, "/")
		out = append(out, algesta.Say("I have no right to watch {} in {} of {}.", resource, namespace, algesta.Name(c.name)))
	}
	return out
}

func (k *cache) isRefused(namespace, resource string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refused[namespace+"/"+resource]
}

// Services are the Deployments that the caches know, sorted by namespace and name: what the catalogue discovers.
func (c *Cluster) Services() []Service {
	var out []Service
	for namespace, w := range c.cache.spaces {
		for _, o := range w.deployments.GetStore().List() {
			if d, ok := o.(*appsv1.Deployment); ok {
				out = append(out, Service{Workload: algesta.Workload{Cluster: c.name, Namespace: namespace, Name: d.Name}, Labels: maps.Clone(d.Labels)})
			}
		}
	}
	slices.SortFunc(out, func(a, b Service) int { return strings.Compare(a.Workload.String(), b.Workload.String()) })
	return out
}

// workload is what the caches hold of a Deployment; ok is false when they do not hold all of it.
func (k *cache) workload(w algesta.Workload) (d *appsv1.Deployment, sets []*appsv1.ReplicaSet, pods []*corev1.Pod, ok bool) {
	space, watching := k.spaces[w.Namespace]
	if !watching {
		return nil, nil, nil, false
	}
	for resource, i := range space.kinds() {
		if !i.HasSynced() || k.isRefused(w.Namespace, resource) {
			return nil, nil, nil, false
		}
	}
	o, found, err := space.deployments.GetStore().GetByKey(w.Namespace + "/" + w.Name)
	if err != nil || !found {
		return nil, nil, nil, false // it may be seconds old: the live read decides
	}
	if d, ok = o.(*appsv1.Deployment); !ok {
		return nil, nil, nil, false
	}
	for _, set := range ownedIn[*appsv1.ReplicaSet](space.sets, d.UID) {
		sets = append(sets, set)
		pods = append(pods, ownedIn[*corev1.Pod](space.pods, set.UID)...)
	}
	return d, sets, pods, true
}

func ownedIn[T any](i clientcache.SharedIndexInformer, owner types.UID) []T {
	objects, err := i.GetIndexer().ByIndex(byOwner, string(owner))
	if err != nil {
		return nil // the index is there: it was added before the start
	}
	var out []T
	for _, o := range objects {
		if t, ok := o.(T); ok {
			out = append(out, t)
		}
	}
	return out
}
