package diagnosis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	batchv1 "k8s.io/api/batch/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var cronRules = []Rule{
	{
		ID: "cronjob-late", Family: "jobs", Class: ClassJob,
		Signal: "status.lastScheduleTime is older than the last two times of the schedule; a suspended CronJob is meant to rest", Cause: "a run that hangs while concurrencyPolicy forbids a second one, a starting deadline that is too short, a controller that is down",
		Remedy: "delete the run that hangs, or look at the controller", Source: "CronJob spec.schedule, spec.timeZone and status.lastScheduleTime", snapshot: cronJobLate,
	},
}

// schedule is a parsed cron schedule: which values each field admits.
type schedule struct {
	minute, hour, day, month, weekday uint64
	anyDay, anyWeekday                bool // both are restricted: then either of them is enough
}

var shorthand = map[string]string{
	"@yearly": "0 0 1 1 *", "@annually": "0 0 1 1 *", "@monthly": "0 0 1 * *", "@weekly": "0 0 * * 0", "@daily": "0 0 * * *", "@midnight": "0 0 * * *", "@hourly": "0 * * * *",
}

var cronNames = map[string]int{
	"jan": 1, "feb": 2, "mar": 3, "apr": 4, "may": 5, "jun": 6, "jul": 7, "aug": 8, "sep": 9, "oct": 10, "nov": 11, "dec": 12,
	"sun": 0, "mon": 1, "tue": 2, "wed": 3, "thu": 4, "fri": 5, "sat": 6,
}

// parseSchedule reads the five fields that the CronJob controller does; what else it may know is not judged.
func parseSchedule(words string) (schedule, bool) {
	if long := shorthand[strings.TrimSpace(words)]; long != "" {
		words = long
	}
	fields := strings.Fields(words)
	if len(fields) != 5 {
		return schedule{}, false
	}
	var sets [5]uint64
	for i, bounds := range [5][2]int{{0, 59}, {0, 23}, {1, 31}, {1, 12}, {0, 7}} {
		set, ok := parseField(strings.ToLower(fields[i]), bounds[0], bounds[1])
		if !ok {
			return schedule{}, false
		}
		sets[i] = set
	}
	if sets[4]&(1<<7) != 0 {
		sets[4] |= 1 // Sunday is 0 and 7
	}
	open := func(field string) bool { return strings.HasPrefix(field, "*") || field == "?" }
	return schedule{sets[0], sets[1], sets[2], sets[3], sets[4], open(fields[2]), open(fields[4])}, true
}

func parseField(field string, low, high int) (set uint64, ok bool) {
	for part := range strings.SplitSeq(field, ",") {
		span, by, stepped := strings.Cut(part, "/")
		step := 1
		if stepped {
			n, err := strconv.Atoi(by)
			if err != nil || n < 1 {
				return 0, false
			}
			step = n
		}
		from, to, isRange := strings.Cut(span, "-")
		first, last := low, high
		if span != "*" && span != "?" {
			var okFrom, okTo bool
			first, okFrom = cronValue(from)
			last, okTo = first, true
			switch {
			case isRange:
				last, okTo = cronValue(to)
			case stepped:
				last = high
			}
			if !okFrom || !okTo {
				return 0, false
			}
		}
		if first < low || last > high || first > last {
			return 0, false
		}
		for n := first; n <= last; n += step {
			set |= 1 << n
		}
	}
	return set, true
}

func cronValue(word string) (int, bool) {
	if n, ok := cronNames[word]; ok {
		return n, true
	}
	n, err := strconv.Atoi(word)
	return n, err == nil && n >= 0 && n < 60
}

func (s schedule) onDay(t time.Time) bool {
	if s.month&(1<<int(t.Month())) == 0 {
		return false
	}
	day, weekday := s.day&(1<<t.Day()) != 0, s.weekday&(1<<int(t.Weekday())) != 0
	if s.anyDay || s.anyWeekday {
		return day && weekday
	}
	return day || weekday
}

// farBack is how far a schedule is followed: what runs more rarely is not judged.
const farBack = 70 // days

