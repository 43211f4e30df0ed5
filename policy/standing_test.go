package policy_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// A guest or an account that was deactivated since keeps its groups in Slack, and a rule may still name it.
func TestOnlyMembersAnswerForAChangeAndSeeWhatIsFrozen(t *testing.T) {
	t.Parallel()
	p := example(t)
	needs := []algesta.Requirement{need("second person", 1, false, "group:S0PLATFORM")}
	f := asks(petra, "restart", "production", nil)
	require.Equal(t, algesta.Allow, p.MayAnswer(needs, f, luis).Effect)
	require.Equal(t, algesta.Allow, p.MayAnswer(needs, f, petra).Effect, "whoever asked")
	require.NotEmpty(t, p.FrozenNow(luis, holiday))
	for _, standing := range []algesta.Standing{algesta.Guest, algesta.Bot, algesta.Deactivated, algesta.Stranger} {
		approver, requester := luis, petra
		approver.Standing, requester.Standing = standing, standing
		require.Equal(t, algesta.Refuse, p.MayAnswer(needs, f, approver).Effect, standing)
		require.Equal(t, algesta.Refuse, p.MayAnswer(needs, f, requester).Effect, standing)
		require.Empty(t, p.FrozenNow(approver, holiday), standing)
	}
}

// A freeze of a service holds for what a plan turns out to be about, whichever of its objects was named.
func TestAFreezeThatSomebodyAskedForHoldsByThePlan(t *testing.T) {
	t.Parallel()
	payments := in("production")
	payments.Service, payments.Name = "payments", "payments-production"
	p := load(t, small).With([]algesta.Freeze{
		{ID: "c-1", Target: payments, By: petra, Reason: "the import runs", From: monday.Add(-time.Hour), Until: monday.Add(time.Hour)},
	})
	f := asks(member("U0X", "S0TEAM"), "scale", "production", algesta.Args{"replicas": int64(3)})
	f.Command.Target.Service, f.Command.Target.Name, f.Command.Target.Object = "", "", "horizontalpodautoscaler/x"
	require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect, "before the plan nobody knows whose it is")
	f.Plan = &algesta.Plan{Of: algesta.Target{Service: "orders", Name: "orders-production"}}
	require.Equal(t, algesta.NeedsApproval, p.Decide(f).Effect)
	f.Plan.Of = payments
	require.Equal(t, algesta.Refuse, p.Decide(f).Effect)
	f.Plan = &algesta.Plan{Changes: []algesta.Change{{Object: payments.Workload()}}}
	require.Equal(t, algesta.Refuse, p.Decide(f).Effect, "what it writes counts, too")
}
