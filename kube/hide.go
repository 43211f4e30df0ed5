package kube

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/sourcegraph/conc"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact/podspec"
)

// learnAgain is how long what a workload's templates and Secrets hold counts as known: a Secret may change, and the redactor keeps
// a limited number and forgets the oldest.
const learnAgain = time.Minute

// causeAnnotation is where people say why they changed something.
const causeAnnotation = "kubernetes.io/change-cause"

// controllerRevision is the kind in which the revisions of StatefulSets and DaemonSets are kept.
const controllerRevision = "ControllerRevision"

// learned is what is known of a workload.
type learned struct {
	templates string // which Deployment and ReplicaSets, in which generation
	pods      map[types.UID]bool
	at        time.Time
}

// learn passes to Config.SecretValues what these pods or templates spell out and what the Secrets hold that they name, as far as those may
// be read: nobody who gets an object of the workload can show any of that, whatever quotes it. names are words that people have to read.
func (c *Cluster) learn(ctx context.Context, namespace string, names []string, specs ...*corev1.PodSpec) {
	if c.secretValues == nil || len(specs) == 0 {
		return
	}
	var wanted []string
	for _, spec := range specs {
		needed, used := secretsOf(*spec)
		wanted = append(append(wanted, needed...), used...)
		for _, list := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
			for i := range list {
				names = append(names, list[i].Name, list[i].Image)
			}
		}
	}
	names = append(slices.Concat(names, wanted, c.namesIn(namespace), c.namespaces), c.name, namespace)
	known := strings.Join(names, "\n")
	c.secretValues(slices.DeleteFunc(podspec.Secrets(specs...), func(value []byte) bool {
		return strings.Contains(known, strings.TrimSpace(string(value)))
	}))
	if slices.Contains(c.secretNamespaces, namespace) {
		c.learnSecrets(ctx, namespace, wanted, names)
	}
}

// learnSecrets reads Secrets so that their values are known, each once in a while and a limited number at once. One that can't be read is
// tried again the next time.
func (c *Cluster) learnSecrets(ctx context.Context, namespace string, wanted, names []string) {
	var work conc.WaitGroup
	slots := make(chan struct{}, atOnce)
	asked := map[string]bool{}
	for _, name := range wanted {
		key := namespace + "/" + name
		at, told := c.secretsTold.Load(key)
		if since, ok := at.(time.Time); name == "" || asked[key] || len(asked) == mostSecrets || told && ok && time.Since(since) < learnAgain {
			continue
		}
		asked[key] = true
		work.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			s, err := c.secret(ctx, namespace, name, names)
			if err != nil {
				return // noSecret has logged where the right is missing
			}
			c.secretsTold.Store(key, time.Now())
			for _, value := range s.Data {
				clear(value)
			}
		})
	}
	work.Wait()
}

// learnList passes on what the objects of a list spell out.
func (c *Cluster) learnList(ctx context.Context, namespace string, list runtime.Object) {
	var specs []*corev1.PodSpec
	_ = meta.EachListItem(list, func(item runtime.Object) error {
		specs = append(specs, podSpecsOf(item)...)
		return nil
	})
	c.learn(ctx, namespace, nil, specs...)
}

// podSpecsOf are the pods that an object is or makes: none where it's of no kind that makes pods. Of an operator's object they are found
// wherever it keeps a template, and of a ControllerRevision what its workload had.
func podSpecsOf(object runtime.Object) []*corev1.PodSpec {
	switch o := object.(type) {
	case *corev1.Pod:
		return []*corev1.PodSpec{&o.Spec}
	case *appsv1.ReplicaSet:
		return []*corev1.PodSpec{&o.Spec.Template.Spec}
	case *appsv1.Deployment:
		return []*corev1.PodSpec{&o.Spec.Template.Spec}
	case *appsv1.StatefulSet:
		return []*corev1.PodSpec{&o.Spec.Template.Spec}
	case *appsv1.DaemonSet:
		return []*corev1.PodSpec{&o.Spec.Template.Spec}
	case *batchv1.Job:
		return []*corev1.PodSpec{&o.Spec.Template.Spec}
	case *batchv1.CronJob:
		return []*corev1.PodSpec{&o.Spec.JobTemplate.Spec.Template.Spec}
	case *appsv1.ControllerRevision:
		var kept map[string]any
		if json.Unmarshal(o.Data.Raw, &kept) == nil {
			return podspec.In(kept)
		}
	case *unstructured.Unstructured:
		return podspec.In(o.Object)
	}
	return nil
}

// isLearned says that what the templates of a cached workload hold was passed on a moment ago; of its pods it passes on what's new.
func (c *Cluster) isLearned(
	ctx context.Context,
	w algesta.Object,
	d *appsv1.Deployment,
	sets []*appsv1.ReplicaSet,
	pods []*corev1.Pod,
) bool {
	if c.secretValues == nil {
		return true
	}
	c.mu.Lock()
	last, known := c.learnedOf[w]
	if !known || last.templates != templatesOf(d, sets) || time.Since(last.at) > learnAgain {
		c.mu.Unlock()
		return false
	}
	var fresh []*corev1.PodSpec
	for _, pod := range pods {
		if !last.pods[pod.UID] {
			last.pods[pod.UID] = true
			fresh = append(fresh, &pod.Spec)
		}
	}
	c.mu.Unlock()
	c.learn(ctx, w.Namespace, []string{w.Name}, fresh...)
	return true
}

