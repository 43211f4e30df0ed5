package policy_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

const glassBlock = "breakGlass:\n  roles: [platform]\n  lasts: 30m\n  reason: required\n  announceIn: C0SECURITY\n"

// withGlass is the example with its last block.
func withGlass(tb testing.TB, block string) (*policy.Policy, error) {
	tb.Helper()
	b, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(tb, err)
	return policy.Load([]byte(string(b) + block))
}

func TestBreakGlassIsLoadedStrictly(t *testing.T) {
	t.Parallel()
	p, err := withGlass(t, glassBlock)
	require.NoError(t, err)
	b, ok := p.BreakGlass()
	require.True(t, ok)
	require.Equal(t, policy.BreakGlass{Roles: []string{"platform"}, Lasts: 30 * time.Minute, AnnounceIn: "C0SECURITY"}, b)
	_, ok = example(t).BreakGlass()
	require.False(t, ok)

	for name, c := range map[string]struct{ old, with, says string }{
		"no roles":                {"  roles: [platform]\n", "", "roles is missing"},
		"an unknown role":         {"[platform]", "[plattform]", `there is no role "plattform"`},
		"a role that only reads":  {"[platform]", "[viewer]", `the role "viewer" changes nothing`},
		"a role twice":            {"[platform]", "[platform, platform]", `"platform" is there twice`},
		"no time":                 {"  lasts: 30m\n", "", `lasts is ""`},
		"for ever":                {"30m", "240h", `lasts is "240h"`},
		"a reason that isn't due": {"reason: required", "reason: optional", "a glass is never broken without one"},
		"no reason":               {"  reason: required\n", "", "a glass is never broken without one"},
		"nobody is told":          {"  announceIn: C0SECURITY\n", "", "announceIn is \"\""},
		"a channel by its name":   {"C0SECURITY", "'#security'", `announceIn is "#security"`},
		"an unknown key":          {"lasts:", "lasting:", `"lasting"`},
		"nothing in it":           {glassBlock, "breakGlass: {}\n", "roles is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := withGlass(t, strings.Replace(glassBlock, c.old, c.with, 1))
			require.ErrorContains(t, err, c.says)
		})
	}
	b2, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(t, err)
	_, err = policy.Load([]byte(strings.Replace(string(b2), "allow: [read, change]", "allow: [read, change, break-glass]", 1) + glassBlock))
	require.ErrorContains(t, err, "a role gets break-glass by breakGlass.roles alone")
}

func TestWhoMayBreakTheGlass(t *testing.T) {
	t.Parallel()
	p, err := withGlass(t, glassBlock)
	require.NoError(t, err)
	ask := func(p *policy.Policy, r algesta.Requester) algesta.Effect {
		return p.Decide(policy.Facts{
			Command: algesta.Command{Requester: r, Target: in("production")}, Verb: algesta.BreakGlassVerb, At: monday,
		}).Effect
	}
	platform := algesta.AskedBy(member("U0PABLO", "S0PLATFORM"))
	require.Equal(t, algesta.Allow, ask(p, platform), "no approval, although the policy wants one for every change there")
	require.Equal(t, algesta.Refuse, ask(p, algesta.AskedBy(member("U0LUIS", "S0BACKEND"))), "another role")
	require.Equal(t, algesta.Refuse, ask(p, algesta.AskedBy(member("U0X"))))
	require.Equal(t, algesta.Refuse, ask(example(t), platform), "without the block nobody does, whose role has every change")
	for _, standing := range []algesta.Standing{algesta.Guest, algesta.Bot, algesta.Deactivated, algesta.Stranger} {
		who := platform
		who.Actor.Standing = standing
		require.Equal(t, algesta.Refuse, ask(p, who), standing)
	}
	on := platform.Actor
	require.Equal(t, algesta.Refuse, ask(p, algesta.AskedByRule(algesta.Rule{Name: "rollout-failed", For: &on})), "a rule changes nothing")
}

// glassOf is a broken glass of this person.
func glassOf(user string, from time.Time, lasts time.Duration) algesta.BreakGlass {
	return algesta.BreakGlass{
		ID: "c-" + user, Target: in("production"), By: member(user), Reason: "the shop is down", From: from, Until: from.Add(lasts),
	}
}

