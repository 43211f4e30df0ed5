package kube

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	"go.uber.org/zap"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	clientcache "k8s.io/client-go/tools/cache"
	"k8s.io/klog/v2"

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

	discovered func(cluster, namespace string, deployments map[string]map[string]string)
	log        *zap.Logger
	panics     *algesta.Panics

	mu        sync.Mutex
	refused   map[string]bool // the right to list or watch is missing, by "namespace/resource"
	changed   map[algesta.Workload]bool
	labels    map[string]bool // namespaces whose Deployments or their labels changed
	listeners []func(algesta.Workload)
}

func newCache(c *Cluster, cfg Config) (*cache, error) {
	out := &cache{
		cluster: c.name, spaces: map[string]watched{}, wake: make(chan struct{}, 1), discovered: cfg.Deployments, log: cfg.Log, panics: cfg.Panics,
		refused: map[string]bool{}, changed: map[algesta.Workload]bool{}, labels: map[string]bool{},
	}
	if out.log == nil {
		out.log = zap.NewNop()
	}
	for _, namespace := range c.namespaces {
		f := informers.NewSharedInformerFactoryWithOptions(c.watches, 0, informers.WithNamespace(namespace), informers.WithTransform(out.strip))
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
			AddFunc:    func(o any) { _ = k.guard(func() { k.note(namespace, resource, o, true) }) },
			UpdateFunc: func(before, o any) { _ = k.guard(func() { k.note(namespace, resource, o, relabelled(before, o)) }) },
			DeleteFunc: func(o any) { _ = k.guard(func() { k.note(namespace, resource, o, true) }) },
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

// guard does a piece of work of a goroutine that is not ours, or that all who wait share: a panic there would end the bot.
func (k *cache) guard(work func()) (caught *algesta.PanicError) {
	if caught = k.panics.Catch(work); caught != nil {
		k.log.Error("panic in a cache", zap.String("cluster", k.cluster), zap.Error(caught))
	}
	return caught
}

// strip is the transform of the informers. An object that cannot be stripped is not kept.
func (k *cache) strip(object any) (kept any, err error) {
	if caught := k.guard(func() { kept = strip(object) }); caught != nil {
		return nil, errors.New("stripping an object for the cache panicked") // its value may hold the object
	}
	return kept, nil
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
	if !apierrors.IsForbidden(err) && !apierrors.IsUnauthorized(err) {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if !k.refused[key] {
		k.log.Warn("not allowed to watch", zap.String("cluster", k.cluster), zap.String("what", key), zap.Int("status", codeOf(err)))
	}
	k.refused[key] = true
}

func relabelled(before, after any) bool {
	a, okA := before.(metav1.Object)
	b, okB := after.(metav1.Object)
	return okA && okB && !maps.Equal(a.GetLabels(), b.GetLabels())
}

// note gathers which Deployment an event is about and wakes the teller.
func (k *cache) note(namespace, resource string, o any, discovery bool) {
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
	if discovery && resource == "deployments" {
		k.labels[namespace] = true
	}
	k.mu.Unlock()
	k.signal()
}

func (k *cache) signal() {
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Start fills and keeps the caches until ctx ends, and returns when everything it started has ended.
func (c *Cluster) Start(ctx context.Context) {
	k := c.cache
	ctx = klog.NewContext(ctx, klog.Logger{}) // silent: client-go's own lines quote the server, and have another form than the bot's log
	var waiting conc.WaitGroup
	for namespace, w := range k.spaces {
		w.factory.StartWithContext(ctx)
		waiting.Go(func() { k.awaitDeployments(ctx, namespace, w) })
	}
	k.tell(ctx)
	for _, w := range k.spaces {
		w.factory.Shutdown()
	}
	waiting.Wait()
}

// awaitDeployments makes a namespace known to discovery once all of it was read, also when it is empty.
func (k *cache) awaitDeployments(ctx context.Context, namespace string, w watched) {
	if !clientcache.WaitForCacheSync(ctx.Done(), w.deployments.HasSynced) {
		return
	}
	k.mu.Lock()
	k.labels[namespace] = true
	k.mu.Unlock()
	k.signal()
}

// tell hands gathered changes to those who wait for them, until ctx ends.
func (k *cache) tell(ctx context.Context) {
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.wake:
		}
		timer.Reset(settle)
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		k.mu.Lock()
		changed, labels, listeners := k.changed, k.labels, slices.Clone(k.listeners)
		k.changed, k.labels = map[algesta.Workload]bool{}, map[string]bool{}
		k.mu.Unlock()
		for w := range changed {
			for _, f := range listeners {
				_ = k.guard(func() { f(w) })
			}
		}
		for namespace := range labels {
			_ = k.guard(func() { k.discover(namespace) })
		}
	}
}

// discover hands over the Deployments of a namespace, but for one that is not read to its end yet: half of a list would
// make services disappear.
func (k *cache) discover(namespace string) {
	w := k.spaces[namespace]
	if k.discovered == nil || !w.deployments.HasSynced() {
		return
	}
	found := map[string]map[string]string{}
	for _, o := range w.deployments.GetStore().List() {
		if d, ok := o.(*appsv1.Deployment); ok {
			found[d.Name] = maps.Clone(d.Labels)
		}
	}
	k.discovered(k.cluster, namespace, found)
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
		for _, pod := range ownedIn[*corev1.Pod](space.pods, set.UID) {
			pods = append(pods, withoutValues(pod))
		}
	}
	return d, sets, pods, true
}

// podsOf are all pods of a namespace by name, with the literal values of their environment; ok is false when the cache does not hold
// them. What they point to is the cache's and must not be changed.
func (k *cache) podsOf(namespace string) (pods []corev1.Pod, ok bool) {
	space, watching := k.spaces[namespace]
	if !watching || !space.pods.HasSynced() || k.isRefused(namespace, "pods") {
		return nil, false
	}
	for _, o := range space.pods.GetStore().List() {
		if pod, isPod := o.(*corev1.Pod); isPod {
			pods = append(pods, *pod)
		}
	}
	slices.SortFunc(pods, func(a, b corev1.Pod) int { return strings.Compare(a.Name, b.Name) })
	return pods, true
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
