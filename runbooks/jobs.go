package runbooks

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

var _ = register(listEverywhere(Runbook{
	Name:    "jobs",
	Aliases: []string{"get jobs", "get job"},
	Verb:    "status",
	Summary: "List the jobs of an environment: how each ended or how far it is, how long it took and what made it, failed ones first.",
	Example: "jobs production",
	Rank:    60,
	About:   About{Environment: true},
	Args:    listArgs,
	Reads:   []string{"list jobs.batch"},
	Answer:  answerJobs,
}))

var _ = register(listEverywhere(Runbook{
	Name:    "cronjobs",
	Aliases: []string{"get cronjobs", "get cronjob", "get cj"},
	Verb:    "status",
	Summary: "List the CronJobs of an environment: schedule, last run and last success, those that didn't succeed last first.",
	Example: "cronjobs production",
	Rank:    61,
	About:   About{Environment: true},
	Args:    listArgs,
	Reads:   []string{"list cronjobs.batch"},
	Answer:  answerCronJobs,
}))

// The ranks of jobs, the worst first.
const (
	jobFailed = iota
	jobRuns
	jobWaits
	jobDone
)

// jobState is how a job is, in words, and its rank.
func jobState(j *batchv1.Job) (state string, rank int) {
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobFailed, batchv1.JobFailureTarget:
			return "failed (" + quote(orElse(c.Reason, "no reason given")) + ")", jobFailed
		case batchv1.JobComplete, batchv1.JobSuccessCriteriaMet:
			return "complete", jobDone
		case batchv1.JobSuspended:
			return "suspended", jobWaits
		}
	}
	if j.Status.Active == 0 {
		return "not started", jobWaits
	}
	state = "running"
	if n := j.Status.Failed; n > 0 {
		state += ", " + count(n, "failed pod")
	}
	return state, jobRuns
}

func answerJobs(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	var all batchv1.JobList
	read, err := listSelected(ctx, c, in, "jobs", &all)
	if err != nil || read.err != nil {
		return unknownReport(whereOf(in), read), err
	}
	slices.SortStableFunc(all.Items, func(a, b batchv1.Job) int {
		_, x := jobState(&a)
		_, y := jobState(&b)
		return cmp.Or(cmp.Compare(x, y), b.CreationTimestamp.Compare(a.CreationTimestamp.Time), cmp.Compare(a.Name, b.Name))
	})
	table := algesta.Table{Head: withWide(in, []string{"job", "state", "completions", "took", "age", "made by"}, "images")}
	ranks := [jobDone + 1]int{}
	for i := range all.Items {
		j := &all.Items[i]
		state, rank := jobState(j)
		ranks[rank]++
		row := []algesta.Text{
			algesta.Say("{}", algesta.Name(j.Name)), algesta.Say("{}", state), algesta.Say("{}", completions(j)),
			orDash(jobTook(j, in.Command.At)), algesta.Say("{}", ageOf(j, in)), orDash(makerOf(j)),
		}
		if isWide(in) {
			row = append(row, orDash(templateImages(j.Spec.Template.Spec)))
		}
		table.Rows = append(table.Rows, row)
	}
	report := listTitle(in, len(all.Items), "job")
	if n := ranks[jobFailed]; n > 0 {
		report.Tone, report.Title = algesta.Warning, algesta.Say("{}, {} failed", report.Title, n)
	}
	if n := ranks[jobRuns]; n > 0 {
		report.Title = algesta.Say("{}, {} running", report.Title, n)
	}
	return withTable(report, table, "job", slices.Concat(asTyped(in), notes(read))...), nil
}

// completions are how many pods of a job ended well, of how many.
func completions(j *batchv1.Job) string {
	if j.Spec.Completions == nil { // a work queue: one that ends well is enough
		return fmt.Sprint(j.Status.Succeeded)
	}
	return fmt.Sprintf("%d of %d", j.Status.Succeeded, *j.Spec.Completions)
}

// jobTook is how long a job took, or has run until now; "" where it hasn't started.
func jobTook(j *batchv1.Job, now time.Time) string {
	if j.Status.StartTime == nil {
		return ""
	}
	end := now
	if j.Status.CompletionTime != nil {
		end = j.Status.CompletionTime.Time
	} else {
		for _, c := range j.Status.Conditions {
			if c.Type == batchv1.JobFailed && c.Status == corev1.ConditionTrue {
				end = c.LastTransitionTime.Time
			}
		}
	}
	return span(end.Sub(j.Status.StartTime.Time))
}

func answerCronJobs(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	var all batchv1.CronJobList
	read, err := listSelected(ctx, c, in, "CronJobs", &all)
	if err != nil || read.err != nil {
		return unknownReport(whereOf(in), read), err
	}
	slices.SortStableFunc(all.Items, func(a, b batchv1.CronJob) int {
		return cmp.Or(cmp.Compare(cronRank(&a), cronRank(&b)), cmp.Compare(a.Name, b.Name))
	})
	table := algesta.Table{Head: withWide(in, []string{"CronJob", "schedule", "state", "last run", "last success", "age"}, "images")}
	failing, suspended := 0, 0
	for i := range all.Items {
		j := &all.Items[i]
		state := "waits for its time"
		switch {
		case cronRank(j) == jobFailed:
			state = "last run didn't succeed"
			failing++
		case j.Spec.Suspend != nil && *j.Spec.Suspend:
			state = "suspended"
			suspended++
		case len(j.Status.Active) > 0:
			state = count(len(j.Status.Active), "job") + " running"
		}
		schedule := j.Spec.Schedule
		if j.Spec.TimeZone != nil {
			schedule += " " + *j.Spec.TimeZone
		}
		row := []algesta.Text{
			algesta.Say("{}", algesta.Name(j.Name)), algesta.Say("{}", quote(schedule)), algesta.Say("{}", state),
			orDash(agoOf(j.Status.LastScheduleTime, in)), orDash(agoOf(j.Status.LastSuccessfulTime, in)), algesta.Say("{}", ageOf(j, in)),
		}
		if isWide(in) {
			row = append(row, orDash(templateImages(j.Spec.JobTemplate.Spec.Template.Spec)))
		}
		table.Rows = append(table.Rows, row)
	}
	report := listTitle(in, len(all.Items), "CronJob")
	if failing > 0 {
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{}, {} without success at the last run", report.Title, failing)
	}
	if suspended > 0 {
		report.Title = algesta.Say("{}, {} suspended", report.Title, suspended)
	}
	return withTable(report, table, "CronJob", slices.Concat(asTyped(in), notes(read))...), nil
}

// cronRank is jobFailed where nothing runs and the last run didn't end well, as far as its own status tells.
func cronRank(j *batchv1.CronJob) int {
	last, good := j.Status.LastScheduleTime, j.Status.LastSuccessfulTime
	switch {
	case len(j.Status.Active) > 0:
		return jobRuns
	case last != nil && (good == nil || good.Before(last)):
		return jobFailed
	case j.Spec.Suspend != nil && *j.Spec.Suspend:
		return jobWaits
	}
	return jobDone
}

// makerOf is what made an object: "CronJob nightly"; "" for nothing that still owns it.
func makerOf(o metav1.Object) string {
	owner := metav1.GetControllerOf(o)
	if owner == nil {
		return ""
	}
	return quote(owner.Kind + " " + owner.Name)
}
