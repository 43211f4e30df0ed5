package runbooks

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
)

var pinArg = Arg{
	Name: "replicas", Aliases: []string{"pods"}, Kind: IntArg, Min: 1, Max: 500, Required: true, Bare: true,
	Summary: "how many pods to keep, whatever the load is",
}

var _ = register(Runbook{
	Name:    "hpa pin",
	Rank:    154,
	Aliases: []string{"pin"},
	Verb:    autoscaleVerb,
	Summary: "Keep a service at a number of pods: its autoscaler gets that as min and max, and notes what stood before for hpa restore.",
	Example: "hpa pin api-gateway production replicas=4",
	About:   aboutScaler,
	Args:    []Arg{pinArg, singleArg, undoes},
	Reads:   planReads,
	Writes:  []string{patchAutoscalers},
	Ends:    withScaler,
	Plan:    planHPAPin,
})

var _ = register(Runbook{
	Name:    "hpa restore",
	Rank:    156,
	Aliases: []string{"hpa unpin", "unpin"},
	Verb:    autoscaleVerb,
	Summary: "Give the autoscaler of a service the bounds back that it had before it was pinned.",
	Example: "hpa restore api-gateway production",
	About:   aboutScaler,
	Args:    []Arg{undoes},
	Reads:   planReads,
	Writes:  []string{patchAutoscalers},
	Ends:    withScaler,
	Plan:    planHPARestore,
})

func planHPAPin(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	s, err := readScaler(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	n := int32(pinArg.Of(in)) //nolint:gosec // bounded by the argument's Max
	to, what := bounds{n, n}, subject(s.in)
	before := s.now
	if s.pinned != nil { // pinned again: what is restored is still what was there before all pins
		before = s.pinned.Before
	}
	if to == s.now {
		p := algesta.Plan{Nothing: algesta.Say("The autoscaler of {} keeps {} already.", what, count(n, "pod"))}
		if s.pinned != nil {
			p.Nothing = p.Nothing.Then("{} goes back to {}.", command(s.in, "hpa restore", ""), s.pinned.Before)
		}
		return p, nil
	}
	p, err := s.plan(ctx, c, to, &pin{Before: before, At: n, Request: in.Command.ID})
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Title = algesta.Say("Pinning of {} at {} (autoscaled {} now)", what, count(n, "pod"), s.now)
	p.Summary = algesta.Say("Pin {} at {}, autoscaled {} now", algesta.Name(s.d.Name), count(n, "pod"), s.now)
	p.Doing = algesta.Say("Pinning {} at {}", what, count(n, "pod"))
	p.Done = algesta.Say("{} is pinned at {}", what, count(n, "pod"))
	s.asUndo(&p, to)
	p.Undo = &algesta.Offer{
		Runbook: "hpa restore",
		Target:  in.Command.Target,
		Args:    algesta.Args{undoes.Name: in.Command.ID},
		Moves:   fmt.Sprintf("%s → %s", to, before),
	}
	p.Warnings = append(
		p.Warnings,
		algesta.Say("It stays that way until someone types {}, which brings {} back.", command(s.in, "hpa restore", ""), before),
	)
	return p, nil
}

func planHPARestore(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	s, err := readScaler(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	what := subject(s.in)
	switch {
	case s.broken:
		return algesta.Plan{}, refusal(
			algesta.Say("The note on {} of what stood before it was pinned can't be read.", algesta.Name(s.scaler.Name)),
			algesta.Say("Say which bounds you want: {}", command(s.in, "hpa set", "min=<number> max=<number>")),
		)
	case s.pinned == nil:
		return algesta.Plan{
			Nothing: algesta.Say("The autoscaler of {} isn't pinned by me: it keeps between {} and {} pods.", what, s.now.Min, s.now.Max),
		}, nil
	}
	to := s.pinned.Before
	p, err := s.plan(ctx, c, to, nil)
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Title = algesta.Say("Restoring the autoscaler of {} ({} → {} pods)", what, s.now, to)
	p.Summary = algesta.Say("Autoscale {} again as before: {} → {} pods", algesta.Name(s.d.Name), s.now, to)
	p.Doing = algesta.Say("Restoring the autoscaler of {}: {} → {} pods", what, s.now, to)
	p.Done = algesta.Say("{} is autoscaled between {} and {} pods again", what, to.Min, to.Max)
	s.asUndo(&p, to)
	p.Undo = &algesta.Offer{
		Runbook: "hpa pin", Target: in.Command.Target, Args: algesta.Args{pinArg.Name: int64(s.pinned.At), undoes.Name: in.Command.ID},
		Moves: fmt.Sprintf("%s → %s", to, bounds{s.pinned.At, s.pinned.At}),
	}
	if s.pinned.At == 1 {
		p.Undo.Args[singleArg.Name] = true
	}
	if pinned := (bounds{s.pinned.At, s.pinned.At}); s.now != pinned {
		p.Warnings = append(
			p.Warnings,
			algesta.Say(
				"Someone changed it since {} pinned it at {}: it's {} now.",
				algesta.Name(quote(s.pinned.Request)),
				count(s.pinned.At, "pod"),
				s.now,
			),
		)
	}
	return p, nil
}
