package diagnosis_test

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func scenario(tb testing.TB, name string) (s *facts.Snapshot, about facts.Ref) {
	tb.Helper()
	dir := filepath.Join("testdata", "scenarios", name)
	objects, err := os.ReadFile(filepath.Join(dir, "objects.yaml"))
	require.NoError(tb, err)
	logs, err := os.ReadFile(filepath.Join(dir, "logs.log"))
	if err != nil {
		require.ErrorIs(tb, err, os.ErrNotExist)
	}
	asked, err := os.ReadFile(filepath.Join(dir, "about.txt"))
	require.NoError(tb, err)
	s = snapshot(tb, objects, logs)
	what, environment, _ := strings.Cut(strings.TrimSpace(string(asked)), " ")
	return s, s.Subject(what, environment)
}

func scenarios(tb testing.TB) []string {
	tb.Helper()
	dirs, err := os.ReadDir(filepath.Join("testdata", "scenarios"))
	require.NoError(tb, err)
	var names []string
	for _, dir := range dirs {
		names = append(names, dir.Name())
	}
	return names
}

// TestScenarios compares whole answers with want.txt: what a person reads.
func TestScenarios(t *testing.T) {
	t.Parallel()
	for _, name := range scenarios(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, about := scenario(t, name)
			got := diagnosis.Diagnose(s, about).Text()
			golden := filepath.Join("testdata", "scenarios", name, "want.txt")
			if *update {
				require.NoError(t, os.WriteFile(golden, []byte(got), 0o600))
			}
			want, err := os.ReadFile(golden)
			require.NoError(t, err)
			require.Equal(t, string(want), got)
		})
	}
}

func TestTheRootIsNamedAndItsSymptomsAreNot(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct {
		summary string
		rules   []string // of all chains, in order
		hits    int      // of the first chain
	}{
		"missing-key": {"Secret mongodb-credentials has no key uri, so no pod of ms-orders-production can " +
			"start.", []string{"secret-key-missing"}, 1},
		"shared-database": {"MongoDB rejects the credentials, so every pod of ms-orders-production and " +
			"ms-provider-production keeps crashing.", []string{"dependency-auth"}, 2},
		"caller-of-a-broken-service": {"The image of container ms-orders lacks express, so every pod of ms-orders-production keeps " +
			"crashing.", []string{"broken-build"}, 1},
		"broken-database-in-the-cluster": {"", []string{"out-of-memory"}, 1},
		"same-words-in-two-services":     {"", []string{"program-error"}, 2},
		"scaled-to-zero": {
			"Deployment ms-orders-production is scaled to zero, so it runs no pods.", []string{"scaled-to-zero"}, 1,
		},
		"bad-image-while-old-pods-serve": {"", []string{"image-not-found"}, 1},
		"certificate-behind-ingress":     {"", []string{"certificate-challenge"}, 1},
		"lost-node": {"Node aks-stdar-1 does not answer, and 1 pod of production is on it. That is why 1 of 2 pods of " +
			"ms-orders-production are ready.", []string{"node-not-ready"}, 1},
		"crash-loop-seen-running":    {"", []string{"missing-variable"}, 1},
		"crash-loop-seen-terminated": {"", []string{"missing-variable"}, 1},
		"crash-loop-seen-waiting":    {"", []string{"missing-variable"}, 1},
		"healthy-platform":           {"", []string{}, 0},
		"healthy-with-old-restarts":  {"", []string{}, 0},
		"selector-behind-a-caller": {"The selector of Service redis (app=redis,role=master) matches no pod. That is why Service " +
			"redis refuses connections, so every pod of sessions keeps crashing.", []string{"selector-matches-nothing"}, 2},
		"selector-asked-by-workload":            {"", []string{"selector-matches-nothing"}, 2},
		"full-database-three-callers":           {"", []string{"disk-full"}, 1},
		"one-outside-database-three-drivers":    {"", []string{"dependency-timeout"}, 3},
		"cluster-dns-down":                      {"", []string{"program-error"}, 1},
		"one-registry-limits-two-services":      {"", []string{"image-rate-limit"}, 2},
		"service-in-another-namespace":          {"", []string{"dependency-dns"}, 1},
		"webhook-behind-an-image":               {"", []string{"image-not-found"}, 1},
		"metrics-server-behind-autoscalers":     {"", []string{"api-forbidden"}, 1},
		"pressure-evicts-and-nothing-fits":      {"", []string{"node-memory-pressure"}, 1},
		"upstream-that-does-not-exist":          {"", []string{"dependency-dns"}, 1},
		"healthy-while-a-certificate-is-issued": {"", []string{}, 0},
		"probe-fails-for-a-service-at-zero": {
			"Deployment redis-master is scaled to zero, and celery-worker needs it.", []string{"scaled-to-zero"}, 1,
		},
		"an-old-warning-is-not-the-cause":    {"", []string{"broken-build"}, 1},
		"another-processor-and-no-lost-node": {"", []string{"command-not-found"}, 1},
		"i-do-not-know":                      {"Deployment ms-orders-production has 1 of 2 pods ready.", []string{"pods-missing"}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, about := scenario(t, name)
			d := diagnosis.Diagnose(s, about)
			require.Equal(t, want.rules, rulesOf(d), d.Text())
			if want.summary != "" {
				require.Equal(t, want.summary, d.Summary)
			}
			if want.hits > 0 {
				require.Len(t, d.Chains[0].Hits, want.hits)
			}
		})
	}
}

// TestTheJSONIsStable holds the names of the fields: other programs read them.
func TestTheJSONIsStable(t *testing.T) {
	t.Parallel()
	s, about := scenario(t, "missing-key")
	data, err := json.Marshal(diagnosis.Diagnose(s, about))
	require.NoError(t, err)
	var d map[string]any
	require.NoError(t, json.Unmarshal(data, &d))
	for _, key := range []string{"subject", "verdict", "summary", "chains", "healthy", "notChecked", "advice"} {
		require.Contains(t, d, key)
	}
	chain := d["chains"].([]any)[0].(map[string]any)
	for _, key := range []string{
		"cause", "subject", "rule", "class", "hits", "evidence", "links", "explains", "impact", "since", "remedy", "confidence",
	} {
		require.Contains(t, chain, key)
	}
	for _, key := range []string{"object", "field", "quote", "age", "count"} {
		require.Contains(t, chain["evidence"].([]any)[0], key)
	}
}
