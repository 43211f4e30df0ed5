package rules

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

var cronRules = []Rule{
	{
		ID:     "cronjob-late",
		Family: "jobs",
		Class:  ClassJob,
		Signal: "status.lastScheduleTime is older than the last two times of the schedule; a suspended CronJob is meant to rest",
		Cause: "a run that hangs while concurrencyPolicy forbids a second one, a starting deadline that is too short, a controller " +
			"that is down",
		Remedy:   "delete the run that hangs, or look at the controller",
		Source:   "CronJob spec.schedule, spec.timeZone and status.lastScheduleTime",
		snapshot: cronJobLate,
	},
}

// parseSchedule reads a schedule as the CronJob controller does, with its parser and its defence against that parser's panics
// (kubernetes pkg/util/parsers). What the controller can't read, or what never comes, isn't judged.
func parseSchedule(wording string) (schedule cron.Schedule, ok bool) {
	defer func() {
		if recover() != nil { // "TZ=UTC" without fields
			schedule, ok = nil, false
		}
	}()
	schedule, err := cron.ParseStandard(wording)
	if err != nil {
		return nil, false
	}
	if s, byFields := schedule.(*cron.SpecSchedule); byFields && (s.Minute == 0 || s.Hour == 0 || s.Dom == 0 || s.Month == 0 || s.Dow == 0) {
		return nil, false // a field of commas alone: looking for its next time takes long and finds none
	}
	return schedule, true
}

// farBack is how far a schedule is followed: what runs more rarely is not judged.
const farBack = 70 * 24 * time.Hour

// lastTwo are the two latest times of the schedule until t, the latest first; fewer where there are none in the 70 days before t.
// from is what "@every" counts from: the last run, or the creation.
func lastTwo(schedule cron.Schedule, from, t time.Time) []time.Time {
	if every, constant := schedule.(cron.ConstantDelaySchedule); constant {
		last := from.Add(t.Sub(from).Truncate(every.Delay))
		if t.Sub(from) < 2*every.Delay {
			return nil
		}
		return []time.Time{last, last.Add(-every.Delay)}
	}
	var times []time.Time
	for back := time.Hour; len(times) < 2 && back < 2*farBack; back *= 2 {
		times = nil
		for at := schedule.Next(t.Add(-min(back, farBack))); !at.IsZero() && !at.After(t); at = schedule.Next(at) {
			times = append([]time.Time{at}, times[:min(len(times), 1)]...)
		}
	}
	return times
}

// sameEverywhere says that a schedule means the same moments in every time zone of whole hours.
func sameEverywhere(schedule cron.Schedule) bool {
	s, byFields := schedule.(*cron.SpecSchedule)
	if !byFields || s.Location != time.Local { // "@every", and a schedule that names its zone
		return true
	}
	all := func(field uint64, low, high int) bool { return field&(1<<(high+1)-1<<low) == 1<<(high+1)-1<<low }
	return all(s.Hour, 0, 23) && all(s.Dom, 1, 31) && all(s.Month, 1, 12) && all(s.Dow, 0, 6)
}

