package runbooks

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

var _ = register(Runbook{
	Name:    "pause",
	Aliases: []string{"rollout pause"},
	Verb:    "pause",
	Summary: "Stop the rollouts of a service where they are: what is changed while it's paused is stored and doesn't run.",
	Example: "pause api-gateway production",
	Rank:    192,
	About:   aboutWorkload,
	Args:    []Arg{undoes},
	Reads:   planReads,
	Writes:  []string{patchDeployments},
	Ends:    WithPoll(time.Minute, pollPaused),
	Plan:    planPause,
})

var _ = register(Runbook{
	Name:    "resume",
	Aliases: []string{"rollout resume"},
	Verb:    "resume",
	Summary: "Let the rollouts of a paused service go on, and follow the one that was stored meanwhile.",
	Example: "resume api-gateway production",
	Rank:    194,
	About:   aboutWorkload,
	Args:    []Arg{undoes},
	Reads:   planReads,
	Writes:  []string{patchDeployments},
	Ends:    WithRollout(),
	Plan:    planResume,
})

// What a pause does, and what a resume.
const (
	rollingToPaused = "rolling out → paused"
	pausedToRolling = "paused → rolling out"
)

// pausedPath is where a Deployment says that its rollouts are paused.
const pausedPath = "/spec/paused"

// refusePausing refuses what only a Deployment can be told.
func refusePausing(in Input) error {
	switch in.Workload.Kind {
	case statefulSetKind:
		return refusal(
			algesta.Say("{} is a StatefulSet, and Kubernetes can pause the rollouts of Deployments only.", algesta.Name(in.Workload.Name)),
			algesta.Say("A StatefulSet holds back pods by spec.updateStrategy.rollingUpdate.partition, or replaces none by itself with the "+
				"strategy OnDelete: set that where it's defined."),
		)
	case daemonSetKind:
		return refusal(
			algesta.Say("{} is a DaemonSet, and Kubernetes can pause the rollouts of Deployments only.", algesta.Name(in.Workload.Name)),
			algesta.Say("A DaemonSet replaces no pod by itself with the strategy OnDelete: set that where it's defined."),
		)
	}
	return nil
}

func planPause(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	if err := refusePausing(in); err != nil {
		return algesta.Plan{}, err
	}
	s, err := readWorkloadState(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := errors.Join(s.refuseDeleted(), s.refuseOwned(ctx, c, "pause")); err != nil {
		return algesta.Plan{}, err
	}
	what := subject(in)
	p := algesta.Plan{
		Title:   algesta.Say("Pause of {}", what),
		Summary: algesta.Say("Pause the rollouts of {}", algesta.Name(s.d.Name)),
		Doing:   algesta.Say("Pausing {}", what),
		Done:    algesta.Say("{} is paused", what),
		Figures: map[string]int64{"pods": int64(s.d.Replicas()), "surge": 0},
	}
	if s.d.Spec.Paused {
		p.Nothing = algesta.Say("{} is paused already. {} lets its rollouts go on.", what, command(in, "resume", ""))
		return p, nil
	}
	if p.Template, err = rollout.TemplateHash(s.d.Template()); err != nil {
		return algesta.Plan{}, err
	}
	swap, err := s.swap("paused", pausedPath, true, "spec", "paused")
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(swap)}
	p.Undo = &algesta.Offer{
		Runbook: "resume",
		Target:  in.Command.Target,
		Args:    algesta.Args{undoes.Name: in.Command.ID},
		Moves:   pausedToRolling,
	}
	s.asUndoOfPause(&p, rollingToPaused)
	p.Facts = []algesta.Field{{Label: "pods", Value: s.podsFact(s.d.Replicas(), 0, fit{})}}
	if s.rollout.Controller != nil && !s.rollout.Done() && s.d.Replicas() > 0 {
		fresh, old := s.rollout.Ready()
		stops := algesta.Say("A rollout is under way, with {} and {} ready. It stops there", count(fresh, "new pod"), count(old, "old pod"))
		if fresh > 0 && old > 0 {
			stops = algesta.Say("{}, and both versions serve until it's resumed", stops)
		}
		p.Warnings = append(p.Warnings, algesta.Say("{}.", stops))
	}
	p.Warnings = append(p.Warnings, algesta.Say(
		"While it's paused, I refuse to deploy, restart or roll it back, and what anyone else changes in it doesn't run. "+
			"Scaling works as before.",
	))
	p.Warnings = append(append(p.Warnings, s.ownerWarnings()...), s.unchecked...)
	return p, nil
}

