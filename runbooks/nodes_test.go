package runbooks_test

import (
	"context"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// vast is a cluster that has more of everything than is read, and notes what it is asked for.
type vast struct {
	*still
	mu    sync.Mutex
	asked []string
}

// ListSome implements runbooks.Bounded.
func (v *vast) ListSome(ctx context.Context, namespace, fields string, most int, into runtime.Object) (bool, error) {
	v.mu.Lock()
	kind := fmt.Sprintf("%T", into)
	if list, raw := into.(*unstructured.UnstructuredList); raw {
		kind = list.GetKind()
	}
	v.asked = append(v.asked, fmt.Sprintf("%s %q %q %d", kind, namespace, fields, most))
	v.mu.Unlock()
	return true, v.List(ctx, namespace, "", into)
}

func TestAPlanReadsNoMoreInALargeClusterThanInASmallOne(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args  algesta.Args
		with  func(*still)
		asked []string
		want  string
	}{
		"fewer pods need no room": {algesta.Args{"replicas": int64(2)}, func(*still) {}, nil, ""},
		"more pods": {
			algesta.Args{"replicas": int64(6)},
			func(*still) {},
			[]string{`*v1.NodeList "" "" 1000`, `*v1.PodList "" "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed" 5000`},
			"Couldn't check room on the nodes (this cluster has more than 5000 pods, the most I look at).",
		},
		"an application of Argo CD": {
			algesta.Args{"replicas": int64(2)},
			func(s *still) { s.argo(map[string]any{}) },
			[]string{`ApplicationList "" "metadata.name=gateway" 10`},
			"Argo CD (app gateway) owns this deployment: the next time someone syncs it, this is undone.",
		},
		"an application in another namespace": {
			algesta.Args{"replicas": int64(2)},
			func(s *still) {
				s.argo(map[string]any{})
				s.deployment.Annotations["argocd.argoproj.io/tracking-id"] = "argocd_gateway:apps/Deployment:production/api-gateway-production"
			},
			[]string{`ApplicationList "argocd" "metadata.name=gateway" 10`},
			"Argo CD (app argocd_gateway) owns this deployment: the next time someone syncs it, this is undone.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := &vast{still: gateway()}
			tt.with(v.still)
			book, _ := runbooks.Find("scale")
			p, err := book.Plan(t.Context(), whole(v), input("scale", tt.args))
			require.NoError(t, err)
			require.ElementsMatch(t, tt.asked, v.asked)
			if tt.want == "" {
				require.Empty(t, p.Warnings)
				return
			}
			require.Equal(t, []string{tt.want}, words(p.Warnings))
		})
	}
}
