package kube

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/sourcegraph/conc"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
)

const (
	atOnce      = 8                // lists under way
	observeAll  = 15 * time.Second // one observation, whatever answers slowly
	mostEvents  = 500              // of one answer
	mostPages   = 4                // of warnings
	crowd       = 100              // pods: each start makes about five events
	certManager = "cert-manager.io"

	eventsOfNodes = "events of nodes"
)

// errNoMetrics is said where the API server answers and the metrics API behind it does not.
var errNoMetrics = &algesta.Error{
	Kind:    algesta.ErrUnreachable,
	Message: algesta.Say("The cluster's metrics API doesn't answer, so usage isn't known."),
}

// errNotRead says that a kind is off limits by design; its text is shown to people.
var errNotRead = &algesta.Error{
	Kind:    algesta.ErrForbidden,
	Message: algesta.Say("I don't have permission to read Secrets, by design. What the kubelet says about them is used instead."),
}

// errNotAsked is said of a kind that nothing in the namespace gave a reason to read. Whether there is any of it is not known.
var errNotAsked = &algesta.Error{Kind: algesta.ErrNotAsked, Message: algesta.Say("Nothing I saw was a reason to read them.")}

// sometimes are the kinds that are read only where something refers to them, or where something is wrong.
var sometimes = []string{
	"configmaps", "limitranges", "ingressclasses", "persistentvolumeclaims", "storageclasses", "podmetrics", "namespaces",
	"certificaterequests", "issuers", "orders", "challenges", "clusterissuers", "persistentvolumes", "leases", eventsOfNodes,
	revisionsRead,
}

// observation gathers lists that were read at once.
type observation struct {
	cluster   *Cluster
	namespace string
	slots     chan struct{}
	work      conc.WaitGroup
	asked     map[string]bool // resources, once each
	crowded   bool            // with so many pods that their events do not fit into one answer

	mu      sync.Mutex
	objects []runtime.Object
	unread  map[string]error

	// What decides on further lists, once the first are done.
	pods         corev1.PodList
	ingresses    networkingv1.IngressList
	deployments  appsv1.DeploymentList
	statefulSets appsv1.StatefulSetList
	daemonSets   appsv1.DaemonSetList
	jobs         batchv1.JobList
	autoscalers  autoscalingv2.HorizontalPodAutoscalerList
	nodes        corev1.NodeList
	budgets      policyv1.PodDisruptionBudgetList
	claims       corev1.PersistentVolumeClaimList
}

// Observe reads a namespace as a diagnosis needs it: one live LIST per kind, at once, at most 20 where nothing is wrong; a list
// that failed is asked for once more while there is time. Pods come from the caches where those are filled and the watches reach the
// cluster. Where pods are not well, what may explain that is read as well. unread names the kinds that could not be read, with an
// *algesta.Error each: about those nothing may be concluded. ConfigMaps come with their values, and so do the few Secrets that are read in
// a namespace of Config.SecretNamespaces; callers keep only names and keys. A Secret that was looked for and is not there comes
// as an ObjectReference.
func (c *Cluster) Observe(ctx context.Context, namespace string) (objects []runtime.Object, unread map[string]error) {
	ctx, cancel := context.WithTimeout(ctx, observeAll)
	defer cancel()
	o := &observation{
		cluster:   c,
		namespace: namespace,
		slots:     make(chan struct{}, atOnce),
		asked:     map[string]bool{},
		unread:    map[string]error{"secrets": errNotRead},
	}
	cached := o.cachedPods()
	o.list(ctx, "events", namespace, &corev1.EventList{}) // these take longest
	if slices.ContainsFunc(o.pods.Items, unhealthy) {     // known before anything is read
		o.explain(ctx)
	}
	if !cached {
		o.list(ctx, "pods", namespace, &o.pods)
	}
	o.list(ctx, "ingresses", namespace, &o.ingresses)
	o.list(ctx, "deployments", namespace, &o.deployments)
	o.list(ctx, "replicasets", namespace, &appsv1.ReplicaSetList{})
	o.list(ctx, "services", namespace, &corev1.ServiceList{})
	o.list(ctx, "endpointslices", namespace, &discoveryv1.EndpointSliceList{})
	o.list(ctx, "horizontalpodautoscalers", namespace, &o.autoscalers)
	o.list(ctx, "nodes", "", &o.nodes)
	o.list(ctx, "resourcequotas", namespace, &corev1.ResourceQuotaList{})
	o.list(ctx, "poddisruptionbudgets", namespace, &o.budgets)
	o.list(ctx, "statefulsets", namespace, &o.statefulSets)
	o.list(ctx, "daemonsets", namespace, &o.daemonSets)
	o.list(ctx, "jobs", namespace, &o.jobs)
	o.list(ctx, "cronjobs", namespace, &batchv1.CronJobList{})
	o.list(ctx, "networkpolicies", namespace, &networkingv1.NetworkPolicyList{})
	o.operators(ctx, false)
	certificates := schema.GroupVersionKind{Group: certManager, Version: "v1", Kind: "CertificateList"}
	o.list(ctx, resourceName(certificates), namespace, custom(certificates))
	o.work.Wait()
	o.further(ctx)
	o.unquotable()
	for _, resource := range sometimes {
		if !o.asked[resource] && (resource != eventsOfNodes || namespace != corev1.NamespaceDefault) { // they are among its own
			o.unread[resource] = errNotAsked
		}
	}
	return o.objects, o.unread
}

