package diagnosis

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/words"
)

var templateAdvice = []Rule{
	{
		ID: "image-not-pinned", Family: "templates", Class: ClassImage, Advice: true,
		Signal: "in production: an image with the tag latest or none; anywhere: pods of one revision whose imageID differs", Cause: "a tag that moves: what runs depends on when a node pulled it", Remedy: "name a tag that never moves, or a digest",
		Source: "spec.containers[].image, containerStatuses[].imageID", advise: imageNotPinned,
	},
	{
		ID: "readiness-probe-missing", Family: "templates", Class: ClassProbe, Advice: true,
		Signal: "a Deployment behind a Service whose containers have no readiness probe", Cause: "a template without probes: requests reach a pod before it can answer", Remedy: "add a readiness probe",
		Source: "spec.containers[].readinessProbe", advise: readinessProbeMissing,
	},
	{
		ID: "resources-missing", Family: "templates", Class: ClassScheduling, Advice: true,
		Signal: "a container without a CPU or memory request, or without a memory limit, after defaults were applied", Cause: "a template without resources: it is evicted first, and an autoscaler cannot count it", Remedy: "set requests and a memory limit",
		Source: "spec.containers[].resources of the pods", advise: resourcesMissing,
	},
	{
		ID: "api-version-removed", Family: "templates", Class: ClassRollout, Advice: true,
		Signal: "the annotation of kubectl apply names an API version that current Kubernetes no longer serves", Cause: "a manifest that was not brought up to date", Remedy: "correct apiVersion in the manifest",
		Source: "kubectl.kubernetes.io/last-applied-configuration against the deprecation guide of Kubernetes", advise: apiVersionRemoved,
	},
	{
		ID: "manifest-differs", Family: "templates", Class: ClassRollout, Advice: true,
		Signal: "the image that runs is not the one of the last kubectl apply", Cause: "somebody set the image without changing the manifest", Remedy: "bring the manifest up to date before it is applied again",
		Source: "kubectl.kubernetes.io/last-applied-configuration against spec.template", advise: manifestDiffers,
	},
}

