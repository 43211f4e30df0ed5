package facts

import (
	"time"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The objects that were read, each kind in the order of namespaces and names. Nobody may change them.

// Deployments are the Deployments that were read.
func (s *Snapshot) Deployments() []*appsv1.Deployment { return s.deployments }

// ReplicaSets are the ReplicaSets that were read.
func (s *Snapshot) ReplicaSets() []*appsv1.ReplicaSet { return s.replicaSets }

// StatefulSets are the StatefulSets that were read.
func (s *Snapshot) StatefulSets() []*appsv1.StatefulSet { return s.statefulSets }

// DaemonSets are the DaemonSets that were read.
func (s *Snapshot) DaemonSets() []*appsv1.DaemonSet { return s.daemonSets }

// Jobs are the Jobs that were read.
func (s *Snapshot) Jobs() []*batchv1.Job { return s.jobs }

// CronJobs are the CronJobs that were read.
func (s *Snapshot) CronJobs() []*batchv1.CronJob { return s.cronJobs }

// Pods are the Pods that were read.
func (s *Snapshot) Pods() []*corev1.Pod { return s.pods }

// Services are the Services that were read.
func (s *Snapshot) Services() []*corev1.Service { return s.services }

// EndpointSlices are the EndpointSlices that were read.
func (s *Snapshot) EndpointSlices() []*discoveryv1.EndpointSlice { return s.slices }

// Ingresses are the Ingresses that were read.
func (s *Snapshot) Ingresses() []*networkingv1.Ingress { return s.ingresses }

// IngressClasses are the IngressClasses that were read.
func (s *Snapshot) IngressClasses() []*networkingv1.IngressClass { return s.classes }

// Autoscalers are the HorizontalPodAutoscalers that were read.
func (s *Snapshot) Autoscalers() []*autoscalingv2.HorizontalPodAutoscaler { return s.autoscalers }

// Quotas are the ResourceQuotas that were read.
func (s *Snapshot) Quotas() []*corev1.ResourceQuota { return s.quotas }

// LimitRanges are the LimitRanges that were read.
func (s *Snapshot) LimitRanges() []*corev1.LimitRange { return s.limitRanges }

// Budgets are the PodDisruptionBudgets that were read.
func (s *Snapshot) Budgets() []*policyv1.PodDisruptionBudget { return s.budgets }

// Claims are the PersistentVolumeClaims that were read.
func (s *Snapshot) Claims() []*corev1.PersistentVolumeClaim { return s.claims }

// Volumes are the PersistentVolumes that were read.
func (s *Snapshot) Volumes() []*corev1.PersistentVolume { return s.volumes }

// StorageClasses are the StorageClasses that were read.
func (s *Snapshot) StorageClasses() []*storagev1.StorageClass { return s.storage }

// Nodes are the Nodes that were read.
func (s *Snapshot) Nodes() []*corev1.Node { return s.nodes }

// Namespaces are the Namespaces that were read.
func (s *Snapshot) Namespaces() []*corev1.Namespace { return s.namespaces }

// NetworkPolicies are the NetworkPolicies that were read.
func (s *Snapshot) NetworkPolicies() []*networkingv1.NetworkPolicy { return s.policies }

// Custom are the objects of cert-manager's kinds, of operators and of the Gateway API that were read.
func (s *Snapshot) Custom() []*unstructured.Unstructured { return s.custom }

// Now is when the snapshot was taken.
func (s *Snapshot) Now() time.Time { return s.now }

// Setting is what was given to Configure.
func (s *Snapshot) Setting() Setting { return s.setting }

// NotChecked is what couldn't be checked so far. The caller may not change it.
func (s *Snapshot) NotChecked() []NotChecked { return s.notChecked }

// Workloads are whatever runs pods, in the order of their references: those that were read, and those that their pods name.
func (s *Snapshot) Workloads() []*Workload { return s.index.workloads }

// Workload is what is known of a workload; nil when neither it nor a pod of it was read.
func (s *Snapshot) Workload(ref Ref) *Workload { return s.index.byRef[ref] }

// Owner is the workload of a pod of the snapshot. A pod that nothing manages is its own.
func (s *Snapshot) Owner(p *corev1.Pod) *Workload { return s.index.podOwner[p] }

// PodsOn are the pods that hold resources of a node.
func (s *Snapshot) PodsOn(node string) []*corev1.Pod { return s.index.podsOn[node] }

// Service is the Service of that name; nil when it was not read.
func (s *Snapshot) Service(ref Ref) *corev1.Service { return s.index.services[ref] }

// Behind are the live pods that the selector of a Service matches.
func (s *Snapshot) Behind(service Ref) []*corev1.Pod { return s.index.behind[service] }

// SlicesOf are the EndpointSlices of a Service.
func (s *Snapshot) SlicesOf(service Ref) []*discoveryv1.EndpointSlice {
	return s.index.endpointsOf[service]
}

// ReplicaSet is the ReplicaSet of that name; nil when it was not read.
func (s *Snapshot) ReplicaSet(ref Ref) *appsv1.ReplicaSet { return s.index.sets[ref] }

// Node is the node of that name; nil when it was not read.
func (s *Snapshot) Node(name string) *corev1.Node { return s.index.nodes[name] }

// Claim is the PersistentVolumeClaim of that name; nil when it was not read.
func (s *Snapshot) Claim(ref Ref) *corev1.PersistentVolumeClaim { return s.index.claims[ref] }

// WasRead says that pods or Services of a namespace were read.
func (s *Snapshot) WasRead(namespace string) bool { return s.index.namespaces[namespace] }

// Downstream are the objects that suffer directly when one does.
func (s *Snapshot) Downstream(ref Ref) []Ref { return s.index.downstream[ref] }

// Contents is what is kept of a Secret or ConfigMap; nil when it was not read.
func (s *Snapshot) Contents(ref Ref) *Contents { return s.keysOf[ref] }

// Events are those about an object, the latest first.
func (s *Snapshot) Events(about Ref) []Event { return s.events[about] }

// Image is what the registry said about an image; empty when nobody asked it.
func (s *Snapshot) Image(image string) ImageState { return s.images[image] }
