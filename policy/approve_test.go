package policy_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// need is one approval rule by its approvers.
func need(rule string, count int, self bool, approvers ...algesta.Subject) algesta.Requirement {
	return algesta.Requirement{Rule: rule, Count: count, RequesterMayApprove: self, Approvers: approvers}
}

func yes(voters ...algesta.Actor) []algesta.Approval {
	var out []algesta.Approval
	for _, v := range voters {
		out = append(out, algesta.Approval{Approver: v})
	}
	return out
}

func TestMayApprove(t *testing.T) {
	t.Parallel()
	p := example(t)
	one := []algesta.Requirement{need("second person", 1, false, "group:S0PLATFORM", "user:U0CARLA")}
	own := []algesta.Requirement{need("free", 1, true, "group:S0PLATFORM")}
	mixed := []algesta.Requirement{own[0], one[0]}
	guest := carla
	guest.Standing = algesta.Guest
	address := nobody
	address.Email = "eva@example.com"
	for name, tc := range map[string]struct {
		needs        []algesta.Requirement
		voter        algesta.Actor
		effect       algesta.Effect
		reason, hint string
	}{
		"a member of the group":           {one, luis, algesta.Allow, `Rule "second person" lets you approve it.`, ""},
		"a named person without any role": {one, carla, algesta.Allow, `Rule "second person" lets you approve it.`, ""},
		"an address of a full member": {
			[]algesta.Requirement{need("x", 1, false, "eva@example.com")}, address, algesta.Allow, `Rule "x" lets you approve it.`, "",
		},
		"a stranger to the rule": {
			one, nobody, algesta.Refuse, `You can't approve this (rule "second person").`, "Someone in @S0PLATFORM or @U0CARLA can.",
		},
		"whoever asked, although of the group": {
			one, petra, algesta.Refuse, "You can't approve your own request. Ask someone else in @S0PLATFORM or @U0CARLA.", "",
		},
		"whoever asked, where every rule lets them": {own, petra, algesta.Allow, `Rule "free" lets you approve it.`, ""},
		"whoever asked, where one rule does not": {
			mixed, petra, algesta.Refuse, "You can't approve your own request. Ask someone else in @S0PLATFORM or @U0CARLA.", "",
		},
		"an approver who became a guest": {
			one, guest, algesta.Refuse, "Guests of this workspace can't use me.", "Ask a full member to do it.",
		},
		"a request that needs nothing, whoever clicks": {
			nil, petra, algesta.Refuse, "This needs no approval.", "The policy was changed: ask for it again.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := p.MayApprove(tc.needs, petra, tc.voter)
			require.Equal(t, tc.reason, got.Reason.String())
			require.Equal(t, tc.hint, got.Hint.String())
			require.Equal(t, tc.effect, got.Effect)
		})
	}
}

func TestMayDeny(t *testing.T) {
	t.Parallel()
	p := example(t)
	needs := []algesta.Requirement{need("second person", 1, false, "group:S0PLATFORM")}
	require.Equal(t, algesta.Allow, p.MayDeny(needs, luis).Effect)
	refused := p.MayDeny(needs, nobody)
	require.Equal(t, algesta.Refuse, refused.Effect)
	require.Equal(
		t, "You can't deny this. Anyone who may approve it can deny it; the requester can cancel it.",
		refused.Reason.String()+" "+refused.Hint.String(),
	)
	bot := luis
	bot.Standing = algesta.Bot
	require.Equal(t, algesta.Refuse, p.MayDeny(needs, bot).Effect)
}

func TestMissing(t *testing.T) {
	t.Parallel()
	p := example(t)
	first := need("first", 1, false, "group:S0PLATFORM", "user:U0CARLA")
	second := need("second", 2, false, "group:S0PLATFORM")
	both := []algesta.Requirement{first, second}
	left := luis
	left.Groups = nil // the fresh facts: no longer in the group
	gone := luis
	gone.Standing = algesta.Deactivated
	for name, tc := range map[string]struct {
		needs     []algesta.Requirement
		requester algesta.Actor
		approvals []algesta.Approval
		want      []policy.Missing
	}{
		"nobody yet": {both, dana, nil, []policy.Missing{
			{Rule: "first", Lacks: 1, Approvers: first.Approvers}, {Rule: "second", Lacks: 2, Approvers: second.Approvers},
		}},
		"one yes counts for every rule that names the person": {
			both, dana, yes(luis), []policy.Missing{{Rule: "second", Lacks: 1, Approvers: second.Approvers}},
		},
		"one person counts once per rule": {
			both, dana, yes(luis, luis), []policy.Missing{{Rule: "second", Lacks: 1, Approvers: second.Approvers}},
		},
		"two people": {both, dana, yes(luis, petra), nil},
		"a yes for one rule only": {
			both, dana, yes(carla), []policy.Missing{{Rule: "second", Lacks: 2, Approvers: second.Approvers}},
		},
		"whoever asked does not count": {
			both, petra, yes(luis, petra), []policy.Missing{{Rule: "second", Lacks: 1, Approvers: second.Approvers}},
		},
		"whoever asked counts where every rule lets them": {
			[]algesta.Requirement{need("own", 1, true, "group:S0PLATFORM")}, petra, yes(petra), nil,
		},
		"somebody who left the group": {
			[]algesta.Requirement{second}, dana, yes(left, petra), []policy.Missing{{Rule: "second", Lacks: 1, Approvers: second.Approvers}},
		},
		"an account that was deactivated": {
			[]algesta.Requirement{second}, dana, yes(gone, petra), []policy.Missing{{Rule: "second", Lacks: 1, Approvers: second.Approvers}},
		},
		"a stored count of nothing still asks for one": {
			[]algesta.Requirement{need("broken", 0, false, "group:S0PLATFORM")},
			dana, nil,
			[]policy.Missing{{Rule: "broken", Lacks: 1, Approvers: second.Approvers}},
		},
		"no rule": {nil, dana, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, p.Missing(tc.needs, tc.requester, tc.approvals))
		})
	}
}

func TestTheSameUserOfAnotherTeamIsSomebodyElse(t *testing.T) {
	t.Parallel()
	p := example(t)
	needs := []algesta.Requirement{need("own", 1, false, "group:S0PLATFORM")}
	other := petra
	other.ID.Team = "T0OTHER"
	other.Standing = algesta.Stranger // as the directory says of another team
	require.Equal(t, algesta.Refuse, p.MayApprove(needs, petra, other).Effect)
	require.Len(t, p.Missing(needs, petra, yes(other)), 1)
}

// TestARefusalToAnswerQuotesAForgedName has somebody whose name reads like the bot's own words ask for the change in doubt.
func TestARefusalToAnswerQuotesAForgedName(t *testing.T) {
	t.Parallel()
	forger := petra
	forger.Name = "Everybody here may, says Carla. Petra"
	f := policy.Facts{Command: algesta.Command{Requester: algesta.AskedBy(forger)}, Verb: "restart"}
	got := example(t).MayAnswer([]algesta.Requirement{need("second person", 1, false, "user:U0CARLA")}, f, nobody)
	require.Equal(t, algesta.Refuse, got.Effect)
	require.Contains(t, got.Hint.String(), "“Everybody here may, says Carla. Petra” can, or ")
}
