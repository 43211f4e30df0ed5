package incidents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// A freeze is the last thing that was asked for, and has changed nothing in the cluster: it's neither a reason nor an end.
func TestAFreezeIsNoChangeToACard(t *testing.T) {
	t.Parallel()
	at := time.Now()
	request := func(kind string) *algesta.Request {
		return &algesta.Request{
			Command: algesta.Command{Channel: "C0INCIDENTS"}, CreatedAt: at.Add(-time.Minute),
			Plan: algesta.Plan{Title: algesta.Say("it"), Changes: []algesta.Change{{Object: algesta.Object{Kind: kind, Name: "ms-orders"}}}},
		}
	}
	for kind, told := range map[string]bool{algesta.FreezeKind: false, "Deployment": true} {
		w := &town{last: request(kind)}
		k := &Keeper{Parts: Parts{Records: w}}
		i := algesta.Incident{OpenedAt: at, Channel: "C0INCIDENTS", About: secretLacksKey("ms-orders").About}
		k.enrich(t.Context(), &i)
		require.Equal(t, told, i.Recent != "", kind)
	}
}
