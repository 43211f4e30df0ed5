package dump_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// crashing is a pod as cluster-info dump writes it: in a typed list, whose items carry no kind.
const crashing = `apiVersion: v1
kind: PodList
items:
- metadata:
    name: orders-6d4cf56db6-x2x9p
    namespace: production
    creationTimestamp: "2026-03-10T11:00:00Z"
    labels: {app: orders, pod-template-hash: 6d4cf56db6}
    ownerReferences: [{kind: ReplicaSet, name: orders-6d4cf56db6, apiVersion: apps/v1, uid: u, controller: true}]
  spec:
    nodeName: n1
    containers:
    - {name: orders, image: "orders:1"}
    - {name: proxy, image: "proxy:1"}
  status:
    phase: Running
    conditions: [{type: Ready, status: "False", lastTransitionTime: "2026-03-10T11:50:00Z"}]
    containerStatuses:
    - name: orders
      ready: false
      restartCount: 7
      state: {waiting: {reason: CrashLoopBackOff}}
      lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: "2026-03-10T11:59:00Z"}}
    - {name: proxy, ready: true, restartCount: 0, state: {running: {startedAt: "2026-03-10T11:00:00Z"}}}
`

func diagnose(t *testing.T, files fstest.MapFS) (diagnosis.Diagnosis, dump.Dump) {
	t.Helper()
	d, err := dump.ReadFS(files)
	require.NoError(t, err)
	return diagnosis.Diagnose(d.Snapshot(), facts.Ref{}), d
}

func TestReadAFolderOfClusterInfoDump(t *testing.T) {
	t.Parallel()
	answer, d := diagnose(t, fstest.MapFS{
		"nodes.yaml":           {Data: []byte("apiVersion: v1\nkind: NodeList\nitems: []\n")},
		"production/pods.yaml": {Data: []byte(crashing)},
		"production/orders-6d4cf56db6-x2x9p/logs.txt": {
			Data: []byte("==== START logs for container orders of pod production/orders-6d4cf56db6-x2x9p ====\n" +
				"Error: JWT_SECRET is required\n==== END logs for container orders of pod production/orders-6d4cf56db6-x2x9p ====\n" +
				"==== START logs for container proxy of pod production/orders-6d4cf56db6-x2x9p ====\nready\n==== END logs for container proxy of " +
				"pod production/orders-6d4cf56db6-x2x9p ====\n"),
		},
	})
	require.Equal(t, time.Date(2026, 3, 10, 11, 59, 0, 0, time.UTC), d.Now)
	require.Len(t, d.Logs, 2)
	require.Equal(t, "missing-variable", answer.Chains[0].Rule)
	require.Equal(
		t,
		"Deployment orders needs the environment variable JWT_SECRET, which its template does not set, so every pod of orders keeps crashing.",
		answer.Summary,
	)
	require.Contains(t, answer.NotChecked, facts.NotChecked{Kind: "secrets", Reason: "no file in the folder lists them"})
	require.NotContains(t, answer.NotChecked, facts.NotChecked{Kind: "nodes", Reason: "no file in the folder lists them"})
}

func TestWhatKubectlWritesInPlaceOfALogIsNoLog(t *testing.T) {
	t.Parallel()
	_, d := diagnose(t, fstest.MapFS{
		"production/pods.yaml": {Data: []byte(crashing)},
		"production/orders-6d4cf56db6-x2x9p/logs.txt": {
			Data: []byte("==== START logs for container orders of pod production/orders-6d4cf56db6-x2x9p ====\n" +
				"Request log error: container \"orders\" in pod \"x\" is waiting to start: trying and failing to pull image\n==== END logs for " +
				"container orders of pod production/orders-6d4cf56db6-x2x9p ====\n"),
		},
	})
	require.Empty(t, d.Logs)
}

