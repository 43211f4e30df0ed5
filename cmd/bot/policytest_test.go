package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// policyRun runs `bot policy …` for the example configuration and policy.
func policyRun(t *testing.T, args ...string) (string, error) {
	t.Helper()
	cmd := policyCommand()
	var out strings.Builder
	cmd.SetOut(&out)
	cmd.SilenceUsage, cmd.SilenceErrors = true, true
	cmd.SetArgs(append(args, "--config", "testdata/config-example.yaml", "--policy", "testdata/policy-example.yaml"))
	err := cmd.ExecuteContext(t.Context())
	return out.String(), err
}

func TestPolicyTestChecksATableOfExpectations(t *testing.T) {
	t.Parallel()
	out, err := policyRun(t, "test", "testdata/policy-test.yaml")
	require.NoError(t, err, out)
	require.Equal(t, "All 8 expectations hold.\n", out)

	table, err := os.ReadFile("testdata/policy-test.yaml")
	require.NoError(t, err)
	with := func(old, now string) string {
		changed := strings.Replace(string(table), old, now, 1)
		require.NotEqual(t, string(table), changed)
		path := filepath.Join(t.TempDir(), "table.yaml")
		require.NoError(t, os.WriteFile(path, []byte(changed), 0o600))
		return path
	}
	out, err = policyRun(t, "test", with("replicas=12", "replicas=6"))
	require.EqualError(t, err, "1 of 8 expectations don't hold")
	require.Contains(t, out, "production stays small: expected refused, and it is needs approval (rule \"production needs a second person\")")
	out, err = policyRun(t, "test", with("rule: end of year", "rule: another"))
	require.EqualError(t, err, "1 of 8 expectations don't hold")
	require.Contains(t, out, `it is refused as expected, but by the rule "end of year" and not by "another"`)

	// What can't be read expects nothing, so it's an error, never a success.
	for said, path := range map[string]string{
		`expectation 1 (status api-gateway production): decision is "permitted"`: with("decision: allowed", "decision: permitted"),
		"is not a key here":                            with("groups:", "group:"),
		"expectation 1 (status api-gateway prodution)": with("status api-gateway production", "status api-gateway prodution"),
		"kind: PolicyTest":                             with("kind: PolicyTest", "kind: Policy"),
	} {
		_, err := policyRun(t, "test", path)
		require.ErrorContains(t, err, said)
	}
}

func TestPolicyExplainNamesTheRuleThatDecides(t *testing.T) {
	t.Parallel()
	who := []string{"explain", "--user", "U0LUIS", "--group", "S0BACKEND", "--at", "2026-11-23T10:00:00Z"}
	out, err := policyRun(t, append(who, "scale", "api-gateway", "production", "replicas=12")...)
	require.ErrorIs(t, err, errRefused)
	require.Contains(t, out, `refused, by the rule "production stays between 2 and 10 pods": Production services run 2 to 10 pods.`)
	require.Contains(t, out, "* limit")
	out, err = policyRun(t, append(who, "status", "production")...)
	require.NoError(t, err)
	require.Contains(t, out, `allowed, by the rule "backend asks in production"`)
	out, err = policyRun(t, append(who, "rollback", "api", "prod")...)
	require.NoError(t, err)
	require.Contains(t, out, `needs approval, by the rule "production needs a second person"`)
}

// TestWhatThePolicyCanNotDecideWithoutAPlanIsSaid: an expectation isn't met for certain while a limit waits for the plan.
func TestWhatThePolicyCanNotDecideWithoutAPlanIsSaid(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	dir := t.TempDir()
	file, table := filepath.Join(dir, "policy.yaml"), filepath.Join(dir, "table.yaml")
	changed := strings.Replace(string(text), `&& args.replicas <= 10"`, `&& plan.pods + plan.surge <= 10"`, 1)
	require.NotEqual(t, string(text), changed)
	require.NoError(t, os.WriteFile(file, []byte(changed), 0o600))
	run := func(args ...string) (string, error) {
		cmd := policyCommand()
		var out strings.Builder
		cmd.SetOut(&out)
		cmd.SilenceUsage, cmd.SilenceErrors = true, true
		cmd.SetArgs(append(args, "--config", "testdata/config-example.yaml", "--policy", file))
		err := cmd.ExecuteContext(t.Context())
		return out.String(), err
	}
	const open = `if its plan keeps the limit "production stays between 2 and 10 pods" (args.replicas >= 2 && plan.pods + plan.surge <= 10)`
	who := []string{"--user", "U0LUIS", "--group", "S0BACKEND", "--at", "2026-11-23T10:00:00Z", "scale", "api-gateway", "production"}
	out, err := run(append(append([]string{"explain"}, who...), "replicas=12")...)
	require.NoError(t, err)
	require.Contains(t, out, `needs approval, by the rule "production needs a second person", `+open+": It needs 1 approval")
	require.Contains(t, out, "is judged when there is a plan: args.replicas >= 2")
	out, err = run(append(append([]string{"check"}, who...), "replicas=12")...)
	require.NoError(t, err)
	require.Contains(t, out, "needs approval, "+open+": It needs 1 approval")
	out, err = run(append(append([]string{"explain"}, who...), "replicas=1")...)
	require.ErrorIs(t, err, errRefused, "no plan mends that")
	require.Contains(t, out, `refused, by the rule "production stays between 2 and 10 pods": Production services run 2 to 10 pods.`)

	expects := "apiVersion: algesta.io/v1\nkind: PolicyTest\nat: 2026-11-23T10:00:00Z\nexpect:\n" +
		"  - {command: scale api-gateway production replicas=12, user: U0LUIS, groups: [S0BACKEND], decision: needs approval}\n" +
		"  - {command: scale api-gateway production replicas=1, user: U0LUIS, groups: [S0BACKEND], decision: refused}\n"
	require.NoError(t, os.WriteFile(table, []byte(expects), 0o600))
	out, err = run("test", table)
	require.NoError(t, err)
	require.Equal(t, table+": scale api-gateway production replicas=12: needs approval, "+open+
		"\nAll 2 expectations hold, 1 of them as far as can be said without a plan.\n", out)
	require.NoError(t, os.WriteFile(table, []byte(strings.Replace(expects, "needs approval", "refused", 1)), 0o600))
	out, err = run("test", table)
	require.EqualError(t, err, "1 of 2 expectations don't hold")
	require.Contains(t, out, `expected refused, and it is needs approval (rule "production needs a second person"), `+open+". It needs")

	_, err = run("explain", "undo", "api-gateway", "production")
	require.EqualError(
		t, err, "undo is decided as the command that takes the last change back, such as rollback or scale: ask about that command",
	)
	_, err = run("explain", "restart", "api-gateway", "production?")
	require.EqualError(t, err, "that asks for the help of restart: every full member may read it, and the policy is not asked")
}
