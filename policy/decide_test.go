package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

func TestDecide(t *testing.T) {
	t.Parallel()
	p := example(t)
	with := func(f policy.Facts, change func(*policy.Facts)) policy.Facts { change(&f); return f }
	as := func(s algesta.Standing) algesta.Actor { a := dana; a.Standing = s; return a }
	six := algesta.Args{"replicas": int64(6)}
	nowhere := func(f *policy.Facts) { f.Command.Target = algesta.Target{} }

	for name, tc := range map[string]struct {
		facts  policy.Facts
		effect algesta.Effect
		rule   string
		reason string
		hint   string
	}{
		"a binding allows without an approval where none is asked": {
			asks(dana, "rollback", "development", nil), algesta.Allow, "backend works below production",
			`Rule "backend works below production" allows it.`, "",
		},
		"a user ID is a subject of its own": {
			asks(member("U0DANA"), "scale", "pruebas", six), algesta.Allow, "backend works below production",
			`Rule "backend works below production" allows it.`, "",
		},
		"production asks for a second person": {
			asks(dana, "rollback", "production", nil), algesta.NeedsApproval, "production needs a second person",
			`It needs 1 approval from @S0PLATFORM or @U0CARLA (rule "production needs a second person").`, "",
		},
		"reading in production needs no yes": {
			asks(dana, "logs", "production", nil), algesta.Allow, "backend asks in production",
			`Rule "backend asks in production" allows it.`, "",
		},
		"a verb that the role lacks says what the role has and who to ask": {
			asks(dana, "autoscale", "production", nil), algesta.Refuse, "backend asks in production",
			`You can't use autoscale in production (rule "backend asks in production" gives you reading, rollback, restart, scale and deploy).`,
			"Someone in @S0PLATFORM can: ask there.",
		},
		"a place without rights says where there are some": {
			asks(dana, "restart", "monitoring", nil), algesta.Refuse, "",
			"You can't restart in monitoring: your rights are in development, pruebas and production.",
			"Someone in @S0PLATFORM can: ask there.",
		},
		"what is about the bot is in no place: the rule says what it gives": {
			with(asks(dana, "doctor", "", nil), nowhere), algesta.Refuse, "backend works below production",
			`You can't use doctor (rule "backend works below production" gives you reading, rollback, restart, scale and deploy).`,
			"Nobody can: ask the people who write the policy.",
		},
		"somebody whose rule has it somewhere alone needs one for everywhere": {
			with(asks(dana, "status", "", nil), nowhere), algesta.Refuse, "",
			"You can't see the status: that takes a rule for every namespace, and your rights are in development, pruebas and production.",
			"Someone in @S0PLATFORM can: ask there.",
		},
		"somebody no rule names is refused": {
			asks(nobody, "status", "development", nil), algesta.Refuse, "",
			"You can't see the status in development: no policy rule names you or a group that you're in.",
			"Someone in @S0BACKEND or @S0PLATFORM can: ask there.",
		},
		"an approver needs no role, and gets none by approving": {
			asks(carla, "status", "production", nil), algesta.Refuse, "",
			"You can't see the status in production: the rule \"production needs a second person\" lets you approve there what others ask for, " +
				"and no rule lets you ask yourself.",
			"Someone in @S0BACKEND or @S0PLATFORM can: ask there.",
		},
		"a name that looks like an ID decides nothing": {
			with(asks(nobody, "status", "development", nil), func(f *policy.Facts) { f.Command.Actor.Name = "U0DANA" }), algesta.Refuse, "",
			"You can't see the status in development: no policy rule names you or a group that you're in.",
			"Someone in @S0BACKEND or @S0PLATFORM can: ask there.",
		},
		"IDs are compared with their case": {
			asks(member("u0dana", "s0backend"), "status", "development", nil), algesta.Refuse, "",
			"You can't see the status in development: no policy rule names you or a group that you're in.",
			"Someone in @S0BACKEND or @S0PLATFORM can: ask there.",
		},
		"a verb that nobody knows is refused": {
			asks(luis, "explode", "production", nil), algesta.Refuse, "platform team everywhere",
			`You can't use explode in production (rule "platform team everywhere" gives you reading and every change).`,
			"Nobody can: ask the people who write the policy.",
		},
		"a guest is refused whatever the rules say": {
			asks(as(algesta.Guest), "status", "development", nil), algesta.Refuse, "",
			"Guests of this workspace can't use me.", "Ask a full member to do it.",
		},
		"a bot is refused": {
			asks(as(algesta.Bot), "status", "development", nil), algesta.Refuse, "",
			"Bots and workflows can't give me commands.", "A person has to ask.",
		},
		"a deactivated account is refused": {
			asks(as(algesta.Deactivated), "status", "development", nil), algesta.Refuse, "",
			"This account is deactivated, so nothing was done.", "Ask with an account that is in use.",
		},
		"a stranger is refused": {
			asks(as(algesta.Stranger), "status", "development", nil), algesta.Refuse, "",
			"This account isn't a member of this workspace, so I can't do anything for it.", "Ask with an account of this workspace.",
		},
		"a limit refuses with its own sentence": {
			asks(dana, "scale", "production", algesta.Args{"replicas": int64(11)}), algesta.Refuse, "production stays between 2 and 10 pods",
			"Production services run 2 to 10 pods. Change the limit in the policy if that is no longer right.",
			`This is the limit "production stays between 2 and 10 pods" of the policy.`,
		},
		"a limit that is kept does not show": {
			asks(dana, "scale", "production", six), algesta.NeedsApproval, "production needs a second person",
			`It needs 1 approval from @S0PLATFORM or @U0CARLA (rule "production needs a second person").`, "",
		},
		"a limit that misses its argument refuses": {
			asks(dana, "scale", "production", nil), algesta.Refuse, "production stays between 2 and 10 pods",
			`The limit "production stays between 2 and 10 pods" couldn't be evaluated for this command, so it's refused.`,
			"Ask the people who write the policy to look at that limit.",
		},
		"a limit that gets a text for a number refuses": {
			asks(dana, "scale", "production", algesta.Args{"replicas": "6"}), algesta.Refuse, "production stays between 2 and 10 pods",
			`The limit "production stays between 2 and 10 pods" couldn't be evaluated for this command, so it's refused.`,
			"Ask the people who write the policy to look at that limit.",
		},
		"can-i passes over a limit on arguments that nobody typed": {
			with(asks(dana, "scale", "production", nil), func(f *policy.Facts) { f.Asking = true }), algesta.NeedsApproval,
			"production needs a second person", `It needs 1 approval from @S0PLATFORM or @U0CARLA (rule "production needs a second person").`, "",
		},
		"can-i keeps a limit that can be judged": {
			with(asks(dana, "scale", "production", algesta.Args{"replicas": int64(1)}), func(f *policy.Facts) { f.Asking = true }), algesta.Refuse,
			"production stays between 2 and 10 pods",
			"Production services run 2 to 10 pods. Change the limit in the policy if that is no longer right.",
			`This is the limit "production stays between 2 and 10 pods" of the policy.`,
		},
		"a freeze refuses changes and says until when": {
			with(asks(luis, "rollback", "production", nil), func(f *policy.Facts) { f.At = holiday }), algesta.Refuse, "end of year",
			`Nobody can roll back in production until 2 January 2027, 00:00 -0500 (freeze "end of year": no changes over the holidays).`,
			"Ask again after that. If it can't wait, ask the people who write the policy.",
		},
		"a freeze lets people read": {
			with(asks(luis, "status", "production", nil), func(f *policy.Facts) { f.At = holiday }), algesta.Allow, "platform team everywhere",
			`Rule "platform team everywhere" allows it.`, "",
		},
		"a freeze ends at its end": {
			with(asks(luis, "rollback", "production", nil), func(f *policy.Facts) { f.At = time.Date(2027, 1, 2, 5, 0, 0, 0, time.UTC) }),
			algesta.NeedsApproval, "production needs a second person",
			`It needs 1 approval from @S0PLATFORM or @U0CARLA (rule "production needs a second person").`, "",
		},
		"a freeze lasts to its last second": {
			with(asks(luis, "rollback", "production", nil), func(f *policy.Facts) { f.At = time.Date(2027, 1, 2, 4, 59, 59, 0, time.UTC) }),
			algesta.Refuse, "end of year",
			`Nobody can roll back in production until 2 January 2027, 00:00 -0500 (freeze "end of year": no changes over the holidays).`,
			"Ask again after that. If it can't wait, ask the people who write the policy.",
		},
		"a freeze begins at its beginning": {
			with(asks(luis, "restart", "production", nil), func(f *policy.Facts) { f.At = time.Date(2026, 12, 24, 5, 0, 0, 0, time.UTC) }),
			algesta.Refuse, "end of year",
			`Nobody can restart in production until 2 January 2027, 00:00 -0500 (freeze "end of year": no changes over the holidays).`,
			"Ask again after that. If it can't wait, ask the people who write the policy.",
		},
		"a command without a time is refused, because no freeze could be judged": {
			with(asks(luis, "restart", "production", nil), func(f *policy.Facts) { f.At = time.Time{} }), algesta.Refuse, "",
			"The time of this command isn't known, so it's refused.", "Ask for it again.",
		},
		"all matching approval rules are asked": {
			asks(luis, "cert.renew", "production", nil), algesta.NeedsApproval, "production needs a second person",
			`It needs 1 approval from @S0PLATFORM or @U0CARLA (rule "production needs a second person"). ` +
				`It needs 2 approvals from @S0PLATFORM (rule "namespaces and certificates need two").`, "",
		},
		"what is in no namespace is only in reach of a rule for all": {
			with(asks(dana, "nodes", "", nil), func(f *policy.Facts) { f.Command.Target = algesta.Target{Cluster: "aks-algesta-dev"} }),
			algesta.Refuse, "",
			"You can't use nodes on aks-algesta-dev: your rights are in development, pruebas and production.",
			"Someone in @S0PLATFORM can: ask there.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := p.Decide(tc.facts)
			require.Equal(t, tc.reason, got.Reason.String())
			require.Equal(t, tc.hint, got.Hint.String())
			require.Equal(t, tc.effect, got.Effect)
			require.Equal(t, tc.rule, got.Rule)
		})
	}
}
