package runbooks

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// rollbackTarget is the revision to go back to: the one that was named, or the newest that runs other pods than now and did not fail when
// the bot watched it. kubectl takes the second highest number instead, which after a restart is the same version without the restart.
func (s workloadState) rollbackTarget() (rollout.Revision, error) {
	if hash := templateArg.Text(s.in); hash != "" {
		if i := slices.IndexFunc(s.revisions, func(r rollout.Revision) bool { return r.Hash() == hash }); i >= 0 {
			return s.revisions[i], nil
		}
		return rollout.Revision{}, s.unknown(
			algesta.Say("The version with the pod template hash {} is no longer kept by {}.", algesta.Name(quote(hash)), algesta.Name(s.d.Name)),
		)
	}
	if toVersion.Given(s.in) {
		return s.byVersion(
			toVersion.Text(s.in),
			algesta.Say("{} has no revision that runs {}.", algesta.Name(s.d.Name), algesta.Name(quote(toVersion.Text(s.in)))),
		)
	}
	if toRevision.Given(s.in) {
		number := toRevision.Of(s.in)
		if i := slices.IndexFunc(s.revisions, func(r rollout.Revision) bool { return r.Number == number }); i >= 0 {
			return s.revisions[i], nil
		}
		// People call a version by its tag, and tags of builds are numbers, too.
		return s.byVersion(strconv.FormatInt(number, 10), algesta.Say("{} has no revision {}.", algesta.Name(s.d.Name), number))
	}
	return s.lastHealthy()
}

// byVersion is the revision whose image has this tag, the newest of several that run the same pods. missing is what is said where there is
// none.
func (s workloadState) byVersion(tag string, missing algesta.Text) (rollout.Revision, error) {
	var found []rollout.Revision
	var numbers []string
	for _, r := range s.revisions {
		if rollout.Version(s.image(r)) != tag {
			continue
		}
		if len(found) == 0 || !rollout.SamePods(found[0].Template, r.Template) {
			numbers = append(numbers, fmt.Sprint(r.Number))
		}
		found = append(found, r)
	}
	switch {
	case len(found) == 0:
		return rollout.Revision{}, s.unknown(missing)
	case len(numbers) == 1:
		return found[0], nil
	}
	return rollout.Revision{}, &algesta.Error{
		Kind: algesta.ErrUnknownName,
		Message: algesta.Say(
			"Several revisions of {} run {} with different settings: {}.",
			algesta.Name(s.d.Name),
			algesta.Name(quote(tag)),
			list(numbers),
		),
		Hint: algesta.Say("Say which one: {}", command(s.in, "rollback", "--to-revision="+numbers[0])),
	}
}

// lastHealthy is the target of a rollback that names none.
func (s workloadState) lastHealthy() (rollout.Revision, error) {
	var failed []algesta.Text
	var bad []rollout.Revision
	for i, r := range s.revisions {
		if i == s.now || rollout.SamePods(r.Template, s.d.Template()) {
			continue
		}
		how, never := s.failed(r)
		// A restart of a version that failed is that version.
		again := how == nil && slices.ContainsFunc(bad, func(b rollout.Revision) bool { return rollout.SamePods(b.Template, r.Template) })
		switch {
		case never:
			bad, failed = append(bad, r), append(failed, algesta.Say("{} ({})", r.Number, how))
		case !again:
			return r, nil
		}
	}
	deploy := algesta.Say("Deploy the version you want: {}", command(s.in, "deploy", "<tag>"))
	switch limit := s.d.Spec.RevisionHistoryLimit; {
	case len(failed) > 0:
		return rollout.Revision{}, refusal(
			algesta.Say("Every earlier version of {} failed when I watched it: revision {}.", algesta.Name(s.d.Name), algesta.And(failed)),
			algesta.Say("If you want it nevertheless: {}", command(s.in, "rollback", fmt.Sprintf("--to-revision=%d", bad[0].Number))),
		)
	case limit != nil && *limit == 0:
		return rollout.Revision{}, refusal(
			algesta.Say("{} keeps no history (revisionHistoryLimit is 0), so there's nothing to go back to.", algesta.Name(s.d.Name)),
			deploy,
		)
	case len(s.revisions) > 1:
		return rollout.Revision{}, refusal(
			algesta.Say(
				"{} revisions of {} run the same pods as now (they are restarts), so there's nothing to go back to.",
				allOf(len(s.revisions)),
				algesta.Name(s.d.Name),
			),
			deploy,
		)
	}
	return rollout.Revision{}, refusal(
		algesta.Say("{} has only one version in its history, so there's nothing to go back to.", algesta.Name(s.d.Name)),
		deploy,
	)
}