func imageNotPinned(s *Snapshot, near surroundings) []hint {
	var hints []hint
	for _, w := range s.index.workloads {
		if !near.has(w.ref) || w.template == nil || w.desired == 0 || w.ref.Kind == KindJob {
			continue
		}
		if h, ok := mixedImages(w); ok {
			hints = append(hints, h)
			continue
		}
		for i := range w.template.Spec.Containers {
			image := w.template.Spec.Containers[i].Image
			if !isProduction(w.ref.Namespace) || !moves(image) {
				continue
			}
			hints = append(hints, hint{
				subject: w.ref, text: fmt.Sprintf("%s runs image %s, whose content may change without a rollout", w.ref.Name, image), remedy: "Name a tag that never moves, or a digest.",
				shown: []Evidence{{Object: w.ref, Field: "spec.template.spec.containers[].image", Quote: image}},
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
func mixedImages(w *workload) (hint, bool) {
	first := map[string]*corev1.Pod{} // by container
	digests := map[string]string{}
	for _, p := range w.pods {
		if !w.isCurrent(p) || w.rollout == nil {
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
				return hint{
					subject: w.ref, text: fmt.Sprintf("Pods of one revision of %s run different content of image %s", w.ref.Name, status.Image), remedy: "Name a tag that never moves, or a digest, and restart.",
					shown: []Evidence{
						{Object: refOf(KindPod, first[status.Name]), Field: "status.containerStatuses[].imageID", Quote: before},
						{Object: refOf(KindPod, p), Field: "status.containerStatuses[].imageID", Quote: digest},
					},
				}, true
			}
		}
	}
	return hint{}, false
}

func readinessProbeMissing(s *Snapshot, near surroundings) []hint {
	return s.serving(near, func(w *workload) []hint {
		if slices.ContainsFunc(w.template.Spec.Containers, func(c corev1.Container) bool { return c.ReadinessProbe != nil }) {
			return nil
		}
		return []hint{{
			subject: w.ref, text: fmt.Sprintf("%s has no readiness probe, so requests reach its pods before they can answer", w.ref.Name), remedy: "Add a readiness probe.",
			shown: []Evidence{{Object: w.ref, Field: "spec.template.spec.containers[].readinessProbe", Quote: "not set"}},
		}}
	})
}

func resourcesMissing(s *Snapshot, near surroundings) []hint {
	return s.serving(near, func(w *workload) []hint {
		containers := w.template.Spec.Containers
		if len(w.pods) > 0 {
			containers = w.pods[0].Spec.Containers // a LimitRange adds its defaults to pods, not to templates
		}
		for i := range containers {
			missing := missingResources(containers[i].Resources)
			if len(missing) == 0 {
				continue
			}
			return []hint{{
				subject: w.ref, text: fmt.Sprintf("Container %s of %s has no %s", containers[i].Name, w.ref.Name, strings.Replace(words.Few(missing, 4), " and ", " or ", 1)), remedy: "Set requests and a memory limit.",
				shown: []Evidence{{Object: w.ref, Field: fmt.Sprintf("spec.template.spec.containers[%s].resources", containers[i].Name), Quote: "no " + words.Few(missing, 4)}},
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
	"extensions/v1beta1 Deployment": "1.16", "extensions/v1beta1 DaemonSet": "1.16", "apps/v1beta1 Deployment": "1.16", "apps/v1beta1 StatefulSet": "1.16",
	"apps/v1beta2 Deployment": "1.16", "apps/v1beta2 StatefulSet": "1.16", "apps/v1beta2 DaemonSet": "1.16", "extensions/v1beta1 Ingress": "1.22", "networking.k8s.io/v1beta1 Ingress": "1.22",
	"batch/v1beta1 CronJob": "1.25", "policy/v1beta1 PodDisruptionBudget": "1.25", "autoscaling/v2beta1 HorizontalPodAutoscaler": "1.25", "autoscaling/v2beta2 HorizontalPodAutoscaler": "1.26",
}

func apiVersionRemoved(s *Snapshot, near surroundings) []hint {
	var hints []hint
	look := func(ref Ref, o metav1.Object) {
		if !near.has(ref) {
			return
		}
		manifest, ok := lastApplied(o)
		since := removed[manifest.APIVersion+" "+manifest.Kind]
		if !ok || since == "" {
			return
		}
		hints = append(hints, hint{
			subject: ref, text: fmt.Sprintf("The manifest of %s names %s, which Kubernetes no longer serves since %s, so applying it again is refused", ref.words(), manifest.APIVersion, since),
			remedy: "Correct apiVersion in the manifest.", shown: []Evidence{{Object: ref, Field: "metadata.annotations[last-applied-configuration].apiVersion", Quote: manifest.APIVersion}},
		})
	}
	eachNamed(KindDeployment, s.deployments, look)
	eachNamed(KindStatefulSet, s.statefulSets, look)
	eachNamed(KindDaemonSet, s.daemonSets, look)
	eachNamed(KindCronJob, s.cronJobs, look)
	eachNamed(KindIngress, s.ingresses, look)
	eachNamed(KindAutoscaler, s.autoscalers, look)
	eachNamed(KindBudget, s.budgets, look)
	return hints
}

func eachNamed[T metav1.Object](kind string, objects []T, look func(Ref, metav1.Object)) {
	for _, o := range objects {
		look(refOf(kind, o), o)
	}
}

func manifestDiffers(s *Snapshot, near surroundings) []hint {
	var hints []hint
	for _, w := range s.index.workloads {
		if w.rollout == nil || !near.has(w.ref) {
			continue
		}
		manifest, _ := lastApplied(w.rollout.deployment)
		for _, before := range manifest.Spec.Template.Spec.Containers {
			for i := range w.template.Spec.Containers {
				now := &w.template.Spec.Containers[i]
				if now.Name != before.Name || now.Image == before.Image || before.Image == "" {
					continue
				}
				hints = append(hints, hint{
					subject: w.ref, text: fmt.Sprintf("Applying the manifest of %s again would set its image back to %s", w.ref.Name, before.Image), remedy: "Bring the manifest up to date.",
					shown: []Evidence{
						{Object: w.ref, Field: "spec.template.spec.containers[].image", Quote: now.Image},
						{Object: w.ref, Field: "metadata.annotations[last-applied-configuration]", Quote: before.Image},
					},
				})
			}
		}
	}
	return hints
}
