package kube

import (
	"encoding/json"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// templateAnnotation carries the algesta.TemplateHash of a template, taken before its values were stripped. The API
// server never sees it.
const templateAnnotation = "algesta.io/template"

// strip is what an informer keeps of an object: enough to follow and to diagnose, and no literal value of an environment
// variable, because a cache is read by everything.
func strip(object any) (any, error) {
	switch o := object.(type) {
	case *appsv1.Deployment:
		stripDeployment(o)
	case *appsv1.ReplicaSet:
		stripReplicaSet(o)
	case *corev1.Pod:
		stripPod(o)
	}
	return object, nil
}

func stripDeployment(d *appsv1.Deployment) {
	if stripped(d) {
		return
	}
	hash := hashOf(d.Spec.Template)
	stripMeta(&d.ObjectMeta)
	d.Annotations = with(d.Annotations, templateAnnotation, hash)
	stripMeta(&d.Spec.Template.ObjectMeta)
	stripPodSpec(&d.Spec.Template.Spec)
}

// stripped reports that an object went through here before: an informer may hand over the same object twice, and a hash of
// a stripped template would be another one. What comes from the server has managed fields.
func stripped(o metav1.Object) bool {
	return o.GetAnnotations()[templateAnnotation] != "" && len(o.GetManagedFields()) == 0
}

// stripReplicaSet leaves of the template which images it runs: there are ten times more ReplicaSets than Deployments.
func stripReplicaSet(s *appsv1.ReplicaSet) {
	if stripped(s) {
		return
	}
	hash := hashOf(s.Spec.Template)
	stripMeta(&s.ObjectMeta)
	s.Annotations = with(s.Annotations, templateAnnotation, hash)
	var containers []corev1.Container
	for _, c := range s.Spec.Template.Spec.Containers {
		containers = append(containers, corev1.Container{Name: c.Name, Image: c.Image})
	}
	s.Spec.Template = corev1.PodTemplateSpec{Spec: corev1.PodSpec{Containers: containers}}
}

func stripPod(p *corev1.Pod) {
	stripMeta(&p.ObjectMeta)
	stripPodSpec(&p.Spec)
	p.Status.HostIPs, p.Status.PodIPs = nil, nil
}

// stripMeta drops what only the API server and kubectl need.
func stripMeta(m *metav1.ObjectMeta) {
	m.ManagedFields = nil
	m.GenerateName = ""
	delete(m.Annotations, corev1.LastAppliedConfigAnnotation)
	for name, value := range m.Annotations {
		if len(value) > longestAnnotation {
			m.Annotations[name] = strings.Clone(value[:longestAnnotation]) // a slice would keep the whole in memory
		}
	}
}

// longestAnnotation is how much of an annotation's value is kept: change-causes are short, configurations are not.
const longestAnnotation = 512

func stripPodSpec(s *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range containers {
			for j := range containers[i].Env {
				containers[i].Env[j].Value = ""
			}
			containers[i].VolumeMounts = slices.DeleteFunc(containers[i].VolumeMounts, func(m corev1.VolumeMount) bool { return strings.HasPrefix(m.Name, "kube-api-access-") })
		}
	}
	for i := range s.EphemeralContainers {
		for j := range s.EphemeralContainers[i].Env {
			s.EphemeralContainers[i].Env[j].Value = ""
		}
	}
	s.Volumes = slices.DeleteFunc(s.Volumes, func(v corev1.Volume) bool { return strings.HasPrefix(v.Name, "kube-api-access-") })
}

// hashOf is the template's hash, "" when it has none: then nothing is equal to it.
func hashOf(t corev1.PodTemplateSpec) string {
	b, err := json.Marshal(t)
	if err != nil {
		return ""
	}
	hash, err := algesta.TemplateHash(b)
	if err != nil {
		return ""
	}
	return hash
}

func with(m map[string]string, key, value string) map[string]string {
	if m == nil {
		m = map[string]string{}
	}
	m[key] = value
	return m
}
