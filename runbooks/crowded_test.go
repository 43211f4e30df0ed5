package runbooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// crowded is a namespace with so many pods, of which one page is read at a time; the cache holds all of them, or isn't to be trusted.
type crowded struct {
	runbooks.Reader
	pods  []corev1.Pod
	cold  bool
	pages int
}

// List implements runbooks.Reader: page by page, as the real one does.
func (c *crowded) List(_ context.Context, _, _ string, into runtime.Object) error {
	c.pages += (len(c.pods) + 499) / 500
	into.(*corev1.PodList).Items = c.pods
	return nil
}

// ListSome implements runbooks.Bounded.
func (c *crowded) ListSome(_ context.Context, _, _ string, most int, into runtime.Object) (bool, error) {
	c.pages++
	into.(*corev1.PodList).Items = c.pods[:min(most, len(c.pods))]
	return len(c.pods) > most, nil
}

// CachedPods implements runbooks.PodCache.
func (c *crowded) CachedPods(string) ([]corev1.Pod, bool) { return c.pods, !c.cold }

// TestALookAtManyPodsCostsOnePage: what doesn't fit into it comes from the cache, and live where that isn't to be trusted.
func TestALookAtManyPodsCostsOnePage(t *testing.T) {
	t.Parallel()
	var many []corev1.Pod
	for n := range 5000 {
		many = append(many, podOn("production", fmt.Sprintf("web-%04d", n), "a"))
	}
	book, _ := runbooks.Find("pods")
	for name, c := range map[string]struct {
		s     crowded
		pages int
	}{
		"a page":                 {crowded{pods: many[:500]}, 1},
		"many":                   {crowded{pods: many}, 1},
		"many, and a cold cache": {crowded{pods: many, cold: true}, 11},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.s
			want := fmt.Sprintf("%s pods ready", fmt.Sprintf("%d of %d", len(s.pods), len(s.pods)))
			cluster := runbooks.Cluster{Reader: &s, Bounded: &s, Cached: &s}
			report, err := book.Answer(t.Context(), cluster, regarding("pods", "namespace"))
			require.NoError(t, err)
			require.Contains(t, report.Title.String(), want)
			require.Equal(t, c.pages, s.pages)

			place := runbooks.Place{
				Target: algesta.Target{Environment: "production", Cluster: "aks", Namespace: "production"}, Cluster: cluster,
			}
			report, err = book.Answer(t.Context(), runbooks.Cluster{}, everywhere("pods", algesta.Args{"all-namespaces": true}, place))
			require.NoError(t, err)
			require.Contains(t, report.Title.String(), want)
			require.Equal(t, 2*c.pages, s.pages)
		})
	}
}

// stripping holds pods as the cache gives them: without the values of their variables.
type stripping struct{ crowded }

// CachedPods implements runbooks.PodCache.
func (c *stripping) CachedPods(string) ([]corev1.Pod, bool) {
	var out []corev1.Pod
	for i := range c.pods {
		p := c.pods[i].DeepCopy()
		p.Spec.Containers[0].Env[0].Value = ""
		out = append(out, *p)
	}
	return out, true
}

// TestALabelOfACrowdShowsNoValueOfAVariable: what has to be hidden there stands in what the API server answers alone.
func TestALabelOfACrowdShowsNoValueOfAVariable(t *testing.T) {
	t.Parallel()
	const value = "walrus" + "walrus7"
	var many []corev1.Pod
	for n := range 600 {
		p := podOn("production", fmt.Sprintf("web-%04d", n), "a")
		p.Labels = map[string]string{"tenant": value}
		p.Spec.Containers = []corev1.Container{{Name: "web", Image: "web:1", Env: []corev1.EnvVar{{Name: "DB_PASSWORD", Value: value}}}}
		many = append(many, p)
	}
	s := &stripping{crowded{pods: many}}
	book, _ := runbooks.Find("pods")
	in := regarding("pods", "namespace")
	in.Command.Args = algesta.Args{"labels": true}
	report, err := book.Answer(t.Context(), runbooks.Cluster{Reader: s, Bounded: s, Cached: s}, in)
	require.NoError(t, err)
	said, err := json.Marshal(report)
	require.NoError(t, err)
	require.Contains(t, string(said), "tenant=")
	require.NotContains(t, string(said), value)
}
