package facts

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

const (
	// MaxReadyLogs is how many logs of pods that are ready are wanted for one question: each is of another workload.
	MaxReadyLogs = 4
	// lately is how old the last line about a trouble may be that a ready pod still has.
	lately = 10 * time.Minute
	// nearEnd is how many lines may follow it in a log that tells no times.
	nearEnd = 10
)

// Listen is a container of a ready pod whose log was read, the newest of its workload; nil when none was. What isn't ready, or restarted
// lately, is judged as a container that isn't well.
func (s *Snapshot) Listen(w *Workload) *Container {
	for _, p := range newestReady(w) {
		if !s.Steady(p) {
			continue
		}
		for i := range p.Spec.Containers {
			for j := range p.Status.ContainerStatuses {
				if p.Status.ContainerStatuses[j].Name != p.Spec.Containers[i].Name {
					continue
				}
				c := &Container{Snapshot: s, Pod: p, Owner: w, Spec: &p.Spec.Containers[i], Status: &p.Status.ContainerStatuses[j]}
				if c.Log = s.log(LogRequest{p.Namespace, p.Name, c.Spec.Name, false}); c.Log != nil && c.Log.lines > 0 {
					return c
				}
			}
		}
	}
	return nil
}

// newestReady are the ready pods of a workload that serves, the newest first; none of a Job, which says itself how it ended.
func newestReady(w *Workload) []*corev1.Pod {
	if w.Ref.Kind == KindJob || w.Ref.Kind == KindCronJob {
		return nil
	}
	ready := slices.DeleteFunc(slices.Clone(w.Pods), func(p *corev1.Pod) bool { return !PodReady(p) })
	slices.SortStableFunc(ready, func(a, b *corev1.Pod) int {
		return cmp.Or(b.CreationTimestamp.Compare(a.CreationTimestamp.Time), strings.Compare(a.Name, b.Name))
	})
	return ready
}

// Persists says that a line came more than once and that nothing shows it was the past: its last time is lately, or, where the log
// tells no times, it stands near the end.
func (v *Log) Persists(line *LogLine, now time.Time) bool {
	if line.count < 2 {
		return false
	}
	if !line.at.IsZero() {
		return now.Sub(line.at) <= lately
	}
	return line.last > v.lines-nearEnd
}

// programmingError are the errors that runtimes have names for and that no input should cause.
var programmingError = regexp.MustCompile(
	`\b(?:ZeroDivisionError|NullPointerException|NullReferenceException|TypeError|ReferenceError|AttributeError|KeyError|IndexError|` +
		`NameError|` +
		`IndexOutOfRangeException|(?:Array)?IndexOutOfBoundsException|ClassCastException|NoMethodError|StackOverflowError|UnboundLocalError|` +
		`NoSuchMethodError|RecursionError)\b|(?i:division by zero|divide by zero|nil pointer dereference|index out of range|` +
		`recovered from panic|` +
		`panic recovered|undefined is not a function)`,
)

// Repeated is an error that the log is full of until now: one of programming that makes a fifth of its lines, or any other that makes half
// of them and came at least five times.
func (v *Log) Repeated(now time.Time) (*LogLine, bool) {
	for _, t := range v.ranked() {
		share, least := 2, 5
		if programmingError.MatchString(t.Example) {
			share, least = 5, 2
		}
		if t.severity >= severityError && !t.OfTelemetry() && t.count >= least && t.count*share >= v.lines && v.Persists(t, now) {
			return t, true
		}
	}
	return nil, false
}

// readyLogs are the logs of ready pods that would help where no pod of theirs fails: of what was asked about itself, else of those that
// call a Service without a ready pod, then of the newest.
func (s *Snapshot) readyLogs(subject Ref, near Surroundings) []LogRequest {
	var wanted []*Workload
	for _, w := range s.index.workloads {
		if near.Node == "" && near.Has(w.Ref) && (w.Ref.Namespace == subject.Namespace || subject.Kind == "Namespace") &&
			len(newestReady(w)) > 0 && s.steady(w) {
			wanted = append(wanted, w)
		}
	}
	rank := func(w *Workload) int {
		switch {
		case w.Ref == subject:
			return 0
		case slices.ContainsFunc(s.CallsOf(w), func(c Call) bool { return s.Silent(c.Service) }):
			return 1
		}
		return 2
	}
	slices.SortStableFunc(wanted, func(a, b *Workload) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), newestReady(b)[0].CreationTimestamp.Compare(newestReady(a)[0].CreationTimestamp.Time))
	})
	requests := append(s.controllerLog(near), s.heldLogs(near)...)
	for _, w := range wanted[:min(len(wanted), MaxReadyLogs-len(requests))] {
		p := newestReady(w)[0]
		if c := loudest(p); c != "" {
			requests = append(requests, LogRequest{p.Namespace, p.Name, c, false})
		}
	}
	return requests
}

// controllerLog is the log of an ingress controller that was read, where the question is about an Ingress or what is behind one.
func (s *Snapshot) controllerLog(near Surroundings) []LogRequest {
	if near.Node != "" || !slices.ContainsFunc(s.ingresses, func(i *networkingv1.Ingress) bool { return near.Has(RefOf(KindIngress, i)) }) {
		return nil
	}
	for _, p := range s.pods {
		for i := range p.Spec.Containers {
			if c := &p.Spec.Containers[i]; PodReady(p) && nginxController.MatchString(c.Image) {
				return []LogRequest{{p.Namespace, p.Name, c.Name, false}}
			}
		}
	}
	return nil
}

// nginxController matches the images of NGINX as an ingress controller: its own, and the one of AKS.
var nginxController = regexp.MustCompile(`ingress-nginx/controller|nginx-ingress-controller`)

func (s *Snapshot) steady(w *Workload) bool {
	return !slices.ContainsFunc(w.Pods, func(p *corev1.Pod) bool { return !PodReady(p) || !s.Steady(p) })
}

// defaultContainer is kubectl's: the container whose log people mean.
const defaultContainer = "kubectl.kubernetes.io/default-container"

func loudest(p *corev1.Pod) string {
	if name := p.Annotations[defaultContainer]; name != "" {
		return name
	}
	if len(p.Spec.Containers) == 0 {
		return ""
	}
	return p.Spec.Containers[0].Name
}

// CallersOf are the workloads all of whose pods are ready and whose template names a Service, when no ready pod stands behind it: what
// they do fails, and no probe of theirs shows it.
func (s *Snapshot) CallersOf(service Ref) []Ref {
	if !s.Silent(service) {
		return nil
	}
	var callers []Ref
	for _, w := range s.index.workloads {
		if w.Ready > 0 && w.Ref.Kind != KindJob && w.Ref.Kind != KindPod &&
			slices.ContainsFunc(s.CallsOf(w), func(c Call) bool { return c.Service == service }) {
			callers = append(callers, w.Ref)
		}
	}
	return callers
}
