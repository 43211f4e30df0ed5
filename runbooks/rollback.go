package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

var (
	toRevision = Arg{
		Name: "to-revision", Aliases: []string{"revision"}, Kind: IntArg, Min: 1, Max: 1 << 40, Bare: true,
		Summary: "the revision to go back to; without it the newest one that runs other pods than now",
	}
	templateArg = Arg{Name: "template", Kind: TextArg, Hidden: true, Summary: "the pod-template-hash to go back to"}
)

var rollback = register(Runbook{
	Name:    "rollback",
	Aliases: []string{"undo", "rollout undo"},
	Verb:    "rollback",
	Summary: "Go back to an earlier revision of a service.",
	Example: "rollback api-gateway production",
	Args:    []Arg{toRevision, templateArg},
	Writes:  []string{patchDeployments},
	Plan:    planRollback,
})

func planRollback(ctx context.Context, c Cluster, in Input) (algesta.Plan, error) {
	s, err := readScene(ctx, c, in)
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
	p := algesta.Plan{
		Title:   algesta.Say("Rollback of {}", subject(in)),
		Summary: algesta.Say("Roll back {} to revision {}", algesta.Name(in.Workload.Name), to.number),
		Figures: map[string]int64{"revision": to.number, "pods": int64(s.d.replicas()), "surge": 0},
	}
	if s.now >= 0 && s.revisions[s.now].set.UID == to.set.UID {
		p.Nothing = algesta.Say("{} already runs revision {}.", subject(in), to.number)
		return p, nil
	}
	from, err := typedTemplate(s.d.template())
	if err != nil {
		return algesta.Plan{}, err
	}
	want, err := typedTemplate(to.template)
	if err != nil {
		return algesta.Plan{}, err
	}
	service := in.Command.Target.Service
	oldImage, newImage := mainContainer(from, service).Image, mainContainer(want, service).Image
	p.Doing = algesta.Say("Rolling back {}", subject(in))
	p.Done = algesta.Say("{} is back on revision {}", subject(in), to.number)
	cause := fmt.Sprintf("rollback to revision %d %s", to.number, by(in))
	if oldImage != newImage {
		p.Done = algesta.Say("{} is back on {}", subject(in), quote(version(newImage)))
		cause = fmt.Sprintf("rollback to %s %s", version(newImage), by(in))
	}
	swaps, err := s.templateSwaps(to.template, cause)
	if err != nil {
		return algesta.Plan{}, err
	}
	if p.Template, err = templateHash(to.template); err != nil {
		return algesta.Plan{}, err
	}
	p.Changes = []algesta.Change{s.change(swaps...)}
	p.Undo = s.undo()
	differences := diffTemplates(s.d.template(), to.template)
	surge, unavailable := rolling(s.d.Deployment, s.d.replicas())
	p.Figures["surge"] = int64(surge)
	room, warnings := s.rollWarnings(ctx, c, want, surge, unavailable)
	p.Diff = lines(differences)
	p.Facts = append(factsOf(differences), algesta.Field{Label: "revision", Value: s.revisionFact(to)},
		algesta.Field{Label: "pods", Value: s.podsFact(s.d.replicas(), s.extra(surge), room)})
	p.Warnings = append(warnings, s.rollbackWarnings(to, oldImage, newImage)...)
	return p, nil
}

// rollbackTarget is the revision to go back to: the one that was named, or the newest that runs other pods than now.
// kubectl takes the second highest number instead, which after a restart is the same version without the restart.
func (s scene) rollbackTarget() (revision, error) {
	if hash := templateArg.Text(s.in); hash != "" {
		if i := slices.IndexFunc(s.revisions, func(r revision) bool { return r.hash() == hash }); i >= 0 {
			return s.revisions[i], nil
		}
		return revision{}, s.unknown(algesta.Say("The version with the pod template hash {} is no longer kept by {}.", algesta.Name(quote(hash)), algesta.Name(s.d.Name)))
	}
	if toRevision.Given(s.in) {
		number := toRevision.Of(s.in)
		if i := slices.IndexFunc(s.revisions, func(r revision) bool { return r.number == number }); i >= 0 {
			return s.revisions[i], nil
		}
		return revision{}, s.unknown(algesta.Say("{} has no revision {}.", algesta.Name(s.d.Name), number))
	}
	for i, r := range s.revisions {
		if i != s.now && !samePods(r.template, s.d.template()) {
			return r, nil
		}
	}
	if limit := s.d.Spec.RevisionHistoryLimit; limit != nil && *limit == 0 {
		return revision{}, refusal(
			algesta.Say("{} keeps no history (revisionHistoryLimit is 0), so there is nothing to go back to.", algesta.Name(s.d.Name)),
			algesta.Say("Deploy the version you want: {}", command(s.in, "deploy", "<tag>")),
		)
	}
	message := algesta.Say("{} has only one version in its history, so there is nothing to go back to.", algesta.Name(s.d.Name))
	if len(s.revisions) > 1 {
		message = algesta.Say("All {} revisions of {} run the same pods as now (they are restarts), so there is nothing to go back to.", len(s.revisions), algesta.Name(s.d.Name))
	}
	return revision{}, refusal(message, algesta.Say("Deploy the version you want: {}", command(s.in, "deploy", "<tag>")))
}

