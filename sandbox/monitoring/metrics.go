package monitoring

import (
	"context"
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// readWithin bounds what one scrape reads of the API server.
const readWithin = 5 * time.Second

// objects are metrics of the objects of a namespace, by the names and labels of kube-state-metrics, which no module proxy serves
// (github.com/kubernetes/kube-state-metrics, docs/metrics). They are read of the API server at each scrape.
type objects struct {
	client    kubernetes.Interface
	namespace string
}

// The metrics that the rules ask for.
var (
	podWaits = prometheus.NewDesc("kube_pod_container_status_waiting_reason", "Why a container waits.",
		[]string{"namespace", "pod", "container", "uid", "reason"}, nil)
	deploymentReplicas = prometheus.NewDesc("kube_deployment_spec_replicas", "How many pods a Deployment should run.",
		[]string{"namespace", "deployment"}, nil)
	deploymentAvailable = prometheus.NewDesc("kube_deployment_status_replicas_available", "How many of them are available.",
		[]string{"namespace", "deployment"}, nil)
	deploymentUpdated = prometheus.NewDesc("kube_deployment_status_replicas_updated", "How many of them are of the newest template.",
		[]string{"namespace", "deployment"}, nil)
	deploymentCondition = prometheus.NewDesc("kube_deployment_status_condition", "A condition of a Deployment.",
		[]string{"namespace", "deployment", "condition", "status", "reason"}, nil)
	quotas = prometheus.NewDesc("kube_resourcequota", "A quota of a namespace.",
		[]string{"namespace", "resourcequota", "resource", "type"}, nil)
)

// Describe implements prometheus.Collector.
func (o objects) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{podWaits, deploymentReplicas, deploymentAvailable, deploymentUpdated, deploymentCondition, quotas} {
		to <- d
	}
}

// Collect implements prometheus.Collector. What can't be read is an error of the scrape.
func (o objects) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), readWithin)
	defer cancel()
	pods, err := o.client.CoreV1().Pods(o.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		to <- prometheus.NewInvalidMetric(podWaits, err)
		return
	}
	for _, p := range pods.Items {
		waits(to, p)
	}
	deployments, err := o.client.AppsV1().Deployments(o.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		to <- prometheus.NewInvalidMetric(deploymentReplicas, err)
		return
	}
	for _, d := range deployments.Items {
		rolls(to, d)
	}
	all, err := o.client.CoreV1().ResourceQuotas(o.namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		to <- prometheus.NewInvalidMetric(quotas, err)
		return
	}
	for _, q := range all.Items {
		for resource, hard := range q.Status.Hard {
			used := q.Status.Used[resource]
			gauge(to, quotas, hard.AsApproximateFloat64(), q.Namespace, q.Name, string(resource), "hard")
			gauge(to, quotas, used.AsApproximateFloat64(), q.Namespace, q.Name, string(resource), "used")
		}
	}
}

func gauge(to chan<- prometheus.Metric, d *prometheus.Desc, value float64, labels ...string) {
	to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, labels...)
}

func waits(to chan<- prometheus.Metric, p corev1.Pod) {
	for _, c := range slices.Concat(p.Status.InitContainerStatuses, p.Status.ContainerStatuses) {
		if c.State.Waiting != nil {
			gauge(to, podWaits, 1, p.Namespace, p.Name, c.Name, string(p.UID), c.State.Waiting.Reason)
		}
	}
}

func rolls(to chan<- prometheus.Metric, d appsv1.Deployment) {
	wanted := int32(1)
	if d.Spec.Replicas != nil {
		wanted = *d.Spec.Replicas
	}
	gauge(to, deploymentReplicas, float64(wanted), d.Namespace, d.Name)
	gauge(to, deploymentAvailable, float64(d.Status.AvailableReplicas), d.Namespace, d.Name)
	gauge(to, deploymentUpdated, float64(d.Status.UpdatedReplicas), d.Namespace, d.Name)
	for _, c := range d.Status.Conditions {
		for _, status := range []string{"true", "false", "unknown"} {
			is := 0.0
			if map[string]corev1.ConditionStatus{
				"true": corev1.ConditionTrue, "false": corev1.ConditionFalse, "unknown": corev1.ConditionUnknown,
			}[status] == c.Status {
				is = 1
			}
			gauge(to, deploymentCondition, is, d.Namespace, d.Name, string(c.Type), status, c.Reason)
		}
	}
}
