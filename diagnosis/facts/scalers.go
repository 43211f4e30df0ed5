package facts

import (
	"strconv"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

// The annotations by which people pause a ScaledObject or ScaledJob of KEDA.
const (
	pausedAtAnnotation = "autoscaling.keda.sh/paused-replicas"
	pausedAnnotation   = "autoscaling.keda.sh/paused"
)

// ScaleTarget is the workload that a ScaledObject scales; the zero Ref of a ScaledJob, which makes Jobs of its own.
func ScaleTarget(o *unstructured.Unstructured) Ref {
	name, kind := Text(o, "spec", "scaleTargetRef", "name"), Text(o, "spec", "scaleTargetRef", "kind")
	if name == "" {
		return Ref{}
	}
	if kind == "" {
		kind = KindDeployment
	}
	return Ref{kind, o.GetNamespace(), name}
}

// PausedBy is the annotation that pauses a ScaledObject or ScaledJob, with its value; empty where none does. One that keeps a number of
// pods other than zero counts as well.
func PausedBy(o *unstructured.Unstructured) (annotation, value string) {
	if value, there := o.GetAnnotations()[pausedAtAnnotation]; there {
		return pausedAtAnnotation, value
	}
	if paused, err := strconv.ParseBool(o.GetAnnotations()[pausedAnnotation]); err == nil && paused {
		return pausedAnnotation, "true"
	}
	return "", ""
}

// ScalerOf is the ScaledObject that scales a workload; nil where none was read.
func (s *Snapshot) ScalerOf(workload Ref) *unstructured.Unstructured {
	for _, o := range s.OfKind(KindScaledObject) {
		if ScaleTarget(o) == workload {
			return o
		}
	}
	return nil
}

// Whole is a whole number of an object of an operator; zero where there is none.
func Whole(o *unstructured.Unstructured, path ...string) int64 {
	value, _, err := unstructured.NestedFieldNoCopy(o.Object, path...)
	if err != nil {
		return 0
	}
	return number(value)
}
