package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// look is the answer of a read command about the whole namespace of a place, or an object in it, as lines.
func (p *place) look(t *testing.T, runbook, object string, args algesta.Args) []string {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	in := p.input(runbook, args)
	in.Command.Target.Service, in.Command.Target.Name, in.Command.Target.Object = "", "", object
	in.Workload = in.Command.Target.Workload()
	report, err := book.Answer(t.Context(), whole(p.bot), in)
	require.NoError(t, err)
	requireNoSecret(t, report)
	return lines(report)
}

func TestWhatRunsInAnEnvironmentIsRead(t *testing.T) {
	t.Parallel()
	p := running(t)

	t.Run("pods", func(t *testing.T) {
		got := p.look(t, "pods", "namespace", algesta.Args{"selector": "app=api-gateway", "wide": true})
		require.Equal(t, "production with app=api-gateway: 2 of 2 pods ready", got[0])
		require.Len(t, got, 4)
		require.Equal(t, "production with app=other: no pod runs", p.look(t, "pods", "namespace", algesta.Args{"selector": "app=other"})[0])
	})
}
