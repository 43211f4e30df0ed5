package runbooks

import (
	"context"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// listArgs are what kubectl's users type with a list of objects: a selection by labels, and how it's printed.
var listArgs = append([]Arg{selectorArg, wideArg}, lookArgs...)

// listSelected reads the objects of a kind that were asked for. An error is one of how they were selected.
func listSelected(ctx context.Context, c Cluster, in Input, what string, into runtime.Object) (listed, error) {
	if _, err := selectorOf(in); err != nil {
		return listed{what: what}, err
	}
	return listAll(ctx, c, in.Command.Target.Namespace, selectorArg.Text(in), what, into), nil
}

// listTitle is the title of a list: "production with app=api: 3 jobs".
func listTitle(in Input, n int, thing string) algesta.Report {
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{}: {}", selectedIn(in), count(n, thing))}
	if n == 0 {
		report.Tone, report.Title = algesta.Neutral, algesta.Say("{}: no {}s", selectedIn(in), thing)
	}
	return report
}

// selectedIn is the place of a list, with the labels that were asked for.
func selectedIn(in Input) algesta.Text {
	if typed := selectorArg.Text(in); typed != "" {
		return algesta.Say("{} with {}", whereOf(in), algesta.Name(quote(typed)))
	}
	return algesta.Say("{}", whereOf(in))
}

// withWide is the head of a table, with what kubectl's -o wide adds where that was asked for.
func withWide(in Input, head []string, more ...string) []string {
	if !isWide(in) {
		return head
	}
	return append(slices.Clone(head), more...)
}

// ageOf is how long an object has been there.
func ageOf(o metav1.Object, in Input) string {
	return span(in.Command.At.Sub(o.GetCreationTimestamp().Time))
}

// agoOf is how long ago a moment was, "" where there is none.
func agoOf(at *metav1.Time, in Input) string {
	if at == nil {
		return ""
	}
	return span(in.Command.At.Sub(at.Time)) + " ago"
}

// templateImages are the images of a pod's containers, in short.
func templateImages(pod corev1.PodSpec) string {
	var out []string
	for _, c := range pod.Containers {
		out = append(out, rollout.ShortImage(c.Image))
	}
	return quote(strings.Join(out, ", "))
}
