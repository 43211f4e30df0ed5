package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// described is what is shown of a Deployment, a StatefulSet or a DaemonSet beside its rollout.
type described struct {
	meta       metav1.Object
	template   corev1.PodTemplateSpec
	selector   *metav1.LabelSelector
	strategy   string
	conditions []algesta.Text // those that say that something is wrong
}

// describeWorkload shows the rollout of a workload, its pods, and what its template says.
func describeWorkload(ctx context.Context, c Cluster, d *description) error {
	lists := map[string]runtime.Object{
		"Deployment": &appsv1.DeploymentList{}, "StatefulSet": &appsv1.StatefulSetList{}, "DaemonSet": &appsv1.DaemonSetList{},
	}
	found, err := d.read(ctx, c, lists[d.kind.Name])
	if found == nil {
		return err
	}
	w, ok := d.workload(found)
	if !ok {
		return fmt.Errorf("describing %s: it is a %T", d.name, found)
	}
	d.ofWorkload = true
	d.hiding(ctx, c, w.template.Spec)
	object := algesta.Object{
		Cluster: d.in.Command.Target.Cluster, Group: "apps", Kind: d.kind.Name, Namespace: d.in.Command.Target.Namespace, Name: d.name,
	}
	r, err := rollout.Look(ctx, c.Rollout(), object)
	if err != nil {
		return err
	}
	if r.Controller == nil {
		return d.noSuch()
	}
	in := d.in
	in.Workload, in.Command.Target.Service = object, d.name
	d.report.Tone, d.report.Title = toneOf(r), headline(r, in)
	if t, trouble := r.Trouble(d.in.Command.At); trouble {
		d.first = append(d.first, t)
	}
	if r.Unread != nil {
		d.said = append(d.said, notChecked("pods", r.Unread))
	}
	for _, f := range fieldsOf(r, in, nil) {
		d.field(f.Label, f.Value)
	}
	d.field("strategy", w.strategy)
	d.field("selector", d.labels(selectorLabels(w.selector)))
	d.field("service account", d.quote(w.template.Spec.ServiceAccountName))
	d.about(w.meta)
	for _, condition := range w.conditions {
		d.wrong("{}", condition)
	}
	d.podsTable(r.Pods)
	d.containers(w.template.Spec, nil)
	d.wanted(w.template.Spec, false)
	d.variables(ctx, c, w.template.Spec)
	return nil
}

func selectorLabels(s *metav1.LabelSelector) map[string]string {
	if s == nil {
		return nil
	}
	return s.MatchLabels
}

// workload reads the three kinds into one form.
func (d *description) workload(o runtime.Object) (described, bool) {
	switch w := o.(type) {
	case *appsv1.Deployment:
		out := described{meta: w, template: w.Spec.Template, selector: w.Spec.Selector, strategy: string(w.Spec.Strategy.Type)}
		if r := w.Spec.Strategy.RollingUpdate; r != nil {
			surge, unavailable := rolling(rollout.Workload{Deployment: w}, orOneReplica(w.Spec.Replicas))
			out.strategy = fmt.Sprintf("%s, at most %d more and %d fewer at a time", out.strategy, surge, unavailable)
		}
		for _, condition := range w.Status.Conditions {
			if condition.Status == corev1.ConditionFalse || condition.Type == appsv1.DeploymentReplicaFailure {
				out.conditions = append(out.conditions, algesta.Say("{}: {}", d.quote(condition.Reason), d.quote(condition.Message)))
			}
		}
		return out, true
	case *appsv1.StatefulSet:
		out := described{meta: w, template: w.Spec.Template, selector: w.Spec.Selector, strategy: string(w.Spec.UpdateStrategy.Type)}
		if r := w.Spec.UpdateStrategy.RollingUpdate; r != nil && r.Partition != nil && *r.Partition > 0 {
			out.strategy = fmt.Sprintf("%s, those below number %d stay as they are (partition)", out.strategy, *r.Partition)
		}
		var claims []string
		for _, claim := range w.Spec.VolumeClaimTemplates {
			size := claim.Spec.Resources.Requests[corev1.ResourceStorage]
			claims = append(claims, claim.Name+" ("+amount(size)+")")
		}
		if len(claims) > 0 {
			d.say("Each pod has a volume of its own: {}.", d.quote(list(claims)))
		}
		return out, true
	case *appsv1.DaemonSet:
		return described{meta: w, template: w.Spec.Template, selector: w.Spec.Selector, strategy: string(w.Spec.UpdateStrategy.Type)}, true
	}
	return described{}, false
}

func orOneReplica(n *int32) int32 {
	if n == nil {
		return 1 // the API server's default
	}
	return *n
}

// describeReplicaSet shows one revision of a Deployment.
func describeReplicaSet(ctx context.Context, c Cluster, d *description) error {
	found, err := d.read(ctx, c, &appsv1.ReplicaSetList{})
	set, ok := found.(*appsv1.ReplicaSet)
	if !ok {
		return err
	}
	d.ofWorkload = true
	d.hiding(ctx, c, set.Spec.Template.Spec)
	wanted := orOneReplica(set.Spec.Replicas)
	tone := algesta.Good
	switch {
	case wanted == 0:
		tone = algesta.Neutral
	case set.Status.ReadyReplicas < wanted:
		tone = algesta.Warning
	}
	d.title(tone, "{} of {} ready", set.Status.ReadyReplicas, count(wanted, "pod"))
	for _, condition := range set.Status.Conditions {
		if condition.Status == corev1.ConditionTrue && condition.Type == appsv1.ReplicaSetReplicaFailure {
			d.report.Tone = algesta.Bad
			d.wrong("The cluster takes no further pod: {}", d.quote(condition.Message))
		}
	}
	d.field("revision", d.quote(set.Annotations[rollout.RevisionAnnotation]))
	d.about(set)
	pods, _ := d.podsThat(ctx, c, func(p *corev1.Pod) bool { return metav1.IsControlledBy(p, set) })
	d.podsTable(pods)
	d.containers(set.Spec.Template.Spec, nil)
	d.variables(ctx, c, set.Spec.Template.Spec)
	return nil
}

