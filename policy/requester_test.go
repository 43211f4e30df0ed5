package policy_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// byRule are the facts of what a rule asks for on a Monday, on nobody's behalf where on is nil.
func byRule(name string, on *algesta.Actor, verb, namespace string) policy.Facts {
	return policy.Facts{
		Command: algesta.Command{Requester: algesta.AskedByRule(algesta.Rule{Name: name, For: on}), Target: in(namespace)},
		Verb:    verb, At: monday,
	}
}

// bound is a binding of a generated policy, with the verbs of its role.
type bound struct{ subjects, allow, namespaces []string }

// anyBound are bindings of people and rules to roles that read, change, or both.
func anyBound() *rapid.Generator[[]bound] {
	return rapid.Custom(func(t *rapid.T) []bound {
		some := func(label string, of ...string) []string {
			return rapid.SliceOfNDistinct(rapid.SampledFrom(of), 1, len(of), rapid.ID).Draw(t, label)
		}
		out := make([]bound, rapid.IntRange(1, 4).Draw(t, "bindings"))
		for i := range out {
			out[i] = bound{
				subjects: some("people", "user:U0DANA", "group:S0BACKEND"), namespaces: some("namespaces", "production", "development", "*"),
				allow: some("allow", "read", "change", "status", "diagnose", "scale", "cert.*"),
			}
			if rapid.Bool().Draw(t, "rules too") {
				out[i].subjects = append(out[i].subjects, some("rules", "rule:alerts", "rule:rollout-failed")...)
				if rapid.IntRange(0, 9).Draw(t, "of ten") > 0 {
					out[i].allow = some("reads", "read", "status", "diagnose")
				}
			}
		}
		return out
	})
}

// givesARuleAChange reports whether a binding does what none may.
func (b bound) givesARuleAChange() bool {
	return slices.ContainsFunc(b.subjects, func(s string) bool { return strings.HasPrefix(s, "rule:") }) &&
		slices.ContainsFunc(b.allow, func(verb string) bool { return verb == "change" || verb == "scale" || verb == "cert.*" })
}

// gives reports whether a binding lets a rule read, by itself.
func (b bound) gives(rule, verb, namespace string) bool {
	return slices.Contains(b.subjects, "rule:"+rule) && (slices.Contains(b.allow, "read") || slices.Contains(b.allow, verb)) &&
		(slices.Contains(b.namespaces, "*") || slices.Contains(b.namespaces, namespace))
}

// written is the policy of these bindings as a file.
func written(bindings []bound) []byte {
	list := func(of []string) string { return `["` + strings.Join(of, `", "`) + `"]` }
	var roles, bound strings.Builder
	for i, b := range bindings {
		fmt.Fprintf(&roles, "- {name: role %d, allow: %s}\n", i, list(b.allow))
		fmt.Fprintf(&bound, "- {name: %d, subjects: %s, role: role %d, namespaces: %s}\n", i, list(b.subjects), i, list(b.namespaces))
	}
	return []byte("apiVersion: algesta.io/v1\nkind: Policy\nroles:\n" + roles.String() + "bindings:\n" + bound.String())
}

