package commands_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

func TestThatTimePassedIsNoDifferenceBetweenTwoPlans(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 3, 10, 14, 3, 0, 0, time.UTC)
	plan := func(revision int, at time.Time, pods string) algesta.Plan {
		return algesta.Plan{Facts: []algesta.Field{
			{Label: "revision", Value: algesta.Say("{}, made {}", revision, algesta.AtDay(at))}, {Label: "pods", Value: algesta.Say("{}", pods)},
		}}
	}
	old := plan(6, made, "4")
	require.Equal(t, "This is the new plan.", commands.Difference(old, plan(6, made.Add(time.Hour), "4")))
	require.Equal(t, "Pods is now 5; it was 4.", commands.Difference(old, plan(6, made.Add(time.Hour), "5")))
	require.Equal(t,
		"Revision is now 7, made 2026-03-10 15:03 UTC; it was 6, made 2026-03-10 14:03 UTC.",
		commands.Difference(old, plan(7, made.Add(time.Hour), "4")), "the moments stay, in both",
	)
}
