package policy_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// small is a policy of which the tests change one line at a time.
const small = `apiVersion: algesta.io/v1
kind: Policy
roles:
  - name: operator
    allow: [read, scale]
bindings:
  - name: team
    subjects: ["group:S0TEAM"]
    role: operator
    namespaces: ["*"]
approvals:
  - name: second person
    verbs: [scale]
    namespaces: [production]
    approvers: ["group:S0PLATFORM"]
    expiresAfter: 30m
limits:
  - name: few pods
    verbs: [scale]
    namespaces: [production]
    require: "args.replicas <= 10"
    otherwise: "At most 10."
freezes:
  - name: holidays
    verbs: [change]
    namespaces: [production]
    from: 2026-12-24T00:00:00-05:00
    to: 2027-01-02T00:00:00-05:00
    reason: holidays
`

func TestLoadRefusesWhatIsWrong(t *testing.T) {
	t.Parallel()
	_, err := policy.Load([]byte(small))
	require.NoError(t, err)
	for name, tc := range map[string]struct{ old, with, want string }{
		"another version":           {"algesta.io/v1", "algesta.io/v2", `line 1: apiVersion is "algesta.io/v2": write algesta.io/v1`},
		"another kind":              {"kind: Policy", "kind: Config", `line 2: kind is "Config": write Policy`},
		"an unknown key at the top": {"roles:", "rules: 1\nroles:", `line 3: the policy has no key "rules": correct or remove it`},
		"an unknown key in a list": {
			"    expiresAfter: 30m", "    expireAfter: 30m", `line 16: approvals have no key "expireAfter": correct or remove it`,
		},
		"a key twice": {
			"    role: operator", "    role: operator\n    role: operator", `line 10: mapping key "role" already defined at line 9`,
		},
		"an empty list": {"allow: [read, scale]", "allow: []", `line 5: "allow" is empty: fill it in or leave the key out`},
		"an empty entry": {
			"allow: [read, scale]", "allow: [read, '']", "line 5: the list has an empty entry: fill it in or remove it",
		},
		"a key with nothing": {
			`    namespaces: ["*"]`, "    namespaces:", `line 10: "namespaces" is empty: fill it in or leave the key out`,
		},
		"a name twice": {
			"limits:\n", "limits:\n  - {name: few pods, verbs: [scale], namespaces: [a], require: 'true', otherwise: no}\n",
			`line 19: the name "few pods" is there already: each needs its own`,
		},
		"no name": {
			"  - name: team\n    subjects", "  - subjects", "line 7: the entry has no name: give it one, refusals quote it",
		},
		"a misspelt verb": {"allow: [read, scale]", "allow: [read, scael]", `line 5: there is no verb "scael": did you mean scale?`},
		"an unknown verb": {
			"allow: [read, scale]", "allow: [read, fly]", `line 5: there is no verb "fly": name a verb, read or change`,
		},
		"a star for verbs": {
			"allow: [read, scale]", `allow: ["*"]`, `line 5: "*" is not a verb: write [read, change] for every verb`,
		},
		"a pattern without a family": {"allow: [read, scale]", `allow: ["sc*"]`, `line 5: there is no verb "sc*": name a verb, read or change`},
		"a misspelt family":          {"allow: [read, scale]", "allow: [reed]", `line 5: there is no verb "reed": did you mean read?`},
		"a rule that changes something": {
			`["group:S0TEAM"]`, `["group:S0TEAM", "rule:alerts"]`,
			`line 9: the role "operator" lets rule:alerts change something, and a rule may only look: bind it to a role that only reads`,
		},
		"a rule that approves": {
			`["group:S0PLATFORM"]`, `["group:S0PLATFORM", "rule:alerts"]`,
			`line 15: rule:alerts is a rule, and only people can approve: name people or groups`,
		},
		"a rule's name with a space": {
			`["group:S0TEAM"]`, `["rule:my alerts"]`,
			`line 8: "rule:my alerts" is not the name of a rule: write lower-case letters, digits and hyphens, such as rule:rollout-failed`,
		},
		"a misspelt role": {"role: operator", "role: operater", `line 9: there is no role "operater": did you mean operator?`},
		"an unknown role": {"role: operator", "role: king", `line 9: there is no role "king": define it under roles`},
		"a handle for a group": {
			`["group:S0TEAM"]`, `["group:@team"]`,
			`line 8: "group:@team" is not a Slack user group: write the ID, such as group:S0PLATFORM, because handles can be changed`,
		},
		"a name for a user": {
			`["group:S0TEAM"]`, `["user:dana"]`,
			`line 8: "user:dana" is not a Slack user: write the ID, such as user:U0DANA, because anybody may change a name`,
		},
		"no subject": {
			`["group:S0TEAM"]`, `["everybody"]`,
			`line 8: "everybody" is not a subject: write group:S…, user:U… or the e-mail address of a Slack profile`,
		},
		"half an address": {
			`["group:S0TEAM"]`, `["@example.com"]`,
			`line 8: "@example.com" is not a subject: write group:S…, user:U… or the e-mail address of a Slack profile`,
		},
		"a subject twice": {
			`["group:S0TEAM"]`, `["dana@example.com", "email:Dana@Example.com"]`, `line 8: "email:Dana@Example.com" is there twice: remove one`,
		},
		"no place":                {"    namespaces: [\"*\"]\n", "", `line 7: namespaces is missing: name them, or write ["*"] for all`},
		"a pattern of namespaces": {`["*"]`, `["prod*"]`, `line 10: "prod*" is a pattern: name each namespace, or write "*" for all`},
		"a namespace with a blank at its end": {
			`["*"]`, `["production "]`, `line 10: "production " can't be a namespace: write its name as the cluster has it`,
		},
		"a cluster with a blank at its beginning": {
			`namespaces: ["*"]`, "namespaces: [a]\n    clusters: [\" aks\"]",
			`line 11: " aks" can't be a cluster: write its name as the configuration has it`,
		},
		"a cluster with a character that nobody sees": {
			`namespaces: ["*"]`, "namespaces: [a]\n    clusters: [\"aks\\u0007\"]",
			`line 11: "aks\a" can't be a cluster: write its name as the configuration has it`,
		},
		"a pattern of clusters": {
			`namespaces: ["*"]`, "namespaces: [a]\n    clusters: [\"*\"]",
			`line 11: "*" is a pattern: name each cluster, or leave clusters out for all`,
		},
		"nobody to approve": {
			"    approvers: [\"group:S0PLATFORM\"]\n", "", "line 12: approvers is missing: write group:S…, user:U… or an e-mail address",
		},
		"a count of nothing": {
			"    expiresAfter: 30m", "    count: 0\n    expiresAfter: 30m", "line 16: count is 0: it may be 1 to 20",
		},
		"a count that is none": {
			"    expiresAfter: 30m", "    count: two\n    expiresAfter: 30m", "line 16: cannot unmarshal !!str `two`, a whole number is needed here",
		},
		"a count nobody can meet": {
			`approvers: ["group:S0PLATFORM"]`, "approvers: [\"user:U0CARLA\"]\n    count: 2",
			"line 16: count is 2 but the rule names 1, so nobody could ever meet it: name more people or a group",
		},
		"no expiry": {
			"    expiresAfter: 30m\n", "", "line 12: expiresAfter is missing: say how long people have, such as 30m",
		},
		"an expiry without a unit": {
			"expiresAfter: 30m", "expiresAfter: 30", `line 16: expiresAfter is "30": write a duration from 1s to 168h, such as 30m`,
		},
		"an expiry below zero": {
			"expiresAfter: 30m", "expiresAfter: -1h", `line 16: expiresAfter is "-1h": write a duration from 1s to 168h, such as 30m`,
		},
		"an expiry without an end": {
			"expiresAfter: 30m", "expiresAfter: 900h", `line 16: expiresAfter is "900h": write a duration from 1s to 168h, such as 30m`,
		},
		"a reason that is neither": {
			"    expiresAfter: 30m", "    reason: always\n    expiresAfter: 30m", `line 16: reason is "always": write optional, requester, ` +
				`approvers or both`,
		},
		"an approval for reading": {
			"    verbs: [scale]\n    namespaces: [production]\n    approvers",
			"    verbs: [scale, logs]\n    namespaces: [production]\n    approvers",
			"line 13: logs only read: what only reads can't wait for an approval, so name only verbs that change something",
		},
		"a limit that is no CEL": {
			"args.replicas <= 10", "args.replicas <=", `line 21: the limit "few pods": column 17: Syntax error: mismatched input '<EOF>'`,
		},
		"a limit on an unknown thing": {
			"args.replicas <= 10", "arg.replicas <= 10",
			`line 21: the limit "few pods": column 1: undeclared reference to 'arg' (did you mean 'args'?); it may name actor, verb, target, ` +
				`args, plan and now`,
		},
		"a limit on an unknown field": {
			"args.replicas <= 10", "target.namespce == 'x'",
			`line 21: the limit "few pods": column 7: undefined field 'namespce'; it may name actor, verb, target, args, plan and now`,
		},
		"a limit on the display name": {
			"args.replicas <= 10", "actor.name == 'Dana'",
			`line 21: the limit "few pods": column 6: undefined field 'name'; it may name actor, verb, target, args, plan and now`,
		},
		"a limit that is a number": {
			"args.replicas <= 10", "1 + 1", `line 21: the limit "few pods": it is a int and not true or false: compare it with something`,
		},
		"a limit that is anything": {
			"args.replicas <= 10", "args.force", `line 21: the limit "few pods": it is a dyn and not true or false: compare it with something`,
		},
		"a limit that mixes types": {
			"args.replicas <= 10", "verb == 1",
			`line 21: the limit "few pods": column 6: found no matching overload for '_==_' applied to '(string, int)'`,
		},
		"a limit on plans of reading": {
			"    verbs: [scale]\n    namespaces: [production]\n    require: \"args.replicas <= 10\"",
			"    verbs: [status]\n    namespaces: [production]\n    require: \"plan.pods < 5\"",
			"line 19: status only read: they have no plan to look at, so name only verbs that change something",
		},
		"a limit without a condition": {
			"    require: \"args.replicas <= 10\"\n", "",
			"line 18: require is missing: write the condition that has to hold, such as args.replicas <= 10",
		},
		"a limit without its sentence": {
			"    otherwise: \"At most 10.\"\n", "", "line 18: otherwise is missing: write the sentence that people read when the limit refuses",
		},
		"a freeze without a zone": {
			"2026-12-24T00:00:00-05:00", "2026-12-24 00:00:00",
			`line 27: from is "2026-12-24 00:00:00": write a time with its zone, such as 2026-12-24T00:00:00-05:00`,
		},
		"a freeze without an end": {
			"    to: 2027-01-02T00:00:00-05:00\n", "", "line 24: to is missing: write a time with its zone, such as 2026-12-24T00:00:00-05:00",
		},
		"a freeze that ends too soon": {
			"to: 2027-01-02T00:00:00-05:00", "to: 2025-01-02T00:00:00-05:00", "line 28: the freeze ends before it begins: from has to be before to",
		},
		"a freeze without a reason": {"    reason: holidays\n", "", "line 24: reason is missing: people read it when they are refused"},
		"a second document": {
			"freezes:", "---\nfreezes:", "the policy has more than one YAML document: put everything into the first",
		},
		"a list for a text": {"role: operator", "role: [operator]", "line 9: cannot unmarshal !!seq, a text is needed here"},
		"no YAML":           {"roles:", "\t", "line 2: found a tab character that violates indentation"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text := strings.Replace(small, tc.old, tc.with, 1)
			require.NotEqual(t, small, text, "the test changes nothing")
			p, err := policy.Load([]byte(text))
			require.Nil(t, p)
			require.ErrorContains(t, err, tc.want)
			require.NotContains(t, err.Error(), "yaml:")
		})
	}
}

