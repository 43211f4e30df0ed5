package runbooks

import (
	"context"

	"github.com/3astronautas/algesta"
)

var (
	minArg = Arg{
		Name:    "min",
		Aliases: []string{"minreplicas", "min-replicas"},
		Kind:    IntArg,
		Min:     1,
		Max:     500,
		Summary: "the fewest pods that it keeps",
	}
	maxArg = Arg{
		Name:    "max",
		Aliases: []string{"maxreplicas", "max-replicas"},
		Kind:    IntArg,
		Min:     1,
		Max:     500,
		Summary: "the most pods that it runs",
	}
)

var _ = register(Runbook{
	Name:    "hpa set",
	Rank:    152,
	Aliases: []string{"autoscale", "set hpa"},
	Verb:    autoscaleVerb,
	Summary: "Change the minimum and maximum number of pods of a service's autoscaler.",
	Example: "hpa set api-gateway production min=2 max=6",
	About:   aboutScaler,
	Args:    []Arg{minArg, maxArg, singleArg, undoes},
	Reads:   planReads,
	Writes:  []string{patchAutoscalers},
	Ends:    withScaler,
	Plan:    planHPASet,
})

func planHPASet(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	if !minArg.Given(in) && !maxArg.Given(in) {
		return algesta.Plan{}, &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("Which bounds? Give min, max or both."),
			Hint: algesta.Say("{}", boundsCommand(in, "min=<number> max=<number>")),
		}
	}
	s, err := readScaler(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	to := s.now
	if minArg.Given(in) {
		to.Min = int32(minArg.Of(in)) //nolint:gosec // bounded by the argument's Max
	}
	if maxArg.Given(in) {
		to.Max = int32(maxArg.Of(in)) //nolint:gosec // bounded by the argument's Max
	}
	what := subject(s.in)
	if to == s.now {
		return algesta.Plan{Nothing: algesta.Say("The autoscaler of {} keeps it between {} and {} pods already.", what, to.Min, to.Max)}, nil
	}
	p, err := s.plan(ctx, c, to, nil)
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Title = algesta.Say("Autoscaling of {} ({} → {} pods)", what, s.now, to)
	p.Summary = algesta.Say("Autoscale {}: {} → {} pods", algesta.Name(s.d.Name), s.now, to)
	p.Doing = algesta.Say("Changing the autoscaler of {}: {} → {} pods", what, s.now, to)
	p.Done = algesta.Say("{} is autoscaled between {} and {} pods", what, to.Min, to.Max)
	s.asUndo(&p, to)
	p.Undo = s.wayBack(to)
	if s.pinned != nil {
		p.Warnings = append(
			p.Warnings,
			algesta.Say(
				"It's pinned at {} ({} before). This ends the pin, and what was before is forgotten.",
				count(s.pinned.At, "pod"),
				s.pinned.Before,
			),
		)
	}
	return p, nil
}

// boundsCommand is a command about the same service or autoscaler, for hints.
func boundsCommand(in Input, rest string) algesta.Span {
	about := orElse(in.Command.Target.Service, in.Command.Target.Object)
	return algesta.Name(in.Bot.Typed(in.Command.Runbook, about, whereOf(in), rest))
}
