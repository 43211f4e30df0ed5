package commands

import (
	"context"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
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

// namesPod reports whether what a command names is no service of its environment, but begins as the pods of one do that the person may see.
func (d *Dispatcher) namesPod(ctx context.Context, p grammar.Parsed, visible func(algesta.Target) bool) bool {
	place, err := d.Catalog.Resolve(ctx, "", p.Environment, visible)
	if err != nil || p.Service == "" {
		return false
	}
	return slices.ContainsFunc(d.Catalog.Known(ctx), func(t algesta.Target) bool {
		return t.Cluster == place.Cluster && t.Namespace == place.Namespace && visible(t) && t.Name != "" &&
			strings.HasPrefix(strings.ToLower(p.Service), t.Name+"-")
	})
}

// noSuchPod is the answer to a pod that isn't there, or that a manual has a placeholder for.
func (d *Dispatcher) noSuchPod(p grammar.Parsed) error {
	return &algesta.Error{
		Kind: algesta.ErrUnknownName,
		Message: algesta.Say("There's no service or pod \"{}\" in {}. A pod may have been replaced.",
			words.Clip(p.Service, longestPodEcho), words.Clip(p.Environment, longestPodEcho)),
		Hint: algesta.Say("To see which pods there are: {}", algesta.Name(d.Bot.Typed("pods", words.Clip(p.Environment, longestPodEcho)))),
	}
}

// longestPodEcho bounds how much of the name of a pod an answer repeats, in characters.
const longestPodEcho = 80