func TestLogsWithoutMarksAreOfTheContainerThatFailed(t *testing.T) {
	t.Parallel()
	answer, _ := diagnose(t, fstest.MapFS{
		"pods.json":                             {Data: []byte(`{"apiVersion":"v1","kind":"List","items":[]}`)},
		"pods.yaml":                             {Data: []byte(crashing)},
		"orders-6d4cf56db6-x2x9p/previous.txt":  {Data: []byte("Error: listen EADDRINUSE: address already in use :::3001\n")},
		"somewhere-else/not-a-pod/previous.txt": {Data: []byte("x")},
		"README.md":                             {Data: []byte("not looked at")},
	})
	require.Equal(t, "port-in-use", answer.Chains[0].Rule)
}

func TestAKindThatOnlyOtherNamespacesListIsNotChecked(t *testing.T) {
	t.Parallel()
	_, d := diagnose(t, fstest.MapFS{
		"production/pods.yaml": {Data: []byte(crashing)},
		"secrets.yaml": {
			Data: []byte("apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Secret, metadata: {name: a, namespace: other}}\n"),
		},
		"hpa.yaml": {Data: []byte("apiVersion: v1\nkind: List\nitems: []\n")},
	})
	require.Contains(
		t,
		d.NotChecked,
		facts.NotChecked{Kind: "secrets", Namespace: "production", Reason: "no file in the folder lists them for this namespace"},
	)
	for _, n := range d.NotChecked {
		require.NotEqual(t, "horizontalpodautoscalers", n.Kind, "an empty list was read: there are none")
	}
}

// kubectl writes "items: []" for several kinds of which there are none.
func TestAnEmptyListOfSeveralKindsIsNotMissing(t *testing.T) {
	t.Parallel()
	_, d := diagnose(t, fstest.MapFS{
		"production/pods.yaml": {Data: []byte(crashing)},
		"more.yaml":            {Data: []byte("apiVersion: v1\nkind: List\nitems: []\n")},
	})
	require.Contains(t, d.NotChecked, facts.NotChecked{
		Kind: "ingresses",
		Reason: "no file in the folder has any; more.yaml is an empty list that doesn't say of what, so a file of its own for each kind tells " +
			"more",
	})
}

func TestBrokenFilesAreNamedAndTheRestAnswers(t *testing.T) {
	t.Parallel()
	for name, file := range map[string]*fstest.MapFile{
		"cut off":         {Data: []byte(crashing[:300] + "\n  - {")},
		"not YAML":        {Data: []byte("\x00\xff\t- : {[")},
		"no kind":         {Data: []byte("a: 1")},
		"wrong types":     {Data: []byte("apiVersion: v1\nkind: PodList\nitems: [{spec: 3}]")},
		"a link":          {Data: []byte("/etc/passwd"), Mode: os.ModeSymlink},
		"items of nobody": {Data: []byte("apiVersion: v1\nkind: PodList\nitems: [1, null, []]")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			answer, d := diagnose(t, fstest.MapFS{"pods.yaml": {Data: []byte(crashing)}, "broken.yaml": file})
			require.NotEmpty(t, answer.Chains)
			require.True(t, strings.HasPrefix(d.NotChecked[0].Kind, "file broken.yaml"), "%v", d.NotChecked)
		})
	}
}

// TestAListThatEndsTooEarlyIsIncomplete cuts a list of several kinds where it is still valid YAML: kubectl writes the kind last.
func TestAListThatEndsTooEarlyIsIncomplete(t *testing.T) {
	t.Parallel()
	list := `apiVersion: v1
items:
- apiVersion: v1
  kind: Secret
  metadata:
    name: a
    namespace: production
- apiVersion: v1
  kind: Pod
  metadata:
    name: half
    namespace: production
`
	for name, c := range map[string]struct {
		text   string
		pods   int
		unread bool
	}{
		"to its end":      {list + "kind: List\n", 1, false},
		"after an item":   {list, 0, true},
		"inside of a key": {list + "  spec:\n    conta", 0, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := dump.ReadFS(fstest.MapFS{"more.yaml": {Data: []byte(c.text)}})
			require.NoError(t, err)
			pods := 0
			for _, o := range d.Objects {
				if _, ok := o.(*corev1.Pod); ok {
					pods++
				}
			}
			require.Equal(t, c.pods, pods)
			require.Equal(
				t,
				c.unread,
				slices.Contains(d.NotChecked, facts.NotChecked{Kind: "secrets", Reason: "a part of their file couldn't be read"}),
				"%v",
				d.NotChecked,
			)
		})
	}
}

