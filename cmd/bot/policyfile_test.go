package main

import (
	"context"
	"errors"
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
	asked   map[*policy.Policy][]string // by the policy that was in force: the groups to ask about that were told last
}

func watchedPolicy(t *testing.T, text string) *watched {
	t.Helper()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	core, lines := observer.New(zapcore.InfoLevel)
	cfg, err := loadConfigWithoutSlack("testdata/config-example.yaml")
	require.NoError(t, err)
	f, err := openPolicy(path, cfg, zap.New(core))
	require.NoError(t, err)
	return &watched{policyFile: f, t: t, lines: lines, asked: map[*policy.Policy][]string{}}
}

// looks looks at the file some times and returns what was logged meanwhile.
func (w *watched) looks(times int) []string {
	w.t.Helper()
	for range times {
		before := w.Policy()
		w.reload(func(groups []string) {
			if w.asked[w.Policy()] = groups; w.Policy() != before {
				w.changes++
			}
		})
	}
	var said []string
	for _, l := range w.lines.TakeAll() {
		said = append(said, l.Message)
	}
	return said
}

// quietPolicy is the example without the namespace that no environment of the example configuration is in.
func quietPolicy(t *testing.T) string {
	t.Helper()
	b, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	require.Contains(t, string(b), "[production, monitoring]")
	return strings.ReplaceAll(string(b), "[production, monitoring]", "[production]")
}

const cannotLoad = "the policy file cannot be loaded; the policy before it stays in force"

func TestAPolicyFileThatCannotBeLoadedIsSaidOnce(t *testing.T) {
	t.Parallel()
	good := quietPolicy(t)
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
	good := quietPolicy(t)
	misspelt := strings.Replace(good, `    namespaces: ["*"]`, "    namespaces: [\"*\"]\n    clusters: [aks-algesta-prodution]", 1)
	require.NotEqual(t, good, misspelt)
	w := watchedPolicy(t, good)
	inForce := w.Policy()
	require.NoError(t, os.WriteFile(w.path, []byte(misspelt), 0o600))
	require.Equal(t, []string{cannotLoad}, w.looks(3))
	require.Same(t, inForce, w.Policy())

	cfg, err := loadConfigWithoutSlack("testdata/config-example.yaml")
	require.NoError(t, err)
	_, err = openPolicy(w.path, cfg, zap.NewNop())
	require.ErrorContains(
		t, err, `the policy names the cluster "aks-algesta-prodution", which is not configured: did you mean aks-algesta-production?`,
	)
}

// Whoever lists programs to run in pods believes that they can be run, and there is no command for it.
func TestAPolicyThatListsProgramsIsNotLoaded(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "policy.yaml")
	require.NoError(t, os.WriteFile(path, []byte(quietPolicy(t)+`
exec:
  commands:
    - {name: heap, services: [api-gateway], environments: [production], container: app, command: ["/bin/app", "heap"], timeout: 30s}
`), 0o600))
	cfg, err := loadConfigWithoutSlack("testdata/config-example.yaml")
	require.NoError(t, err)
	_, err = openPolicy(path, cfg, zap.NewNop())
	require.ErrorContains(t, err, "exec lists programs to run in pods, and the bot has no command that runs one: take exec out")
	_, err = loadPolicy(path)
	require.ErrorContains(t, err, "take exec out", "as `bot policy check` has it")
}

// TestARestrictionThatHoldsNowhereIsSaidOncePerFile: a misspelt namespace freezes nothing, and nobody would notice.
func TestARestrictionThatHoldsNowhereIsSaidOncePerFile(t *testing.T) {
	t.Parallel()
	const holdsNowhere = "a rule of the policy holds nowhere: no environment is in its namespace, on its clusters"
	good := quietPolicy(t)
	const last = "reason: no changes over the holidays\n"
	require.Contains(t, good, last)
	misspelt := strings.Replace(good, last, last+`
  - name: holidays-2026
    verbs: [change]
    namespaces: [prodution]
    from: 2026-12-20T00:00:00Z
    to: 2027-01-02T00:00:00Z
    reason: Holidays.
`, 1)
	w := watchedPolicy(t, misspelt)
	require.Equal(
		t, map[string]any{"rule": "holidays-2026", "namespace": "prodution"}, w.lines.FilterMessage(holdsNowhere).All()[0].ContextMap(),
	)
	require.Equal(t, []string{holdsNowhere}, w.looks(3), "at the start, and not again")
	require.NoError(t, os.WriteFile(w.path, []byte(good), 0o600))
	require.Equal(t, []string{"policy loaded"}, w.looks(3))
	require.NoError(t, os.WriteFile(w.path, []byte(misspelt), 0o600))
	require.Equal(t, []string{holdsNowhere, "policy loaded"}, w.looks(3), "it is in force all the same")
	require.Equal(t, 2, w.changes)
}

// TestGroupsAreAskedAboutBeforeTheirPolicyDecides: a limit on a group that nobody was asked about would let its members pass.
func TestGroupsAreAskedAboutBeforeTheirPolicyDecides(t *testing.T) {
	t.Parallel()
	limited := func(group string) string {
		text := strings.Replace(quietPolicy(t), "args.replicas >= 2 &&", "!('"+group+"' in actor.groups) &&", 1)
		require.Contains(t, text, group)
		return text
	}
	w := watchedPolicy(t, limited("S0OLD"))
	before := w.Policy()
	require.NoError(t, os.WriteFile(w.path, []byte(limited("S0NEWONE")), 0o600))
	w.looks(1)
	require.NotSame(t, before, w.Policy())
	require.Subset(t, w.asked[before], []string{"S0OLD", "S0NEWONE"}, "while both may decide")
	require.Contains(t, w.asked[w.Policy()], "S0NEWONE")
	require.NotContains(t, w.asked[w.Policy()], "S0OLD")
}

// TestTheAdminChannelIsToldOfAPolicyFileThatCannotBeLoaded: once for each reason, again where Slack was away, and when it works again.
func TestTheAdminChannelIsToldOfAPolicyFileThatCannotBeLoaded(t *testing.T) {
	t.Parallel()
	good := quietPolicy(t)
	w := watchedPolicy(t, good)
	inForce := w.Policy()
	type word struct{ id, says string }
	var told []word
	var away error
	w.tell = func(_ context.Context, id string, failed error) error {
		if away != nil {
			return away
		}
		says := ""
		if failed != nil {
			says = failed.Error()
		}
		told = append(told, word{id, says})
		return nil
	}
	look := func(times int) {
		for range times {
			w.looks(1)
			w.inform(t.Context())
		}
	}
	look(3)
	require.Empty(t, told)
	require.NoError(t, os.WriteFile(w.path, []byte("kind: [\n"), 0o600))
	away = errors.New("slack doesn't answer")
	look(2)
	require.Empty(t, told)
	away = nil
	look(3)
	require.Len(t, told, 1)
	require.Same(t, inForce, w.Policy())
	require.NoError(t, os.WriteFile(w.path, []byte("kind: Policies\n"), 0o600))
	look(3)
	require.Len(t, told, 2)
	require.Contains(t, told[1].says, "Policies")
	require.NoError(t, os.WriteFile(w.path, []byte(good), 0o600))
	look(3)
	require.Len(t, told, 3)
	require.Empty(t, told[2].says)
	require.Equal(t, told[0].id, told[2].id, "it's below what was told before")
	require.NoError(t, os.WriteFile(w.path, []byte("kind: [[\n"), 0o600))
	look(3)
	require.Len(t, told, 4)
	require.NotEqual(t, told[0].id, told[3].id, "another time is another message")
}
