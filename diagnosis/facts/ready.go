package facts

import (
	"cmp"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
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
				if c.Log = s.logs[LogRequest{p.Namespace, p.Name, c.Spec.Name, false}]; c.Log != nil && c.Log.lines > 0 {
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
	var requests []LogRequest
	for _, w := range wanted[:min(len(wanted), MaxReadyLogs)] {
		p := newestReady(w)[0]
		if c := loudest(p); c != "" {
			requests = append(requests, LogRequest{p.Namespace, p.Name, c, false})
		}
	}
	return requests
}

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
		if w.Ref.Namespace == service.Namespace && w.Ready > 0 && w.Ref.Kind != KindJob && w.Ref.Kind != KindPod &&
			slices.ContainsFunc(s.CallsOf(w), func(c Call) bool { return c.Service == service }) {
			callers = append(callers, w.Ref)
		}
	}
	return callers
}

// Call is a Service that a template names as a host.
type Call struct {
	Service Ref
	Port    string // empty where the template tells none
	Where   string // "variable STOCK_URL", "args of container web"
}

// hostInText are the hosts of URLs, of addresses with a port, and of names of the cluster.
var hostInText = regexp.MustCompile(
	`://(?:[^/\s@'"]*@)?([a-z0-9][a-z0-9.-]*)(?::(\d{2,5}))?|(?:^|[\s@,=;'"])([a-z0-9][a-z0-9.-]*):(\d{2,5})\b` +
		`|\b([a-z0-9][a-z0-9-]*\.[a-z0-9-]+\.svc(?:\.cluster\.local)?)\b`,
)

// hostVariable are names of variables that hold nothing but a host.
var hostVariable = regexp.MustCompile(`(?i)(?:^|_)(?:HOST|HOSTNAME|ADDR|ADDRESS|SERVER|ENDPOINT|SERVICE|URL|URI|UPSTREAM|BACKEND)$`)

// CallsOf are the Services that were read and that the template of a workload names as hosts: in its variables, its command and its
// arguments. Those that lead to the workload itself are left out. Each comes once.
func (s *Snapshot) CallsOf(w *Workload) []Call {
	if w.Template == nil || len(s.services) == 0 {
		return nil
	}
	var calls []Call
	add := func(host, port, where string) {
		ref, ok := s.serviceAt(strings.TrimRight(host, ".-"), w.Ref.Namespace)
		if !ok || slices.Contains(s.index.downstream[w.Ref], ref) ||
			slices.ContainsFunc(calls, func(c Call) bool { return c.Service == ref && (c.Port == port || port == "") }) {
			return
		}
		calls = append(calls, Call{ref, port, where})
	}
	search := func(text, where string) {
		for _, m := range hostInText.FindAllStringSubmatch(text, 16) {
			add(firstOf([]string{m[1], m[3], m[5]}), firstOf([]string{m[2], m[4]}), where)
		}
	}
	for i := range w.Template.Spec.Containers {
		c := &w.Template.Spec.Containers[i]
		for _, env := range c.Env {
			search(env.Value, "variable "+env.Name)
			if hostVariable.MatchString(env.Name) {
				add(env.Value, "", "variable "+env.Name)
			}
		}
		for _, text := range slices.Concat(c.Command, c.Args) {
			search(text, "arguments of container "+c.Name)
		}
	}
	return calls
}
