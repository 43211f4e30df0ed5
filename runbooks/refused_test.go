package runbooks_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
)

// refusing is a cluster that stands still and refuses the lists of one kind. It notes which kinds it was asked for.
type refusing struct {
	*still
	refused string
	mu      sync.Mutex
	asked   map[string]bool
}

func (r *refusing) List(ctx context.Context, namespace, labels string, into runtime.Object) error {
	kind := into.GetObjectKind().GroupVersionKind().Kind
	if kind == "" {
		kind = reflect.TypeOf(into).Elem().Name()
	}
	r.mu.Lock()
	if r.asked == nil {
		r.asked = map[string]bool{}
	}
	r.asked[kind] = true
	r.mu.Unlock()
	if kind == r.refused {
		return forbidden(kind)
	}
	if _, custom := into.(*unstructured.UnstructuredList); custom && kind != "ReplicaSetList" && r.lists[kind] == nil {
		return nil // there is none of it
	}
	return r.still.List(ctx, namespace, labels, into)
}

// furnished is the gateway with what else an environment has.
func furnished() *still {
	s := gateway()
	s.hpa()
	s.quota(corev1.ResourceList{"requests.cpu": resource.MustParse("4")}, corev1.ResourceList{"requests.cpu": resource.MustParse("1050m")})
	for _, pod := range s.pods {
		s.lists["PodList"] = append(s.lists["PodList"], pod)
	}
	return s
}

// onlyToHide are kinds that a command reads to know what to hide, and says nothing of: without them more is left out, and that is said
// where it is.
var onlyToHide = map[string]string{"events": "ReplicaSetList", "keyvault": "ReplicaSetList"}

// saysSo is how an answer says that it couldn't look.
var saysSo = regexp.MustCompile(`(?i)couldn't|not checked|permission`)

// TestEachKindRefusedInTurnIsSaid asks each command that looks about a service and about an environment, and refuses each kind that it
// lists: what couldn't be read is said to be so, and never to be missing.
func TestEachKindRefusedInTurnIsSaid(t *testing.T) {
	t.Parallel()
	for _, book := range runbooks.All() {
		if book.Changes() || book.Own {
			continue
		}
		parsed, err := grammar.NewParser("algesta", runbooks.All()).Parse(book.Example)
		require.NoError(t, err)
		abouts := map[string]runbooks.Input{}
		if book.About.Service {
			abouts["a service"] = input(book.Name, parsed.Args)
		}
		if book.About.Environment {
			abouts["an environment"] = about(book.Name, "namespace", parsed.Args)
		}
		for what, in := range abouts {
			calm := &refusing{still: furnished()}
			if _, err := book.Answer(t.Context(), whole(calm), in); errors.Is(err, algesta.ErrForbidden) {
				continue // it asks otherwise than by lists, as a diagnosis does, which has a test of its own
			}
			for _, kind := range slices.Sorted(maps.Keys(calm.asked)) {
				if onlyToHide[book.Name] == kind {
					continue
				}
				t.Run(book.Name+" about "+what+" without "+kind, func(t *testing.T) {
					t.Parallel()
					report, err := book.Answer(t.Context(), whole(&refusing{still: furnished(), refused: kind}), in)
					if known := (*algesta.Error)(nil); errors.As(err, &known) {
						require.ErrorIs(t, err, algesta.ErrForbidden)
						return
					}
					require.NoError(t, err)
					require.Regexp(t, saysSo, strings.Join(shownLines(t, report), "\n"))
				})
			}
		}
	}
}
