package facts

import (
	"regexp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var writesData = regexp.MustCompile(`"f:(?:data|binaryData|stringData)"`)

// dataChanged is when the data of a ConfigMap or Secret was last written; zero when that is not known, as in what kubectl
// prints without --show-managed-fields.
func dataChanged(o metav1.Object) time.Time {
	var changed time.Time
	for _, m := range o.GetManagedFields() {
		if m.Time != nil && m.FieldsV1 != nil && writesData.Match(m.FieldsV1.GetRawBytes()) {
			changed = Latest(changed, m.Time.Time)
		}
	}
	return changed
}

// VariablesFrom lists the ConfigMaps and Secrets that a container takes variables from.
func VariablesFrom(c *corev1.Container, namespace string) []Ref {
	var refs []Ref
	for _, env := range c.Env {
		if ref := EnvSource(env, namespace); ref != (Ref{}) && !slices.Contains(refs, ref) {
			refs = append(refs, ref)
		}
	}
	for _, from := range c.EnvFrom {
		switch {
		case from.SecretRef != nil:
			refs = append(refs, Ref{KindSecret, namespace, from.SecretRef.Name})
		case from.ConfigMapRef != nil:
			refs = append(refs, Ref{KindConfigMap, namespace, from.ConfigMapRef.Name})
		}
	}
	return refs
}

// ConfigBefore is the latest change, within a day before the trouble began, of what a workload takes variables or files
// from.
func (s *Snapshot) ConfigBefore(w *Workload, since time.Time) (source Ref, changed time.Time) {
	if w.Template == nil {
		return Ref{}, time.Time{}
	}
	if since.IsZero() {
		since = s.now
	}
	var used []Ref
	for i := range w.Template.Spec.Containers {
		used = append(used, VariablesFrom(&w.Template.Spec.Containers[i], w.Ref.Namespace)...)
	}
	for _, v := range w.Template.Spec.Volumes {
		if ref, _ := VolumeSource(v, w.Ref.Namespace); ref != (Ref{}) {
			used = append(used, ref)
		}
	}
	for _, ref := range used {
		have := s.keysOf[ref]
		if have == nil || have.Changed.IsZero() || have.Changed.After(since.Add(ClockSlack)) || since.Sub(have.Changed) > 24*time.Hour {
			continue
		}
		if have.Changed.After(changed) {
			source, changed = ref, have.Changed
		}
	}
	return source, changed
}

// VolumeSource is the Secret or ConfigMap that a volume mounts, and whether a pod starts without it.
func VolumeSource(v corev1.Volume, namespace string) (ref Ref, optional bool) {
	switch {
	case v.Secret != nil:
		return Ref{KindSecret, namespace, v.Secret.SecretName}, v.Secret.Optional != nil && *v.Secret.Optional
	case v.ConfigMap != nil:
		return Ref{KindConfigMap, namespace, v.ConfigMap.Name}, v.ConfigMap.Optional != nil && *v.ConfigMap.Optional
	}
	return Ref{}, false
}
