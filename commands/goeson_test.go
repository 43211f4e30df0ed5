package commands

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

// TestABlockedRolloutNamesTheCommandToGoOn: while its controller waits for a pod neither a change nor an undo goes on.
func TestABlockedRolloutNamesTheCommandToGoOn(t *testing.T) {
	t.Parallel()
	d := &Dispatcher{Config: Config{Bot: "algesta"}}
	r := algesta.Request{
		Command: algesta.Command{Target: algesta.Target{Object: "statefulset/loki", Environment: "development"}},
		Plan:    algesta.Plan{Title: algesta.Say("Rollback of loki in development")},
	}
	p := rollout.Progress{Phase: rollout.Broken, Why: algesta.Say("Pod loki-2 crashes."), Blocked: "loki-2"}
	require.Contains(t, d.bad(r, p).said.String(), "To go on: /algesta pod delete loki-2 development")
	p.Blocked = ""
	require.NotContains(t, d.bad(r, p).said.String(), "pod delete")
}

// TestARefusalInAFreezeNamesTheCommandThatEndsIt.
func TestARefusalInAFreezeNamesTheCommandThatEndsIt(t *testing.T) {
	t.Parallel()
	no := algesta.Decision{Hint: algesta.Say("Ask again after that. Someone in @platform can end it sooner:"), Lift: "unfreeze production"}
	require.Equal(
		t, "Ask again after that. Someone in @platform can end it sooner: /algesta unfreeze production", hintOf("algesta", no).String(),
	)
	no.Lift = ""
	require.Equal(t, no.Hint.String(), hintOf("algesta", no).String())
}