// TestABrokenGlassWaivesApprovalsAndNothingElse holds every decision under broken glasses to the one without them: it differs only where
// an approval was needed, whoever asks broke one themselves, of that place and in its time, and their role may.
func TestABrokenGlassWaivesApprovalsAndNothingElse(t *testing.T) {
	t.Parallel()
	p, err := withGlass(t, glassBlock)
	require.NoError(t, err)
	facts := anyFacts()
	waived := 0
	rapid.Check(t, func(t *rapid.T) {
		f := facts.Draw(t, "facts")
		by := rapid.SampledFrom([]string{"U0DANA", "U0CARLA", "U0X", ""}).Draw(t, "by")
		near := rapid.IntRange(0, 3).Draw(t, "near") < 3 // small numbers are drawn more often: one step from what is waived
		if near {
			who := rapid.SampledFrom([]string{"U0DANA", "U0CARLA"}).Draw(t, "who")
			groups := rapid.SampledFrom([]string{"S0PLATFORM", "S0PLATFORM", "S0PLATFORM", "S0BACKEND"}).Draw(t, "group")
			f.Command.Requester, f.Command.Target, f.Command.Args = algesta.AskedBy(member(who, groups)), in("production"), nil
			f.Verb = rapid.SampledFrom([]string{"restart", "rollback", "deploy"}).Draw(t, "change")
			by = rapid.SampledFrom([]string{who, who, who, "U0DANA", "U0CARLA"}).Draw(t, "whose")
		}
		from := f.At.Add(-time.Duration(rapid.SampledFrom([]int{5, 12, 0, 20, 29, 30, 45, -1}).Draw(t, "minutes ago")) * time.Minute)
		lasts := time.Duration(90-rapid.IntRange(0, 90).Draw(t, "lasts")) * time.Minute // longer than the policy says, too
		glass := glassOf(by, from, lasts)
		if f.Plan != nil && rapid.Bool().Draw(t, "writes elsewhere") {
			f.Plan.Changes = []algesta.Change{{Object: algesta.Object{Cluster: "prod", Namespace: "kube-system", Name: "x"}}}
		}
		f.Approved = rapid.IntRange(0, 3).Draw(t, "approved") == 3
		f.Glass = rapid.SampledFrom([]string{"", glass.ID, "", glass.ID, "c-another"}).Draw(t, "rests on")
		if rapid.IntRange(0, 9).Draw(t, "rule") == 9 {
			on := f.Command.Actor
			f.Command.Requester = algesta.AskedByRule(algesta.Rule{Name: "rollout-failed", For: &on})
		}
		without, with := p.Decide(f), p.WithBroken([]algesta.BreakGlass{glass}).Decide(f)
		a := f.Command.Actor
		mine := f.Command.Rule == nil && by != "" && a.ID.User == by && a.In("S0PLATFORM") && !f.Approved && f.Glass != "c-another"
		now := !f.At.Before(from) && f.At.Before(from.Add(min(lasts, 30*time.Minute)))
		here := f.Command.Target.Namespace == "production" && (f.Plan == nil || len(f.Plan.Changes) == 0)
		changes := !slices.Contains([]string{"freeze", "unfreeze", "silence", algesta.BreakGlassVerb}, f.Verb)
		if without.Effect == algesta.NeedsApproval && mine && now && here && changes {
			waived++
			if with.Effect != algesta.Allow || with.Glass != glass.ID {
				t.Fatalf("%+v: %s", f, with.Reason)
			}
			return
		}
		if with.Effect != without.Effect || with.Glass != "" || with.Rule != without.Rule {
			t.Fatalf("%+v: %s instead of %s", f, with.Effect, without.Effect)
		}
	})
	require.Positive(t, waived, "no draw was a broken glass that waives an approval")
}

func TestABrokenGlassThawsNothing(t *testing.T) {
	t.Parallel()
	p, err := withGlass(t, glassBlock)
	require.NoError(t, err)
	at := time.Date(2026, 12, 28, 12, 0, 0, 0, time.UTC) // the freeze of the file is on
	f := policy.Facts{
		Command: algesta.Command{Requester: algesta.AskedBy(member("U0PABLO", "S0PLATFORM")), Target: in("production")}, Verb: "restart", At: at,
	}
	d := p.WithBroken([]algesta.BreakGlass{glassOf("U0PABLO", at, time.Hour)}).Decide(f)
	require.Equal(t, algesta.Refuse, d.Effect)
	require.Contains(t, d.Reason.String(), "freeze")

	f.At = monday
	open := p.WithBroken([]algesta.BreakGlass{glassOf("U0PABLO", monday, time.Hour)})
	require.Equal(t, algesta.Allow, open.Decide(f).Effect)
	frozen := open.With([]algesta.Freeze{{
		ID: "c-frozen", Target: in("production"), By: member("U0LUIS"), Reason: "the import runs", From: monday, Until: monday.Add(time.Hour),
	}})
	require.Equal(t, algesta.Refuse, frozen.Decide(f).Effect, "what a person froze stays, too")
	f.Verb, f.Command.Args = "scale", algesta.Args{"replicas": int64(50)}
	require.Equal(t, algesta.Refuse, open.Decide(f).Effect, "a limit holds")
}

