package runbooks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/sourcegraph/conc"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// lookArgs are what kubectl's users add to a command that reads.
var lookArgs = []Arg{watchArg, outputArg}

// reads lists several kinds at once, and keeps which of them could not be read.
type reads struct {
	c      Cluster
	work   conc.WaitGroup
	mu     sync.Mutex
	failed map[string]error // by resource, as kubectl names it
}

// list fills a list. Wait before it is used.
func (r *reads) list(ctx context.Context, resource, namespace string, into runtime.Object) {
	r.work.Go(func() { r.note(resource, r.c.List(ctx, namespace, "", into)) })
}

// events reads the events of a namespace, and its pods for them.
func (r *reads) events(ctx context.Context, namespace string) saidEvents {
	said := readEvents(ctx, r.c, namespace)
	for _, l := range []listed{said.read, said.podsRead} {
		r.note(l.what, cmp.Or(l.err, l.part))
	}
	return said
}

func (r *reads) note(resource string, err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failed == nil {
		r.failed = map[string]error{}
	}
	r.failed[resource] = err
}

// absent says that the cluster does not know a resource: it is not installed.
func (r *reads) absent(resource string) bool {
	return errors.Is(r.failed[resource], algesta.ErrNotFound)
}

// couldNot are the sentences about what could not be read, those of the resources that are not installed left out.
func (r *reads) couldNot() []algesta.Text {
	var out []algesta.Text
	for _, resource := range slices.Sorted(maps.Keys(r.failed)) {
		if !r.absent(resource) {
			out = append(out, couldNotCheck(resource, r.failed[resource]))
		}
	}
	return out
}

// holes are the same for a snapshot: about these nothing may be concluded.
func (r *reads) holes(namespace string) []facts.NotChecked {
	var out []facts.NotChecked
	for _, resource := range slices.Sorted(maps.Keys(r.failed)) {
		if !r.absent(resource) {
			out = append(
				out,
				facts.NotChecked{Kind: resource, Namespace: namespace, Reason: sentenceOf(r.failed[resource], "I couldn't read it.")},
			)
		}
	}
	return out
}

// couldNotCheck says what was not read, and why: it's never taken for missing.
func couldNotCheck(what string, err error) algesta.Text {
	return algesta.Say("Couldn't check {}: {}", what, sentenceOf(err, "The cluster didn't answer."))
}

// unreadable is the answer where the very thing that was asked about could not be read.
func unreadable(in Input, what string, err error) algesta.Report {
	report := algesta.Report{Tone: algesta.Warning, Title: algesta.Say("I couldn't check {} in {}.", what, whereOf(in))}
	report.Body = []algesta.Block{{Text: algesta.Say("{}", sentenceOf(err, "The cluster didn't answer."))}}
	if known := (*algesta.Error)(nil); errors.As(err, &known) && len(known.Hint) > 0 {
		report.Body[0].Text = algesta.Say("{} {}", report.Body[0].Text, known.Hint)
	}
	return report
}

// objectOf is the name of the object that a command is about, "" where it is about an environment.
func objectOf(in Input, kind string) string {
	name, _ := strings.CutPrefix(in.Command.Target.Object, strings.ToLower(kind)+"/")
	if name == in.Command.Target.Object {
		return ""
	}
	return name
}

// noSuch is the error for an object that is not there, with those that are.
func noSuch(in Input, what, name string, known []string) error {
	hint := algesta.Say("There are none at all.")
	if len(known) > 0 {
		slices.Sort(known)
		hint = algesta.Say("I found {}.", list(clipped(known)))
	}
	return &algesta.Error{
		Kind:    algesta.ErrNotFound,
		Message: algesta.Say("There's no {} {} in {}.", what, algesta.Name(quote(name)), whereOf(in)),
		Hint:    hint,
	}
}

// clipped is at most ten of the words, and how many more there are.
func clipped(words []string) []string {
	const most = 10
	if len(words) <= most {
		return words
	}
	return append(slices.Clone(words[:most]), fmt.Sprintf("%d more", len(words)-most))
}

// lines is a list block, none where there are no lines.
func lines(texts []algesta.Text) []algesta.Block {
	if len(texts) == 0 {
		return nil
	}
	return []algesta.Block{{List: texts}}
}

// customList is an empty list of a third-party kind.
func customList(group, version, kind string) *unstructured.UnstructuredList {
	l := &unstructured.UnstructuredList{}
	l.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: version, Kind: kind + "List"})
	return l
}

// shareBar is a share as a row of cells and in percent: "▓▓▓▓▓▓░░░░ 63 %". What is above all is full.
func shareBar(share float64) string {
	const cells = 10
	filled := min(cells, max(0, int(share*cells+0.5)))
	return strings.Repeat("▓", filled) + strings.Repeat("░", cells-filled) + fmt.Sprintf(" %d %%", int(share*100+0.5))
}

// readOne reads one object as the server wrote it.
func readOne(ctx context.Context, c Cluster, group, version, kind, namespace, name string) (*unstructured.Unstructured, error) {
	list := customList(group, version, kind)
	if _, err := listSome(ctx, c, namespace, "metadata.name="+name, 1, list); err != nil {
		return nil, fmt.Errorf("reading %s %s: %w", kind, name, err)
	}
	for i := range list.Items {
		if list.Items[i].GetName() == name {
			return &list.Items[i], nil
		}
	}
	return nil, &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("There's no {} {}.", kind, algesta.Name(name))}
}