// describeJob shows how far a job is, and why it failed.
func describeJob(ctx context.Context, c Cluster, d *description) error {
	found, err := d.read(ctx, c, &batchv1.JobList{})
	job, ok := found.(*batchv1.Job)
	if !ok {
		return err
	}
	d.ofWorkload = true
	d.hiding(ctx, c, job.Spec.Template.Spec)
	tone, word := jobWords(job)
	d.title(tone, "{}", word)
	for _, condition := range job.Status.Conditions {
		if condition.Status == corev1.ConditionTrue && condition.Message != "" {
			d.field("why", d.quote(condition.Reason+": "+d.hide(condition.Message)))
			break
		}
	}
	d.field("pods", fmt.Sprintf("%d active, %d succeeded, %d failed", job.Status.Active, job.Status.Succeeded, job.Status.Failed))
	if start := job.Status.StartTime; start != nil {
		d.field("started", algesta.Say("{} ago", span(d.in.Command.At.Sub(start.Time))))
		if end := job.Status.CompletionTime; end != nil {
			d.field("took", span(end.Sub(start.Time)))
		}
	}
	if limit := job.Spec.BackoffLimit; limit != nil {
		d.field("tries", fmt.Sprintf("given up after %d failed", *limit+1))
	}
	d.about(job)
	pods, _ := d.podsThat(ctx, c, func(p *corev1.Pod) bool { return metav1.IsControlledBy(p, job) })
	d.podsTable(pods)
	d.containers(job.Spec.Template.Spec, nil)
	d.variables(ctx, c, job.Spec.Template.Spec)
	return nil
}

// jobWords is the state of a job, in a word.
func jobWords(job *batchv1.Job) (algesta.Tone, string) {
	for _, condition := range job.Status.Conditions {
		if condition.Status != corev1.ConditionTrue {
			continue
		}
		switch condition.Type {
		case batchv1.JobComplete:
			return algesta.Good, "completed"
		case batchv1.JobFailed:
			return algesta.Bad, "failed"
		case batchv1.JobSuspended:
			return algesta.Neutral, "suspended"
		case batchv1.JobFailureTarget, batchv1.JobSuccessCriteriaMet:
		}
	}
	if job.Status.Active > 0 {
		return algesta.Running, "running"
	}
	return algesta.Waiting, "not started yet"
}

// describeCronJob shows when a CronJob runs, when it last did, and how the last runs ended.
func describeCronJob(ctx context.Context, c Cluster, d *description) error {
	found, err := d.read(ctx, c, &batchv1.CronJobList{})
	cron, ok := found.(*batchv1.CronJob)
	if !ok {
		return err
	}
	template := cron.Spec.JobTemplate.Spec.Template.Spec
	d.hiding(ctx, c, template)
	when := d.quote(cron.Spec.Schedule)
	if zone := cron.Spec.TimeZone; zone != nil {
		when += " (" + d.quote(*zone) + ")"
	}
	tone, word := algesta.Good, "runs at "+when
	if cron.Spec.Suspend != nil && *cron.Spec.Suspend {
		tone, word = algesta.Warning, "suspended, so it doesn't run ("+when+")"
	}
	var jobs batchv1.JobList
	read := listAll(ctx, c, d.in.Command.Target.Namespace, "", "jobs", &jobs)
	d.said = append(d.said, notes(read)...)
	own := slices.DeleteFunc(jobs.Items, func(j batchv1.Job) bool { return !metav1.IsControlledBy(&j, cron) })
	slices.SortFunc(own, func(a, b batchv1.Job) int { return b.CreationTimestamp.Compare(a.CreationTimestamp.Time) })
	table := algesta.Table{Head: []string{"job", "how it ended", "started", "took"}}
	for i := range own {
		_, ended := jobWords(&own[i])
		if i == 0 && ended == "failed" {
			tone, word = algesta.Bad, word+", and its last run failed"
		}
		started, took := "–", "–"
		if at := own[i].Status.StartTime; at != nil {
			started = span(d.in.Command.At.Sub(at.Time)) + " ago"
			if end := own[i].Status.CompletionTime; end != nil {
				took = span(end.Sub(at.Time))
			}
		}
		table.Rows = append(table.Rows, []algesta.Text{
			algesta.Say("{}", algesta.Name(own[i].Name)), algesta.Say("{}", ended), algesta.Say("{}", started), algesta.Say("{}", took),
		})
	}
	d.title(tone, "{}", word)
	if at := cron.Status.LastScheduleTime; at != nil {
		d.field("last started", algesta.Say("{} ago", span(d.in.Command.At.Sub(at.Time))))
	}
	if at := cron.Status.LastSuccessfulTime; at != nil {
		d.field("last succeeded", algesta.Say("{} ago", span(d.in.Command.At.Sub(at.Time))))
	}
	d.field("while one still runs", strings.ToLower(string(cron.Spec.ConcurrencyPolicy)))
	d.about(cron)
	d.table(table, "job", mostOwnPods)
	d.containers(template, nil)
	d.variables(ctx, c, template)
	return nil
}
