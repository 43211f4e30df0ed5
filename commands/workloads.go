package commands

import (
	"context"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
)

// workloadCalled is the target of a command that names no service of its environment, but a StatefulSet or a DaemonSet there, as far as the
// caches know; no cluster is asked for what may be a typo. ok is false where there is none, or whoever typed it may not know of any.
func (d *Dispatcher) workloadCalled(
	ctx context.Context, p grammar.Parsed, visible func(algesta.Target) bool,
) (t algesta.Target, ok bool) {
	place, err := d.Catalog.Resolve(ctx, "", p.Environment, visible)
	if err != nil || !visible(place) || d.Makers == nil {
		return t, false
	}
	object, found := runbooks.WorkloadCalled(d.Makers(place.Cluster, place.Namespace), strings.ToLower(p.Service))
	if !found {
		return t, false
	}
	place.Object = object
	return place, true
}
