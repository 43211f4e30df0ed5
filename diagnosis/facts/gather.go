package facts

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	eventsv1 "k8s.io/api/events/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
)

// withoutNames leaves out values that are part of a name which people need to read: a Secret may well hold “production”
// or the name of a service, and that is no secret.
func (s *Snapshot) withoutNames(values [][]byte) [][]byte {
	if len(values) == 0 {
		return nil
	}
	var names strings.Builder
	for _, w := range s.index.workloads {
		fmt.Fprintln(&names, w.Ref.Kind, w.Ref.Namespace, w.Ref.Name)
		if w.Template != nil {
			for i := range w.Template.Spec.Containers {
				fmt.Fprintln(&names, w.Template.Spec.Containers[i].Image) // "postgres" is a password that says nothing
			}
		}
	}
	for ref := range s.keysOf {
		fmt.Fprintln(&names, ref.Namespace, ref.Name)
	}
	for _, service := range s.services {
		fmt.Fprintln(&names, service.Namespace, service.Name, service.Spec.ClusterIP)
	}
	for _, i := range s.ingresses {
		fmt.Fprintln(&names, i.Name)
		for _, b := range BackendsOf(i) {
			fmt.Fprintln(&names, b.Host)
		}
	}
	for _, n := range s.nodes {
		fmt.Fprintln(&names, n.Name)
	}
	all := names.String()
	return slices.DeleteFunc(values, func(value []byte) bool { return strings.Contains(all, string(value)) })
}

func (s *Snapshot) add(object runtime.Object, secretValues *[][]byte) {
	switch o := object.(type) {
	case *corev1.Pod:
		s.pods = append(s.pods, o)
	case *appsv1.Deployment:
		s.deployments = append(s.deployments, o)
	case *appsv1.ReplicaSet:
		s.replicaSets = append(s.replicaSets, o)
	case *appsv1.StatefulSet:
		s.statefulSets = append(s.statefulSets, o)
	case *appsv1.DaemonSet:
		s.daemonSets = append(s.daemonSets, o)
	case *batchv1.Job:
		s.jobs = append(s.jobs, o)
	case *batchv1.CronJob:
		s.cronJobs = append(s.cronJobs, o)
	case *corev1.Service:
		s.services = append(s.services, o)
	case *discoveryv1.EndpointSlice:
		s.slices = append(s.slices, o)
	case *networkingv1.Ingress:
		s.ingresses = append(s.ingresses, o)
	case *networkingv1.IngressClass:
		s.classes = append(s.classes, o)
	case *autoscalingv2.HorizontalPodAutoscaler:
		s.autoscalers = append(s.autoscalers, o)
	case *policyv1.PodDisruptionBudget:
		s.budgets = append(s.budgets, o)
	case *corev1.Node:
		s.nodes = append(s.nodes, o)
	case *corev1.Event:
		s.addEvent(coreEvent(o))
	case *eventsv1.Event:
		s.addEvent(newEvent(o))
	default:
		s.addMore(object, secretValues)
	}
}

func (s *Snapshot) addMore(object runtime.Object, secretValues *[][]byte) {
	switch o := object.(type) {
	case nil:
	case *corev1.ResourceQuota:
		s.quotas = append(s.quotas, o)
	case *corev1.LimitRange:
		s.limitRanges = append(s.limitRanges, o)
	case *corev1.PersistentVolumeClaim:
		s.claims = append(s.claims, o)
	case *corev1.PersistentVolume:
		s.volumes = append(s.volumes, o)
	case *storagev1.StorageClass:
		s.storage = append(s.storage, o)
	case *corev1.Namespace:
		s.namespaces = append(s.namespaces, o)
	case *appsv1.ControllerRevision:
		s.keep(o)
	case *corev1.Secret:
		*secretValues = append(*secretValues, slices.Collect(maps.Values(o.Data))...)
		for _, value := range o.StringData {
			*secretValues = append(*secretValues, []byte(value))
		}
		s.keysOf[RefOf(KindSecret, o)] = secretKeys(o)
	case *corev1.ConfigMap:
		k := &Contents{Names: map[string]bool{}, Known: true, Changed: dataChanged(o), corefile: corefileOf(o)}
		for name, value := range o.Data {
			k.Names[name] = true
			if value == "" {
				k.Empty = append(k.Empty, name)
			}
		}
		for name := range o.BinaryData {
			k.Names[name] = true
		}
		k.owner = ownerOf(o)
		k.hosts = hostsOf(slices.Sorted(maps.Keys(o.Data)), func(name string) string { return o.Data[name] })
		s.keysOf[RefOf(KindConfigMap, o)] = k
	case *metav1.PartialObjectMetadata:
		if o.Kind == KindSecret || o.Kind == KindConfigMap {
			s.keysOf[RefOf(o.Kind, o)] = &Contents{Changed: dataChanged(o), owner: ownerOf(o)}
		}
	case *corev1.ObjectReference:
		s.NotThere[Ref{o.Kind, o.Namespace, o.Name}] = true
	case *coordinationv1.Lease:
		s.keepLease(o)
	case *networkingv1.NetworkPolicy:
		s.policies = append(s.policies, o)
	case *unstructured.Unstructured:
		if isUsage(o) {
			s.addUsage(o)
			return
		}
		s.custom = append(s.custom, o)
	default:
		if !meta.IsListType(object) {
			return
		}
		items, err := meta.ExtractList(object)
		if err != nil {
			return
		}
		for _, item := range items {
			s.add(item, secretValues)
		}
	}
}

