package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/3astronautas/algesta/policy"
)

// watched is a policy file of a running bot, at whose file a test looks itself.
type watched struct {
	*policyFile
	t       *testing.T
	lines   *observer.ObservedLogs
	changes int
}

func watchedPolicy(t *testing.T, text string) *watched {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	core, lines := observer.New(zapcore.InfoLevel)
	cfg, err := loadConfigWithoutSlack("testdata/config-example.yaml")
	require.NoError(t, err)
	f, err := openPolicy(path, func(p *policy.Policy) error { return named(p, cfg) }, zap.New(core))
	require.NoError(t, err)
	return &watched{policyFile: f, t: t, lines: lines}
}

// looks looks at the file some times and returns what was logged meanwhile.
func (w *watched) looks(times int) []string {
	w.t.Helper()
	for range times {
		w.look(func(*policy.Policy) { w.changes++ })
	}
	var said []string
	for _, l := range w.lines.TakeAll() {
		said = append(said, l.Message)
	}
	return said
}

const cannotLoad = "the policy file cannot be loaded; the policy before it stays in force"

func TestAPolicyFileThatCannotBeLoadedIsSaidOnce(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	good := string(b)
	w := watchedPolicy(t, good)
	inForce := w.Policy()
	require.Empty(t, w.looks(3), "nothing changed")

	require.NoError(t, os.Remove(w.path))
	require.Equal(t, []string{cannotLoad}, w.looks(5), "the file is missing")
	require.Same(t, inForce, w.Policy())

	require.NoError(t, os.WriteFile(w.path, []byte("kind: [\n"), 0o600))
	require.Equal(t, []string{cannotLoad}, w.looks(5), "it is there and broken")
	require.NoError(t, os.WriteFile(w.path, []byte("kind: [[\n"), 0o600))
	require.Equal(t, []string{cannotLoad}, w.looks(5), "it is another broken one")
	require.Same(t, inForce, w.Policy())
	require.Zero(t, w.changes)

	require.NoError(t, os.WriteFile(w.path, []byte(good), 0o600))
	require.Equal(t, []string{"policy loaded"}, w.looks(5))
	require.NotSame(t, inForce, w.Policy())
	require.Equal(t, 1, w.changes)

	require.NoError(t, os.Remove(w.path))
	require.Equal(t, []string{cannotLoad}, w.looks(5), "it is missing again, which is news")
}

// TestARunningBotTakesNoPolicyThatNamesAnUnknownCluster: a freeze or an approval for a misspelt cluster would hold nowhere.
func TestARunningBotTakesNoPolicyThatNamesAnUnknownCluster(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	misspelt := strings.Replace(string(b), `    namespaces: ["*"]`, "    namespaces: [\"*\"]\n    clusters: [aks-algesta-prodution]", 1)
	require.NotEqual(t, string(b), misspelt)
	w := watchedPolicy(t, string(b))
	inForce := w.Policy()
	require.NoError(t, os.WriteFile(w.path, []byte(misspelt), 0o600))
	require.Equal(t, []string{cannotLoad}, w.looks(3))
	require.Same(t, inForce, w.Policy())

	cfg, err := loadConfigWithoutSlack("testdata/config-example.yaml")
	require.NoError(t, err)
	_, err = openPolicy(w.path, func(p *policy.Policy) error { return named(p, cfg) }, zap.NewNop())
	require.ErrorContains(t, err, `the policy names the cluster "aks-algesta-prodution", which is not configured: did you mean aks-algesta-production?`)
}
