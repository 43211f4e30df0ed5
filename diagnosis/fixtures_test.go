package diagnosis_test

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/dump"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// noon is the moment of every fixture.
var noon = time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC)

// load reads rules/testdata/<rule>/<name>.yaml, and <name>.log beside it, as a snapshot taken at noon.
func load(tb testing.TB, rule, name string) *facts.Snapshot {
	tb.Helper()
	base := filepath.Join("rules", "testdata", rule, name)
	objects, err := os.ReadFile(base + ".yaml")
	require.NoError(tb, err)
	logs, err := os.ReadFile(base + ".log")
	if err != nil {
		require.ErrorIs(tb, err, os.ErrNotExist)
	}
	return snapshot(tb, objects, logs)
}

// folders are the files that were decoded, by their text: most fixtures are asked about many times, and decoding YAML takes longer than
// a diagnosis.
var folders sync.Map

// decoded is a file of objects as a folder of its own. The objects are the caller's.
func decoded(tb testing.TB, objects []byte) dump.Dump {
	tb.Helper()
	held, ok := folders.Load(string(objects))
	if !ok {
		d, err := dump.ReadFS(fstest.MapFS{"objects.yaml": {Data: objects}})
		require.NoError(tb, err)
		held, _ = folders.LoadOrStore(string(objects), d)
	}
	d := held.(dump.Dump)
	d.Objects = slices.Clone(d.Objects)
	for i, o := range d.Objects {
		d.Objects[i] = o.DeepCopyObject()
	}
	d.NotChecked = slices.Clone(d.NotChecked)
	return d
}

func snapshot(tb testing.TB, objects, logs []byte) *facts.Snapshot {
	tb.Helper()
	d := decoded(tb, objects)
	for _, n := range d.NotChecked {
		require.NotContains(tb, n.Kind, "file", "the fixture cannot be read")
	}
	s := facts.NewSnapshot(noon, d.Objects, d.NotChecked)
	s.Configure(facts.Setting{Bot: "algesta"})
	addLogs(tb, s, logs)
	return s
}

// addLogs reads blocks that begin with "# [previous ]log of NAMESPACE/POD container NAME".
func addLogs(tb testing.TB, s *facts.Snapshot, logs []byte) {
	tb.Helper()
	for block := range bytes.SplitSeq(append([]byte("\n"), logs...), []byte("\n# ")) {
		head, body, _ := strings.Cut(string(block), "\n")
		before, after, found := strings.Cut(head, "log of ")
		if !found {
			continue
		}
		wording := strings.Fields(after) // NAMESPACE/POD container NAME
		require.Len(tb, wording, 3)
		namespace, pod, _ := strings.Cut(wording[0], "/")
		s.AddLog(facts.LogRequest{Namespace: namespace, Pod: pod, Container: wording[2], Previous: before == "previous "}, []byte(body))
	}
}

func rulesOf(d diagnosis.Diagnosis) []string {
	ids := []string{}
	for _, c := range d.Chains {
		ids = append(ids, c.Rule)
	}
	return ids
}

func TestEveryRuleHasAFixtureThatFiresAndOneThatDoesNot(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, rule := range rules.Rules() {
		require.False(t, known[rule.ID], "two rules are called %s", rule.ID)
		known[rule.ID] = true
		t.Run(rule.ID, func(t *testing.T) {
			t.Parallel()
			for _, field := range []string{rule.Family, string(rule.Class), rule.Signal, rule.Cause, rule.Remedy, rule.Source} {
				require.NotEmpty(t, field, "the documentation is complete")
			}
			if rule.Advice {
				advises(t, rule)
				return
			}
			snapshot, about := load(t, rule.ID, "fires"), facts.Ref{}
			if rule.Asked {
				about = facts.RefOf(facts.KindCronJob, snapshot.CronJobs()[0])
			}
			sick := diagnosis.Diagnose(snapshot, about)
			require.NotEmpty(t, sick.Chains)
			if rule.Class == rules.ClassBackend { // an Ingress answers 503 only because of something behind it
				require.Contains(t, sick.Chains[0].Explains, rule.ID, sick.Text())
			} else {
				require.Equal(t, rule.ID, sick.Chains[0].Rule, "the root cause is named first\n%s", sick.Text())
			}
			require.NotEmpty(t, sick.Chains[0].Evidence, "no cause without evidence")
			require.NotEmpty(t, sick.Chains[0].Remedy.Text)
			require.Equal(t, sick.Chains[0].Cause, sick.Summary)
			require.Less(t, utf8.RuneCountInString(sick.Summary), 200, "a first line is read in one breath: %s", sick.Summary)
			for _, c := range sick.Chains {
				require.NotRegexp(t, `kubectl delete`, c.Remedy.Command, "no next step deletes")
			}
			well := diagnosis.Diagnose(load(t, rule.ID, "healthy"), facts.Ref{})
			require.NotContains(t, rulesOf(well), rule.ID, well.Text())
			require.Empty(t, well.Chains, "no false alarm\n%s", well.Text())
		})
	}
	folders, err := os.ReadDir(filepath.Join("rules", "testdata"))
	require.NoError(t, err)
	for _, folder := range folders {
		require.True(t, known[folder.Name()], "no rule is called %s", folder.Name())
	}
}

