package runbooks

import (
	"context"
	"errors"
	"fmt"

	"github.com/3astronautas/algesta"
)

var history = register(Runbook{
	Name:    "history",
	Aliases: []string{"rollout history", "revisions"},
	Verb:    "history",
	Summary: "List the revisions of a service that can be gone back to.",
	Example: "history api-gateway production",
	About:   aboutService,
	Answer:  answerHistory,
})

func answerHistory(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	s := scene{in: in}
	var err error
	if s.d, err = readDeployment(ctx, c, in.Workload); errors.Is(err, algesta.ErrNotFound) {
		return algesta.Report{}, gone(in)
	} else if err != nil {
		return algesta.Report{}, err
	}
	if s.revisions, err = readRevisions(ctx, c, s.d); err != nil {
		return algesta.Report{}, err
	}
	s.now = currentOf(s.d, s.revisions)
	if len(s.revisions) == 0 {
		return algesta.Report{Title: algesta.Say("{} has no revisions.", subject(in))}, nil
	}
	table := algesta.Table{Head: []string{"revision", "version", "made", "ready", "cause"}}
	for i, r := range s.revisions {
		table.Rows = append(table.Rows, []algesta.Text{
			s.revisionCell(i), algesta.Say("{}", algesta.Name(quote(version(s.image(r))))),
			algesta.Say("{} ago", span(r.age(in.Command.At))),
			algesta.Say("{}", r.set.Status.ReadyReplicas), algesta.Say("{}", orElse(r.cause, "–")),
		})
	}
	title := algesta.Say("{} has {}", subject(in), count(len(s.revisions), "revision"))
	if s.now >= 0 {
		title = algesta.Say("{}; {} runs now", title, s.revisions[s.now].number)
	}
	report := algesta.Report{Title: title, Body: []algesta.Block{{Table: &table}}}
	if to, err := s.rollbackTarget(); err == nil {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say("{} would go to revision {}.", command(in, "rollback", ""), to.number)})
	}
	return report, nil
}

// revisionCell is the revision's number, with what sets it apart: it runs now, or it is a restart of the one before.
func (s scene) revisionCell(i int) algesta.Text {
	r := s.revisions[i]
	restart := i+1 < len(s.revisions) && samePods(r.template, s.revisions[i+1].template)
	switch {
	case i == s.now && restart:
		return algesta.Say("{}", algesta.Strong(fmt.Sprintf("%d (now, a restart)", r.number)))
	case i == s.now:
		return algesta.Say("{}", algesta.Strong(fmt.Sprintf("%d (now)", r.number)))
	case restart:
		return algesta.Say("{} (a restart)", r.number)
	}
	return algesta.Say("{}", r.number)
}
