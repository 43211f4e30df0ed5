package runbooks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json" // whole numbers stay whole, as from a server

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// listed is a cluster that is nothing but lists: objects by the kind of their list, and what is answered instead.
type listed struct {
	runbooks.Reader
	lists   map[string][]any
	instead map[string]error
}

// errNotInstalled is how a cluster answers for a kind that it does not know.
var errNotInstalled = &algesta.Error{Kind: algesta.ErrNotFound, Message: algesta.Say("The cluster does not know it.")}

func (s listed) List(_ context.Context, namespace, _ string, into runtime.Object) error {
	kind := into.GetObjectKind().GroupVersionKind().Kind
	if kind == "" {
		kind = fmt.Sprintf("%T", into)
		kind = kind[strings.LastIndex(kind, ".")+1:]
	}
	if err := s.instead[kind]; err != nil {
		return err
	}
	items := []map[string]any{}
	for _, o := range s.lists[kind] {
		b, err := json.Marshal(o) // as an object from a server goes through JSON
		if err != nil {
			return err
		}
		object := map[string]any{}
		if err := json.Unmarshal(b, &object); err != nil {
			return err
		}
		of := (&unstructured.Unstructured{Object: object}).GetNamespace()
		if namespace == "" || of == "" || of == namespace {
			items = append(items, object)
		}
	}
	if l, ok := into.(*unstructured.UnstructuredList); ok {
		for _, item := range items {
			l.Items = append(l.Items, unstructured.Unstructured{Object: item})
		}
		return nil
	}
	b, err := json.Marshal(map[string]any{"items": items})
	if err != nil {
		return err
	}
	return json.Unmarshal(b, into)
}

// shownLines is a report as lines: the title, texts, fields, and the rows of tables.
func shownLines(t *testing.T, report algesta.Report) []string {
	t.Helper()
	out := []string{report.Title.String()}
	for _, b := range report.Body {
		for _, f := range b.Fields {
			out = append(out, f.Label+": "+f.Value.String())
		}
		if b.Table != nil {
			out = append(out, strings.Join(b.Table.Head, " | "))
			for _, row := range b.Table.Rows {
				require.Len(t, row, len(b.Table.Head))
				out = append(out, strings.Join(words(row), " | "))
			}
		}
		out = append(out, words(b.List)...)
		if len(b.Text) > 0 {
			out = append(out, b.Text.String())
		}
	}
	return out
}

// regarding is the input of a command about an object of production, or about all of it where object is "".
func regarding(runbook, object string) runbooks.Input {
	in := input(runbook, nil)
	in.Command.Target.Service, in.Command.Target.Name, in.Command.Target.Object = "", "", object
	if object == "" {
		in.Command.Target.Object = "namespace"
	}
	in.Workload = in.Command.Target.Workload()
	return in
}

// ask answers a command from a listed.
func ask(t *testing.T, s listed, in runbooks.Input) (algesta.Report, error) {
	t.Helper()
	book, ok := runbooks.Find(in.Command.Runbook)
	require.True(t, ok)
	return book.Answer(t.Context(), runbooks.Cluster{Reader: s}, in)
}

// tells answers a command from a listed, as lines.
func tells(t *testing.T, s listed, in runbooks.Input) []string {
	t.Helper()
	report, err := ask(t, s, in)
	require.NoError(t, err)
	return shownLines(t, report)
}