func (c *Cluster) noteLearned(w algesta.Object, d *appsv1.Deployment, sets []*appsv1.ReplicaSet, pods []*corev1.Pod) {
	told := learned{templates: templatesOf(d, sets), pods: map[types.UID]bool{}, at: time.Now()}
	for _, pod := range pods {
		told.pods[pod.UID] = true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.learnedOf[w] = told
}

func templatesOf(d *appsv1.Deployment, sets []*appsv1.ReplicaSet) string {
	ids := []string{string(d.UID) + d.Annotations[templateAnnotation]}
	for _, set := range sets {
		ids = append(ids, string(set.UID)+set.Annotations[templateAnnotation])
	}
	slices.Sort(ids)
	return strings.Join(ids, " ")
}

// hideIn takes the values that are known out of the texts that people, programs and kubelets wrote into a workload, before anyone cuts
// them. Nothing is changed in place: the objects may be the cache's.
func (c *Cluster) hideIn(
	d *appsv1.Deployment,
	sets []*appsv1.ReplicaSet,
	pods []*corev1.Pod,
) (*appsv1.Deployment, []*appsv1.ReplicaSet, []*corev1.Pod) {
	if c.hide == nil {
		return d, sets, pods
	}
	d = d.DeepCopy()
	c.hideCause(d.Annotations)
	for i := range d.Status.Conditions {
		d.Status.Conditions[i].Message = c.hide(d.Status.Conditions[i].Message)
	}
	sets, pods = slices.Clone(sets), slices.Clone(pods)
	for i, set := range sets {
		sets[i] = set.DeepCopy()
		c.hideCause(sets[i].Annotations)
		for j := range sets[i].Status.Conditions {
			sets[i].Status.Conditions[j].Message = c.hide(sets[i].Status.Conditions[j].Message)
		}
	}
	for i, pod := range pods {
		out := *pod
		pods[i], out.Status = &out, c.hiddenStatus(*pod.Status.DeepCopy())
	}
	return d, sets, pods
}

func (c *Cluster) hiddenStatus(s corev1.PodStatus) corev1.PodStatus {
	s.Message = c.hide(s.Message)
	for i := range s.Conditions {
		s.Conditions[i].Message = c.hide(s.Conditions[i].Message)
	}
	for _, statuses := range [][]corev1.ContainerStatus{s.InitContainerStatuses, s.ContainerStatuses, s.EphemeralContainerStatuses} {
		for i := range statuses {
			for _, state := range []*corev1.ContainerState{&statuses[i].State, &statuses[i].LastTerminationState} {
				if state.Waiting != nil {
					state.Waiting.Message = c.hide(state.Waiting.Message)
				}
				if state.Terminated != nil {
					state.Terminated.Message = c.hide(state.Terminated.Message)
				}
			}
		}
	}
	return s
}

func (c *Cluster) hideCause(annotations map[string]string) {
	if cause, ok := annotations[causeAnnotation]; ok {
		annotations[causeAnnotation] = c.hide(cause)
	}
}

// hideTextsIn takes known values out of what people, programs, kubelets and controllers wrote into the objects of a list, where nothing is
// written from it: the statuses of pods and others, events, ConfigMaps, and the change-causes of revisions. Callers that quote these cut
// them and join their blanks, and half a value can't be recognized any more.
func (c *Cluster) hideTextsIn(list runtime.Object) {
	if c.hide == nil {
		return
	}
	switch l := list.(type) {
	case *corev1.PodList:
		for i := range l.Items {
			l.Items[i].Status = c.hiddenStatus(l.Items[i].Status)
		}
	case *corev1.EventList:
		for i := range l.Items {
			l.Items[i].Message = c.hide(l.Items[i].Message)
		}
	case *corev1.ConfigMapList:
		for i := range l.Items {
			for key, value := range l.Items[i].Data {
				l.Items[i].Data[key] = c.hide(value)
			}
		}
	case *autoscalingv2.HorizontalPodAutoscalerList:
		for i := range l.Items {
			for j := range l.Items[i].Status.Conditions {
				l.Items[i].Status.Conditions[j].Message = c.hide(l.Items[i].Status.Conditions[j].Message)
			}
		}
	case *unstructured.UnstructuredList:
		for i := range l.Items {
			c.hideMessages(l.Items[i].Object["status"])
			annotations := l.Items[i].GetAnnotations()
			if _, ok := annotations[causeAnnotation]; ok && (l.Items[i].GetKind() == "ReplicaSet" || l.Items[i].GetKind() == controllerRevision) {
				c.hideCause(annotations)
				l.Items[i].SetAnnotations(annotations)
			}
		}
	}
}

// hideMessages takes known values out of every message in a status, wherever it is: Gateways and routes have conditions of their parts.
func (c *Cluster) hideMessages(status any) {
	switch s := status.(type) {
	case map[string]any:
		for key, value := range s {
			if text, ok := value.(string); ok && key == "message" {
				s[key] = c.hide(text)
				continue
			}
			c.hideMessages(value)
		}
	case []any:
		for _, one := range s {
			c.hideMessages(one)
		}
	}
}
