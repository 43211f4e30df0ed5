package facts

import (
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// Gone is a workload that is not there, and what is left of it.
type Gone struct {
	Ref     Ref
	Service *corev1.Service
	Scaler  Ref // its autoscaler; zero when none is left
	Since   time.Time
	Seen    bool // that since is when it was last seen, and not when something first needed it
	Shown   []Evidence
}

// AddSeen says that a workload was there until a moment. It counts where the snapshot does not hold the workload.
func (s *Snapshot) AddSeen(workload Ref, until time.Time) { s.seen[workload] = until }

// GoneWorkloads are the workloads that are missing behind Services without pods.
func (s *Snapshot) GoneWorkloads() []Gone {
	var found []Gone
	for _, service := range s.services {
		if !s.ChoosesNothing(service) {
			continue
		}
		if g, ok := s.GoneBehind(service); ok {
			found = append(found, g)
		}
	}
	return found
}

// ChoosesNothing says that the selector of a Service matches no pod and no workload's template, as far as was read.
func (s *Snapshot) ChoosesNothing(service *corev1.Service) bool {
	if !s.Knows("pods", "") && len(s.pods) == 0 {
		return false
	}
	return HasSelector(service) && len(s.index.behind[RefOf(KindService, service)]) == 0 && s.Knows("pods", service.Namespace) &&
		s.Age(service.CreationTimestamp.Time) >= time.Minute && s.Knows("deployments", service.Namespace) && !s.chosenByTemplate(service)
}

// GoneBehind finds the missing workload of a Service: what an autoscaler or an event names, when its name is the Service's.
func (s *Snapshot) GoneBehind(service *corev1.Service) (Gone, bool) {
	own := func(ref Ref) bool {
		scalable := ref.Kind == KindDeployment || ref.Kind == KindStatefulSet
		return scalable && ref.Namespace == service.Namespace && s.index.byRef[ref] == nil && s.Knows(ref.Resource(), ref.Namespace) &&
			isNamedAs(ref.Name, service)
	}
	g := Gone{Service: service}
	for _, h := range s.autoscalers {
		if target := TargetOf(h); own(target) {
			g.Ref, g.Scaler = target, RefOf(KindAutoscaler, h)
			for _, c := range h.Status.Conditions {
				if c.Reason == "FailedGetScale" {
					g.Since = c.LastTransitionTime.Time
				}
			}
			g.Shown = append(g.Shown, Evidence{Object: g.Scaler, Field: "spec.scaleTargetRef", Quote: target.Words(), At: momentOrNone(g.Since)})
			break
		}
	}
	for _, ref := range slices.SortedFunc(maps.Keys(s.seen), Ref.Compare) {
		if until := s.seen[ref]; own(ref) && (g.Ref == (Ref{}) || g.Ref == ref) {
			g.Ref, g.Since, g.Seen = ref, until, true
			g.Shown = append(g.Shown, Evidence{Object: ref, Field: "last seen", Quote: until.UTC().Format(time.RFC3339), At: Moment(until)})
			break
		}
	}
	if meant, _ := s.NearestLabels(service); g.Ref == (Ref{}) && meant == nil {
		for _, ref := range sortedEventRefs(s.events) {
			if own(ref) {
				g.Ref = ref
				break
			}
		}
	}
	if g.Ref == (Ref{}) {
		return g, false
	}
	byEvents := len(g.Shown) == 0
	g.Shown = append(
		g.Shown,
		Evidence{Object: RefOf(KindService, service), Field: "spec.selector", Quote: SelectorText(service.Spec.Selector)},
	)
	// Events outlive what they are about. That it was scaled once says only that it was there, which matters where nothing else says so.
	if last, ok := s.RecentThat(g.Ref, func(e Event) bool { return byEvents || e.Reason != "ScalingReplicaSet" }); ok {
		g.Shown = append(g.Shown, last.Evidence(g.Ref))
	}
	return g, true
}

func momentOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return Moment(t)
}

func sortedEventRefs(events map[Ref][]Event) []Ref {
	var refs []Ref
	for ref := range events {
		if ref.Kind == KindDeployment || ref.Kind == KindStatefulSet {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, Ref.Compare)
	return refs
}

// identityLabels are those by which a Service names one program; others say where it runs or of what kind it is.
var identityLabels = []string{"app", "app.kubernetes.io/name", "app.kubernetes.io/instance", "k8s-app"}

// isNamedAs says that a workload's name is that of the Service, or of the program that its selector names, with or without an ending
// such as "-production".
func isNamedAs(workload string, service *corev1.Service) bool {
	names := []string{service.Name}
	for _, key := range identityLabels {
		names = append(names, service.Spec.Selector[key])
	}
	return slices.ContainsFunc(names, func(name string) bool {
		return name != "" && (workload == name || strings.HasPrefix(workload, name+"-") || strings.HasPrefix(service.Name, workload+"-"))
	})
}

// goneCalled is the missing workload that someone asks about.
func (s *Snapshot) goneCalled(about Ref) (Ref, bool) {
	for _, g := range s.GoneWorkloads() {
		called := g.Ref == about ||
			about.Kind == AnyWorkload && about.Namespace == g.Ref.Namespace &&
				(about.Name == g.Ref.Name || about.Name == g.Service.Name || isNamedAs(about.Name, g.Service))
		if called {
			return g.Ref, true
		}
	}
	return Ref{}, false
}