// before lists the latest times of the schedule until t, the latest first.
func (s schedule) before(t time.Time, most int) []time.Time {
	var times []time.Time
	for back := range farBack {
		day := time.Date(t.Year(), t.Month(), t.Day()-back, 0, 0, 0, 0, t.Location())
		if !s.onDay(day) {
			continue
		}
		for minute := 24*60 - 1; minute >= 0; minute-- {
			if s.hour&(1<<(minute/60)) == 0 || s.minute&(1<<(minute%60)) == 0 {
				continue
			}
			at := time.Date(day.Year(), day.Month(), day.Day(), minute/60, minute%60, 0, 0, t.Location())
			if at.After(t) {
				continue
			}
			if times = append(times, at); len(times) == most {
				return times
			}
		}
	}
	return times
}

// anyHour says that the schedule is the same in every time zone of whole hours.
func (s schedule) anyHour() bool {
	return s.hour == 1<<24-1 && s.anyDay && s.anyWeekday
}

func cronJobLate(s *Snapshot) []*finding {
	var found []*finding
	for _, c := range s.cronJobs {
		missed, ok := s.missedBy(c)
		if !ok {
			continue
		}
		ref := refOf(KindCronJob, c)
		last := Evidence{Object: ref, Field: "status.lastScheduleTime", Quote: "never"}
		words := "has never run"
		if at := c.Status.LastScheduleTime; at != nil {
			last.Quote, last.At, words = at.UTC().Format(time.RFC3339), moment(at.Time), "has not run for "+span(s.age(at.Time))
		}
		f := &finding{
			subject: ref, hits: []Ref{ref}, sure: Medium, level: Degraded, since: missed, unsure: "Its schedule may have been changed or resumed only lately.",
			what:   fmt.Sprintf("CronJob %s %s although its schedule is %q", c.Name, words, c.Spec.Schedule),
			shown:  []Evidence{last},
			remedy: Remedy{Text: "Look at its events; if it is alone, start it by hand.", Command: fmt.Sprintf("kubectl describe %s -n %s", ref, c.Namespace)},
		}
		if e, ok := s.recent(ref, "FailedCreate"); ok {
			f.what += ": its Jobs are refused: " + s.refusedBecause(strings.TrimPrefix(e.message, "Error creating job: "))
			f.sure, f.unsure = High, ""
			f.show(eventEvidence(ref, e), false)
			f.remedy = Remedy{Text: "Correct what the message names.", Command: f.remedy.Command}
		} else if len(c.Status.Active) > 0 && c.Spec.ConcurrencyPolicy == batchv1.ForbidConcurrent {
			f.what += fmt.Sprintf(": Job %s is still active and no second one may run beside it", c.Status.Active[0].Name)
			f.remedy = Remedy{Text: "Look at the active Job; delete it if it hangs.", Command: fmt.Sprintf("kubectl describe job %s -n %s", c.Status.Active[0].Name, c.Namespace)}
		}
		found = append(found, f)
	}
	return found
}

// missedBy is the earlier of the two last times that a CronJob should have run and did not.
func (s *Snapshot) missedBy(c *batchv1.CronJob) (time.Time, bool) {
	times, ok := parseSchedule(c.Spec.Schedule)
	if !ok || c.Spec.Suspend != nil && *c.Spec.Suspend || c.DeletionTimestamp != nil || s.saysWhy(c) {
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
	if times.anyHour() {
		unsure = 0
	}
	due := times.before(s.now.Add(-5*time.Minute-unsure).In(zone), 2)
	if len(due) < 2 {
		return time.Time{}, false
	}
	began := latest(c.CreationTimestamp.Time, specChanged(c))
	switch {
	case c.Status.LastScheduleTime == nil && len(c.Status.Active) > 0:
		return time.Time{}, false // it has run, whatever this field says
	case c.Status.LastScheduleTime != nil:
		began = latest(began, c.Status.LastScheduleTime.Time)
	}
	return due[1], began.Before(due[1].Add(-unsure))
}

// saysWhy leaves to another rule what the controller itself explains.
func (s *Snapshot) saysWhy(c *batchv1.CronJob) bool {
	_, told := s.recentThat(refOf(KindCronJob, c), func(e event) bool {
		return slices.Contains([]string{"JobAlreadyActive", "UnparseableSchedule", "InvalidSchedule", "TooManyMissedTimes", "UnknownTimeZone", "MissSchedule"}, e.reason)
	})
	return told
}

// specChanged is when somebody last wrote the object itself and not its status: a schedule that was only just resumed has
// missed nothing.
func specChanged(o metav1.Object) time.Time {
	var changed time.Time
	for _, m := range o.GetManagedFields() {
		if m.Time != nil && m.Subresource == "" {
			changed = latest(changed, m.Time.Time)
		}
	}
	return changed
}
