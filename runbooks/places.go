package runbooks

import (
	"context"
	"fmt"
	"slices"

	"github.com/sourcegraph/conc"

	"github.com/3astronautas/algesta"
	wordsof "github.com/3astronautas/algesta/words"
)

// onEachCluster answers a question about the cluster of an environment, for each cluster once where none was named: one report below the
// other, with the worst tone. what is the subject, in the plural.
func onEachCluster(ctx context.Context, c Cluster, in Input, what string, answer answering) (algesta.Report, error) {
	if in.Command.Target.Cluster != "" {
		return answer(ctx, c, in)
	}
	return onEach(ctx, in, clustersOf(in.Places), "cluster", what, answer)
}

// answering is what Runbook.Answer is.
type answering = func(context.Context, Cluster, Input) (algesta.Report, error)

// listEverywhere is a list of an environment that kubectl's -A asks of all environments in which the policy lets its requester have it.
func listEverywhere(r Runbook) Runbook {
	one := r.Answer
	r.Args = append([]Arg{allNamespacesArg}, r.Args...)
	r.Answer = func(ctx context.Context, c Cluster, in Input) (algesta.Report, error) {
		if in.Command.Target.Cluster != "" {
			return one(ctx, c, in)
		}
		places := namespacesOf(in.Places)
		report, err := onEach(ctx, in, places, "environment", r.Name, one)
		if err != nil || len(places) == 0 {
			return report, err
		}
		var read []string
		for _, place := range places {
			read = append(read, place.Target.Environment)
		}
		note := algesta.Say("Only what you can read is listed: {}. Other namespaces aren't shown.", wordsof.Few(read, mostNamed))
		report.Body = append(report.Body, algesta.Block{List: []algesta.Text{note}})
		return report, nil
	}
	return r
}

// allNamespacesArg is kubectl's -A.
var allNamespacesArg = Arg{
	Name: "all-namespaces", Aliases: []string{"a"}, Kind: SwitchArg, Anywhere: true, Typed: true,
	Summary: "of all environments that you can read (-A)",
}

// onEach answers a question of each of these places: one report below the other, with the worst tone. unit is what a place is, what the
// subject is in the plural.
func onEach(ctx context.Context, in Input, places []Place, unit, what string, answer answering) (algesta.Report, error) {
	if len(places) == 0 {
		return algesta.Report{Tone: algesta.Neutral, Title: algesta.Say("There's no environment whose {} you can read.", what)}, nil
	}
	reports, errs := make([]algesta.Report, len(places)), make([]error, len(places))
	var asking conc.WaitGroup
	for i, place := range places {
		if place.Err != nil {
			reports[i] = unknownReport(place.Target.Environment, listed{what: what, err: place.Err})
			continue
		}
		asking.Go(func() { reports[i], errs[i] = answer(ctx, place.Cluster, place.input(in)) })
	}
	asking.Wait()
	if len(places) == 1 {
		return reports[0], errs[0]
	}
	out := algesta.Report{Title: algesta.Say("{}", count(len(places), unit))}
	found := 0
	for i, report := range reports {
		if errs[i] != nil { // of one; the others still answer
			report = algesta.Report{
				Tone:  algesta.Neutral,
				Title: algesta.Say("{}: {}", places[i].Target.Environment, sentenceOf(errs[i], "It couldn't be read.")),
			}
		} else {
			found++
		}
		out.Tone = worseTone(out.Tone, report.Tone)
		out.Title = algesta.Say("{} · {}", out.Title, report.Title)
		out.Body = append(out.Body, algesta.Block{Text: algesta.Text{algesta.Strong(report.Title.String())}})
		out.Body = append(out.Body, report.Body...)
	}
	if found == 0 {
		return algesta.Report{}, fmt.Errorf("asking %s: %w", count(len(places), unit), errs[0])
	}
	return out, nil
}

// clustersOf are the places, one for each cluster.
func clustersOf(places []Place) []Place {
	var out []Place
	for _, place := range places {
		if !slices.ContainsFunc(out, func(p Place) bool { return p.Target.Cluster == place.Target.Cluster }) {
			out = append(out, place)
		}
	}
	return out
}

// input is the command as if it named this place. Its answer may cover the other places of the same cluster.
func (p Place) input(in Input) Input {
	places, object := in.Places, in.Command.Target.Object
	in.Command.Target = p.Target
	if object != "" {
		in.Command.Target.Object = object
	}
	in.Workload, in.Lost = in.Command.Target.Workload(), p.Lost
	in.Allowed = func(namespace string) bool {
		return slices.ContainsFunc(places, func(other Place) bool {
			return other.Target.Cluster == p.Target.Cluster && other.Target.Namespace == namespace
		})
	}
	return in
}

// tones from the best to the worst.
var tones = []algesta.Tone{algesta.Plainly, algesta.Neutral, algesta.Good, algesta.Running, algesta.Waiting, algesta.Warning, algesta.Bad}

func worseTone(a, b algesta.Tone) algesta.Tone {
	if slices.Index(tones, b) > slices.Index(tones, a) {
		return b
	}
	return a
}
