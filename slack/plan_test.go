package slack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// A free plan refuses usergroups.* for good: people that the policy names by themselves are still known, and the log says why groups
// aren't.
func TestAPlanWithoutUserGroups(t *testing.T) {
	t.Parallel()
	for name, groups := range map[string][]string{
		"few groups": {"S0PLATFORM"}, "asked for in one call": {"S0PLATFORM", "S1", "S2", "S3", "S4", "S5", "S6", "S7"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := slackd.Demo()
			w.Team.NoGroups = true
			r := start(t, slackd.Options{Workspace: &w}, func(s *Slack) { s.SetGroups(groups) })
			a, err := r.Actor(t.Context(), person0("U0PABLO"), ask10)
			require.NoError(t, err)
			require.Equal(t, algesta.Member, a.Standing)
			require.Equal(t, "pablo@example.com", a.Email)
			require.Empty(t, a.Groups)
			require.True(t, a.Ungrouped)
			require.True(t, r.Ungrouped())
			require.Equal(t, "@S0PLATFORM (this Slack plan has no user groups)", r.Subject(t.Context(), "group:S0PLATFORM"))
		})
	}
}
