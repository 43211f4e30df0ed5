package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

func TestGrants(t *testing.T) {
	t.Parallel()
	p := example(t)
	grants := p.Grants(dana)
	require.Len(t, grants, 2)
	require.Equal(t, "backend works below production", grants[0].Binding)
	require.Equal(t, []string{"development", "pruebas"}, grants[0].Namespaces)
	require.Empty(t, grants[0].Asks)
	require.Equal(t, "operator", grants[1].Role)
	require.Equal(t, []string{"read", "rollback", "restart", "scale", "deploy"}, grants[1].Allow)
	require.Contains(t, grants[1].Verbs, "logs")
	require.NotContains(t, grants[1].Verbs, "exec")
	require.Equal(t, []policy.Ask{{
		Rule: "production needs a second person", Verbs: []string{"deploy", "restart", "rollback", "scale"},
		Namespaces: []string{"production", "monitoring"}, Approvers: []algesta.Subject{"group:S0PLATFORM", "user:U0CARLA"}, Count: 1,
	}}, grants[1].Asks)
	require.Empty(t, p.Grants(nobody))
	require.Empty(t, p.Grants(carla), "who approves has no role by that")
	guest := dana
	guest.Standing = algesta.Guest
	require.Empty(t, p.Grants(guest))
	require.Len(t, p.Grants(luis)[0].Asks, 2)
}

// A freeze names places and reasons: it's told to those who may read something there.
func TestFreezesAreToldToMembersAlone(t *testing.T) {
	t.Parallel()
	p := load(t, small)
	within := time.Date(2026, 12, 25, 12, 0, 0, 0, time.UTC)
	asks := member("U0X", "S0TEAM")
	require.Len(t, p.FrozenNow(asks, within), 1)
	require.Empty(t, p.FrozenNow(member("U0Y"), within))
	for _, standing := range []algesta.Standing{algesta.Guest, algesta.Deactivated, algesta.Stranger, algesta.Bot} {
		asks.Standing = standing
		require.Empty(t, p.FrozenNow(asks, within))
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	p := example(t)
	require.True(t, p.Visible(dana, in("production")))
	require.False(t, p.Visible(dana, in("monitoring")))
	require.True(t, p.Visible(luis, in("monitoring")))
	require.False(t, p.Visible(nobody, in("development")))
	bot := luis
	bot.Standing = algesta.Bot
	require.False(t, p.Visible(bot, in("production")))
	blind := load(t, strings.Replace(small, "allow: [read, scale]", "allow: [scale]", 1))
	require.False(t, blind.Visible(member("U0X", "S0TEAM"), in("production")), "a role without a reading verb sees nothing")
}

func TestExplainGoesThroughEveryRule(t *testing.T) {
	t.Parallel()
	p := example(t)
	f := asks(dana, "scale", "production", algesta.Args{"replicas": int64(12)})
	got := map[string]string{}
	for _, s := range p.Explain(f) {
		got[s.Part+" "+s.Rule] = s.Why
	}
	require.Equal(t, map[string]string{
		"account ":                               "a full member",
		"binding backend works below production": "does not hold in production",
		"binding backend asks in production":     "gives it by the role operator",
		"binding platform team everywhere":       "names group:S0PLATFORM, which is not this person",
		"freeze end of year":                     "is not in force: it lasts from 2026-12-24T00:00:00-05:00 to 2027-01-02T00:00:00-05:00",
		"limit production stays between 2 and 10 pods": "refuses: Production services run 2 to 10 pods. Change the limit in the policy if " +
			"that is no longer right.",
		"approval production needs a second person":     "asks for 1 of group:S0PLATFORM or user:U0CARLA within 30 min",
		"approval namespaces and certificates need two": "is not about scale",
	}, got)
}

func TestLimitsOnThePlanWaitForIt(t *testing.T) {
	t.Parallel()
	p := load(
		t,
		strings.NewReplacer(
			"args.replicas <= 10", "plan.pods + plan.surge <= 10", "otherwise: \"At most 10.\"", "otherwise: \"At most 10 at once.\"",
		).Replace(
			small,
		),
	)
	f := asks(member("U0X", "S0TEAM"), "scale", "production", nil)
	require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect)
	f.Plan = &algesta.Plan{Figures: map[string]int64{"pods": 9, "surge": 2}}
	require.Equal(t, "At most 10 at once.", p.Decide(f).Reason.String())
	f.Plan.Figures["surge"] = 1
	require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect)
	f.Plan.Figures = nil
	require.Equal(t, `The limit "few pods" couldn't be evaluated for this command, so it's refused.`, p.Decide(f).Reason.String())
}