func cronJobLate(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, c := range s.CronJobs() {
		missed, ok := missedBy(s, c)
		if !ok {
			continue
		}
		ref := facts.RefOf(facts.KindCronJob, c)
		last := facts.Evidence{Object: ref, Field: "status.lastScheduleTime", Quote: "never"}
		wording := "has never run"
		if at := c.Status.LastScheduleTime; at != nil {
			last.Quote, last.At, wording = at.UTC().Format(time.RFC3339), facts.Moment(at.Time), "has not run since "+facts.When(at.Time)
		}
		f := &Finding{
			Subject: ref,
			Hits:    []facts.Ref{ref},
			Sure:    Medium,
			Level:   Degraded,
			Since:   missed,
			Unsure:  "Its schedule may have been changed or resumed only lately.",
			What:    fmt.Sprintf("CronJob %s %s although its schedule is %q", c.Name, wording, c.Spec.Schedule),
			Shown:   []facts.Evidence{last},
			Remedy: Remedy{
				Text:    "Check its events; if it's the only one that is late, start it by hand.",
				Command: fmt.Sprintf("kubectl describe %s -n %s", ref, c.Namespace),
			},
		}
		if e, ok := s.Recent(ref, "FailedCreate"); ok && (c.Status.LastScheduleTime == nil || e.Last.After(c.Status.LastScheduleTime.Time)) {
			f.Sure, f.Unsure = High, ""
			f.show(e.Evidence(ref), false)
			refusedRun(s, f, ref, e)
		} else if len(c.Status.Active) > 0 && c.Spec.ConcurrencyPolicy == batchv1.ForbidConcurrent {
			f.What += fmt.Sprintf(": Job %s is still active and no second one may run beside it", c.Status.Active[0].Name)
			f.Remedy = Remedy{
				Text:    "Look at the active Job; delete it if it hangs.",
				Command: fmt.Sprintf("kubectl describe job %s -n %s", c.Status.Active[0].Name, c.Namespace),
			}
			heldBy(s, f, s.ActiveRuns(c))
		}
		found = append(found, f)
	}
	return found
}

// refusedRun says why the API server takes no Jobs of a CronJob.
func refusedRun(s *facts.Snapshot, f *Finding, ref facts.Ref, e facts.Event) {
	d := &denial{s: s, ref: ref, message: e.Message, since: e.First, last: e.Last, shown: e.Evidence(ref)}
	if id, groups := d.classify(); id == "webhook-down" {
		d.groups = groups
		down := d.webhookDown()
		f.What = fmt.Sprintf("%s, so CronJob %s gets no Jobs", down.What, ref.Name)
		f.Calls, f.Beyond, f.Remedy = down.Calls, down.Beyond, down.Remedy
		return
	}
	f.What += ": its Jobs are refused: " + refusedBecause(s, strings.TrimPrefix(e.Message, "Error creating job: "))
	f.Remedy = Remedy{Text: "Fix what the message names.", Command: f.Remedy.Command}
}

// missedBy is the earlier of the two last times that a CronJob should have run and did not.
func missedBy(s *facts.Snapshot, c *batchv1.CronJob) (time.Time, bool) {
	times, ok := parseSchedule(c.Spec.Schedule)
	if !ok || c.Spec.Suspend != nil && *c.Spec.Suspend || c.DeletionTimestamp != nil || saysWhy(s, c) {
		return time.Time{}, false
	}
	zone, unsure := time.UTC, 14*time.Hour // the controller's own zone is not known
	if c.Spec.TimeZone != nil {
		known, err := time.LoadLocation(*c.Spec.TimeZone)
		if err != nil {
			return time.Time{}, false
		}
		zone, unsure = known, 0
	}
	if sameEverywhere(times) {
		unsure = 0
	}
	from := c.CreationTimestamp.Time
	if at := c.Status.LastScheduleTime; at != nil {
		from = at.Time
	}
	due := lastTwo(times, from, s.Now().Add(-5*time.Minute-unsure).In(zone))
	if len(due) < 2 {
		return time.Time{}, false
	}
	began := facts.Latest(c.CreationTimestamp.Time, specChanged(c))
	switch {
	case c.Status.LastScheduleTime == nil && len(c.Status.Active) > 0:
		return time.Time{}, false // it has run, whatever this field says
	case c.Status.LastScheduleTime != nil:
		began = facts.Latest(began, c.Status.LastScheduleTime.Time)
	}
	return due[1], began.Before(due[1].Add(-unsure))
}

// saysWhy leaves to another rule what the controller itself explains.
func saysWhy(s *facts.Snapshot, c *batchv1.CronJob) bool {
	_, told := s.RecentThat(facts.RefOf(facts.KindCronJob, c), func(e facts.Event) bool {
		return slices.Contains(
			[]string{"JobAlreadyActive", "UnparseableSchedule", "InvalidSchedule", "TooManyMissedTimes", "UnknownTimeZone", "MissSchedule"},
			e.Reason,
		)
	})
	return told
}

