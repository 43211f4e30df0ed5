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

// settle is how long changes are gathered before the Deployments are handed over: an apply of many changes them within milliseconds.
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

// cache is what the informers of a cluster hold, and where the list of Deployments goes.
type cache struct {
	cluster string
	spaces  map[string]watched
	wake    chan struct{}

	discovered func(cluster, namespace string, deployments map[string]map[string]string)
	log        *zap.Logger
	panics     *algesta.Panics

	mu      sync.Mutex
	refused map[string]bool // the right to list or watch is missing, by "namespace/resource"
	labels  map[string]bool // namespaces whose Deployments or their labels changed
}

func newCache(c *Cluster, cfg Config) (*cache, error) {
	out := &cache{
		cluster:    c.name,
		spaces:     map[string]watched{},
		wake:       make(chan struct{}, 1),
		discovered: cfg.Deployments,
		log:        cfg.Log,
		panics:     cfg.Panics,
		refused:    map[string]bool{},
		labels:     map[string]bool{},
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
			AddFunc:    func(any) { k.note(namespace, resource, true) },
			UpdateFunc: func(before, o any) { _ = k.guard(func() { k.note(namespace, resource, relabelled(before, o)) }) },
			DeleteFunc: func(any) { k.note(namespace, resource, true) },
		}
		if _, err := i.AddEventHandler(handler); err != nil {
			return err
		}
		// The reflector tries again on its own, ever slower. Its own handler would log the server's words.
		key := namespace + "/" + resource
		if err := i.SetWatchErrorHandlerWithContext(
			func(_ context.Context, _ *clientcache.Reflector, err error) { k.failed(key, err) },
		); err != nil {
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

// note records that a kind can be watched, since an event of it came, and wakes discovery where a Deployment came, went or has other
// labels.
func (k *cache) note(namespace, resource string, discovery bool) {
	k.mu.Lock()
	delete(k.refused, namespace+"/"+resource)
	discovery = discovery && resource == "deployments"
	if discovery {
		k.labels[namespace] = true
	}
	k.mu.Unlock()
	if discovery {
		k.signal()
	}
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
	waiting.Go(func() { c.look(ctx) })
	k.publish(ctx)
	for _, w := range k.spaces {
		w.factory.Shutdown()
	}
	waiting.Wait()
	c.endSignIns()
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

// publish hands over the Deployments of the namespaces in which they changed, until ctx ends.
func (k *cache) publish(ctx context.Context) {
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
		labels := k.labels
		k.labels = map[string]bool{}
		k.mu.Unlock()
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

func (k *cache) isRefused(namespace, resource string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.refused[namespace+"/"+resource]
}

// workload is what the caches hold of a Deployment, its pods with the literal values of their environment; ok is false when they do not
// hold all of it. What they point to is the cache's and must not be changed.
func (k *cache) workload(w algesta.Object) (d *appsv1.Deployment, sets []*appsv1.ReplicaSet, pods []*corev1.Pod, ok bool) {
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

// LastStop is when the grace period of the last pod of a namespace that stops now ends, zero where none stops; known is false where the
// caches don't hold the pods of the namespace.
func (c *Cluster) LastStop(namespace string) (at time.Time, known bool) {
	pods, known := c.cache.podsOf(namespace)
	for _, pod := range pods {
		if pod.DeletionTimestamp != nil && pod.DeletionTimestamp.After(at) {
			at = pod.DeletionTimestamp.Time
		}
	}
	return at, known
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