// cachedPods takes the pods from the caches if it can: they are most of what a crowded namespace costs.
func (o *observation) cachedPods() bool {
	pods, ok := o.cluster.cache.podsOf(o.namespace)
	if !ok || o.cluster.outage.recent() {
		return false
	}
	o.pods.Items, o.crowded = pods, len(pods) > crowd
	o.objects = append(o.objects, &o.pods)
	return true
}

// further reads what only matters where something refers to it, or where something is wrong.
func (o *observation) further(ctx context.Context) {
	anyUnhealthy := o.anyUnhealthy() // before further lists write down what they could not read
	o.secrets(ctx)
	o.revisions(ctx)
	if anyUnhealthy {
		o.explain(ctx)
	}
	if len(o.ingresses.Items) > 0 {
		o.list(ctx, "ingressclasses", "", &networkingv1.IngressClassList{})
	}
	if slices.ContainsFunc(o.deployments.Items, func(d appsv1.Deployment) bool { return takesConfigMaps(d.Spec.Template.Spec) }) ||
		slices.ContainsFunc(o.statefulSets.Items, func(s appsv1.StatefulSet) bool { return takesConfigMaps(s.Spec.Template.Spec) }) {
		o.list(ctx, "configmaps", o.namespace, &corev1.ConfigMapList{}) // they name what is called
	}
	if slices.ContainsFunc(o.pods.Items, claims) {
		o.list(ctx, "persistentvolumeclaims", o.namespace, &o.claims)
		if anyUnhealthy { // a pod whose claim has no volume is not ready
			o.list(ctx, "storageclasses", "", &storagev1.StorageClassList{})
		}
	}
	if slices.ContainsFunc(o.autoscalers.Items, limitedScaling) {
		o.usage(ctx)
	}
	if o.bare() || anyUnhealthy && o.lacksPods() {
		o.space(ctx)
	}
	if o.drains() {
		o.nodeEvents(ctx)
	}
	if o.unattended() {
		o.leases(ctx)
	}
	o.work.Wait()
	if slices.ContainsFunc(o.claims.Items, pending) {
		o.list(ctx, "persistentvolumes", "", &corev1.PersistentVolumeList{})
		o.work.Wait()
	}
	if o.unissued() { // the chain from a certificate down to its cause
		for _, kind := range []schema.GroupVersionKind{
			{Group: certManager, Version: "v1", Kind: "CertificateRequestList"},
			{Group: certManager, Version: "v1", Kind: "IssuerList"},
			{Group: "acme." + certManager, Version: "v1", Kind: "OrderList"},
			{Group: "acme." + certManager, Version: "v1", Kind: "ChallengeList"},
		} {
			o.list(ctx, resourceName(kind), o.namespace, custom(kind))
		}
		issuers := schema.GroupVersionKind{Group: certManager, Version: "v1", Kind: "ClusterIssuerList"}
		o.list(ctx, resourceName(issuers), "", custom(issuers))
		o.work.Wait()
	}
}

