package rules

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

var templateAdvice = []Rule{
	{
		ID:     "image-not-pinned",
		Family: "templates",
		Class:  ClassImage,
		Advice: true,
		Signal: "in production: an image with the tag latest or none; anywhere: pods of one revision whose imageID differs",
		Cause:  "a tag that moves: what runs depends on when a node pulled it",
		Remedy: "name a tag that never moves, or a digest",
		Source: "spec.containers[].image, containerStatuses[].imageID",
		advise: imageNotPinned,
	},
	{
		ID:     "readiness-probe-missing",
		Family: "templates",
		Class:  ClassProbe,
		Advice: true,
		Signal: "a Deployment behind a Service whose containers have no readiness probe",
		Cause:  "a template without probes: requests reach a pod before it can answer",
		Remedy: "add a readiness probe",
		Source: "spec.containers[].readinessProbe",
		advise: readinessProbeMissing,
	},
	{
		ID:     "resources-missing",
		Family: "templates",
		Class:  ClassScheduling,
		Advice: true,
		Signal: "a container without a CPU or memory request, or without a memory limit, after defaults were applied",
		Cause:  "a template without resources: it is evicted first, and an autoscaler cannot count it",
		Remedy: "set requests and a memory limit",
		Source: "spec.containers[].resources of the pods",
		advise: resourcesMissing,
	},
	{
		ID:     "api-version-removed",
		Family: "templates",
		Class:  ClassRollout,
		Advice: true,
		Signal: "the annotation of kubectl apply names an API version that current Kubernetes no longer serves",
		Cause:  "a manifest that was not brought up to date",
		Remedy: "correct apiVersion in the manifest",
		Source: "kubectl.kubernetes.io/last-applied-configuration against the deprecation guide of Kubernetes",
		advise: apiVersionRemoved,
	},
	{
		ID:     "manifest-differs",
		Family: "templates",
		Class:  ClassRollout,
		Advice: true,
		Signal: "the image that runs is not the one of the last kubectl apply",
		Cause:  "somebody set the image without changing the manifest",
		Remedy: "bring the manifest up to date before it is applied again",
		Source: "kubectl.kubernetes.io/last-applied-configuration against spec.template",
		advise: manifestDiffers,
	},
}

func imageNotPinned(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, w := range s.Workloads() {
		if !near.Has(w.Ref) || w.Template == nil || w.Desired == 0 || w.Ref.Kind == facts.KindJob {
			continue
		}
		if h, ok := mixedImages(w); ok {
			hints = append(hints, h)
			continue
		}
		for i := range w.Template.Spec.Containers {
			image := w.Template.Spec.Containers[i].Image
			if !isProduction(w.Ref.Namespace) || !moves(image) {
				continue
			}
			hints = append(hints, Hint{
				Subject: w.Ref,
				Text:    fmt.Sprintf("%s runs image %s, whose content may change without a rollout", w.Ref.Name, image),
				Remedy:  "Name a tag that never moves, or a digest.",
				Shown:   []facts.Evidence{{Object: w.Ref, Field: "spec.template.spec.containers[].image", Quote: image}},
			})
			break
		}
	}
	return hints
}

// moves says that an image has no tag or digest of its own.
func moves(image string) bool {
	_, name, found := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	return !strings.Contains(image, "@") && (!found || name == "latest")
}

// mixedImages says that pods of the newest revision run different content under one name.
func mixedImages(w *facts.Workload) (Hint, bool) {
	first := map[string]*corev1.Pod{} // by container
	digests := map[string]string{}
	for _, p := range w.Pods {
		if !w.IsCurrent(p) || w.Rollout == nil {
			continue
		}
		for i := range p.Status.ContainerStatuses {
			status := &p.Status.ContainerStatuses[i]
			_, digest, found := strings.Cut(status.ImageID, "@")
			if !found {
				continue
			}
			before := digests[status.Name]
			if before == "" {
				digests[status.Name], first[status.Name] = digest, p
				continue
			}
			if before != digest {
				return Hint{
					Subject: w.Ref,
					Text:    fmt.Sprintf("Pods of one revision of %s run different content of image %s", w.Ref.Name, status.Image),
					Remedy:  "Name a tag that never moves, or a digest, and restart.",
					Shown: []facts.Evidence{
						{Object: facts.RefOf(facts.KindPod, first[status.Name]), Field: "status.containerStatuses[].imageID", Quote: before},
						{Object: facts.RefOf(facts.KindPod, p), Field: "status.containerStatuses[].imageID", Quote: digest},
					},
				}, true
			}
		}
	}
	return Hint{}, false
}

func readinessProbeMissing(s *facts.Snapshot, near facts.Surroundings) []Hint {
	return serving(s, near, func(w *facts.Workload) []Hint {
		if slices.ContainsFunc(w.Template.Spec.Containers, func(c corev1.Container) bool { return c.ReadinessProbe != nil }) {
			return nil
		}
		return []Hint{{
			Subject: w.Ref,
			Text:    fmt.Sprintf("%s has no readiness probe, so requests reach its pods before they can answer", w.Ref.Name),
			Remedy:  "Add a readiness probe.",
			Shown:   []facts.Evidence{{Object: w.Ref, Field: "spec.template.spec.containers[].readinessProbe", Quote: "not set"}},
		}}
	})
}