func TestLoadRefusesWhatIsNoPolicy(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, want string }{
		"nothing": {
			"", "reading the policy: the policy is empty: without a rule everything is refused, so write at least roles and bindings",
		},
		"comments only": {
			"# later\n", "reading the policy: the policy is empty: without a rule everything is refused, so write at least roles and bindings",
		},
		"no rules": {
			"apiVersion: algesta.io/v1\nkind: Policy\n",
			"reading the policy: line 1: roles and bindings are both needed: without them everything is refused",
		},
		"a text": {"hello", "reading the policy: line 1: cannot unmarshal !!str `hello`, keys and values are needed here"},
		"too large": {
			strings.Repeat("#", 1<<20+1), "reading the policy: the policy has 1048577 bytes and may have 1048576: is it the right file?",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Load([]byte(tc.text))
			require.EqualError(t, err, tc.want)
		})
	}
}

func TestLoadTellsEveryProblemAtOnce(t *testing.T) {
	t.Parallel()
	text := strings.NewReplacer("role: operator", "role: operater", "30m", "soon", "[change]", "[chnage]").Replace(small)
	_, err := policy.Load([]byte(text))
	require.EqualError(t, err, "reading the policy: "+strings.Join([]string{
		`line 9: there is no role "operater": did you mean operator?`,
		`line 16: expiresAfter is "soon": write a duration from 1s to 168h, such as 30m`,
		`line 25: there is no verb "chnage": did you mean change?`,
	}, "\n"))
}