// secretKeys reads what is public of a Secret: its type, its keys, and the certificate of a TLS pair.
func secretKeys(o *corev1.Secret) *Contents {
	k := &Contents{Names: map[string]bool{}, Known: true, Kind: o.Type, annotations: map[string]string{}, Changed: dataChanged(o)}
	k.owner = ownerOf(o)
	for name, value := range o.Annotations {
		if len(value) < 256 && name != corev1.LastAppliedConfigAnnotation {
			k.annotations[name] = value
		}
	}
	for name := range o.StringData {
		k.Names[name] = true
	}
	for name, value := range o.Data {
		k.Names[name] = true
		if len(value) == 0 {
			k.Empty = append(k.Empty, name)
		}
		if bytes.HasSuffix(value, []byte("\n")) && bytes.Count(value, []byte("\n")) == 1 {
			k.EndsInBreak = append(k.EndsInBreak, name) // of several lines the last break is usual
		}
	}
	if len(k.Empty) == len(k.Names) {
		k.Empty = nil // the values were left out of the file
	}
	if pair := o.Data[corev1.TLSCertKey]; len(pair) > 0 && len(pair) < 1<<20 {
		block, _ := pem.Decode(pair)
		if block == nil {
			k.BadPair = true
			return k
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			k.BadPair = true
			return k
		}
		k.Certificate = certificate
	}
	return k
}

// settle puts everything in one order, so that the order of reading changes nothing, and drops what was read twice.
func (s *Snapshot) settle() {
	s.pods = ordered(s.pods)
	s.deployments = ordered(s.deployments)
	s.replicaSets = ordered(s.replicaSets)
	s.statefulSets = ordered(s.statefulSets)
	s.daemonSets = ordered(s.daemonSets)
	s.jobs = ordered(s.jobs)
	s.cronJobs = ordered(s.cronJobs)
	s.services = ordered(s.services)
	s.slices = ordered(s.slices)
	s.ingresses = ordered(s.ingresses)
	s.classes = ordered(s.classes)
	s.autoscalers = ordered(s.autoscalers)
	s.quotas = ordered(s.quotas)
	s.limitRanges = ordered(s.limitRanges)
	s.budgets = ordered(s.budgets)
	s.claims = ordered(s.claims)
	s.volumes = ordered(s.volumes)
	s.storage = ordered(s.storage)
	s.nodes = ordered(s.nodes)
	s.namespaces = ordered(s.namespaces)
	s.policies = ordered(s.policies)
	slices.SortStableFunc(s.custom, func(a, b *unstructured.Unstructured) int {
		return RefOf(a.GetKind(), a).Compare(RefOf(b.GetKind(), b))
	})
	s.custom = slices.CompactFunc(s.custom, func(a, b *unstructured.Unstructured) bool {
		return RefOf(a.GetKind(), a) == RefOf(b.GetKind(), b)
	})
	for ref, list := range s.events {
		slices.SortStableFunc(list, compareEvents)
		s.events[ref] = slices.CompactFunc(list, func(a, b Event) bool { return a == b })
	}
	s.index = newIndex(s)
	s.calls = sync.OnceValue(s.findCalls)
}

func ordered[T named](list []T) []T {
	byName := func(a, b T) int {
		if c := compareStrings(a.GetNamespace(), b.GetNamespace()); c != 0 {
			return c
		}
		return compareStrings(a.GetName(), b.GetName())
	}
	if !slices.IsSortedFunc(list, byName) {
		slices.SortStableFunc(list, byName)
	}
	return slices.CompactFunc(list, func(a, b T) bool { return byName(a, b) == 0 })
}

func compareStrings(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}