// TestWhatNoPlanCanMendIsRefusedBeforeIt, and what only the plan decides is told as open.
func TestWhatNoPlanCanMendIsRefusedBeforeIt(t *testing.T) {
	t.Parallel()
	for condition, want := range map[string]struct {
		effect algesta.Effect
		open   bool
	}{
		"plan.pods <= 10":                                 {algesta.NeedsApproval, true},
		"args.replicas <= 10 && plan.pods <= 10":          {algesta.Refuse, false},
		"args.replicas <= 12 && plan.pods <= 10":          {algesta.NeedsApproval, true},
		"args.replicas <= 12 || plan.pods <= 10":          {algesta.NeedsApproval, false},
		"args.replicas <= 10 || plan.pods <= 10":          {algesta.NeedsApproval, true},
		"args.replica <= 10 && plan.pods >= 0":            {algesta.NeedsApproval, true}, // true or false, where the plan says no
		"args.replica <= 10 && size(plan) >= 0":           {algesta.NeedsApproval, true},
		"args.replicas <= 12":                             {algesta.NeedsApproval, false},
		"target.service != 'payments' && size(plan) >= 0": {algesta.NeedsApproval, true},
	} {
		p := load(t, strings.Replace(small, `"args.replicas <= 10"`, `"`+condition+`"`, 1))
		f := asks(member("U0X", "S0TEAM"), "scale", "production", algesta.Args{"replicas": int64(12)})
		require.Equal(t, want.effect, p.Decide(f).Effect, condition)
		var open []policy.OpenLimit
		if want.open {
			open = []policy.OpenLimit{{Name: "few pods", Require: condition}}
		}
		require.Equal(t, open, p.Open(f), condition)
		f.Plan = &algesta.Plan{Figures: map[string]int64{"pods": 12}}
		require.Empty(t, p.Open(f), "with its plan everything is judged")
	}

	p := load(t, strings.Replace(small, `"args.replicas <= 10"`, `"target.service != 'payments'"`, 1))
	f := asks(member("U0X", "S0TEAM"), "scale", "production", nil)
	require.Empty(t, p.Open(f), "what is named is known")
	f.Command.Target.Service, f.Command.Target.Name, f.Command.Target.Object = "", "", "horizontalpodautoscaler/x"
	require.Len(t, p.Open(f), 1, "whose autoscaler it is says its plan")
	p = load(t, small)
	f = asks(member("U0X", "S0TEAM"), "scale", "production", nil)
	require.Empty(t, p.Open(f), "it's refused for want of its argument")
	f.Asking = true
	require.Equal(t, []policy.OpenLimit{{Name: "few pods", Require: "args.replicas <= 10", Typed: true}}, p.Open(f))
	f.Verb = "status"
	require.Empty(t, p.Open(f))
}

// A service isn't spared because its autoscaler or its pod is named.
func TestALimitOnAServiceHoldsWhicheverOfItsObjectsIsNamed(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{"target.service != 'payments'", "target.name != 'payments-production'"} {
		p := load(t, strings.Replace(small, `"args.replicas <= 10"`, `"`+condition+`"`, 1))
		f := asks(member("U0X", "S0TEAM"), "scale", "production", nil)
		f.Command.Target.Service, f.Command.Target.Name, f.Command.Target.Object = "", "", "horizontalpodautoscaler/x"
		require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect, "before the plan nobody knows whose it is")
		f.Plan = &algesta.Plan{Of: algesta.Target{Service: "payments", Name: "payments-production"}}
		require.Equal(t, algesta.Refuse, p.Decide(f).Effect)
		f.Plan.Of = algesta.Target{Service: "orders", Name: "orders-production"}
		require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect)
		f.Command.Target.Service, f.Command.Target.Name = "orders", "orders-production"
		f.Plan.Of = algesta.Target{Service: "payments", Name: "payments-production"}
		require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect, "what is named itself counts")
	}
}

