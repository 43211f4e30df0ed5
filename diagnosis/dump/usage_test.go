package dump_test

import (
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/3astronautas/algesta/diagnosis/dump"
)

// TestUsageAndPoliciesAreRead takes them as kubectl writes them and as the API answers, where items name no kind.
func TestUsageAndPoliciesAreRead(t *testing.T) {
	t.Parallel()
	d, err := dump.ReadFS(fstest.MapFS{
		"podmetrics.yaml": {
			Data: []byte(
				"apiVersion: v1\nkind: List\nitems:\n- apiVersion: metrics.k8s.io/v1beta1\n  kind: PodMetrics\n  metadata: {name: a, namespace: " +
					"production}\n  containers: [{name: a, usage: {cpu: 5m, memory: 3Mi}}]\n",
			),
		},
		"raw.json": {
			Data: []byte(
				`{"apiVersion":"metrics.k8s.io/v1beta1","kind":"PodMetricsList","items":[{"metadata":{"name":"b","namespace":"production"},` +
					`"containers":[]}]}`,
			),
		},
		"policies.json": {
			Data: []byte(
				`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicyList","items":[{"metadata":{"name":"deny","namespace":"production"},` +
					`"spec":{"podSelector":{}}}]}`,
			),
		},
	})
	require.NoError(t, err)
	names := map[string]string{}
	for _, o := range d.Objects {
		switch o := o.(type) {
		case *unstructured.Unstructured:
			names[o.GetName()] = o.GetAPIVersion() + " " + o.GetKind()
		case *networkingv1.NetworkPolicy:
			names[o.Name] = "policy"
		}
	}
	require.Equal(
		t,
		map[string]string{"a": "metrics.k8s.io/v1beta1 PodMetrics", "b": "metrics.k8s.io/v1beta1 PodMetrics", "deny": "policy"},
		names,
	)
	for _, n := range d.NotChecked {
		require.NotContains(t, n.Kind, "metrics")
	}
}