// specChanged is when someone last wrote the object itself and not its status: a schedule that was only just resumed has
// missed nothing.
func specChanged(o metav1.Object) time.Time {
	var changed time.Time
	for _, m := range o.GetManagedFields() {
		if m.Time != nil && m.Subresource == "" {
			changed = facts.Latest(changed, m.Time.Time)
		}
	}
	return changed
}

// mostRuns is how many runs of a CronJob may be active at once before they pile up.
const mostRuns = 3

func cronJobPilesUp(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, c := range s.CronJobs() {
		if c.Spec.ConcurrencyPolicy != batchv1.AllowConcurrent && c.Spec.ConcurrencyPolicy != "" {
			continue
		}
		ref := facts.RefOf(facts.KindCronJob, c)
		active := s.ActiveRuns(c)
		if len(active) < mostRuns || slices.ContainsFunc(s.Pods(), func(p *corev1.Pod) bool {
			done, still := holder(s, p) // that one container holds them is told by another rule
			return done != nil && still != nil && cronJobOf(s, p) == c.Name && p.Namespace == c.Namespace
		}) {
			continue
		}
		oldest, newest := active[0], active[len(active)-1]
		hits := []facts.Ref{ref}
		for _, j := range active {
			hits = append(hits, facts.RefOf(facts.KindJob, j))
		}
		f := &Finding{
			Subject: ref, Hits: hits, Sure: Medium, Level: Degraded, Since: oldest.CreationTimestamp.Time,
			Unsure: "The runs may be meant to last that long.",
			What: fmt.Sprintf("%d runs of CronJob %s are active at once, the oldest since %s: they do not end before the next begins", len(active),
				c.Name, facts.When(oldest.CreationTimestamp.Time)),
			Shown: []facts.Evidence{
				{Object: facts.RefOf(facts.KindJob, oldest), Field: "status.active", Quote: "active", At: facts.Moment(oldest.CreationTimestamp.Time)},
				{Object: facts.RefOf(facts.KindJob, newest), Field: "status.active", Quote: "active", At: facts.Moment(newest.CreationTimestamp.Time)},
				{Object: ref, Field: "spec.schedule", Quote: c.Spec.Schedule},
			},
			Remedy: Remedy{
				Text:    "See why a run does not end; then set concurrencyPolicy Forbid and activeDeadlineSeconds.",
				Command: fmt.Sprintf("kubectl logs job/%s -n %s", oldest.Name, oldest.Namespace),
			},
		}
		if _, _, said := s.LastWordsOf(oldest); said {
			f.What = fmt.Sprintf("%d runs of CronJob %s are active at once, and the oldest doesn't end", len(active), c.Name)
		}
		heldBy(s, f, active)
		found = append(found, f)
	}
	return found
}

func cronJobSuspended(s *facts.Snapshot) []*Finding {
	var found []*Finding
	for _, c := range s.CronJobs() {
		if !isTrue(c.Spec.Suspend) || c.Status.LastScheduleTime == nil || c.DeletionTimestamp != nil {
			continue // one that never ran is started by hand, or a template for others
		}
		ref := facts.RefOf(facts.KindCronJob, c)
		last := c.Status.LastScheduleTime.Time
		found = append(found, &Finding{
			Subject: ref, Hits: []facts.Ref{ref}, Sure: High, Level: Latent, Since: last,
			What:  fmt.Sprintf("CronJob %s is suspended: it last ran %s", c.Name, facts.When(last)),
			Shown: []facts.Evidence{{Object: ref, Field: "spec.suspend", Quote: "true"}},
			Remedy: Remedy{
				Text:    "Resume it when it should run.",
				Command: fmt.Sprintf("kubectl patch cronjob %s -n %s -p '{\"spec\":{\"suspend\":false}}'", c.Name, c.Namespace),
			},
		})
	}
	return found
}