// The environment that somebody typed isn't that of the pod, where two are in one namespace.
func TestALimitOnAnEnvironmentHoldsWhicheverWasTyped(t *testing.T) {
	t.Parallel()
	p := load(t, strings.Replace(small, `"args.replicas <= 10"`, `"target.environment != 'live'"`, 1))
	f := asks(member("U0X", "S0TEAM"), "scale", "production", nil)
	f.Command.Target.Service, f.Command.Target.Name, f.Command.Target.Object = "", "", "pod/x"
	f.Plan = &algesta.Plan{Of: algesta.Target{Service: "payments", Environment: "live", Name: "payments-live"}}
	require.Equal(t, algesta.Refuse, p.Decide(f).Effect)
	f.Plan.Of.Environment = "staging"
	require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect)
}

func TestLimitsKnowActorTargetAndTime(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		require string
		want    algesta.Effect
	}{
		"the user":            {"actor.user == 'U0X'", algesta.NeedsApproval},
		"the groups":          {"'S0TEAM' in actor.groups", algesta.NeedsApproval},
		"the standing":        {"actor.standing == 'member'", algesta.NeedsApproval},
		"the target":          {"target.service.startsWith('api-') && target.cluster == 'aks-algesta-production'", algesta.NeedsApproval},
		"the verb":            {"verb == 'scale'", algesta.NeedsApproval},
		"the time":            {"now.getDayOfWeek() == 1 && now.getHours() < 18", algesta.NeedsApproval},
		"an optional arg":     {"!has(args.replicas) || args.replicas < 3", algesta.NeedsApproval},
		"what is false":       {"actor.email.endsWith('@example.com')", algesta.Refuse},
		"division by nothing": {"1 / size(args) == 1", algesta.Refuse},
		"what costs too much": { // evaluated to its end it would be true
			"['a','b','c','d','e','f','g','h','i','j'].all(a, ['a','b','c','d','e','f','g','h','i','j'].all(b, " +
				"['a','b','c','d','e','f','g','h','i','j'].all(c, ['a','b','c','d','e','f','g','h','i','j'].all(d, " +
				"['a','b','c','d','e','f','g','h','i','j'].all(e, a+b+c+d+e != verb)))))",
			algesta.Refuse,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := load(t, strings.Replace(small, `"args.replicas <= 10"`, `"`+tc.require+`"`, 1))
			require.Equal(t, tc.want, p.Decide(asks(member("U0X", "S0TEAM"), "scale", "production", nil)).Effect)
		})
	}
}

// TestGroupsNamesWhatLimitsAskAbout: an actor carries the groups that the policy names and no others, so a group that only a limit names
// has to be among them, and no other group may change a decision.
func TestGroupsNamesWhatLimitsAskAbout(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		require string
		groups  []string // beside S0PLATFORM and S0TEAM
	}{
		"one":              {"!('S0OUT' in actor.groups)", []string{"S0OUT"}},
		"two":              {"!('S0OUT' in actor.groups) && (args.replicas < 3 || !('S0AWAY' in actor.groups))", []string{"S0AWAY", "S0OUT"}},
		"a list of them":   {"!['S0OUT', 'S0AWAY'].exists(g, g in actor.groups)", []string{"S0AWAY", "S0OUT"}},
		"a list in a list": {"['x'].all(x, ['S0OUT'].all(g, !(g in actor.groups)))", []string{"S0OUT"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := load(t, strings.Replace(small, `"args.replicas <= 10"`, `"`+tc.require+`"`, 1))
			require.Subset(t, p.Groups(), tc.groups)
			require.Len(t, p.Groups(), len(tc.groups)+2)
			in := func(groups ...string) algesta.Effect {
				known := slices.DeleteFunc(groups, func(g string) bool { return !slices.Contains(p.Groups(), g) })
				return p.Decide(asks(member("U0X", known...), "scale", "production", algesta.Args{"replicas": int64(6)})).Effect
			}
			require.Equal(t, algesta.NeedsApproval, in("S0TEAM", "S0OTHER"))
			for _, g := range tc.groups {
				require.Equal(t, algesta.Refuse, in("S0TEAM", g), g)
			}
		})
	}
}

