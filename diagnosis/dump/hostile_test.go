package dump_test

import (
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// manyObjects is a list of small objects with names of their own, as someone would write it to keep the reader busy.
func manyObjects(apiVersion, kind string, count int) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, `{"apiVersion":%q,"kind":"%sList","items":[`, apiVersion, kind)
	for i := range count {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, `{"metadata":{"name":"a%d","namespace":"b"}}`, i)
	}
	b.WriteString("]}")
	return []byte(b.String())
}

// A file of a megabyte or two names enough to keep a program busy for minutes: what is read is bounded, and what is not is said.
func TestAFileOfTooManyObjectsIsReadInPart(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		apiVersion, kind, resource string
		read                       int
	}{
		"pods":         {"v1", "Pod", "pods", dump.MaxObjects},
		"StatefulSets": {"apps/v1", "StatefulSet", "statefulsets", dump.MaxOfKind},
		"Jobs":         {"batch/v1", "Job", "jobs", dump.MaxOfKind},
		"Certificates": {"cert-manager.io/v1", "Certificate", "certificates", dump.MaxOfKind},
		"autoscalers":  {"autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", dump.MaxOfKind},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := dump.ReadFS(fstest.MapFS{"a.json": {Data: manyObjects(c.apiVersion, c.kind, dump.MaxObjects+10)}})
			require.NoError(t, err)
			require.Len(t, d.Objects, c.read)
			answer := diagnosis.Diagnose(d.Snapshot(), facts.Ref{})
			told := slices.ContainsFunc(answer.NotChecked, func(n facts.NotChecked) bool {
				return n.Kind == c.resource && n.Namespace == "" && strings.HasPrefix(n.Reason, "the folder holds more than "+fmt.Sprint(c.read))
			})
			require.True(t, told, "nothing of this kind is called missing, and the answer says why")
		})
	}
}

// More causes than anyone could fix are not all compared with each other.
func TestMoreCausesThanAnybodyCanMendAreBounded(t *testing.T) {
	t.Parallel()
	d, err := dump.ReadFS(fstest.MapFS{"a.json": {Data: manyObjects("apps/v1", "ReplicaSet", 6_500)}})
	require.NoError(t, err)
	answer := diagnosis.Diagnose(d.Snapshot(), facts.Ref{})
	require.LessOrEqual(t, len(answer.Chains), 6000)
	require.Contains(t, answer.NotChecked[len(answer.NotChecked)-1].Reason, "things are wrong; I didn't compare the rest")
}

func TestAFileThatWouldBecomeTooMuchIsNotDecoded(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("x", 1000)
	cases := map[string]struct {
		name, data, reason string
	}{
		"values": {
			"a.yaml",
			"kind: List\nitems: [" + strings.Repeat("[],", dump.MaxValues/2+1) + "]",
			"it holds more than 2000000 values; write the namespaces into files of their own",
		},
		"levels of JSON": {
			"a.json",
			`{"kind":"List","items":` + strings.Repeat("[", 5000) + strings.Repeat("]", 5000) + "}",
			"it is nested deeper than 100 levels",
		},
		"one text, twenty thousand times": {
			"a.yaml",
			"kind: List\na: &a " + text + "\nitems: [" + strings.Repeat("*a,", 20_000) + "]",
			"a part of it couldn't be read: it is cut off, or no list of Kubernetes objects",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, d := diagnose(t, fstest.MapFS{"pods.yaml": {Data: []byte(crashing)}, c.name: {Data: []byte(c.data)}})
			require.Contains(t, d.NotChecked, facts.NotChecked{Kind: "file " + c.name, Reason: c.reason})
		})
	}
}

// Texts that only look like aliases or levels are read.
func TestTextsThatLookHostileAreRead(t *testing.T) {
	t.Parallel()
	brackets := strings.Repeat("[", 500)
	_, d := diagnose(t, fstest.MapFS{
		"pods.yaml": {Data: []byte(crashing)},
		"more.yaml": {
			Data: []byte("kind: ConfigMap\napiVersion: v1\nmetadata: {name: a, namespace: production}\ndata:\n  ci: |\n    a: &x 1\n    b: *x\n"),
		},
		"aliases.yaml": {
			Data: []byte("kind: ConfigMap\napiVersion: v1\nmetadata: &m {name: c, namespace: production, labels: {a: &x b, c: *x}}\n"),
		},
		"more.json": {
			Data: []byte(`{"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"b","namespace":"production"},"data":{"x":"` + brackets + `"}}`),
		},
	})
	for _, n := range d.NotChecked {
		require.NotContains(t, n.Kind, "file")
	}
}

// BenchmarkHostileFile is the budget: a file of 1.2 MB costs seconds and not minutes, and not hundreds of megabytes.
func BenchmarkHostileFile(b *testing.B) {
	data := manyObjects("apps/v1", "ReplicaSet", 26_000)
	for b.Loop() {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		began := time.Now()
		d, err := dump.ReadFS(fstest.MapFS{"a.json": {Data: data}})
		require.NoError(b, err)
		diagnosis.Diagnose(d.Snapshot(), facts.Ref{})
		runtime.ReadMemStats(&after)
		b.ReportMetric(time.Since(began).Seconds(), "s")
		b.ReportMetric(float64(after.TotalAlloc-before.TotalAlloc)/(1<<20), "MiB")
	}
}