func resourcesMissing(s *facts.Snapshot, near facts.Surroundings) []Hint {
	return serving(s, near, func(w *facts.Workload) []Hint {
		containers := w.Template.Spec.Containers
		if len(w.Pods) > 0 {
			containers = w.Pods[0].Spec.Containers // a LimitRange adds its defaults to pods, not to templates
		}
		for i := range containers {
			missing := missingResources(containers[i].Resources)
			if len(missing) == 0 {
				continue
			}
			return []Hint{{
				Subject: w.Ref,
				Text: fmt.Sprintf(
					"Container %s of %s has no %s",
					containers[i].Name,
					w.Ref.Name,
					strings.Replace(words.Few(missing, 4), " and ", " or ", 1),
				),
				Remedy: "Set requests and a memory limit.",
				Shown: []facts.Evidence{
					{
						Object: w.Ref,
						Field:  fmt.Sprintf("spec.template.spec.containers[%s].resources", containers[i].Name),
						Quote:  "no " + words.Few(missing, 4),
					},
				},
			}}
		}
		return nil
	})
}

func missingResources(r corev1.ResourceRequirements) []string {
	var missing []string
	for _, name := range []corev1.ResourceName{corev1.ResourceCPU, corev1.ResourceMemory} {
		if _, ok := r.Requests[name]; !ok {
			missing = append(missing, string(name)+" request")
		}
	}
	if _, ok := r.Limits[corev1.ResourceMemory]; !ok {
		missing = append(missing, "memory limit")
	}
	return missing
}

// applied is as much of a manifest as the annotation of kubectl apply is asked for.
type applied struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Spec       struct {
		Template struct {
			Spec struct {
				Containers []struct {
					Name  string `json:"name"`
					Image string `json:"image"`
				} `json:"containers"`
			} `json:"spec"`
		} `json:"template"`
	} `json:"spec"`
}

func lastApplied(o metav1.Object) (applied, bool) {
	var manifest applied
	wording := o.GetAnnotations()[corev1.LastAppliedConfigAnnotation]
	if wording == "" || json.Unmarshal([]byte(wording), &manifest) != nil {
		return applied{}, false
	}
	return manifest, true
}

// removed are the API versions that Kubernetes no longer serves, with the version that ended them.
var removed = map[string]string{
	"extensions/v1beta1 Deployment":               "1.16",
	"extensions/v1beta1 DaemonSet":                "1.16",
	"apps/v1beta1 Deployment":                     "1.16",
	"apps/v1beta1 StatefulSet":                    "1.16",
	"apps/v1beta2 Deployment":                     "1.16",
	"apps/v1beta2 StatefulSet":                    "1.16",
	"apps/v1beta2 DaemonSet":                      "1.16",
	"extensions/v1beta1 Ingress":                  "1.22",
	"networking.k8s.io/v1beta1 Ingress":           "1.22",
	"batch/v1beta1 CronJob":                       "1.25",
	"policy/v1beta1 PodDisruptionBudget":          "1.25",
	"autoscaling/v2beta1 HorizontalPodAutoscaler": "1.25",
	"autoscaling/v2beta2 HorizontalPodAutoscaler": "1.26",
}

func apiVersionRemoved(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	look := func(ref facts.Ref, o metav1.Object) {
		if !near.Has(ref) {
			return
		}
		manifest, ok := lastApplied(o)
		since := removed[manifest.APIVersion+" "+manifest.Kind]
		if !ok || since == "" {
			return
		}
		hints = append(hints, Hint{
			Subject: ref,
			Text: fmt.Sprintf(
				"The manifest of %s names %s, which Kubernetes no longer serves since %s, so applying it again is refused",
				ref.Words(),
				manifest.APIVersion,
				since,
			),
			Remedy: "Correct apiVersion in the manifest.",
			Shown: []facts.Evidence{
				{Object: ref, Field: "metadata.annotations[last-applied-configuration].apiVersion", Quote: manifest.APIVersion},
			},
		})
	}
	eachNamed(facts.KindDeployment, s.Deployments(), look)
	eachNamed(facts.KindStatefulSet, s.StatefulSets(), look)
	eachNamed(facts.KindDaemonSet, s.DaemonSets(), look)
	eachNamed(facts.KindCronJob, s.CronJobs(), look)
	eachNamed(facts.KindIngress, s.Ingresses(), look)
	eachNamed(facts.KindAutoscaler, s.Autoscalers(), look)
	eachNamed(facts.KindBudget, s.Budgets(), look)
	return hints
}

func eachNamed[T metav1.Object](kind string, objects []T, look func(facts.Ref, metav1.Object)) {
	for _, o := range objects {
		look(facts.RefOf(kind, o), o)
	}
}

func manifestDiffers(s *facts.Snapshot, near facts.Surroundings) []Hint {
	var hints []Hint
	for _, w := range s.Workloads() {
		if w.Rollout == nil || !near.Has(w.Ref) {
			continue
		}
		manifest, _ := lastApplied(w.Rollout.Deployment)
		for _, before := range manifest.Spec.Template.Spec.Containers {
			for i := range w.Template.Spec.Containers {
				now := &w.Template.Spec.Containers[i]
				if now.Name != before.Name || now.Image == before.Image || before.Image == "" {
					continue
				}
				hints = append(hints, Hint{
					Subject: w.Ref,
					Text:    fmt.Sprintf("Applying the manifest of %s again would set its image back to %s", w.Ref.Name, before.Image),
					Remedy:  "Bring the manifest up to date.",
					Shown: []facts.Evidence{
						{Object: w.Ref, Field: "spec.template.spec.containers[].image", Quote: now.Image},
						{Object: w.Ref, Field: "metadata.annotations[last-applied-configuration]", Quote: before.Image},
					},
				})
			}
		}
	}
	return hints
}
