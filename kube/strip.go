package kube

import (
	"encoding/json"
	"iter"
	"slices"
	"strings"
	"unique"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// templateAnnotation carries the algesta.TemplateHash of a template, taken before its values were stripped. The API
// server never sees it.
const templateAnnotation = "algesta.io/template"

// strip is what an informer keeps of an object: enough to follow and to diagnose. Literal values of environment variables stay in
// pods alone, for the diagnosis, which cleans a log of them; every other reader of a cache gets pods from withoutValues.
func strip(object any) any {
	switch o := object.(type) {
	case *appsv1.Deployment:
		stripDeployment(o)
	case *appsv1.ReplicaSet:
		stripReplicaSet(o)
	case *corev1.Pod:
		keepPod(o)
	}
	return object
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

// keepPod is what the cache holds of a pod. The pods of a ReplicaSet say the same, and keep it once.
func keepPod(p *corev1.Pod) {
	stripMeta(&p.ObjectMeta)
	stripTokens(&p.Spec)
	for env := range environments(&p.Spec) {
		for i := range env {
			env[i].Name, env[i].Value = unique.Make(env[i].Name).Value(), unique.Make(env[i].Value).Value()
		}
	}
	p.Status.HostIPs, p.Status.PodIPs = nil, nil
}

func stripPod(p *corev1.Pod) {
	keepPod(p)
	stripValues(&p.Spec)
}

// withoutValues is a cached pod as everyone may see it. The cached one stays as it is.
func withoutValues(p *corev1.Pod) *corev1.Pod {
	out := *p
	out.Spec.InitContainers, out.Spec.Containers = slices.Clone(p.Spec.InitContainers), slices.Clone(p.Spec.Containers)
	out.Spec.EphemeralContainers = slices.Clone(p.Spec.EphemeralContainers)
	for _, containers := range [][]corev1.Container{out.Spec.InitContainers, out.Spec.Containers} {
		for i := range containers {
			containers[i].Env = slices.Clone(containers[i].Env)
		}
	}
	for i := range out.Spec.EphemeralContainers {
		out.Spec.EphemeralContainers[i].Env = slices.Clone(out.Spec.EphemeralContainers[i].Env)
	}
	stripValues(&out.Spec)
	return &out
}

// stripMeta drops what only the API server and kubectl need.
func stripMeta(m *metav1.ObjectMeta) {
	m.ManagedFields = nil
	m.GenerateName = ""
	delete(m.Annotations, corev1.LastAppliedConfigAnnotation)
	for name, value := range m.Annotations {
		if len(value) > longestAnnotation {
			m.Annotations[name] = strings.Clone(wholeWords(value, longestAnnotation)) // a slice would keep the whole in memory
		}
	}
}

// wholeWords is the beginning of a text of at most so many bytes, up to a blank: half a secret can't be recognized.
func wholeWords(text string, most int) string {
	return text[:max(0, strings.LastIndexAny(text[:most+1], " \t\n"))]
}

// longestAnnotation is how much of an annotation's value is kept: change-causes are short, configurations are not.
const longestAnnotation = 512

func stripPodSpec(s *corev1.PodSpec) {
	stripTokens(s)
	stripValues(s)
}

// stripTokens drops the volume that every pod gets for its ServiceAccount.
func stripTokens(s *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
		for i := range containers {
			containers[i].VolumeMounts = slices.DeleteFunc(
				containers[i].VolumeMounts, func(m corev1.VolumeMount) bool { return strings.HasPrefix(m.Name, "kube-api-access-") },
			)
		}
	}
	s.Volumes = slices.DeleteFunc(s.Volumes, func(v corev1.Volume) bool { return strings.HasPrefix(v.Name, "kube-api-access-") })
}

func stripValues(s *corev1.PodSpec) {
	for env := range environments(s) {
		for i := range env {
			env[i].Value = ""
		}
	}
}

// environments are the environment variables of every container of a pod.
func environments(s *corev1.PodSpec) iter.Seq[[]corev1.EnvVar] {
	return func(yield func([]corev1.EnvVar) bool) {
		for _, containers := range [][]corev1.Container{s.InitContainers, s.Containers} {
			for i := range containers {
				if !yield(containers[i].Env) {
					return
				}
			}
		}
		for i := range s.EphemeralContainers {
			if !yield(s.EphemeralContainers[i].Env) {
				return
			}
		}
	}
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
