package runbooks

import (
	"context"
	"fmt"
	"slices"

	"github.com/sourcegraph/conc"

	"github.com/3astronautas/algesta"
)

// onEachCluster answers a question about the cluster of an environment, for each cluster once where none was named: one report below the
// other, with the worst tone. what is the subject, in the plural.
func onEachCluster(
	ctx context.Context, c Cluster, in Input, what string, answer func(context.Context, Cluster, Input) (algesta.Report, error),
) (algesta.Report, error) {
	if in.Command.Target.Cluster != "" {
		return answer(ctx, c, in)
	}
	places := clustersOf(in.Places)
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
	out := algesta.Report{Title: algesta.Say("{}", count(len(places), "cluster"))}
	found := 0
	for i, report := range reports {
		if errs[i] != nil { // of one cluster; the others still answer
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
		return algesta.Report{}, fmt.Errorf("asking %d clusters: %w", len(places), errs[0])
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
	in.Workload = in.Command.Target.Workload()
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
