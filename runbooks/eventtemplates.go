package runbooks

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	"github.com/sourcegraph/conc"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
)

// templateReads are the kinds whose templates are read where an event is about one of them.
var templateReads = []string{
	"list deployments.apps", "list statefulsets.apps", "list daemonsets.apps", "list controllerrevisions.apps", "list jobs.batch",
	"list cronjobs.batch",
}

// ofUnknownTemplate stands for what was said of an object whose template nobody can read, or no longer.
const ofUnknownTemplate = "(left out: I couldn't read the template that it's about, so I don't know what has to be hidden)"

// plainOfControllers are the reasons of events of these kinds that quote nothing but names, numbers and nodes
// (k8s.io/kubernetes/pkg/controller/deployment, statefulset, daemon, job, cronjob).
var plainOfControllers = []string{
	"ScalingReplicaSet", "DeploymentRollback", "SuccessfulCreate", "SuccessfulDelete", "SuccessfulUpdate", "RecreatingFailedPod",
	"RecreatingTerminatedPod", "SelectingAll", "FailedDaemonPod", "Completed", "BackoffLimitExceeded", "DeadlineExceeded", "Suspended",
	"Resumed", "SawCompletedJob", "JobAlreadyActive", "MissSchedule", "MissingJob", "UnexpectedJob", "TooManyMissedTimes",
}

// withoutTemplates are the kinds that make no pods. What is said of any other kind that isn't known, such as one of an operator, may quote
// the template in it: a controller repeats what an admission webhook said.
var withoutTemplates = []string{
	"Node", "Namespace", "Service", "Endpoints", "EndpointSlice", "Ingress", "IngressClass", "NetworkPolicy", "HorizontalPodAutoscaler",
	"PersistentVolumeClaim", "PersistentVolume", "StorageClass", "VolumeSnapshot", "PodDisruptionBudget", "ResourceQuota", "LimitRange",
	"ConfigMap", "Secret", "ServiceAccount", "Lease", "PriorityClass",
	"Certificate", "CertificateRequest", "Issuer", "ClusterIssuer", "Order", "Challenge", "ExternalSecret", "SecretStore",
	"ClusterSecretStore", "PushSecret", "SealedSecret", "SecretProviderClass", "ScaledObject", "TriggerAuthentication",
	"Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "TargetGroupBinding", "ServiceMonitor", "PodMonitor",
	"VerticalPodAutoscaler", "NodeClaim", "NodePool",
}

// template is what an object makes pods of.
type template struct {
	name string
	spec *corev1.PodSpec
}

// templateKinds read the templates of a namespace, by the kind that makes pods.
var templateKinds = map[string]func(ctx context.Context, c Cluster, namespace string) ([]template, listed){
	"Deployment": templatesOf("deployments", &appsv1.DeploymentList{}, func(list *appsv1.DeploymentList) (out []template) {
		for i := range list.Items {
			out = append(out, template{list.Items[i].Name, &list.Items[i].Spec.Template.Spec})
		}
		return out
	}),
	"StatefulSet": templatesOf("statefulsets", &appsv1.StatefulSetList{}, func(list *appsv1.StatefulSetList) (out []template) {
		for i := range list.Items {
			out = append(out, template{list.Items[i].Name, &list.Items[i].Spec.Template.Spec})
		}
		return out
	}),
	"DaemonSet": templatesOf("daemonsets", &appsv1.DaemonSetList{}, func(list *appsv1.DaemonSetList) (out []template) {
		for i := range list.Items {
			out = append(out, template{list.Items[i].Name, &list.Items[i].Spec.Template.Spec})
		}
		return out
	}),
	"Job": templatesOf("jobs", &batchv1.JobList{}, func(list *batchv1.JobList) (out []template) {
		for i := range list.Items {
			out = append(out, template{list.Items[i].Name, &list.Items[i].Spec.Template.Spec})
		}
		return out
	}),
	"CronJob": templatesOf("cronjobs", &batchv1.CronJobList{}, func(list *batchv1.CronJobList) (out []template) {
		for i := range list.Items {
			out = append(out, template{list.Items[i].Name, &list.Items[i].Spec.JobTemplate.Spec.Template.Spec})
		}
		return out
	}),
}

func templatesOf[L interface {
	runtime.Object
	DeepCopy() L
}](what string, empty L, in func(L) []template) func(context.Context, Cluster, string) ([]template, listed) {
	return func(ctx context.Context, c Cluster, namespace string) ([]template, listed) {
		list := empty.DeepCopy()
		read := listAll(ctx, c, namespace, "", what, list)
		return in(list), read
	}
}

// templatesOfBefore are what StatefulSets and DaemonSets made pods of in their revisions: an event lives for an hour, and the template may
// be another one since.
func templatesOfBefore(ctx context.Context, c Cluster, namespace string) (out []template, read listed) {
	var list appsv1.ControllerRevisionList
	read = listAll(ctx, c, namespace, "", "controllerrevisions", &list)
	for i := range list.Items {
		var kept struct {
			Spec struct {
				Template corev1.PodTemplateSpec `json:"template"`
			} `json:"spec"`
		}
		if json.Unmarshal(list.Items[i].Data.Raw, &kept) == nil { // another controller may keep something else in one
			out = append(out, template{list.Items[i].Name, &kept.Spec.Template.Spec})
		}
	}
	return out, read
}

// hideTemplates takes out of the messages of these events what the templates spell out that they are about: the pods of a StatefulSet or a
// Job need not be there, and a controller quotes what an admission webhook said. What is about a template that couldn't be read, or that is
// gone, is left out. It says which kinds couldn't be read.
func hideTemplates(ctx context.Context, c Cluster, namespace string, of []corev1.Event) []algesta.Text {
	type answer struct {
		templates []template
		read      listed
	}
	answers := map[string]*answer{}
	for _, e := range of {
		if templateKinds[e.InvolvedObject.Kind] != nil && e.Message != "" && !slices.Contains(plainOfControllers, e.Reason) {
			answers[e.InvolvedObject.Kind] = &answer{}
		}
	}
	var revisions answer
	var reading conc.WaitGroup
	if answers[statefulSetKind] != nil || answers[daemonSetKind] != nil {
		reading.Go(func() { revisions.templates, revisions.read = templatesOfBefore(ctx, c, namespace) })
	}
	for kind, a := range answers {
		reading.Go(func() { a.templates, a.read = templateKinds[kind](ctx, c, namespace) })
	}
	reading.Wait()
	var specs []*corev1.PodSpec
	var names []string
	var unread []listed
	for _, a := range answers {
		unread = append(unread, a.read)
		for _, t := range a.templates {
			specs, names = append(specs, t.spec), append(names, t.name)
		}
	}
	for _, t := range revisions.templates {
		specs = append(specs, t.spec)
	}
	if revisions.read.err != nil || revisions.read.part != nil { // an event may quote a template of before
		unread = append(unread, revisions.read)
		for _, kind := range []string{statefulSetKind, daemonSetKind} {
			if a := answers[kind]; a != nil {
				a.templates = nil
			}
		}
	}
	slices.SortFunc(unread, func(a, b listed) int { return strings.Compare(a.what, b.what) })
	hide := newHidden(names, specs...).hide
	for i := range of {
		e := &of[i]
		e.Message = hide(e.Message)
		if a := answers[e.InvolvedObject.Kind]; a != nil && e.Message != "" && !slices.Contains(plainOfControllers, e.Reason) &&
			!slices.ContainsFunc(a.templates, func(t template) bool { return t.name == e.InvolvedObject.Name }) {
			e.Message = ofUnknownTemplate
		}
	}
	return notes(unread...)
}
