package diagnosis

import (
	"cmp"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// event is an event of either API, with one meaning for its times: schedulers and other new clients leave the old
// fields zero, kubelets the new ones.
type event struct {
	about       Ref
	reason      string
	message     string
	count       int
	first, last time.Time
}

func (s *Snapshot) addEvent(e event) {
	s.events[e.about] = append(s.events[e.about], e)
}

func coreEvent(o *corev1.Event) event {
	e := event{
		about:  Ref{Kind: o.InvolvedObject.Kind, Namespace: o.InvolvedObject.Namespace, Name: o.InvolvedObject.Name},
		reason: o.Reason, message: o.Message, count: int(o.Count),
		first: earliest(o.FirstTimestamp.Time, o.EventTime.Time, o.CreationTimestamp.Time),
		last:  latest(o.LastTimestamp.Time, o.EventTime.Time),
	}
	if o.Series != nil {
		e.count = max(e.count, int(o.Series.Count))
		e.last = latest(e.last, o.Series.LastObservedTime.Time)
	}
	return e.settled(o.CreationTimestamp)
}

func newEvent(o *eventsv1.Event) event {
	e := event{
		about:  Ref{Kind: o.Regarding.Kind, Namespace: o.Regarding.Namespace, Name: o.Regarding.Name},
		reason: o.Reason, message: o.Note, count: int(o.DeprecatedCount),
		first: earliest(o.EventTime.Time, o.DeprecatedFirstTimestamp.Time, o.CreationTimestamp.Time),
		last:  latest(o.EventTime.Time, o.DeprecatedLastTimestamp.Time),
	}
	if o.Series != nil {
		e.count = max(e.count, int(o.Series.Count))
		e.last = latest(e.last, o.Series.LastObservedTime.Time)
	}
	return e.settled(o.CreationTimestamp)
}

func (e event) settled(created metav1.Time) event {
	if e.last.IsZero() {
		e.last = created.Time
	}
	if e.about.Kind == KindNode || e.about.Kind == KindNamespace {
		e.about.Namespace = "" // events about nodes are kept in the namespace default
	}
	e.count = max(e.count, 1)
	return e
}

// evidence quotes the event as one of about.
func (e event) evidence(about Ref) Evidence {
	return Evidence{Object: about, Field: "event " + e.reason, Quote: e.message, At: moment(e.last), Count: e.count}
}

// compareEvents puts the latest first; the rest only makes the order certain.
func compareEvents(a, b event) int {
	return cmp.Or(b.last.Compare(a.last), cmp.Compare(a.reason, b.reason), cmp.Compare(a.message, b.message), cmp.Compare(a.count, b.count), a.first.Compare(b.first))
}

// eventWindow is how long an event says something about now. The API server keeps events for an hour.
const eventWindow = time.Hour

// recent finds the latest event with one of the reasons about an object, inside the window.
func (s *Snapshot) recent(about Ref, reasons ...string) (event, bool) {
	return s.recentThat(about, func(e event) bool {
		return slices.Contains(reasons, e.reason)
	})
}

func (s *Snapshot) recentThat(about Ref, fits func(event) bool) (event, bool) {
	for _, e := range s.events[about] {
		if fits(e) && (e.last.IsZero() || s.now.Sub(e.last) <= eventWindow) {
			return e, true
		}
	}
	return event{}, false
}

func earliest(times ...time.Time) time.Time {
	var found time.Time
	for _, t := range times {
		if !t.IsZero() && (found.IsZero() || t.Before(found)) {
			found = t
		}
	}
	return found
}

func latest(times ...time.Time) time.Time {
	var found time.Time
	for _, t := range times {
		if t.After(found) {
			found = t
		}
	}
	return found
}