// TestABrokenGlassIsNoWayAroundAFreeze: what ends one, or keeps people from being told, needs its approval all the same.
func TestABrokenGlassIsNoWayAroundAFreeze(t *testing.T) {
	t.Parallel()
	p, err := withGlass(t, glassBlock)
	require.NoError(t, err)
	open := p.WithBroken([]algesta.BreakGlass{glassOf("U0PABLO", monday, time.Hour)})
	f := policy.Facts{
		Command: algesta.Command{Requester: algesta.AskedBy(member("U0PABLO", "S0PLATFORM")), Target: in("production")}, At: monday,
	}
	for _, verb := range []string{"freeze", "unfreeze", "silence"} {
		f.Verb = verb
		require.Equal(t, algesta.NeedsApproval, open.Decide(f).Effect, verb)
	}
	f.Verb = "rollback"
	require.Equal(t, algesta.Allow, open.Decide(f).Effect)
}

func TestWhatABrokenGlassCovers(t *testing.T) {
	t.Parallel()
	whole := algesta.BreakGlass{Target: algesta.Target{Environment: "production", Cluster: "aks", Namespace: "production"}}
	one := algesta.BreakGlass{Target: algesta.Target{
		Service: "shop", Environment: "production", Cluster: "aks", Namespace: "production", Name: "shop-production",
	}}
	shop := one.Target
	require.True(t, whole.Covers(shop, nil))
	require.True(t, one.Covers(shop, nil))
	other := shop
	other.Name = "cart-production"
	require.False(t, one.Covers(other, nil))
	pod := algesta.Target{Environment: "production", Cluster: "aks", Namespace: "production", Object: "pod/shop-production-1"}
	require.False(t, one.Covers(pod, nil))
	require.True(t, whole.Covers(pod, nil))
	elsewhere := shop
	elsewhere.Environment = "staging"
	require.False(t, whole.Covers(elsewhere, nil), "another environment of the same namespace")
	elsewhere = shop
	elsewhere.Cluster = "aks-2"
	require.False(t, whole.Covers(elsewhere, nil))
	require.False(t, whole.Covers(algesta.Target{Cluster: "aks", Object: "namespace/new"}, nil), "what is in no namespace")
	require.False(t, algesta.BreakGlass{}.Covers(algesta.Target{}, nil))
	plan := &algesta.Plan{Changes: []algesta.Change{{Object: shop.Workload()}}}
	require.True(t, one.Covers(shop, plan))
	plan.Changes = append(plan.Changes, algesta.Change{Object: algesta.Object{Cluster: "aks", Kind: "Namespace", Name: "production"}})
	require.False(t, one.Covers(shop, plan), "a plan that writes elsewhere, too")
}

// In a namespace of two environments what is typed doesn't say whose an object is: the plan has to.
func TestABrokenGlassIsOfNoOtherEnvironmentOfItsNamespace(t *testing.T) {
	t.Parallel()
	in := func(service, environment string) algesta.Target {
		return algesta.Target{Service: service, Environment: environment, Cluster: "aks", Namespace: "shared", Name: service + "-" + environment}
	}
	glass := algesta.BreakGlass{Shared: true, Target: algesta.Target{Environment: "production", Cluster: "aks", Namespace: "shared"}}
	of := func(t algesta.Target) *algesta.Plan {
		written := algesta.Object{Cluster: "aks", Namespace: "shared", Kind: "Pod", Name: "x"}
		return &algesta.Plan{Of: t, Changes: []algesta.Change{{Object: written}}}
	}
	pod := algesta.Target{Environment: "production", Cluster: "aks", Namespace: "shared", Object: "pod/x"}
	require.True(t, glass.Covers(in("shop", "production"), of(in("shop", "production"))))
	require.True(t, glass.Covers(pod, of(in("shop", "production"))))
	require.False(t, glass.Covers(pod, of(in("shop", "staging"))), "a pod of staging, typed with production")
	require.False(t, glass.Covers(pod, of(algesta.Target{})), "a pod of nobody knows whom")
	require.False(t, glass.Covers(pod, nil), "before there is a plan")
	set := algesta.Target{Environment: "production", Cluster: "aks", Namespace: "shared", Object: "statefulset/ledger"}
	require.False(t, glass.Covers(set, of(algesta.Target{})), "a StatefulSet is of no environment")

	glass.Shared = false // as it was before somebody put another environment there
	require.True(t, glass.Covers(pod, of(algesta.Target{})))
	require.False(t, glass.Covers(pod, of(in("shop", "staging"))))
}
