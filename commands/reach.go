package commands

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// mayRead says of which namespaces of the command's cluster an answer may say something to its actor: those in which the policy lets that
// person do the same. A namespace that several environments share has to be allowed in all of them.
func (d *Dispatcher) mayRead(ctx context.Context, c algesta.Command, verb string) func(namespace string) bool {
	return func(namespace string) bool {
		var places []algesta.Target
		for _, name := range d.Catalog.Environments() {
			t, err := d.Catalog.Resolve(ctx, "", name, func(algesta.Target) bool { return true })
			if err != nil {
				return false // a limit may depend on the name of the environment
			}
			if t.Cluster == c.Target.Cluster && t.Namespace == namespace {
				t.Object = wholeEnvironment
				places = append(places, t)
			}
		}
		if len(places) == 0 { // of no environment
			places = []algesta.Target{{Cluster: c.Target.Cluster, Namespace: namespace, Object: "namespace"}}
		}
		for _, t := range places {
			asked := c
			asked.Target = t
			if !d.allows(asked, verb) {
				return false
			}
		}
		return true
	}
}

// allows asks the policy in force about something that only looks: what needs an approval is not allowed.
func (d *Dispatcher) allows(c algesta.Command, verb string) bool {
	return d.Policy().Decide(policy.Facts{Command: c, Verb: verb, At: time.Now()}).Effect == algesta.Allow
}