// advises holds advice to its promise: it is given, and what it is about stays healthy.
func advises(t *testing.T, rule rules.Rule) {
	t.Helper()
	weak := diagnosis.Diagnose(load(t, rule.ID, "fires"), facts.Ref{})
	require.Equal(t, diagnosis.Healthy, weak.Verdict, "advice makes nothing sick\n%s", weak.Text())
	at := slices.IndexFunc(weak.Advice, func(a diagnosis.Advice) bool { return a.Rule == rule.ID })
	require.GreaterOrEqual(t, at, 0, weak.Text())
	require.NotEmpty(t, weak.Advice[at].Evidence)
	require.NotEmpty(t, weak.Advice[at].Subject.Name)
	for _, sentence := range []string{weak.Advice[at].Text, weak.Advice[at].Remedy} {
		require.Regexp(t, `^\S.*\.$`, sentence)
	}
	well := diagnosis.Diagnose(load(t, rule.ID, "healthy"), facts.Ref{})
	require.Equal(t, diagnosis.Healthy, well.Verdict, well.Text())
	for _, a := range well.Advice {
		require.NotEqual(t, rule.ID, a.Rule, a.Text)
	}
}

// TestNoRemedyWritesWhatSomethingElseOwns has every object of every fixture owned by Argo CD, by Flux or by an operator: what they own is
// read, and nothing of it is written.
func TestNoRemedyWritesWhatSomethingElseOwns(t *testing.T) {
	t.Parallel()
	owners := map[string]func(metav1.Object){
		"Argo CD": func(o metav1.Object) {
			o.SetAnnotations(with(o.GetAnnotations(), "argocd.argoproj.io/tracking-id", "shop:apps/x"))
		},
		"Flux": func(o metav1.Object) { o.SetLabels(with(o.GetLabels(), "kustomize.toolkit.fluxcd.io/name", "shop")) },
	}
	changes := regexp.MustCompile(`^kubectl (?:edit|patch|set resources|scale|annotate|label|apply|replace) [a-z]+[ /]([\w.-]+)`)
	for _, rule := range rules.Rules() {
		for owner, owns := range owners {
			objects, err := os.ReadFile(filepath.Join("rules", "testdata", rule.ID, "fires.yaml"))
			require.NoError(t, err)
			d := decoded(t, objects)
			owned := map[string]bool{}
			for _, object := range d.Objects {
				if o, err := meta.Accessor(object); err == nil && o.GetNamespace() != "" {
					owns(o)
					owned[o.GetName()] = true
				}
			}
			s := facts.NewSnapshot(noon, d.Objects, d.NotChecked)
			s.Configure(facts.Setting{Bot: "algesta"})
			for _, c := range diagnosis.Diagnose(s, facts.Ref{}).Chains {
				require.NotContains(t, c.Remedy.Command, "kubectl delete", rule.ID)
				require.False(t, c.Remedy.Verb != "" && c.Remedy.Verb != "restart", "%s: %s goes back in the cluster, and %s goes forward "+
					"again", rule.ID,
					c.Remedy.Command, owner)
				if m := changes.FindStringSubmatch(c.Remedy.Command); m != nil {
					require.False(t, owned[m[1]], "%s: %s writes what %s owns", rule.ID, c.Remedy.Command, owner)
				}
			}
		}
	}
}

func with(values map[string]string, key, value string) map[string]string {
	if values == nil {
		values = map[string]string{}
	}
	values[key] = value
	return values
}
