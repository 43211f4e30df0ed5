package algesta_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAListOfTextsKeepsItsMentions(t *testing.T) {
	t.Parallel()
	platform, carla, luis := algesta.MentionSubject("group:S0PLATFORM"), algesta.MentionSubject("user:U0CARLA"), algesta.Name("luis")
	require.Empty(t, algesta.Or(nil))
	require.Equal(t, algesta.Text{platform}, algesta.Or([]algesta.Text{{platform}}))
	three := algesta.Or([]algesta.Text{{platform}, {carla}, {luis}})
	require.Equal(t, "@S0PLATFORM, @U0CARLA or luis", three.String())
	require.Contains(t, three, platform)
	require.Contains(t, three, carla)
	require.Equal(t, "luis and @U0CARLA", algesta.And([]algesta.Text{{luis}, {carla}}).String())
}
