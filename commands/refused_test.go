package commands

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestARefusalSaysThatThereAreNoGroups(t *testing.T) {
	t.Parallel()
	no := algesta.Decision{Effect: algesta.Refuse, Reason: algesta.Say("No rule lets you."), Hint: algesta.Say("Ask @S0PLATFORM.")}
	d := &Dispatcher{}
	require.Equal(t, "Ask @S0PLATFORM.", d.refused(no, algesta.Actor{}).Hint.String())
	require.Contains(t, d.refused(no, algesta.Actor{Ungrouped: true}).Hint.String(), "has no user groups")
}
