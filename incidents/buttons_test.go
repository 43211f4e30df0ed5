package incidents

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestTheSnoozeButtonIsThatOfTheIncidentThatIsShown: the card of a channel goes from one incident to another about the same service.
func TestTheSnoozeButtonIsThatOfTheIncidentThatIsShown(t *testing.T) {
	t.Parallel()
	w := &town{}
	about := algesta.Target{Service: "api-gateway", Name: "api-gateway"}
	shown := algesta.Incident{ID: "i-1", Nth: 1, State: algesta.IncidentOpen, About: about}
	require.NoError(t, propose(townTx{town: w}, &shown))
	first := shown.Buttons
	require.NoError(t, propose(townTx{town: w}, &shown))
	require.Equal(t, first, shown.Buttons, "the same incident keeps its buttons")
	shown.ID = "i-2"
	require.NoError(t, propose(townTx{town: w}, &shown))
	require.NotEqual(t, first, shown.Buttons)
}
