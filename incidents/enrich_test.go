package incidents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// A freeze, a silence or a broken glass is the last thing that was asked for, and has changed nothing in the cluster: it's neither a reason
// nor an end.
func TestAFreezeIsNoChangeToACard(t *testing.T) {
	t.Parallel()
	at := time.Now()
	request := func(group, kind string) *algesta.Request {
		return &algesta.Request{
			Command: algesta.Command{Channel: "C0INCIDENTS"}, CreatedAt: at.Add(-time.Minute),
			Plan: algesta.Plan{
				Title: algesta.Say("it"), Changes: []algesta.Change{{Object: algesta.Object{Group: group, Kind: kind, Name: "ms-orders"}}},
			},
		}
	}
	for kind, group := range map[string]string{
		algesta.FreezeKind: algesta.FreezeGroup, algesta.SilenceKind: algesta.FreezeGroup, algesta.BreakGlassKind: algesta.FreezeGroup,
		"Deployment": "apps",
	} {
		told := kind == "Deployment"
		w := &town{last: request(group, kind)}
		k := &Keeper{Parts: Parts{Records: w}}
		i := algesta.Incident{OpenedAt: at, Channel: "C0INCIDENTS", About: secretLacksKey("ms-orders").About}
		k.enrich(t.Context(), &i)
		require.Equal(t, told, i.Recent != "", kind)
	}
}

// TestTheButtonsOfACardAreOfItsOwnIncident: in a channel that people made the card may come to show another one of the same service.
func TestTheButtonsOfACardAreOfItsOwnIncident(t *testing.T) {
	t.Parallel()
	i := algesta.Incident{ID: "i-1", Nth: 1, State: algesta.IncidentOpen, About: secretLacksKey("ms-orders").About}
	require.NoError(t, propose(townTx{town: &town{}}, &i))
	first := i.Buttons
	require.NoError(t, propose(townTx{town: &town{}}, &i))
	require.Equal(t, first, i.Buttons, "once for each")
	i.ID = "i-2"
	require.NoError(t, propose(townTx{town: &town{}}, &i))
	require.NotEqual(t, first[0].ID, i.Buttons[0].ID)
}

// TestAChangeOfTheSameSecondCameBefore: the cluster tells the times of pods in whole seconds.
func TestAChangeOfTheSameSecondCameBefore(t *testing.T) {
	t.Parallel()
	began := time.Date(2026, 11, 30, 3, 0, 7, 0, time.UTC)
	for asked, before := range map[time.Time]bool{
		began.Add(-time.Minute): true, began.Add(300 * time.Millisecond): true, began.Add(time.Second): false,
	} {
		w := &town{last: &algesta.Request{
			Command: algesta.Command{Channel: "C0INCIDENTS"}, CreatedAt: asked,
			Plan: algesta.Plan{Changes: []algesta.Change{{Object: algesta.Deployment("aks", "production", "ms-orders")}}},
		}}
		k := &Keeper{Parts: Parts{Records: w}}
		i := algesta.Incident{OpenedAt: began, Channel: "C0INCIDENTS", About: secretLacksKey("ms-orders").About}
		k.enrich(t.Context(), &i)
		require.Equal(t, before, i.Recent != "", "%s", asked.Sub(began))
	}
}