// TestLimitsWhoseGroupsCantBeToldAreRefused: nobody could ask Slack about groups that the file doesn't spell out.
func TestLimitsWhoseGroupsCantBeToldAreRefused(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		"size(actor.groups) < 2",
		"!actor.groups.exists(g, g.startsWith('S0OUT'))",
		"!(('S0' + 'OUT') in actor.groups)",
		"!(target.service in actor.groups)",
		"has(actor.groups)",
		"actor.groups == ['S0TEAM']",
		"!('backend' in actor.groups)",
		"!(dyn(actor).groups.exists(g, g == 'S0OUT'))",
		"[actor].all(a, !('S0OUT' in a.groups))",
		"!['S0OUT', verb].exists(g, g in actor.groups)",
		"['S0OUT'].all(g, [verb].all(g, !(g in actor.groups)))",
		"![].exists(g, g in actor.groups)",
		"!('S0OUT' in (true ? actor.groups : actor.groups))",
		"actor.groups in [['S0TEAM']]",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			_, err := policy.Load([]byte(strings.Replace(small, `"args.replicas <= 10"`, `"`+expression+`"`, 1)))
			require.ErrorContains(t, err, "actor")
			require.ErrorContains(t, err, ": name ")
		})
	}
}

func TestAnAddressIsASubjectOfFullMembersOnly(t *testing.T) {
	t.Parallel()
	p := load(t, strings.Replace(small, `["group:S0TEAM"]`, `["Eva@Example.com"]`, 1))
	eva := member("U0EVA")
	eva.Email = "eva@example.com"
	require.Equal(t, algesta.Allow, p.Decide(asks(eva, "status", "production", nil)).Effect)
	eva.Email = ""
	require.Equal(t, algesta.Refuse, p.Decide(asks(eva, "status", "production", nil)).Effect)
	eva.Email, eva.Standing = "eva@example.com", algesta.Guest
	require.Equal(t, algesta.Refuse, p.Decide(asks(eva, "status", "production", nil)).Effect)
}

func TestClustersNarrowARule(t *testing.T) {
	t.Parallel()
	p := load(t, strings.Replace(small, `    namespaces: ["*"]`, "    namespaces: [\"*\"]\n    clusters: [aks-algesta-dev]", 1))
	who := member("U0X", "S0TEAM")
	require.Equal(t, algesta.Allow, p.Decide(asks(who, "status", "development", nil)).Effect)
	require.Equal(t, "You can't see the status in production: your rights are in every namespace of aks-algesta-dev.",
		p.Decide(asks(who, "status", "production", nil)).Reason.String())
	require.Equal(t, []string{"aks-algesta-dev"}, p.Clusters())
}

func TestFamiliesOfVerbsByPattern(t *testing.T) {
	t.Parallel()
	p := load(t, strings.Replace(small, "allow: [read, scale]", `allow: ["cert.*"]`, 1))
	who := member("U0X", "S0TEAM")
	require.Equal(t, algesta.Allow, p.Decide(asks(who, "cert.check", "development", nil)).Effect)
	require.Equal(t, algesta.Allow, p.Decide(asks(who, "cert.renew", "development", nil)).Effect)
	require.Equal(
		t, `You can't scale in development (rule "team" gives you cert.*).`, p.Decide(asks(who, "scale", "development", nil)).Reason.String(),
	)
}

// Of the places that a freeze is about, a person is told those alone in which they may read something.
func TestAFreezeNamesNoPlaceThatOneMayNotRead(t *testing.T) {
	t.Parallel()
	p := load(t, strings.Replace(small, `    namespaces: ["*"]`, "    namespaces: [production, staging]\n    clusters: [aks-production]", 1)+`
  - name: end of year
    verbs: [change]
    namespaces: [production, acquisition]
    clusters: [aks-production, aks-acquisition]
    from: 2026-12-01T00:00:00Z
    to: 2027-01-02T00:00:00Z
    reason: the year ends
`)
	all := p.FrozenNow(member("U0X", "S0TEAM"), time.Date(2026, 12, 5, 12, 0, 0, 0, time.UTC))
	require.Len(t, all, 1)
	require.Equal(t, []string{"production"}, all[0].Namespaces)
	require.Equal(t, []string{"aks-production"}, all[0].Clusters)
}