// anyUnhealthy says whether some workload does not run as it should, or could not be read.
func (o *observation) anyUnhealthy() bool {
	for _, kind := range []string{"pods", "deployments", "statefulsets", "daemonsets", "jobs"} {
		if o.unread[kind] != nil {
			return true
		}
	}
	return slices.ContainsFunc(o.pods.Items, unhealthy) ||
		slices.ContainsFunc(o.deployments.Items, func(d appsv1.Deployment) bool { return d.Status.ReadyReplicas < wanted(d.Spec.Replicas) }) ||
		slices.ContainsFunc(o.statefulSets.Items, func(s appsv1.StatefulSet) bool { return s.Status.ReadyReplicas < wanted(s.Spec.Replicas) }) ||
		slices.ContainsFunc(
			o.daemonSets.Items, func(d appsv1.DaemonSet) bool { return d.Status.NumberReady < d.Status.DesiredNumberScheduled },
		) ||
		slices.ContainsFunc(o.jobs.Items, func(j batchv1.Job) bool {
			return j.Status.Failed > 0 || j.Status.Active == 0 && j.Status.Succeeded == 0
		})
}

func wanted(replicas *int32) int32 {
	if replicas == nil {
		return 1 // the API's default
	}
	return *replicas
}

// unhealthy says that a pod is not ready, or that one of its containers was restarted.
func unhealthy(p corev1.Pod) bool {
	if p.Status.Phase == corev1.PodSucceeded {
		return false
	}
	ready := slices.ContainsFunc(
		p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue },
	)
	return !ready || slices.ContainsFunc(p.Status.ContainerStatuses, func(c corev1.ContainerStatus) bool { return c.RestartCount > 0 })
}

// limitedScaling says that an autoscaler cannot do what it wants, so that usage explains something.
func limitedScaling(h autoscalingv2.HorizontalPodAutoscaler) bool {
	return slices.ContainsFunc(h.Status.Conditions, func(c autoscalingv2.HorizontalPodAutoscalerCondition) bool {
		return c.Type == autoscalingv2.ScalingLimited && c.Status == corev1.ConditionTrue ||
			c.Type != autoscalingv2.ScalingLimited && c.Status == corev1.ConditionFalse
	})
}

func custom(kind schema.GroupVersionKind) *unstructured.UnstructuredList {
	list := &unstructured.UnstructuredList{}
	list.SetGroupVersionKind(kind)
	return list
}

func resourceName(kind schema.GroupVersionKind) string {
	kind.Kind = strings.TrimSuffix(kind.Kind, "List")
	plural, _ := meta.UnsafeGuessKindToResource(kind)
	return plural.Resource
}

// takesConfigMaps reports whether a pod takes variables or files from a ConfigMap.
func takesConfigMaps(pod corev1.PodSpec) bool {
	return slices.ContainsFunc(pod.Volumes, func(v corev1.Volume) bool { return v.ConfigMap != nil }) ||
		slices.ContainsFunc(pod.Containers, func(c corev1.Container) bool {
			return slices.ContainsFunc(c.EnvFrom, func(from corev1.EnvFromSource) bool { return from.ConfigMapRef != nil }) ||
				slices.ContainsFunc(c.Env, func(env corev1.EnvVar) bool { return env.ValueFrom != nil && env.ValueFrom.ConfigMapKeyRef != nil })
		})
}

// claims reports whether a pod wants storage.
func claims(p corev1.Pod) bool {
	return slices.ContainsFunc(p.Spec.Volumes, func(v corev1.Volume) bool { return v.PersistentVolumeClaim != nil || v.Ephemeral != nil })
}

func pending(c corev1.PersistentVolumeClaim) bool { return c.Status.Phase == corev1.ClaimPending }

// explain reads what may be why something does not run.
func (o *observation) explain(ctx context.Context) {
	o.usage(ctx)
	o.list(ctx, "configmaps", o.namespace, &corev1.ConfigMapList{})
	o.list(ctx, "limitranges", o.namespace, &corev1.LimitRangeList{})
	o.operators(ctx, true)
	o.nodeEvents(ctx)
}

