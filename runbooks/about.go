package runbooks

import (
	"fmt"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// About says what a command may be about: one thing of those that are set. The grammar, the usage, the help, the suggestions and
// RUNBOOKS.md follow from it. The zero value is about nothing: the command is about no target, such as the list of what waits for approval.
type About struct {
	// Service takes a service in an environment.
	Service bool
	// Workloads takes a StatefulSet or a DaemonSet by its kind and name, too, beside a service, which is a Deployment.
	Workloads bool
	// Environment takes an environment as a whole, or any other namespace that the configuration has a name for. Beside Host it may be
	// named, and need not be.
	Environment bool
	// Kinds takes objects of these kinds in an environment, by their names in algesta.Kinds: "Pod", "Node". Where it is a single kind and no
	// service, the bare name of an object is enough.
	Kinds []string
	// Host takes a host name, such as api.example.com.
	Host bool
	// Optional says that a command may leave out the environment: then it's about everything that the person may see, and Input.Places
	// are the environments in which the policy lets them do the same.
	Optional bool
	// Cluster says that the object, which is of a single kind, is of a cluster and in no environment, and isn't there yet: which cluster
	// follows from the argument "environment". The target has a cluster and the object, and no namespace, so of the rules of a policy only
	// those are about it that hold in all namespaces.
	Cluster bool
}

// aboutService is what most commands are about.
var aboutService = About{Service: true}

// Nothing reports whether the command is about nothing.
func (a About) Nothing() bool { return !a.Service && !a.Environment && !a.Host && len(a.Kinds) == 0 }

// Takes reports whether a command may name an object of this kind. A Deployment or Service is a service's, and a namespace an
// environment's, unless the kind itself is declared.
func (a About) Takes(kind string) bool {
	switch {
	case a.Named(kind):
		return true
	case kind == "Deployment" || kind == "Service":
		return a.Service
	case kind == "Namespace":
		return a.Environment
	}
	return false
}

// Named reports whether an object of this kind stands for itself in a command, and not for a service or an environment.
func (a About) Named(kind string) bool {
	return slices.Contains(a.Kinds, kind) || a.Workloads && (kind == statefulSetKind || kind == daemonSetKind)
}

// Placed reports whether a command has to say in which environment.
func (a About) Placed() bool {
	return !a.Cluster && !a.Optional && (a.Service || len(a.Kinds) > 0 || a.Environment && !a.Host)
}

// The placeholders of a usage line.
const (
	serviceSlot     = "<service>"
	environmentSlot = "<environment>"
	hostSlot        = "<host>"
)

// Slot is the placeholder for what the command is about in a usage line: "<service>", "<host>"; "" where that is the environment or
// nothing.
func (a About) Slot() string {
	switch {
	case a.Service:
		return serviceSlot
	case len(a.Kinds) == 1 && a.Environment: // the bare word is the environment
		return ""
	case len(a.Kinds) == 1:
		return "<" + strings.ToLower(a.Kinds[0]) + ">"
	case len(a.Kinds) > 1 && !a.Environment:
		return "<kind>/<name>"
	case a.Host:
		return hostSlot
	}
	return ""
}

// ClusterArg is the argument by which a command that is about a cluster names one of that cluster's environments.
const ClusterArg = "environment"

// Usage are the ways to say what the command is about, the usual one first: "<service> <environment>", "<environment>".
func (a About) Usage() []string {
	var ways []string
	if a.Cluster {
		return []string{a.Slot()}
	}
	if a.Service {
		ways = append(ways, serviceSlot+" "+environmentSlot)
	}
	if a.Workloads {
		ways = append(ways, strings.ToLower(statefulSetKind)+"/<name> "+environmentSlot)
	}
	if len(a.Kinds) == 1 {
		ways = append(ways, strings.ToLower(a.Kinds[0])+"/<name> "+environmentSlot)
	}
	if len(a.Kinds) > 1 {
		ways = append(ways, "<kind>/<name> "+environmentSlot)
	}
	if a.Host && a.Environment && !a.Placed() {
		return append(ways, hostSlot+" ["+environmentSlot+"]")
	}
	if a.Host && a.Placed() {
		ways = append(ways, hostSlot+" "+environmentSlot)
	} else if a.Host {
		ways = append(ways, hostSlot)
	}
	if a.Environment {
		ways = append(ways, environmentSlot)
	}
	if a.Optional {
		ways = append(ways, "")
	}
	return ways
}

// mostKinds is how many kinds a sentence lists.
const mostKinds = 4

// Things is what the command works on, in the plural: "services", "nodes or hosts".
func (a About) Things() string {
	var things []string
	if a.Service {
		things = append(things, "services")
	}
	for _, name := range a.Kinds[:min(mostKinds, len(a.Kinds))] {
		if kind, ok := algesta.KindOf(name); ok && !slices.Contains(things, kind.Plural) {
			things = append(things, kind.Plural)
		}
	}
	if len(a.Kinds) > mostKinds {
		things = append(things, "other objects")
	}
	if a.Host {
		things = append(things, "hosts")
	}
	if a.Environment {
		things = append(things, "environments")
	}
	return words.Or(things)
}

// check finds the mistakes of a programmer.
func (a About) check() error {
	if a.Optional && !a.Environment {
		return fmt.Errorf("what may be about everything may be about an environment")
	}
	if a.Workloads && !a.Service {
		return fmt.Errorf("what takes StatefulSets and DaemonSets takes services")
	}
	if a.Cluster && (len(a.Kinds) != 1 || a.Service || a.Environment || a.Host) {
		return fmt.Errorf("what is of a cluster is of one kind and nothing else")
	}
	for i, name := range a.Kinds {
		if kind, ok := algesta.KindOf(name); !ok || kind.Name != name {
			return fmt.Errorf("there is no kind %q in algesta.Kinds", name)
		}
		if slices.Contains(a.Kinds[:i], name) {
			return fmt.Errorf("the kind %s is there twice", name)
		}
	}
	return nil
}
