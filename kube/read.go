package kube

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes/scheme"

	"github.com/3astronautas/algesta"
)

var deployments = schema.GroupVersionResource{Group: "apps", Version: "v1", Resource: "deployments"}

// Deployment is one live GET, as the server wrote it. What its template and the Secrets hold that it names is passed to Config.SecretValues
// before anyone gets it.
func (c *Cluster) Deployment(ctx context.Context, w algesta.Object) (*unstructured.Unstructured, error) {
	d, err := c.deployment(ctx, w)
	if err != nil {
		return nil, err
	}
	c.learn(ctx, w.Namespace, []string{w.Name}, podSpecsOf(d)...)
	return d, nil
}

// deployment is one live GET, for a write.
func (c *Cluster) deployment(ctx context.Context, w algesta.Object) (*unstructured.Unstructured, error) {
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	d, err := c.raw.Resource(deployments).Namespace(w.Namespace).Get(ctx, w.Name, metav1.GetOptions{})
	if err != nil {
		return nil, c.explain(attempt{"get", "deployments", w.Namespace, w.Name}, err)
	}
	return d, nil
}

// vowelY is a word whose plural has "ys".
var vowelY = regexp.MustCompile(`[aeou]y$`)

// resourceOf is the resource that a list is of. Kinds map to resources by the rule that all of Kubernetes' own and
// cert-manager's kinds follow, so that no discovery call is needed.
func resourceOf(list runtime.Object) (schema.GroupVersionResource, error) {
	kind := list.GetObjectKind().GroupVersionKind()
	if kind.Empty() || kind.Kind == "PartialObjectMetadataList" {
		kinds, _, err := scheme.Scheme.ObjectKinds(list)
		if err != nil {
			return schema.GroupVersionResource{}, fmt.Errorf("finding the resource of %T: %w", list, err)
		}
		kind = kinds[0]
	}
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	if vowelY.MatchString(kind.Kind) { // the rule makes "gatewaies" of Gateway
		plural.Resource = strings.ToLower(kind.Kind) + "s"
	}
	if kind.Group == "metrics.k8s.io" { // the one group where the kind doesn't match the resource
		plural.Resource = map[string]string{"PodMetrics": "pods", "NodeMetrics": "nodes"}[kind.Kind]
	}
	return plural, nil
}

func apiPath(gv schema.GroupVersion) string {
	if gv.Group == "" {
		return "/api/" + gv.Version
	}
	return "/apis/" + gv.Group + "/" + gv.Version
}

// writtenAt is what this process last wrote to a workload.
type writtenAt struct {
	uid        types.UID
	generation int64
	at         time.Time
}

// ownWrites is how long a cache may lag behind a write of this process.
const ownWrites = time.Minute

// Workload is the Deployment with the ReplicaSets and Pods that it owns: from the caches when they hold all of it and
// nothing older than what this process wrote, and the watches reach the cluster; live otherwise. Literal values of the
// environment are not in it, and values that are hidden aren't in its messages and change-causes. When the pods or the ReplicaSets alone
// cannot be read, the rest is returned together with the error.
func (c *Cluster) Workload(ctx context.Context, w algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error) {
	d, sets, pods, ok := c.cache.workload(w)
	if ok && !c.outage.recent() && !c.staleAgainstWrite(w, d) && c.isLearned(ctx, w, d, sets, pods) {
		for i := range pods {
			pods[i] = withoutValues(pods[i])
		}
		d, sets, pods = c.hideIn(d, sets, pods)
		return d, sets, pods, nil
	}
	d, sets, pods, err := c.liveWorkload(ctx, w)
	if d != nil {
		d, sets, pods = c.hideIn(d, sets, pods)
	}
	return d, sets, pods, err
}

func (c *Cluster) staleAgainstWrite(w algesta.Object, d *appsv1.Deployment) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	last, wrote := c.written[w]
	if wrote && time.Since(last.at) > ownWrites {
		delete(c.written, w)
		return false
	}
	return wrote && (d.UID != last.uid || d.Generation < last.generation)
}

func (c *Cluster) noteWrite(w algesta.Object, uid types.UID, generation int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written[w] = writtenAt{uid: uid, generation: generation, at: time.Now()}
}

func (c *Cluster) liveWorkload(ctx context.Context, w algesta.Object) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod, error) {
	get, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	d := &appsv1.Deployment{}
	err := c.lists.Get().AbsPath("/apis/apps/v1").Namespace(w.Namespace).Resource("deployments").Name(w.Name).Do(get).Into(d)
	if err != nil {
		return nil, nil, nil, c.explain(attempt{"get", "deployments", w.Namespace, w.Name}, err)
	}
	selector, err := metav1.LabelSelectorAsSelector(d.Spec.Selector)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("reading the selector of %s: %w", w.Name, err)
	}
	var setList appsv1.ReplicaSetList
	var podList corev1.PodList
	var setsErr, podsErr error
	var wg conc.WaitGroup
	wg.Go(func() { setsErr = c.List(ctx, w.Namespace, selector.String(), &setList) })
	wg.Go(func() { podsErr = c.List(ctx, w.Namespace, selector.String(), &podList) })
	wg.Wait()
	c.learn(ctx, w.Namespace, []string{w.Name}, &d.Spec.Template.Spec) // the lists passed on theirs
	stripDeployment(d)
	var sets []*appsv1.ReplicaSet
	mine := map[types.UID]bool{}
	for i := range setList.Items {
		if set := &setList.Items[i]; owned(set, d.UID) {
			stripReplicaSet(set)
			sets, mine[set.UID] = append(sets, set), true
		}
	}
	var pods []*corev1.Pod
	for i := range podList.Items {
		pod := &podList.Items[i]
		if owner := metav1.GetControllerOfNoCopy(pod); owner != nil && mine[owner.UID] {
			stripPod(pod)
			pods = append(pods, pod)
		}
	}
	if setsErr == nil && podsErr == nil {
		c.noteLearned(w, d, sets, pods)
	}
	return d, sets, pods, errors.Join(setsErr, podsErr)
}

func owned(o metav1.Object, by types.UID) bool {
	owner := metav1.GetControllerOfNoCopy(o)
	return owner != nil && owner.UID == by
}