// unknown is the error for a revision that is not there, with the list of those that are.
func (s scene) unknown(message algesta.Text) error {
	var known []string
	for i, r := range s.revisions {
		entry := fmt.Sprintf("%d (%s)", r.number, quote(version(s.image(r))))
		if i == s.now {
			entry = fmt.Sprintf("%d (now, %s)", r.number, quote(version(s.image(r))))
		}
		known = append(known, entry)
	}
	if len(known) == 0 {
		return &algesta.Error{Kind: algesta.ErrUnknownName, Message: message, Hint: algesta.Say("It has no revisions at all.")}
	}
	hint := algesta.Say("There are {}.", list(known))
	if s.now+1 < len(s.revisions) {
		hint = hint.Then("For example: {}", command(s.in, "rollback", fmt.Sprintf("--to-revision=%d", s.revisions[len(s.revisions)-1].number)))
	}
	return &algesta.Error{Kind: algesta.ErrUnknownName, Message: message, Hint: hint}
}

// image is the image of the revision's main container.
func (s scene) image(r revision) string {
	return mainContainer(r.set.Spec.Template, s.in.Command.Target.Service).Image
}

// revisionFact tells the revision's age and cause, and which newer ones were passed over as mere restarts.
func (s scene) revisionFact(to revision) algesta.Text {
	out := algesta.Say("{}, made {} ago", to.number, span(s.in.Command.At.Sub(to.set.CreationTimestamp.Time)))
	if cause := to.cause(); cause != "" {
		out = algesta.Say("{}: “{}”", out, cause)
	}
	if toRevision.Given(s.in) || templateArg.Given(s.in) {
		return out
	}
	var same []string
	for i, r := range s.revisions {
		if r.set.UID == to.set.UID {
			break
		}
		if i != s.now {
			same = append(same, fmt.Sprint(r.number))
		}
	}
	switch len(same) {
	case 0:
		return out
	case 1:
		return algesta.Say("{} ({} runs the same pods as now: a restart)", out, same[0])
	}
	return algesta.Say("{} ({} run the same pods as now: restarts)", out, list(same))
}

// rollbackWarnings is what a rollback in particular cannot do.
func (s scene) rollbackWarnings(to revision, oldImage, newImage string) []algesta.Text {
	var out []algesta.Text
	if movable(newImage) {
		out = append(out, algesta.Say("The image {} has no fixed version: the nodes pull whatever it is today, which need not be what revision {} ran.", algesta.Name(quote(shortImage(newImage))), to.number))
	} else if oldImage == newImage {
		out = append(out, algesta.Say("The image stays {}: only the settings shown here change.", algesta.Name(quote(shortImage(newImage)))))
	}
	if len(s.revisions) > 2 && to.set.UID == s.revisions[len(s.revisions)-1].set.UID && len(s.revisions) > int(historyLimit(s.d)) {
		out = append(out, algesta.Say("Revision {} is the oldest that is kept; the next change removes it from the history.", to.number))
	}
	return out
}

func historyLimit(d deployment) int32 {
	if d.Spec.RevisionHistoryLimit == nil {
		return 10
	}
	return *d.Spec.RevisionHistoryLimit
}

// factsOf are the differences as rows of the card: what changes of one kind stands in one row.
func factsOf(differences []difference) []algesta.Field {
	var out []algesta.Field
	for _, d := range differences {
		if n := len(out); n > 0 && out[n-1].Label == d.what {
			out[n-1].Value = algesta.Say("{}; {}", out[n-1].Value, shorten(d.text, quoteBytes))
			continue
		}
		out = append(out, algesta.Field{Label: d.what, Value: algesta.Say("{}", shorten(d.text, quoteBytes))})
	}
	const most = 8
	if len(out) > most {
		var more []string
		for _, f := range out[most:] {
			more = append(more, f.Label)
		}
		out = append(out[:most], algesta.Field{Label: "and", Value: algesta.Say("{}", strings.Join(more, ", "))})
	}
	return out
}