func planResume(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	if err := refusePausing(in); err != nil {
		return algesta.Plan{}, err
	}
	s, err := readWorkloadState(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := errors.Join(s.refuseDeleted(), s.refuseOwned(ctx, c, "resume")); err != nil {
		return algesta.Plan{}, err
	}
	what := subject(in)
	p := algesta.Plan{
		Title:   algesta.Say("Resuming of {}", what),
		Summary: algesta.Say("Resume the rollouts of {}", algesta.Name(s.d.Name)),
		Doing:   algesta.Say("Resuming {}", what),
		Done:    algesta.Say("{} is no longer paused", what),
		Figures: map[string]int64{"pods": int64(s.d.Replicas()), "surge": 0},
	}
	if !s.d.Spec.Paused {
		p.Nothing = algesta.Say("{} isn't paused.", what)
		return p, nil
	}
	if p.Template, err = rollout.TemplateHash(s.d.Template()); err != nil {
		return algesta.Plan{}, err
	}
	// What is rolled out is what is approved: the template stays as it is, and as people saw it.
	template, err := s.swap("template", templatePath, s.d.Template(), "spec", "template")
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(template, algesta.Swap{Label: "paused", Path: pausedPath, From: json.RawMessage("true")})}
	p.Undo = &algesta.Offer{
		Runbook: "pause",
		Target:  in.Command.Target,
		Args:    algesta.Args{undoes.Name: in.Command.ID},
		Moves:   rollingToPaused,
	}
	s.asUndoOfPause(&p, pausedToRolling)
	surge, unavailable := rolling(s.d, s.d.Replicas())
	rolls := s.now < 0 || s.rollout.Controller != nil && !s.rollout.Done()
	if !rolls {
		surge = 0
	}
	p.Figures["surge"] = int64(surge)
	room, warnings := s.rollWarnings(ctx, c, s.d.Spec.Template, surge, unavailable)
	switch {
	case s.now < 0 && len(s.revisions) > 0:
		differences := rollout.Differences(s.revisions[0].Template, s.d.Template())
		p.Diff, p.Facts = rollout.Lines(differences), rollout.Fields(differences)
		p.Warnings = append(
			p.Warnings,
			algesta.Say("What was changed while it was paused is rolled out now: this isn't an undo of the pause alone."),
		)
	case !rolls:
		p.Facts = append(p.Facts, algesta.Field{Label: "template", Value: algesta.Say("unchanged since it was paused: nothing is rolled out")})
	}
	if rolls {
		s.askMovable(ctx, c, s.d.Spec.Template, &p)
	}
	p.Facts = append(p.Facts, algesta.Field{Label: "pods", Value: s.podsFact(s.d.Replicas(), s.extra(surge), room)})
	p.Warnings = append(p.Warnings, warnings...)
	return p, nil
}

// pollPaused waits until the deployment controller has seen the pause, and says what serves meanwhile.
func pollPaused(ctx context.Context, c Cluster, object algesta.Object) (Polled, error) {
	r, err := rollout.Look(ctx, c.Rollout(), object)
	switch {
	case err != nil:
		return Polled{}, err
	case r.Controller == nil:
		return Polled{Phase: rollout.Gone, Said: algesta.Say("{} was deleted.", algesta.Name(object.Name))}, nil
	case !r.Controller.Paused:
		return Polled{Phase: rollout.Overtaken, Said: algesta.Say("Someone resumed {}.", algesta.Name(object.Name))}, nil
	case r.Controller.Observed < r.Controller.Generation:
		return Polled{Phase: rollout.Moving, Said: algesta.Say("its controller hasn't seen it yet")}, nil
	}
	fresh, old := r.Ready()
	if old > 0 && !r.Done() {
		return Polled{
			Phase: rollout.Settled,
			Said:  algesta.Say("Its rollout stopped half-way: {} and {} serve.", count(fresh, "new pod"), count(old, "old pod")),
		}, nil
	}
	return Polled{Phase: rollout.Settled, Said: algesta.Say("{} as before.", servesAsBefore(fresh+old))}, nil
}

func servesAsBefore(n int) string {
	if n == 1 {
		return "Its pod serves"
	}
	return "Its " + count(n, "pod") + " serve"
}
