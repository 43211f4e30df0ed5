package dump_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/3astronautas/algesta/diagnosis/dump"
)

func readAs(t *testing.T, name, data string) dump.Dump {
	t.Helper()
	d, err := dump.ReadFS(fstest.MapFS{name: {Data: []byte(data)}})
	require.NoError(t, err, data)
	return d
}

// TestAListInYAMLIsReadAsTheSameListInJSON compares the two for the objects of every fixture: kubectl writes either.
func TestAListInYAMLIsReadAsTheSameListInJSON(t *testing.T) {
	t.Parallel()
	fixtures, err := filepath.Glob("../rules/testdata/*/*.yaml")
	require.NoError(t, err)
	require.NotEmpty(t, fixtures)
	for _, fixture := range fixtures {
		data, err := os.ReadFile(fixture)
		require.NoError(t, err)
		var list strings.Builder
		list.WriteString("apiVersion: v1\nkind: List\nitems:\n")
		for part := range strings.SplitSeq("\n"+string(data), "\n---") {
			if lines := strings.Trim(part, "\n"); lines != "" {
				list.WriteString("- " + strings.ReplaceAll(lines, "\n", "\n  ") + "\n")
			}
		}
		asJSON, err := yaml.YAMLToJSON([]byte(list.String()))
		require.NoError(t, err, fixture)
		require.Equal(t, readAs(t, "all.json", string(asJSON)), readAs(t, "all.yaml", list.String()), fixture)
	}
}

// TestValuesInYAMLMeanWhatTheyMeanToKubectl has what people and other programs write into lists.
func TestValuesInYAMLMeanWhatTheyMeanToKubectl(t *testing.T) {
	t.Parallel()
	const list = `apiVersion: v1
kind: PodList
items:
- &first
  metadata:
    name: web
    namespace: shop
    creationTimestamp: 2026-03-10T12:00:00Z
    labels: {app: "yes", "quoted": 'it''s', tab: "a\tb", snow: "☃ \u00e9"}
    annotations:
      note: |
        two
        lines
      folded: >-
        one
        line
  spec:
    hostNetwork: %s
    priority: 1_000
    terminationGracePeriodSeconds: 0x1e
    nodeName: ~
    volumes: [{name: v, secret: {secretName: s, defaultMode: 0644}}]
- metadata:
    name: other
    namespace: shop
  spec: {priority: -7}
`
	for value, want := range map[string]bool{"true": true, "True": true, "false": false} {
		d := readAs(t, "pods.yaml", strings.Replace(list, "%s", value, 1))
		require.Len(t, d.Objects, 2)
		p := d.Objects[0].(*corev1.Pod)
		require.Equal(t, want, p.Spec.HostNetwork)
		require.Equal(t, "2026-03-10T12:00:00Z", p.CreationTimestamp.UTC().Format("2006-01-02T15:04:05Z07:00"))
		require.Equal(t, map[string]string{"app": "yes", "quoted": "it's", "tab": "a\tb", "snow": "☃ é"}, p.Labels)
		require.Equal(t, map[string]string{"note": "two\nlines\n", "folded": "one line"}, p.Annotations)
		require.EqualValues(t, 1000, *p.Spec.Priority)
		require.EqualValues(t, 30, *p.Spec.TerminationGracePeriodSeconds)
		require.Empty(t, p.Spec.NodeName)
		require.EqualValues(t, 0o644, *p.Spec.Volumes[0].Secret.DefaultMode)
		require.EqualValues(t, -7, *d.Objects[1].(*corev1.Pod).Spec.Priority)
	}
	merged := readAs(t, "pods.yaml", "apiVersion: v1\nkind: PodList\nitems:\n- metadata: &m {name: a, namespace: shop}\n"+
		"- metadata: {<<: *m, name: b}\n")
	require.Len(t, merged.Objects, 2)
	require.Equal(t, "shop/b", merged.Objects[1].(*corev1.Pod).Namespace+"/"+merged.Objects[1].(*corev1.Pod).Name)
}
