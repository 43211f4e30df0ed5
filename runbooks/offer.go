package runbooks

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

// Offered is what a form shows for an argument before anyone has filled it in.
type Offered struct {
	Value   string           // filled in already
	Choices []algesta.Choice // newest first; none means that it's typed
	Now     string           // one sentence about what is there now
}

// offerReplicas fills in how many pods there are.
func offerReplicas(ctx context.Context, c Cluster, in Input) (Offered, error) {
	d, err := readWorkload(ctx, c, in.Workload)
	if err != nil {
		return Offered{}, err
	}
	return Offered{Value: strconv.Itoa(int(d.Replicas())), Now: fmt.Sprintf("Now: %s.", count(d.Replicas(), "pod"))}, nil
}

// offerRevisions are the revisions to go back to: those that run other pods than now, with what they ran, their age and their cause.
func offerRevisions(ctx context.Context, c Cluster, in Input) (Offered, error) {
	s, err := readHistory(ctx, c, in)
	if err != nil {
		return Offered{}, err
	}
	var out Offered
	for i, r := range s.revisions {
		version := rollout.Version(s.image(r))
		if i == s.now {
			out.Now = fmt.Sprintf("Now: revision %d, %s.", r.Number, version)
			continue
		}
		if rollout.SamePods(r.Template, s.d.Template()) || len(out.Choices) == algesta.MostChoices {
			continue
		}
		made, _ := r.Began()
		label := fmt.Sprintf("%d: %s, %s %s ago", r.Number, words.Clip(version, longestVersion), madeWord(r), span(in.Command.At.Sub(made)))
		if how, _ := s.failed(r); how != nil {
			label += ", failed"
		}
		out.Choices = append(out.Choices, algesta.Choice{
			Value: strconv.FormatInt(r.Number, 10), Label: label, Detail: words.Clip(r.Cause, longestCause),
		})
	}
	return out, nil
}

// The bounds of what a choice shows, in characters.
const (
	longestVersion = 30
	mostVersions   = 4
)

// mostTags is how many of the newest tags are offered.
const mostTags = 25

// Tags is a registry that can say which tags were pushed last.
type Tags interface {
	// NewestTags are the tags of an image's repository, newest first. Any error means that nothing is known.
	NewestTags(ctx context.Context, image string, most int) ([]algesta.Tag, error)
}

// offerImages says what runs now and what ran before.
func offerImages(ctx context.Context, c Cluster, in Input) (Offered, error) {
	s, err := readHistory(ctx, c, in)
	if err != nil {
		return Offered{}, err
	}
	now := rollout.Version(rollout.MainContainer(s.d.Spec.Template, in.Command.Target.Service).Image)
	var before []string
	for _, r := range s.revisions {
		if v := words.Clip(rollout.Version(s.image(r)), longestVersion); v != now && !slices.Contains(before, v) && len(before) < mostVersions {
			before = append(before, v)
		}
	}
	out := Offered{Now: fmt.Sprintf("Now: %s.", words.Clip(now, longestVersion))}
	if len(before) > 0 {
		out.Now += fmt.Sprintf(" Before: %s.", words.List(before))
	}
	image := rollout.MainContainer(s.d.Spec.Template, in.Command.Target.Service).Image
	if tags, ok := c.Registry.(Tags); ok {
		newest, err := tags.NewestTags(ctx, image, mostTags)
		if err != nil { // it can be typed; which tags there are is no part of what is asked for
			return out, nil //nolint:nilerr // the form says what there is to type
		}
		for _, t := range newest {
			choice := algesta.Choice{Value: t.Name, Label: words.Clip(t.Name, longestVersion)}
			if !t.Pushed.IsZero() {
				choice.Detail = fmt.Sprintf("pushed %s ago", span(in.Command.At.Sub(t.Pushed)))
			}
			if t.Name != now {
				out.Choices = append(out.Choices, choice)
			}
		}
	}
	return out, nil
}

// readHistory reads the workload and its revisions, and nothing else.
func readHistory(ctx context.Context, c Cluster, in Input) (workloadState, error) {
	s := workloadState{in: in, now: -1}
	var err error
	if s.d, err = readWorkload(ctx, c, in.Workload); err != nil {
		return workloadState{}, err
	}
	if s.revisions, err = rollout.ReadRevisions(ctx, c, s.d); err != nil {
		return workloadState{}, err
	}
	s.now = rollout.CurrentOf(s.d, s.revisions)
	return s, nil
}
