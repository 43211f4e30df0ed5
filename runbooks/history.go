package runbooks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

var _ = register(Runbook{
	Name:    "history",
	Aliases: []string{"rollout history", "revisions"},
	Verb:    "history",
	Summary: "List the revisions of a service that can be gone back to; of one what it runs, what it changed and how it differs from now.",
	Example: "history api-gateway production",
	Rank:    30,
	About:   aboutWorkload,
	Args:    []Arg{revisionArg},
	Reads:   union(rollout.RevisionReads, rollout.OtherReads, []string{"list pods"}),
	Answer:  answerHistory,
})

func answerHistory(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	s, err := readHistory(ctx, c, in)
	if errors.Is(err, algesta.ErrNotFound) {
		return algesta.Report{}, gone(in)
	} else if err != nil {
		return algesta.Report{}, err
	}
	if revisionArg.Given(in) {
		return s.oneRevision(revisionArg.Of(in))
	}
	if len(s.revisions) == 0 {
		return algesta.Report{Title: algesta.Say("{} has no revisions.", subject(in))}, nil
	}
	ready, unread := s.readyOfEach(ctx, c)
	table := algesta.Table{Head: []string{"revision", "version", "made", "ready", "cause"}}
	for i, r := range s.revisions {
		table.Rows = append(table.Rows, []algesta.Text{
			s.revisionCell(i), algesta.Say("{}", algesta.Name(quote(rollout.Version(s.image(r))))),
			madeCell(r, in.Command.At),
			ready(r), algesta.Say("{}", orElse(r.Cause, "–")),
		})
	}
	title := algesta.Say("{} has {}", subject(in), count(len(s.revisions), "revision"))
	if s.now >= 0 {
		r := s.revisions[s.now]
		title = algesta.Say("{} runs revision {} ({}); {} {} kept", subject(in), r.Number, algesta.Name(quote(rollout.Version(s.image(r)))),
			count(len(s.revisions), "revision"), words.Verb(len(s.revisions), "is", "are"))
	}
	report := algesta.Report{Title: title, Body: append([]algesta.Block{{Table: &table}}, lines(unread)...)}
	if slices.ContainsFunc(s.revisions, func(r rollout.Revision) bool { _, first := r.Began(); return first }) {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say(
			"“first” is when a revision was made the first time. Someone went back to it since without me; when isn't known.")})
	}
	if to, err := s.rollbackTarget(); err == nil {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} would go to revision {}.", command(in, "rollback", ""), to.Number)})
	}
	return report, nil
}

// readyOfEach counts the ready pods of a revision: a ReplicaSet tells its own, and of the other kinds the pods say whose they are.
func (s workloadState) readyOfEach(ctx context.Context, c Cluster) (of func(rollout.Revision) algesta.Text, unread []algesta.Text) {
	if s.d.Deployment != nil {
		return func(r rollout.Revision) algesta.Text { return algesta.Say("{}", r.Set.Status.ReadyReplicas) }, nil
	}
	pods, err := controlledBy(ctx, c, s.d.Namespace, s.d.UID)
	if err != nil {
		return func(rollout.Revision) algesta.Text { return algesta.Say("–") }, []algesta.Text{notChecked("pods", err)}
	}
	return func(r rollout.Revision) algesta.Text {
		n := 0
		for _, pod := range pods {
			if r.Runs(pod) && rollout.IsReady(pod) && pod.DeletionTimestamp == nil {
				n++
			}
		}
		return algesta.Say("{}", n)
	}, nil
}

// revisionCell is the revision's number, with what sets it apart: it runs now, or it is a restart of the one before.
func (s workloadState) revisionCell(i int) algesta.Text {
	r := s.revisions[i]
	restart := i+1 < len(s.revisions) && rollout.SamePods(r.Template, s.revisions[i+1].Template)
	switch {
	case i == s.now && restart:
		return algesta.Say("{}", algesta.Strong(fmt.Sprintf("%d (now, a restart)", r.Number)))
	case i == s.now:
		return algesta.Say("{}", algesta.Strong(fmt.Sprintf("%d (now)", r.Number)))
	case restart:
		return algesta.Say("{} (a restart)", r.Number)
	}
	return algesta.Say("{}", r.Number)
}

// madeCell is when a revision became the current one, or, where that isn't known, the first time that it was.
func madeCell(r rollout.Revision, now time.Time) algesta.Text {
	at, first := r.Began()
	if first {
		return algesta.Say("first {} ago", span(now.Sub(at)))
	}
	return algesta.Say("{} ago", span(now.Sub(at)))
}

// madeWord says whether what is said about a revision's age is about the first time that it ran.
func madeWord(r rollout.Revision) string {
	if _, first := r.Began(); first {
		return "first made"
	}
	return "made"
}