func TestLinksAreNotFollowed(t *testing.T) {
	t.Parallel()
	outside, dir := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(outside, "pods.yaml"), []byte(crashing), 0o600))
	require.NoError(t, os.Symlink(filepath.Join(outside, "pods.yaml"), filepath.Join(dir, "pods.yaml")))
	require.NoError(t, os.Symlink(outside, filepath.Join(dir, "more")))
	_, err := dump.Read(dir)
	require.EqualError(t, err, "reading dump folder: it holds no list of Kubernetes objects")
	_, err = dump.Read(filepath.Join(dir, "nowhere"))
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestAnAliasBombIsRefused(t *testing.T) {
	t.Parallel()
	var bomb strings.Builder
	bomb.WriteString("a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n")
	for i := 1; i < 12; i++ {
		fmt.Fprintf(&bomb, "a%d: &a%d [%s]\n", i, i, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10), ","))
	}
	answer, _ := diagnose(t, fstest.MapFS{"pods.yaml": {Data: []byte(crashing)}, "bomb.yaml": {Data: []byte(bomb.String())}})
	require.NotEmpty(t, answer.Chains)
}

func FuzzReadFS(f *testing.F) {
	f.Add([]byte(crashing), []byte("Error: x"), "production/pods.yaml")
	f.Add(
		[]byte(`{"kind":"List","items":[{"kind":"Certificate","apiVersion":"cert-manager.io/v1","status":{"conditions":[1]}}]}`),
		[]byte{},
		"a.json",
	)
	f.Add([]byte("apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: a, namespace: b}\nspec: {replicas: 3}"), []byte{}, "d.yml")
	f.Add([]byte("kind: IngressList\napiVersion: networking.k8s.io/v1\nitems: [{spec: {rules: [{http: {paths: [{}]}}]}}]"), []byte{}, "i.yaml")
	f.Fuzz(func(t *testing.T, objects, log []byte, name string) {
		files := fstest.MapFS{
			"production/pods.yaml":                        {Data: []byte(crashing)},
			"production/orders-6d4cf56db6-x2x9p/logs.txt": {Data: log},
			"fuzz.yaml": {Data: objects},
			"fuzz.json": {Data: objects},
		}
		if name != "" && strings.HasSuffix(name, "l") {
			files["x/"+filepath.Base(name)] = &fstest.MapFile{Data: objects}
		}
		d, err := dump.ReadFS(files)
		if err != nil {
			return
		}
		s := d.Snapshot()
		require.NotEmpty(t, diagnosis.Diagnose(s, facts.Ref{}).Summary)
		require.NotContains(t, diagnosis.Diagnose(s, s.Subject("orders", "production")).Text(), "\x1b")
	})
}

// TestNowIsAsLateAsTheLastLease has a node whose Lease was renewed after everything else, and kinds that no rule asks about.
func TestNowIsAsLateAsTheLastLease(t *testing.T) {
	t.Parallel()
	d, err := dump.ReadFS(fstest.MapFS{"objects.yaml": {Data: []byte(`apiVersion: v1
kind: Pod
metadata: {name: a, namespace: production, creationTimestamp: "2026-03-10T11:00:00Z"}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: aks-a, namespace: kube-node-lease, creationTimestamp: "2026-01-10T11:00:00Z"}
spec: {renewTime: "2026-03-10T11:30:00.000000Z"}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: w, namespace: production}
---
apiVersion: example.com/v1
kind: Widget
metadata: {name: x, namespace: production}
`)}})
	require.NoError(t, err)
	require.Equal(t, time.Date(2026, 3, 10, 11, 30, 0, 0, time.UTC), d.Now)
	require.Contains(t, d.NotChecked, facts.NotChecked{Kind: "other kinds", Reason: "no rule asks about them: Widget (2)"})
}
