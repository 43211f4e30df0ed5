package facts

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// ClockSlack is how much later than its symptom a cause may have been noticed: kubelets and controllers report in rounds, and
// clocks of nodes differ.
const ClockSlack = 90 * time.Second

// Preemptions are the pods of which the scheduler lately said that they had to go.
func (s *Snapshot) Preemptions() []Ref {
	var gone []Ref
	for ref := range s.events {
		if ref.Kind != KindPod {
			continue
		}
		if _, ok := s.Recent(ref, "Preempted"); ok {
			gone = append(gone, ref)
		}
	}
	slices.SortFunc(gone, Ref.Compare)
	return gone
}

// Event is an event of either API, with one meaning for its times: schedulers and other new clients leave the old
// fields zero, kubelets the new ones.
type Event struct {
	about       Ref
	Reason      string
	Message     string
	count       int
	First, Last time.Time
	Warning     bool
}

func (s *Snapshot) addEvent(e Event) {
	s.events[e.about] = append(s.events[e.about], e)
}

func coreEvent(o *corev1.Event) Event {
	e := Event{
		about:  Ref{Kind: o.InvolvedObject.Kind, Namespace: o.InvolvedObject.Namespace, Name: o.InvolvedObject.Name},
		Reason: o.Reason, Message: o.Message, count: int(o.Count), Warning: o.Type == corev1.EventTypeWarning,
		First: Earliest(o.FirstTimestamp.Time, o.EventTime.Time, o.CreationTimestamp.Time),
		Last:  Latest(o.LastTimestamp.Time, o.EventTime.Time),
	}
	if o.Series != nil {
		e.count = max(e.count, int(o.Series.Count))
		e.Last = Latest(e.Last, o.Series.LastObservedTime.Time)
	}
	return e.settled(o.CreationTimestamp)
}

func newEvent(o *eventsv1.Event) Event {
	e := Event{
		about:  Ref{Kind: o.Regarding.Kind, Namespace: o.Regarding.Namespace, Name: o.Regarding.Name},
		Reason: o.Reason, Message: o.Note, count: int(o.DeprecatedCount), Warning: o.Type == corev1.EventTypeWarning,
		First: Earliest(o.EventTime.Time, o.DeprecatedFirstTimestamp.Time, o.CreationTimestamp.Time),
		Last:  Latest(o.EventTime.Time, o.DeprecatedLastTimestamp.Time),
	}
	if o.Series != nil {
		e.count = max(e.count, int(o.Series.Count))
		e.Last = Latest(e.Last, o.Series.LastObservedTime.Time)
	}
	return e.settled(o.CreationTimestamp)
}

func (e Event) settled(created metav1.Time) Event {
	if e.Last.IsZero() {
		e.Last = created.Time
	}
	if e.about.Kind == KindNode || e.about.Kind == KindNamespace {
		e.about.Namespace = "" // events about nodes are kept in the namespace default
	}
	e.count = max(e.count, 1)
	return e
}

// Evidence quotes the event as one of about.
func (e Event) Evidence(about Ref) Evidence {
	return Evidence{Object: about, Field: "event " + e.Reason, Quote: e.Message, At: Moment(e.Last), Count: e.count}
}

// compareEvents puts the latest first; the rest only makes the order certain.
func compareEvents(a, b Event) int {
	return cmp.Or(
		b.Last.Compare(a.Last),
		cmp.Compare(a.Reason, b.Reason),
		cmp.Compare(a.Message, b.Message),
		cmp.Compare(a.count, b.count),
		a.First.Compare(b.First),
	)
}

// eventWindow is how long an event says something about now. The API server keeps events for an hour.
const eventWindow = time.Hour

// Recent finds the latest event with one of the reasons about an object, inside the window.
func (s *Snapshot) Recent(about Ref, reasons ...string) (Event, bool) {
	return s.RecentThat(about, func(e Event) bool {
		return slices.Contains(reasons, e.Reason)
	})
}

// RecentThat finds the latest event about an object that fits, inside the window.
func (s *Snapshot) RecentThat(about Ref, fits func(Event) bool) (Event, bool) {
	for _, e := range s.events[about] {
		if fits(e) && (e.Last.IsZero() || s.now.Sub(e.Last) <= eventWindow) {
			return e, true
		}
	}
	return Event{}, false
}

// Earliest is the first of the moments that are known; zero when none is.
func Earliest(times ...time.Time) time.Time {
	var found time.Time
	for _, t := range times {
		if !t.IsZero() && (found.IsZero() || t.Before(found)) {
			found = t
		}
	}
	return found
}

// Latest is the last of the moments; zero when none is known.
func Latest(times ...time.Time) time.Time {
	var found time.Time
	for _, t := range times {
		if t.After(found) {
			found = t
		}
	}
	return found
}