// failed says how the revision failed the last time that the bot rolled it out, nil where it did not or nothing is known. never is true
// where it has not come up at any other time either.
func (s workloadState) failed(r rollout.Revision) (how algesta.Text, never bool) {
	template, err := rollout.TemplateHash(r.Template)
	if err != nil {
		return nil, false
	}
	known := false
	for _, past := range s.in.Past { // newest first
		if past.Template != template || past.NoPods {
			continue
		}
		switch past.Status {
		case algesta.Succeeded:
			return how, false
		case algesta.Failed, algesta.TimedOut:
			if !known {
				how = algesta.Say("{}, {}: {}", algesta.Name(past.Request), algesta.AtDay(past.At), quote(strings.TrimSuffix(past.Note, ".")))
			}
			known = true
		case algesta.Pending, algesta.Approved, algesta.Executing, algesta.Applied, algesta.Rejected, algesta.Cancelled, algesta.Expired,
			algesta.Superseded, algesta.Stale, algesta.Unknown: // they say nothing about the version
		}
	}
	return how, known
}

// failedWarning warns of a revision that failed the last time.
func (s workloadState) failedWarning(to rollout.Revision) []algesta.Text {
	how, _ := s.failed(to)
	if how == nil {
		return nil
	}
	return []algesta.Text{algesta.Say("Revision {} failed the last time I watched it ({}).", to.Number, how)}
}

// unknown is the error for a revision that is not there, with the list of those that are.
func (s workloadState) unknown(message algesta.Text) error {
	var known []string
	for i, r := range s.revisions {
		entry := fmt.Sprintf("%d (%s)", r.Number, quote(rollout.Version(s.image(r))))
		if i == s.now {
			entry = fmt.Sprintf("%d (now, %s)", r.Number, quote(rollout.Version(s.image(r))))
		}
		known = append(known, entry)
	}
	if len(known) == 0 {
		return &algesta.Error{Kind: algesta.ErrUnknownName, Message: message, Hint: algesta.Say("It has no revisions at all.")}
	}
	hint := algesta.Say("The revisions are {}.", list(known))
	if likely, err := s.lastHealthy(); err == nil {
		hint = hint.Then("For example: {}", command(s.in, "rollback", fmt.Sprintf("--to-revision=%d", likely.Number)))
	}
	return &algesta.Error{Kind: algesta.ErrUnknownName, Message: message, Hint: hint}
}

// image is the image of the revision's main container.
func (s workloadState) image(r rollout.Revision) string {
	return rollout.MainContainer(r.Typed, s.in.Command.Target.Service).Image
}

// longestCause is how much of a cause the row of a revision has, in characters: a phone shows it in two lines. The history has the rest.
const longestCause = 60

// revisionFact says when and why the revision was made, and which newer ones were passed over and why.
func (s workloadState) revisionFact(to rollout.Revision) algesta.Text {
	made, _ := to.Began()
	out := algesta.Say("{}, {} {}", to.Number, madeWord(to), algesta.AtDay(made))
	if to.Cause != "" {
		out = algesta.Say("{}: {}", out, rollout.InQuotes(shorten(to.Cause, longestCause)))
	}
	if toRevision.Given(s.in) || toVersion.Given(s.in) || templateArg.Given(s.in) {
		return out
	}
	var same []string
	for i, r := range s.revisions {
		switch how, never := s.failed(r); {
		case r.UID == to.UID:
			return passedOver(out, same)
		case i == s.now:
		case rollout.SamePods(r.Template, s.d.Template()):
			same = append(same, fmt.Sprint(r.Number))
		case never:
			out = algesta.Say("{} ({} failed: {})", out, r.Number, how)
		}
	}
	return out
}

func passedOver(out algesta.Text, same []string) algesta.Text {
	switch len(same) {
	case 0:
		return out
	case 1:
		return algesta.Say("{} ({} runs the same pods as now: a restart)", out, same[0])
	}
	return algesta.Say("{} ({} run the same pods as now: restarts)", out, list(same))
}

// allOf begins a sentence about all of several: "Both", "All 3".
func allOf(n int) string {
	if n == 2 {
		return "Both"
	}
	return fmt.Sprintf("All %d", n)
}
