package runbooks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// TestEveryListOfAnEnvironmentTakesAllNamespaces: those that kubectl's users give -A; each place is told on its own, and one that can't be
// read doesn't hide the others.
func TestEveryListOfAnEnvironmentTakesAllNamespaces(t *testing.T) {
	t.Parallel()
	all := algesta.Args{"all-namespaces": true}
	for _, name := range []string{
		"deployments", "services", "endpoints", "ingress", "hpa", "quota", "certs", "secrets", "events", "jobs", "cronjobs", "claims",
		"configmaps", "top pods", "keyvault", "pods",
	} {
		book, ok := runbooks.Find(name)
		require.True(t, ok, name)
		require.True(t, book.Anywhere(all), name)
		require.False(t, book.Anywhere(nil), name)
		require.Contains(t, toldEverywhere(t, everywhere(name, all))[0], "There's no environment whose ", name)
	}
	web := corev1.ConfigMap{}
	web.Name, web.Namespace, web.CreationTimestamp.Time = "web", "production", noon
	one := listed{lists: map[string][]any{"ConfigMapList": {web}}, instead: map[string]error{}}
	none := listed{lists: map[string][]any{"ConfigMapList": {}}, instead: map[string]error{}}
	closed := listed{lists: map[string][]any{}, instead: map[string]error{"ConfigMapList": forbidden("list configmaps")}}
	down := runbooks.Place{Target: algesta.Target{Environment: "dev", Cluster: "aks-dev", Namespace: "dev"}, Err: forbidden("aks-dev")}
	got := toldEverywhere(t, everywhere(
		"configmaps", all, standing("production", "aks-1", one), standing("qa", "aks-1", none), standing("pruebas", "aks-2", closed), down,
	))
	require.True(t, strings.HasPrefix(got[0], "4 environments · production: 1 ConfigMap · qa: "), got[0])
	require.Contains(t, got[0], "I couldn't check the ConfigMaps of pruebas: I don't have permission to read them.")
	require.Contains(t, got[0], "I couldn't check the configmaps of dev: ")
	require.True(t, slices.ContainsFunc(got, func(line string) bool { return strings.HasPrefix(line, "web | ") }), "%q", got)
	require.Equal(t, "Only what you can read is listed: production, qa, pruebas and dev. Other namespaces aren't shown.", got[len(got)-1])
}

// TestAPlaceOfAllTellsWhatIsGoneThere: a Deployment that was deleted isn't "all ready" because nobody named its environment.
func TestAPlaceOfAllTellsWhatIsGoneThere(t *testing.T) {
	t.Parallel()
	empty := listed{lists: map[string][]any{
		"DeploymentList": {}, "StatefulSetList": {}, "DaemonSetList": {}, "ReplicaSetList": {}, "PodList": {},
	}, instead: map[string]error{}}
	place, qa := standing("production", "aks-1", empty), standing("qa", "aks-1", empty)
	place.Target.Object, qa.Target.Object = "namespace", "namespace" // as the dispatcher asks
	place.Lost = []algesta.Lost{{Service: "web", Deployment: "web-production", Until: noon}}
	got := toldEverywhere(t, everywhere("deployments", algesta.Args{"all-namespaces": true}, place, qa))
	require.Contains(t, got[0], "1 gone")
	require.NotContains(t, strings.Join(got, "\n"), "qa: 0 of 1")
}

// TestPodsAreChosenByTheFieldsThatKubectlKnows: their phase, their node and their name, of an environment and of all.
func TestPodsAreChosenByTheFieldsThatKubectlKnows(t *testing.T) {
	t.Parallel()
	waits := podOn("production", "waits", "")
	waits.Status.Phase = corev1.PodPending
	runs, other := podOn("production", "runs", "a"), podOn("production", "other", "b")
	for _, p := range []*corev1.Pod{&runs, &other} {
		p.Status.Phase = corev1.PodRunning
	}
	s := listed{lists: map[string][]any{"PodList": {waits, runs, other}}, instead: map[string]error{}}
	book, _ := runbooks.Find("pods")
	for typed, want := range map[string][]string{
		"status.phase=Pending":                   {"waits"},
		"status.phase!=Running":                  {"waits"},
		"spec.nodeName=a":                        {"runs"},
		"metadata.name=other":                    {"other"},
		"status.phase=Running,spec.nodeName!=a":  {"other"},
		"spec.nodeName==a,status.phase==Pending": nil,
	} {
		in := regarding("pods", "namespace")
		in.Command.Args = algesta.Args{"field-selector": typed}
		report, err := book.Answer(t.Context(), runbooks.Cluster{Reader: s}, in)
		require.NoError(t, err, typed)
		require.Equal(t, want, firstCells(report), typed)
		require.Contains(t, report.Title.String(), " with "+typed, typed)
		if want == nil {
			require.Contains(t, report.Title.String(), ": no pods")
		}
		in = everywhere("pods", algesta.Args{"all-namespaces": true, "field-selector": typed}, standing("production", "aks-1", s))
		report, err = book.Answer(t.Context(), runbooks.Cluster{}, in)
		require.NoError(t, err, typed)
		require.Contains(t, report.Title.String(), " with "+typed, typed)
	}
	for _, typed := range []string{"spec.hostNetwork=true", "status.phase", "=,="} {
		in := regarding("pods", "namespace")
		in.Command.Args = algesta.Args{"field-selector": typed}
		_, err := book.Answer(t.Context(), runbooks.Cluster{Reader: s}, in)
		require.ErrorIs(t, err, algesta.ErrUsage, typed)
	}
}

// firstCells are the first cells of a report's tables.
func firstCells(report algesta.Report) []string {
	var out []string
	for _, b := range report.Body {
		if b.Table == nil {
			continue
		}
		for _, row := range b.Table.Rows {
			out = append(out, row[0].String())
		}
	}
	return out
}
