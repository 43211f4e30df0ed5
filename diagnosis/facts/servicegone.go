package facts

import (
	"regexp"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// MissingService is a Service that isn't there, though the workload that it led to exists and others call it.
type MissingService struct {
	Ref      Ref
	Workload *Workload // that it was for: no other Service leads there
	Callers  []Caller
}

// Caller is a variable of a workload whose value names a Service as a host.
type Caller struct {
	Workload Ref
	Variable string
}

// Words are "ORDERS_URL of Deployment web".
func (c Caller) Words() string { return c.Variable + " of " + c.Workload.Words() }

// MissingServices are the Services that variables of other workloads name as a host, that aren't there, and that have the name of a
// workload to which no Service leads. A workload that nobody calls, such as one that takes its work from a queue, needs none. Those that an
// Ingress names are left out.
func (s *Snapshot) MissingServices() []MissingService {
	var found []MissingService
	for _, w := range s.index.workloads {
		if !s.NeedsService(w) {
			continue
		}
		for _, name := range slices.Compact([]string{w.Ref.Name, w.Called()}) {
			ref := Ref{KindService, w.Ref.Namespace, name}
			if s.index.services[ref] != nil || s.MeantBy(ref) != w || len(s.index.downstream[ref]) > 0 {
				continue
			}
			callers := slices.DeleteFunc(s.callersByName(ref), func(c Caller) bool { return c.Workload == w.Ref })
			if len(callers) > 0 {
				found = append(found, MissingService{ref, w, callers})
			}
		}
	}
	return found
}

// NeedsService says that a workload listens on ports that it declares, and that no Service leads to it, of those that were read.
func (s *Snapshot) NeedsService(w *Workload) bool {
	return w.Template != nil && serves(w.Ref.Kind) && s.Knows("services", w.Ref.Namespace) && !s.served(w) &&
		slices.ContainsFunc(w.Template.Spec.Containers, func(c corev1.Container) bool { return len(c.Ports) > 0 })
}

// callersByName are the variables whose values name a Service as a host. Of a Service that was deleted they are what is left.
func (s *Snapshot) callersByName(service Ref) []Caller {
	if service.Kind != KindService || service.Name == "" {
		return nil
	}
	names := hostPattern(service)
	var found []Caller
	for _, w := range s.index.workloads {
		if w.Template == nil || w.Ref.Namespace != service.Namespace {
			continue
		}
		for i := range w.Template.Spec.Containers {
			for _, env := range w.Template.Spec.Containers[i].Env {
				if strings.Contains(env.Value, service.Name) && names.MatchString(env.Value) {
					found = append(found, Caller{w.Ref, env.Name})
				}
			}
		}
	}
	return found
}

// hostPattern finds a Service as the host of a URL, with a port, or as a name of the cluster: a bare word may be anything, and
// orders.example.com or orders.other is another host.
func hostPattern(service Ref) *regexp.Regexp {
	name, space := regexp.QuoteMeta(service.Name), regexp.QuoteMeta(service.Namespace)
	inCluster := `\.` + space + `(?:\.svc(?:\.cluster\.local)?)?\.?`
	const end = `(?:[:/?#,\s]|$)`
	return regexp.MustCompile(`://(?:[^/\s]*@)?` + name + `(?:` + inCluster + `)?` + end +
		`|(?:^|[@,\s])` + name + `(?::[0-9]+|` + inCluster + end + `)`)
}