func (o *observation) usage(ctx context.Context) {
	o.list(
		ctx, "podmetrics", o.namespace, custom(schema.GroupVersionKind{Group: "metrics.k8s.io", Version: "v1beta1", Kind: "PodMetricsList"}),
	)
}

// first says whether a resource was not asked for before, and notes it.
func (o *observation) first(resource string) bool {
	before := o.asked[resource]
	o.asked[resource] = true
	return !before
}

// list reads one kind in a goroutine of its own, once. A kind that is not installed is no trouble: there is none of it.
func (o *observation) list(ctx context.Context, resource, namespace string, into runtime.Object) {
	if !o.first(resource) {
		return
	}
	o.work.Go(func() {
		o.slots <- struct{}{}
		defer func() { <-o.slots }()
		err := o.read(ctx, namespace, into)
		if resource != "podmetrics" && passing(err) && ctx.Err() == nil { // a busy API server answers a moment later
			err = o.read(ctx, namespace, into)
		}
		o.mu.Lock()
		defer o.mu.Unlock()
		_, isCustom := into.(*unstructured.UnstructuredList)
		switch {
		case err == nil:
			o.objects = append(o.objects, into)
		case errors.Is(err, errManyEvents), errors.Is(err, errManyObjects):
			o.objects = append(o.objects, into)
			o.unread[resource] = err
		case isCustom && errors.Is(err, algesta.ErrNotFound):
		case resource == "podmetrics" && errors.Is(err, algesta.ErrUnreachable):
			o.unread[resource] = errNoMetrics
		default:
			o.unread[resource] = err
		}
	})
}

// read fills one list.
func (o *observation) read(ctx context.Context, namespace string, into runtime.Object) error {
	if events, ok := into.(*corev1.EventList); ok {
		return o.cluster.events(ctx, namespace, o.crowded, events)
	}
	return o.cluster.List(ctx, namespace, "", into)
}

// passing says that the same list may be answered at the next attempt: it ran out of time, or the server or the way to it failed.
// That there is more than is read does not pass.
func passing(err error) bool {
	return errors.Is(err, algesta.ErrUnreachable) && !errors.Is(err, errManyObjects) && !errors.Is(err, errManyEvents)
}

// bare says that nothing runs here: the namespace may be empty, may be going, or may not exist.
func (o *observation) bare() bool {
	return len(o.pods.Items)+len(o.deployments.Items)+len(o.statefulSets.Items)+len(o.daemonSets.Items)+len(o.jobs.Items) == 0
}

// lacksPods says that pods were not made: their namespace may be why.
func (o *observation) lacksPods() bool {
	return o.unread["pods"] != nil || o.unread["deployments"] != nil ||
		slices.ContainsFunc(o.deployments.Items, func(d appsv1.Deployment) bool { return d.Status.Replicas < wanted(d.Spec.Replicas) }) ||
		slices.ContainsFunc(o.statefulSets.Items, func(s appsv1.StatefulSet) bool { return s.Status.Replicas < wanted(s.Spec.Replicas) }) ||
		slices.ContainsFunc(o.daemonSets.Items, func(d appsv1.DaemonSet) bool {
			return d.Status.CurrentNumberScheduled < d.Status.DesiredNumberScheduled
		}) ||
		slices.ContainsFunc(o.jobs.Items, func(j batchv1.Job) bool {
			return j.Status.Active+j.Status.Succeeded+j.Status.Failed == 0 || j.Status.Active < 1 && len(j.Status.Conditions) == 0
		})
}

// space reads the namespace itself: it may be on its way out.
func (o *observation) space(ctx context.Context) {
	if !o.first("namespaces") {
		return
	}
	o.work.Go(func() {
		ctx, cancel := context.WithTimeout(ctx, perCall)
		defer cancel()
		space := &corev1.Namespace{}
		err := o.cluster.lists.Get().AbsPath("/api/v1").Resource("namespaces").Name(o.namespace).Do(ctx).Into(space)
		err = o.cluster.explain(attempt{"get", "namespaces", o.namespace, o.namespace}, err)
		o.mu.Lock()
		defer o.mu.Unlock()
		switch {
		case err == nil:
			o.objects = append(o.objects, space)
		case errors.Is(err, algesta.ErrNotFound): // it was looked for
		default:
			o.unread["namespaces"] = err
		}
	})
}
