package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/words"
)

var goneRules = []Rule{
	{
		ID: "workload-gone", Family: "services", Class: ClassLifecycle,
		Signal: "a Service whose selector matches no pod and no template, and an autoscaler's scaleTargetRef or an event that names a Deployment or StatefulSet of the Service's name which is not there",
		Cause:  "the workload was deleted, or was never applied again after a move", Remedy: "apply its manifest again", Source: "Service spec.selector, HorizontalPodAutoscaler spec.scaleTargetRef, events of the workload",
		snapshot: workloadGone,
	},
}

// gone is a workload that is not there, and what still stands of it.
type gone struct {
	ref     Ref
	service *corev1.Service
	scaler  Ref // its autoscaler; zero when none is left
	since   time.Time
	seen    bool // that since is when it was last seen, and not when something began to miss it
	shown   []Evidence
}

// AddSeen says that a workload was there until a moment. It counts where the snapshot does not hold the workload.
func (s *Snapshot) AddSeen(workload Ref, until time.Time) { s.seen[workload] = until }

// goneWorkloads are the workloads that are missing behind Services without pods.
func (s *Snapshot) goneWorkloads() []gone {
	var found []gone
	for _, service := range s.services {
		if !s.choosesNothing(service) {
			continue
		}
		if g, ok := s.goneBehind(service); ok {
			found = append(found, g)
		}
	}
	return found
}

// choosesNothing says that the selector of a Service matches no pod and no workload's template, as far as was read.
func (s *Snapshot) choosesNothing(service *corev1.Service) bool {
	if !s.knows("pods", "") && len(s.pods) == 0 {
		return false
	}
	return chooses(service) && len(s.index.behind[refOf(KindService, service)]) == 0 && s.knows("pods", service.Namespace) &&
		s.age(service.CreationTimestamp.Time) >= time.Minute && s.knows("deployments", service.Namespace) && !s.chosenByTemplate(service)
}

// goneBehind finds the missing workload of a Service: what an autoscaler or an event names, when its name is the Service's.
func (s *Snapshot) goneBehind(service *corev1.Service) (gone, bool) {
	own := func(ref Ref) bool {
		scalable := ref.Kind == KindDeployment || ref.Kind == KindStatefulSet
		return scalable && ref.Namespace == service.Namespace && s.index.byRef[ref] == nil && s.knows(ref.resource(), ref.Namespace) && isNamedAs(ref.Name, service)
	}
	g := gone{service: service}
	for _, h := range s.autoscalers {
		if target := targetOf(h); own(target) {
			g.ref, g.scaler = target, refOf(KindAutoscaler, h)
			for _, c := range h.Status.Conditions {
				if c.Reason == "FailedGetScale" {
					g.since = c.LastTransitionTime.Time
				}
			}
			g.shown = append(g.shown, Evidence{Object: g.scaler, Field: "spec.scaleTargetRef", Quote: target.words(), At: momentOrNone(g.since)})
			break
		}
	}
	for _, ref := range slices.SortedFunc(maps.Keys(s.seen), Ref.compare) {
		if until := s.seen[ref]; own(ref) && (g.ref == (Ref{}) || g.ref == ref) {
			g.ref, g.since, g.seen = ref, until, true
			g.shown = append(g.shown, Evidence{Object: ref, Field: "last seen", Quote: until.UTC().Format(time.RFC3339), At: moment(until)})
			break
		}
	}
	if meant, _ := s.nearestLabels(service); g.ref == (Ref{}) && meant == nil {
		for _, ref := range sortedEventRefs(s.events) {
			if own(ref) {
				g.ref = ref
				break
			}
		}
	}
	if g.ref == (Ref{}) {
		return g, false
	}
	g.shown = append(g.shown, Evidence{Object: refOf(KindService, service), Field: "spec.selector", Quote: selectorText(service.Spec.Selector)})
	if last, ok := s.recentThat(g.ref, func(event) bool { return true }); ok { // events outlive what they are about
		g.shown = append(g.shown, last.evidence(g.ref))
	}
	return g, true
}

func momentOrNone(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return moment(t)
}

func sortedEventRefs(events map[Ref][]event) []Ref {
	var refs []Ref
	for ref := range events {
		if ref.Kind == KindDeployment || ref.Kind == KindStatefulSet {
			refs = append(refs, ref)
		}
	}
	slices.SortFunc(refs, Ref.compare)
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

func workloadGone(s *Snapshot) []*finding {
	var found []*finding
	for _, g := range s.goneWorkloads() {
		service := refOf(KindService, g.service)
		f := &finding{
			subject: g.ref, hits: []Ref{g.ref, service}, sure: High, level: Outage, since: g.since, shown: g.shown,
			what: fmt.Sprintf("%s does not exist, so Service %s reaches no pod", g.ref.words(), service.Name),
			remedy: Remedy{
				Text:    "Apply its manifest again; if it went on purpose, remove its Service and its autoscaler, too.",
				Command: fmt.Sprintf("kubectl get events -n %s --field-selector involvedObject.name=%s", g.ref.Namespace, g.ref.Name),
			},
		}
		switch {
		case g.seen:
			f.what = fmt.Sprintf("%s is gone (it was there until %s ago), so Service %s reaches no pod", g.ref.words(), words.Span(s.age(g.since)), service.Name)
		case !g.since.IsZero():
			f.what = fmt.Sprintf("%s does not exist (its autoscaler misses it for %s), so Service %s reaches no pod", g.ref.words(), words.Span(s.age(g.since)), service.Name)
		}
		if g.scaler != (Ref{}) {
			f.hits = append(f.hits, g.scaler)
		}
		found = append(found, f)
	}
	return found
}

// goneCalled is the missing workload that somebody asks about.
func (s *Snapshot) goneCalled(about Ref) (Ref, bool) {
	for _, g := range s.goneWorkloads() {
		called := g.ref == about || about.Kind == AnyWorkload && about.Namespace == g.ref.Namespace && (about.Name == g.ref.Name || about.Name == g.service.Name || isNamedAs(about.Name, g.service))
		if called {
			return g.ref, true
		}
	}
	return Ref{}, false
}
