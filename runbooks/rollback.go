package runbooks

import (
	"context"
	"fmt"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

var (
	toRevision = Arg{
		Name: "to-revision", Aliases: []string{"revision"}, Kind: IntArg, Min: 1, Max: 1 << 40, Bare: true, Else: "version",
		Summary: "the revision to go back to, by its number or its tag; without it, the newest version before this one that " +
			"didn't fail",
		Offers: offerRevisions,
	}
	toVersion = Arg{
		Name: "version", Aliases: []string{"tag"}, Kind: TextArg, Bare: true,
		Summary: "the tag of the version to go back to, where that is not a number", Typed: true,
	}
	templateArg = Arg{Name: "template", Kind: TextArg, Hidden: true, Summary: "the pod-template-hash to go back to"}
	undoes      = Arg{Name: "undoes", Kind: TextArg, Hidden: true, Own: true, Summary: "the request that is undone"}
)

var rollback = register(Runbook{
	Name:    "rollback",
	Aliases: []string{"rollout undo"},
	Verb:    "rollback",
	Summary: "Go back to an earlier revision of a service.",
	Example: "rollback api-gateway production",
	Rank:    180,
	About:   aboutWorkload,
	Args:    []Arg{toRevision, toVersion, templateArg, undoes},
	Reads:   workloadReads,
	Writes:  patchWorkloads,
	Ends:    WithRollout(),
	Plan:    planRollback,
})

// rollbackPath is where a rollback goes: from the template that runs now to that of a revision.
type rollbackPath struct {
	to         rollout.Revision
	from, want corev1.PodTemplateSpec
	old, image string // of the main container, now and then
	undone     string // the request that is undone, "" for a plain rollback
}

func planRollback(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	s, err := readWorkloadState(ctx, c, in)
	if err != nil {
		return algesta.Plan{}, err
	}
	if err := s.refuseTemplate(ctx, c, "rollback"); err != nil {
		return algesta.Plan{}, err
	}
	to, err := s.rollbackTarget()
	if err != nil {
		return algesta.Plan{}, err
	}
	w, err := s.pathTo(to)
	if err != nil {
		return algesta.Plan{}, err
	}
	s.there = s.podsOf(to)
	var overtaken bool
	w.undone, overtaken = s.undone(s.wroteTemplate())
	p, cause := s.rollbackWords(w)
	p.Figures = map[string]int64{"revision": to.Number, "pods": int64(s.d.Replicas()), "surge": 0}
	if s.now >= 0 && s.revisions[s.now].UID == to.UID {
		p.Nothing = algesta.Say("{} already runs revision {}.", subject(in), to.Number)
		if !s.up() {
			p.Nothing = s.notUp(algesta.Say("revision {}", to.Number))
		}
		return p, nil
	}
	if p.Template, err = rollout.TemplateHash(to.Template); err != nil {
		return algesta.Plan{}, err
	}
	swaps, err := s.templateSwaps(to.Template, p.Template, cause)
	if err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(swaps...)}
	p.Undo = s.undo(w.image, w.old)
	differences := rollout.Differences(s.d.Template(), to.Template)
	surge, unavailable := rolling(s.d, s.d.Replicas())
	p.Figures["surge"] = int64(surge)
	room, warnings := s.rollWarnings(ctx, c, w.want, surge, unavailable)
	p.Diff = rollout.Lines(differences)
	p.Facts = append(append(s.kindFact(), s.undoFact(w.undone)...), rollout.Fields(differences)...)
	s.askMovable(ctx, c, w.want, &p)
	p.Facts = append(p.Facts, algesta.Field{Label: "revision", Value: s.revisionFact(to)},
		algesta.Field{Label: "pods", Value: s.podsFact(s.d.Replicas(), s.extra(surge), room)})
	if overtaken {
		p.Warnings = append(p.Warnings, notLast(undoes.Text(in)))
	}
	p.Warnings = append(p.Warnings, s.failedWarning(to)...)
	p.Warnings = append(append(append(p.Warnings, warnings...), s.rollbackWarnings(w)...), s.bringsBack(to.Template, s.d.Replicas())...)
	return p, nil
}