func TestLoadSurvivesAliasBombs(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	b.WriteString("a0: &a0 [x]\n")
	for i := 1; i < 30; i++ {
		prev := string(rune('a'+i-1)) + "0"
		if i == 1 {
			prev = "a0"
		}
		now := string(rune('a'+i)) + "0"
		b.WriteString(now + ": &" + now + " [" + strings.Repeat("*"+prev+",", 20) + "*" + prev + "]\n")
		if i == 20 {
			break
		}
	}
	_, err := policy.Load([]byte(b.String()))
	require.Error(t, err)
}

func TestThePlatformsPolicyNamesItsGroups(t *testing.T) {
	t.Parallel()
	p := example(t)
	require.Equal(t, []string{"S0BACKEND", "S0PLATFORM"}, p.Groups())
	require.Empty(t, p.Clusters())
}

// TestARuleThatHoldsNowhereIsFound: a namespace counts on the clusters of its rule, and only for what restricts somebody.
func TestARuleThatHoldsNowhereIsFound(t *testing.T) {
	t.Parallel()
	p, err := policy.Load([]byte(`
apiVersion: algesta.io/v1
kind: Policy
roles: [{name: all, allow: [read, change]}]
bindings:
- {name: everybody, subjects: ["user:U0DANA"], role: all, namespaces: [monitorin]}
approvals:
- {name: two, verbs: [change], namespaces: [production, prodution], approvers: ["group:S0LEADS"], expiresAfter: 30m}
- {name: there, verbs: [change], clusters: [dev], namespaces: [production, development], approvers: ["group:S0LEADS"], expiresAfter: 30m}
limits:
- {name: small, verbs: [scale], namespaces: [staging], require: args.replicas <= 10, otherwise: At most 10.}
- {name: system, verbs: [diagnose], namespaces: [kube-system], require: "false", otherwise: Ask the platform team.}
freezes:
- {name: all, verbs: [change], namespaces: ["*"], from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, reason: Holidays.}
- {name: some, verbs: [change], namespaces: [Production], from: 2026-12-20T00:00:00Z, to: 2027-01-02T00:00:00Z, reason: Holidays.}
`))
	require.NoError(t, err)
	require.Equal(t, []string{"two", "there"}, p.GroupsAlone())
	require.Equal(t, []policy.Nowhere{
		{Rule: "two", Namespace: "prodution", Elsewhere: true},
		{Rule: "there", Namespace: "production", Elsewhere: true}, // it is on another cluster
		{Rule: "small", Namespace: "staging"},
		{Rule: "some", Namespace: "Production"},
	}, p.Nowhere([]algesta.Target{{Cluster: "prod", Namespace: "production"}, {Cluster: "dev", Namespace: "development"}}))
	require.Equal(t, []policy.Nowhere{{Rule: "production needs a second person", Namespace: "monitoring", Elsewhere: true}},
		example(t).Nowhere([]algesta.Target{{Namespace: "development"}, {Namespace: "production"}, {Namespace: "pruebas"}}))
}

func FuzzLoadPolicy(f *testing.F) {
	b, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(f, err)
	f.Add(b)
	f.Add([]byte(small))
	f.Add([]byte("roles: [&a {name: *a}]"))
	f.Add([]byte("bindings:\n- <<: {name: x}\n"))
	f.Add([]byte(strings.Replace(small, "args.replicas <= 10", "['S0A'].exists(g, g in actor.groups)", 1)))
	f.Add([]byte(strings.Replace(small, "args.replicas <= 10", "actor.groups.all(g, actor.groups.all(h, g == h))", 1)))
	f.Fuzz(func(t *testing.T, b []byte) {
		p, err := policy.Load(b)
		if err != nil {
			require.Nil(t, p)
			require.LessOrEqual(t, len(err.Error()), 200*(len(b)+10))
			return
		}
		// Whatever loads answers, and never gives anything to somebody it cannot name.
		d := p.Decide(asks(member(""), "rollback", "production", nil))
		require.NotEmpty(t, d.Reason)
		require.Empty(t, d.Needs)
		require.Empty(t, p.Grants(member("")))
	})
}
