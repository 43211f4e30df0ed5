package runbooks

import (
	"context"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// mostRoom is how many further pods are counted at the most.
const mostRoom = 200

var roomArg = Arg{
	Name: "replicas", Aliases: []string{"pods"}, Kind: IntArg, Bare: true, Min: 1, Max: 500,
	Summary: "how many pods it should run: whether so many find room",
}

var _ = register(Runbook{
	Name:    "capacity",
	Aliases: []string{"room"},
	Verb:    "quota",
	Summary: "Say how many further pods of a service find room in the quotas and on the nodes, what the next one lacks, and whether a " +
		"rollout fits.",
	Example: "capacity api-gateway production 8",
	Rank:    162,
	About:   aboutService,
	Args:    []Arg{roomArg},
	Reads:   planReads,
	Answer:  answerCapacity,
})

// room is how many further pods of a service there is room for, each bound on its own.
type room struct {
	quota    int32          // more than that the quotas refuse; mostRoom for no bound
	refused  []algesta.Text // what they say to the next one
	nodes    int32          // more than that find no node
	lacking  []string       // what the next one lacks there
	notKnown []algesta.Text // what couldn't be checked
	onNodes  bool           // the nodes could be checked
}

// pods is the smaller of both.
func (r room) pods() int32 {
	if r.onNodes {
		return min(r.quota, r.nodes)
	}
	return r.quota
}

func answerCapacity(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
	s, err := readWorkloadState(ctx, c, in)
	if err != nil {
		return algesta.Report{}, err
	}
	return s.roomReport(s.room(readNodesAndPods(ctx, c))), nil
}

// room counts what finds room now.
func (s workloadState) room(a *nodesAndPods) room {
	r := room{quota: mostRoom}
	for extra := int32(1); extra <= mostRoom; extra++ {
		if f := fits(s.quotas, s.ranges, s.d.Spec.Template.Spec, extra); len(f.obstacle) > 0 {
			r.quota, r.refused = extra-1, f.obstacle
			break
		}
	}
	switch {
	case a.nodesErr != nil:
		r.notKnown = append(r.notKnown, notChecked("room on the nodes", a.nodesErr))
	case a.podsErr != nil:
		r.notKnown = append(r.notKnown, notChecked("room on the nodes", a.podsErr))
	case a.moreNodes:
		r.notKnown = append(r.notKnown, algesta.Say("Couldn't check room on the nodes: there are more than {}.", mostNodes))
	case a.morePods:
		r.notKnown = append(r.notKnown, algesta.Say("Couldn't check room on the nodes: more than {} pods run on them.", mostNodePods))
	default:
		placed := facts.Place(s.withDefaults(s.d.Spec.Template), s.d.Namespace, mostRoom, a.nodes.Items, a.pods.Items)
		r.onNodes, r.nodes, r.lacking = true, int32(min(placed.Pods, mostRoom)), placed.Lacking //nolint:gosec // bounded
	}
	return r
}

// roomReport is the answer to how many more, or to whether so many.
func (s workloadState) roomReport(r room) algesta.Report {
	now, wanted := s.d.Replicas(), int32(roomArg.Of(s.in)) //nolint:gosec // bounded by the argument's Max
	report := algesta.Report{Tone: algesta.Good}
	known := len(r.notKnown) == 0 && len(s.unchecked) == 0
	switch more := wanted - now; {
	case wanted > 0 && more <= 0:
		report.Title = algesta.Say("{}: {} fit, {} run now", subject(s.in), count(wanted, "pod"), now)
	case wanted > 0 && r.pods() < more:
		report.Tone = algesta.Bad
		report.Title = algesta.Say("{}: {} don't fit, there's room for {}", subject(s.in), count(wanted, "pod"), count(now+r.pods(), "pod"))
	case wanted > 0 && !known:
		report.Title = algesta.Say("{}: {} fit, as far as I could check", subject(s.in), count(wanted, "pod"))
	case wanted > 0:
		report.Title = algesta.Say("{}: {} fit, {} more than now", subject(s.in), count(wanted, "pod"), more)
	case r.pods() >= mostRoom:
		report.Title = algesta.Say("{}: room for at least {} more pods", subject(s.in), mostRoom)
	case r.pods() == 0:
		report.Title = algesta.Say("{}: no room for another pod", subject(s.in))
	default:
		report.Title = algesta.Say("{}: room for {}", subject(s.in), count(r.pods(), "more pod"))
	}
	if report.Tone == algesta.Good && (!known || r.pods() == 0) {
		report.Tone = algesta.Warning
	}
	report.Body = append(report.Body, algesta.Block{Fields: s.roomFields(r, now)})
	var said []algesta.Text
	said = append(said, r.refused...)
	if r.onNodes && len(r.lacking) > 0 {
		said = append(said, algesta.Say("After {} no node has room for another: {}.", count(r.nodes, "more pod"), list(r.lacking)))
	}
	if each := eachNeeds(s.withDefaults(s.d.Spec.Template).Spec); each != "" {
		said = append(said, algesta.Say("Each pod asks for {}.", each))
	}
	said = append(said, s.surgeSaid(r)...)
	for _, h := range s.scalers {
		if wanted > h.Spec.MaxReplicas {
			said = append(said, algesta.Say("The autoscaler allows at most {}.", count(h.Spec.MaxReplicas, "pod")))
		}
	}
	said = append(said, r.notKnown...)
	said = append(said, s.unchecked...)
	if r.onNodes {
		said = append(
			said,
			algesta.Say("Requests are counted, not use, and only the nodes of now: those that a cluster autoscaler could add aren't known here."),
		)
	}
	report.Body = append(report.Body, lines(said)...)
	return report
}

func (s workloadState) roomFields(r room, now int32) []algesta.Field {
	more := func(n int32) algesta.Text {
		if n >= mostRoom {
			return algesta.Say("at least {} more", mostRoom)
		}
		return algesta.Say("{} more", n)
	}
	nodes := algesta.Say("not checked")
	if r.onNodes {
		nodes = more(r.nodes)
	}
	return []algesta.Field{
		{Label: "pods", Value: s.podsFact(now, 0, fit{})}, {Label: "by the quotas", Value: more(r.quota)}, {Label: "on the nodes", Value: nodes},
	}
}

// surgeSaid says whether the pods that a rollout has for a while find room, too.
func (s workloadState) surgeSaid(r room) []algesta.Text {
	surge, _ := rolling(s.d, s.d.Replicas())
	extra := s.extra(surge)
	switch {
	case extra == 0 || s.d.Replicas() == 0:
		return nil
	case r.pods() < extra:
		return []algesta.Text{
			algesta.Say("A rollout needs {} for a while, and there isn't room for that: it would wait.", count(extra, "extra pod")),
		}
	}
	return []algesta.Text{algesta.Say("A rollout needs {} for a while, and there's room for that.", count(extra, "extra pod"))}
}