func (s workloadState) pathTo(to rollout.Revision) (rollbackPath, error) {
	from, err := rollout.TypedTemplate(s.d.Template())
	if err != nil {
		return rollbackPath{}, err
	}
	want, err := rollout.TypedTemplate(to.Template)
	if err != nil {
		return rollbackPath{}, err
	}
	service := s.in.Command.Target.Service
	return rollbackPath{
		to:    to,
		from:  from,
		want:  want,
		old:   rollout.MainContainer(from, service).Image,
		image: rollout.MainContainer(want, service).Image,
	}, nil
}

// rollbackWords are the sentences of a rollback or an undo, and the change-cause that it notes.
func (s workloadState) rollbackWords(w rollbackPath) (p algesta.Plan, cause string) {
	what, name := subject(s.in), algesta.Name(s.in.Workload.Name)
	moves, back := versions(w.old, w.image), quote(rollout.Version(w.image))
	if moves == "" {
		moves, back = fmt.Sprintf("%s, revision %d", back, w.to.Number), fmt.Sprintf("revision %d", w.to.Number)
	}
	p.Done, p.Of = s.stored(algesta.Say("{} is back on {}", what, back), back), s.of()
	if w.undone != "" {
		p.Title = algesta.Say("Undo of {} for {} ({})", algesta.Name(w.undone), what, moves)
		p.Summary = algesta.Say("Undo {} and put {} back: {}", algesta.Name(w.undone), name, moves)
		p.Doing = algesta.Say("Undoing {} for {}: {}", algesta.Name(w.undone), what, moves)
		return p, fmt.Sprintf("undo of %s, back to %s %s", w.undone, back, by(s.in))
	}
	p.Title = algesta.Say("Rollback of {} ({})", what, moves)
	p.Summary = algesta.Say("Roll back {}: {}", name, moves)
	if w.old != w.image {
		p.Summary = algesta.Say("{} (revision {})", p.Summary, w.to.Number)
	}
	p.Doing = algesta.Say("Rolling back {}: {}", what, moves)
	return p, fmt.Sprintf("rollback to %s %s", back, by(s.in))
}

// undoFact is the row that says what an undo takes back, in the words of the change-cause that it left.
func (s workloadState) undoFact(request string) []algesta.Field {
	if request == "" {
		return nil
	}
	return []algesta.Field{
		{Label: "undoes", Value: algesta.Say("{}", words.Cited(orElse(quote(s.d.Annotations[rollout.CauseAnnotation]), request)))},
	}
}

// rollbackWarnings is what a rollback in particular cannot do.
func (s workloadState) rollbackWarnings(w rollbackPath) []algesta.Text {
	var out []algesta.Text
	if movable(w.image) {
		out = append(
			out,
			algesta.Say(
				"The image {} has no fixed version: the nodes pull whatever it is today, which need not be what revision {} ran.",
				algesta.Name(quote(rollout.ShortImage(w.image))),
				w.to.Number,
			),
		)
	} else if w.old == w.image {
		out = append(
			out,
			algesta.Say("The image stays {}: only the settings shown here change.", algesta.Name(quote(rollout.ShortImage(w.image)))),
		)
	}
	if len(s.revisions) > 2 && w.to.UID == s.revisions[len(s.revisions)-1].UID && len(s.revisions) > int(historyLimit(s.d)) {
		out = append(out, algesta.Say("Revision {} is the oldest that is kept; the next change removes it from the history.", w.to.Number))
	}
	return out
}

func historyLimit(d rollout.Workload) int32 {
	if d.Spec.RevisionHistoryLimit == nil {
		return 10
	}
	return *d.Spec.RevisionHistoryLimit
}
