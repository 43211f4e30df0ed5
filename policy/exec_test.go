package policy_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

const execBlock = `exec:
  commands:
    - name: heap
      services: [api-gateway]
      environments: [development, production]
      container: app
      command: ["/bin/app", "heap"]
      timeout: 30s
`

// withExec is a small policy whose role names the verb, with the block.
func withExec(allow, block string) (*policy.Policy, error) {
	return policy.Load([]byte(strings.Replace(small, "allow: [read, scale]", "allow: ["+allow+"]", 1) + block))
}

func TestListedCommandsAreLoadedStrictly(t *testing.T) {
	t.Parallel()
	p, err := withExec("read, scale, exec", execBlock)
	require.NoError(t, err)
	heap := algesta.ListedCommand{
		Name: "heap", Services: []string{"api-gateway"}, Environments: []string{"development", "production"}, Container: "app",
		Command: []string{"/bin/app", "heap"}, Timeout: 30 * time.Second,
	}
	require.Equal(t, []algesta.ListedCommand{heap}, p.Commands())
	require.Equal(t, []algesta.ListedCommand{heap}, p.CommandsIn("", "production"))
	require.Empty(t, p.CommandsIn("ms-orders", "production"))
	require.Empty(t, p.CommandsIn("api-gateway", "pruebas"))

	for name, c := range map[string]struct{ old, with, says string }{
		"nothing in it":           {execBlock, "exec: {}\n", "exec lists 0 commands"},
		"an unknown key":          {"container:", "contaner:", `commands of exec have no key "contaner"`},
		"no name":                 {"name: heap", `name: ""`, "the entry has no name"},
		"a name with a space":     {"name: heap", `name: "a heap"`, "is no name of a command"},
		"no services":             {"      services: [api-gateway]\n", "", "services is missing"},
		"every service":           {"[api-gateway]", `["*"]`, "is a pattern"},
		"no environments":         {"      environments: [development, production]\n", "", "environments is missing"},
		"every environment":       {"[development, production]", `["*"]`, "is a pattern"},
		"no container":            {"      container: app\n", "", `container is ""`},
		"a container of any name": {"container: app", `container: "*"`, `container is "*"`},
		"no command":              {`      command: ["/bin/app", "heap"]` + "\n", "", "command is missing"},
		"no timeout":              {"      timeout: 30s\n", "", `timeout is ""`},
		"an hour":                 {"30s", "1h", `timeout is "1h"`},
		"no time":                 {"30s", "0s", `timeout is "0s"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := withExec("read, scale, exec", strings.Replace(execBlock, c.old, c.with, 1))
			require.ErrorContains(t, err, c.says)
		})
	}
	_, err = withExec("read, exec", execBlock+strings.TrimPrefix(execBlock, "exec:\n  commands:\n"))
	require.ErrorContains(t, err, `the name "heap" is there already`)
}

// TestNoListHoldsAShell: nothing that runs what it is given may be listed, under whatever path.
func TestNoListHoldsAShell(t *testing.T) {
	t.Parallel()
	listed := func(command ...string) error {
		quoted := make([]string, len(command))
		for i, word := range command {
			quoted[i] = fmt.Sprintf("%q", word)
		}
		_, err := withExec("read, exec", strings.Replace(execBlock, `["/bin/app", "heap"]`, "["+strings.Join(quoted, ", ")+"]", 1))
		return err
	}
	for _, command := range [][]string{
		{"/bin/sh"},
		{"/bin/sh", "-c", "id"},
		{"/bin/SH"},
		{"/usr/bin/bash", "/app/script"},
		{"/bin/ash"},
		{"/bin/dash"},
		{"/usr/local/bin/zsh-5.9"},
		{"/bin/bash5"},
		{"/bin/busybox", "sh"},
		{"/bin/busybox"},
		{"/bin/toybox", "ls"},
		{"/opt/pwsh"},
		{"/usr/bin/env"},
		{"/usr/bin/env", "sh"},
		{"/usr/bin/env", "A=b", "/bin/app"},
		{"/usr/bin/printenv"},
		{"/usr/bin/xargs", "rm"},
		{"/usr/bin/nsenter", "-t", "1"},
		{"/usr/sbin/chroot", "/"},
		{"/usr/local/bin/kubectl", "get", "secrets"},
		{"/usr/bin/sudo", "/bin/app"},
		{"/usr/bin/timeout", "5", "/bin/app"},
		{"/usr/bin/find", "/", "-exec", "id", ";"},
		{"/usr/bin/awk", "BEGIN{}"},
		{"/bin/tar", "xf", "x"},
		{"/usr/bin/vi"},
		{"/usr/bin/ssh", "host"},
		{"/bin/nc", "-l"},
		{"/lib64/ld-linux-x86-64.so.2", "/bin/app"},
		{"/lib/ld-musl-x86_64.so.1"},
		{"/usr/bin/python"},
		{"/usr/bin/python3.12", "-c", "print()"},
		{"/usr/bin/python3", "-Ic", "print()"},
		{"/usr/bin/python3", "script.py"},
		{"/usr/bin/node", "-e", "1"},
		{"/usr/bin/node", "--eval=1"},
		{"/usr/bin/node", "--require", "/x", "/y"},
		{"/usr/bin/perl", "-ne", "1"},
		{"/usr/bin/perl5.36.0", "-e", "1"},
		{"/usr/bin/ruby", "-e", "1"},
		{"/usr/bin/php8.2", "-r", "1"},
		{"/usr/bin/python3", "/app/../../tmp/x"},
		{"/bin/app", "/bin/sh"},
		{"/bin/app", "--", "bash", "-c", "id"},
		{"app"},
		{"./app"},
		{"../bin/app"},
		{"/bin/../bin/app"},
		{"/bin//app"},
		{"/bin/app/"},
		{"/"},
		{"/bin/app", ""},
		{""},
		{"/bin/app", "a\x00b"},
		{"/bin/app", "a\nb"},
		{"/bin/app", "a\x1b[31mb"},
		{"/bin/app", "a\u202eb"},
		{"/bin/app", "a\u200bb"},
		{"/bin/app", strings.Repeat("a", 600)},
	} {
		require.Error(t, listed(command...), "%q", command)
	}
	for _, command := range [][]string{
		{"/bin/app"},
		{"/bin/app", "heap"},
		{"/app/bin/healthcheck", "--port=3000", "two words"},
		{"/usr/local/bin/node", "/app/healthcheck.js"},
		{"/usr/bin/psql", "-c", "select 1"},
		{"/usr/bin/pg_isready"},
		{"/bin/cat", "/proc/meminfo"},
	} {
		require.NoError(t, listed(command...), "%q", command)
	}
}

func execFacts(user string, t algesta.Target, plan *algesta.Plan) policy.Facts {
	who := algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: user}, Standing: algesta.Member, Groups: []string{"S0TEAM"}}
	return policy.Facts{
		Command: algesta.Command{Requester: algesta.AskedBy(who), Target: t}, Verb: algesta.ExecVerb, Plan: plan,
		At: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC),
	}
}

// TestWhoMayRunWhat: without a list nobody runs anything, a role has the verb only where it names it, and a plan may run what is listed now
// and nothing else.
func TestWhoMayRunWhat(t *testing.T) {
	t.Parallel()
	here := algesta.Target{Service: "api-gateway", Environment: "production", Cluster: "c", Namespace: "production"}
	run := algesta.Program{
		Name: "heap", Container: "app", Command: []string{"/bin/app", "heap"}, Image: "r/app:1", ImageID: "r/app@sha256:1",
		Timeout: 30 * time.Second,
	}
	planOf := func(of string, edit func(*algesta.Program)) *algesta.Plan {
		program := run
		edit(&program)
		return &algesta.Plan{
			Of: algesta.Target{Service: of},
			Changes: []algesta.Change{{
				Object: algesta.Object{Cluster: "c", Kind: "Pod", Namespace: "production", Name: "api-gateway-1"}, Verb: algesta.Exec,
				Resource: "pods", Subresource: "exec", Version: "v1", UID: "1", Program: &program,
			}},
		}
	}
	same := func(*algesta.Program) {}
	words := func(command ...string) func(*algesta.Program) {
		return func(p *algesta.Program) { p.Command = command }
	}
	var second algesta.Change
	decide := func(allow, block string, target algesta.Target, plan *algesta.Plan) algesta.Decision {
		p, err := withExec(allow, block)
		require.NoError(t, err)
		return p.Decide(execFacts("U0LUIS", target, plan))
	}
	off := decide("read, change, exec", "", here, nil)
	require.Equal(t, algesta.Refuse, off.Effect)
	require.Equal(t, "exec is off: the policy lists no commands.", off.Reason.String())
	no := decide("read, change", execBlock, here, nil)
	require.Equal(t, algesta.Refuse, no.Effect)
	require.Contains(t, no.Reason.String(), "You can't run programs in pods in production")

	may := func(target algesta.Target, plan *algesta.Plan) algesta.Effect {
		return decide("read, exec", execBlock, target, plan).Effect
	}
	require.Equal(t, algesta.Allow, may(here, nil))
	require.Equal(t, algesta.Allow, may(here, planOf("api-gateway", same)))
	stored := planOf("api-gateway", same).Redacted()
	require.NotContains(t, stored.Changes[0].Program.Command, "/bin/app")
	require.Equal(t, algesta.Allow, may(here, &stored), "a stored plan has the hash of the words alone")

	elsewhere := here
	elsewhere.Environment = "pruebas"
	other := here
	other.Service = "ms-orders"
	pod := algesta.Target{Environment: "production", Cluster: "c", Namespace: "production", Object: "pod/api-gateway-1"}
	require.Equal(t, algesta.Allow, may(pod, planOf("api-gateway", same)))
	for name, refused := range map[string]algesta.Effect{
		"an environment that isn't listed":  may(elsewhere, nil),
		"a service that isn't listed":       may(other, nil),
		"a pod of another service":          may(pod, planOf("ms-orders", same)),
		"a pod of no service":               may(pod, planOf("", same)),
		"another service's plan":            may(here, planOf("ms-orders", same)),
		"other words":                       may(here, planOf("api-gateway", words("/bin/app", "heap", "x"))),
		"the same letters in other words":   may(here, planOf("api-gateway", words("/bin/app heap"))),
		"another container":                 may(here, planOf("api-gateway", func(p *algesta.Program) { p.Container = "sidecar" })),
		"more time":                         may(here, planOf("api-gateway", func(p *algesta.Program) { p.Timeout = time.Minute })),
		"another name":                      may(here, planOf("api-gateway", func(p *algesta.Program) { p.Name = "stack" })),
		"a change that isn't a run of it":   may(here, &algesta.Plan{Of: here, Changes: []algesta.Change{{Verb: algesta.Delete, Program: &run}}}),
		"a second change beside the listed": may(here, &algesta.Plan{Of: here, Changes: append(planOf("api-gateway", same).Changes, second)}),
	} {
		require.Equal(t, algesta.Refuse, refused, name)
	}
	// An approval and a freeze of every change are about it, too.
	const rule = "    namespaces: [production]\n    approvers"
	approved := strings.NewReplacer("allow: [read, scale]", "allow: [read, exec]", "    verbs: [scale]\n"+rule, "    verbs: [change]\n"+rule)
	p, err := policy.Load([]byte(approved.Replace(small) + execBlock))
	require.NoError(t, err)
	facts := execFacts("U0LUIS", here, planOf("api-gateway", same))
	require.Equal(t, algesta.NeedsApproval, p.Decide(facts).Effect)
	facts.At = time.Date(2026, 12, 30, 12, 0, 0, 0, time.UTC)
	require.Equal(t, algesta.Refuse, p.Decide(facts).Effect)
	ofRule := strings.NewReplacer("allow: [read, scale]", "allow: [read, exec]", `"group:S0TEAM"`, `"rule:incidents"`)
	_, err = policy.Load([]byte(ofRule.Replace(small) + execBlock))
	require.ErrorContains(t, err, "a rule may only look")
}
