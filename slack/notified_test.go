package slack

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestANotificationSaysNoIDs(t *testing.T) {
	t.Parallel()
	for want, r := range map[string]algesta.Report{
		"someone else in a user group or somebody has to approve it": {Title: algesta.Say(
			"someone else in {} or {} has to approve it", algesta.MentionSubject("group:S0PLATFORM"), algesta.MentionSubject("user:U0CARLA"),
		)},
		"@Carla has to approve it": {
			Title: algesta.Say("{} has to approve it", algesta.Span{Kind: algesta.Person, ID: "U0CARLA", Text: "@Carla"}),
		},
	} {
		words := strings.Join(strings.Fields(render(r, nil).text), " ")
		require.Equal(t, want, words)
	}
}