// TestARuleNeverGetsAChange holds for every policy, every target and everybody on whose behalf a rule may ask, also who may do everything.
// A read it gets by its own name alone, or exactly as the person on whose behalf it asks would.
func TestARuleNeverGetsAChange(t *testing.T) {
	t.Parallel()
	families := algesta.Verbs()
	bindings, facts := anyBound(), anyFacts()
	rapid.Check(t, func(t *rapid.T) {
		all := bindings.Draw(t, "policy")
		p, err := policy.Load(written(all))
		if slices.ContainsFunc(all, bound.givesARuleAChange) {
			if err == nil {
				t.Fatal("a policy that lets a rule change something is loaded")
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		f := facts.Draw(t, "facts")
		f.Asking = rapid.Bool().Draw(t, "asking")
		if rapid.IntRange(0, 3).Draw(t, "of four") > 0 { // mostly somebody who may do what the policy gives at all
			f.Command.Requester = algesta.AskedBy(dana)
		}
		person := f.Command.Requester
		rule := algesta.Rule{Name: rapid.SampledFrom([]string{"alerts", "rollout-failed", "unheard-of", "U0DANA", ""}).Draw(t, "rule")}
		on := rapid.Bool().Draw(t, "on behalf of a person")
		if on {
			rule.For = &person.Actor
		}
		f.Command.Requester = algesta.AskedByRule(rule)
		got := p.Decide(f)
		if got.Effect != algesta.Refuse && families[f.Verb] != algesta.Read {
			t.Fatalf("%s got %q: %s", f.Command.Called(), f.Verb, got.Reason)
		}
		if len(got.Reason) == 0 {
			t.Fatal("a decision without its sentence")
		}
		want := algesta.Refuse
		if families[f.Verb] == algesta.Read && rule.Name != "" {
			asPerson := f
			asPerson.Command.Requester = person
			switch {
			case on:
				want = p.Decide(asPerson).Effect
			case slices.ContainsFunc(all, func(b bound) bool { return b.gives(rule.Name, f.Verb, f.Command.Target.Namespace) }):
				want = algesta.Allow
			}
		}
		if got.Effect != want {
			t.Fatalf("%s, %q in %q: %s, not %s: %s", f.Command.Called(), f.Verb, f.Command.Target.Namespace, got.Effect, want, got.Reason)
		}
		f.Command.Actor = person.Actor // a rule with a person's own rights is neither
		if person.Actor.ID.User != "" && p.Decide(f).Effect != algesta.Refuse {
			t.Fatal("who is a person and a rule at once was given something")
		}
	})
}

func TestWhatARuleIsTold(t *testing.T) {
	t.Parallel()
	p := load(t, strings.Replace(
		strings.Replace(small, "    allow: [read, scale]", "    allow: [read, scale]\n  - name: reader\n    allow: [status]", 1),
		"approvals:", "  - {name: alerts, subjects: [\"rule:alerts\"], role: reader, namespaces: [production]}\napprovals:", 1,
	))
	team := member("U0X", "S0TEAM")
	for name, tc := range map[string]struct {
		facts policy.Facts
		want  string
	}{
		"a read that a binding gives it": {
			byRule("alerts", nil, "status", "production"),
			`Rule "alerts" allows it.`,
		},
		"a read on behalf of who may": {
			byRule("rollout-failed", &team, "diagnose", "production"),
			`Rule "team" allows it.`,
		},
		"a change": {
			byRule("alerts", nil, "scale", "production"),
			"The rule alerts may only read, so it can't scale in production.",
		},
		"a change on behalf of who may": {
			byRule("alerts", &team, "scale", "development"),
			"The rule alerts for U0X may only read, so it can't scale in development.",
		},
		"a read that no binding gives it": {
			byRule("alerts", nil, "diagnose", "production"),
			"The rule alerts can't diagnose in production: no binding of the policy gives that to rule:alerts.",
		},
		"a read elsewhere": {
			byRule("alerts", nil, "status", "development"),
			"The rule alerts can't see the status in development: no binding of the policy gives that to rule:alerts.",
		},
		"a read on behalf of who may not": {
			byRule("alerts", &nobody, "status", "production"),
			"The rule alerts for “U0NOBODY” can't see the status in production: no binding of the policy gives that to “U0NOBODY”.",
		},
		"a read on behalf of a stranger": {
			byRule("alerts", &algesta.Actor{}, "status", "production"),
			"This account isn't a member of this workspace, so I can't do anything for it.",
		},
		"a read of a rule that has no name": {
			byRule("", nil, "status", "production"),
			"It isn't clear who asks for this, so it's refused.",
		},
		"a verb that there is not, by a rule": {
			byRule("alerts", nil, "explode", "production"),
			"The rule alerts may only read, so it can't use explode in production.",
		},
		"a person is not the rule of its name": {
			asks(member("alerts"), "status", "production", nil),
			"You can't see the status in production: no policy rule names you or a group that you're in.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, p.Decide(tc.facts).Reason.String())
		})
	}
	hint := p.Decide(asks(nobody, "status", "production", nil)).Hint
	require.Equal(t, "Someone in @S0TEAM can: ask there.", hint.String(), "nobody can ask a rule")
	require.NotContains(t, p.Answerers(nil, asks(nobody, "status", "production", nil)), algesta.Subject("rule:alerts"))
	steps := p.Explain(byRule("alerts", nil, "status", "production"))
	require.Equal(t, "a rule, which may only look", steps[0].Why)
	require.Equal(t, "names group:S0TEAM, which is not this rule", steps[1].Why)
	require.True(t, steps[2].Speak)
}

// TestALimitCanTellARule has an expression that only people meet.
func TestALimitCanTellARule(t *testing.T) {
	t.Parallel()
	p := load(t, `apiVersion: algesta.io/v1
kind: Policy
roles: [{name: reader, allow: [read]}]
bindings: [{name: all, subjects: ["rule:alerts", "user:U0DANA"], role: reader, namespaces: ["*"]}]
limits:
- {name: people, verbs: [logs], namespaces: ["*"], require: "actor.standing != 'rule'", otherwise: Only people read logs.}
`)
	require.Equal(t, "Only people read logs.", p.Decide(byRule("alerts", nil, "logs", "production")).Reason.String())
	require.Equal(t, algesta.Allow, p.Decide(byRule("alerts", nil, "status", "production")).Effect)
	require.Equal(t, algesta.Allow, p.Decide(asks(dana, "logs", "production", nil)).Effect)
	require.Equal(t, algesta.Allow, p.Decide(byRule("alerts", &dana, "logs", "production")).Effect)
}
