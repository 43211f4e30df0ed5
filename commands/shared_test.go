package commands_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// together is a catalogue in which staging has the namespace of production.
type together struct{ fakeCatalog }

func (c together) Resolve(ctx context.Context, service, environment string, visible func(algesta.Target) bool) (algesta.Target, error) {
	t, err := c.fakeCatalog.Resolve(ctx, service, environment, visible)
	if err == nil {
		t.Namespace = "production"
	}
	return t, err
}

// TestABrokenGlassKnowsThatItsNamespaceIsShared: there it covers no pod of the other environment.
func TestABrokenGlassKnowsThatItsNamespaceIsShared(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(breaking)
	require.False(t, w.breaks().Shared)

	w = newWorld(t)
	w.setRules(breaking)
	w.dispatcher.Catalog = together{w.dispatcher.Catalog.(fakeCatalog)}
	glass := w.breaks()
	require.True(t, glass.Shared)
	require.Equal(t, "production", glass.Target.Environment)
}
