package commands_test

import (
	"context"
	"strings"
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

// A limit is about the environment of what is changed: staging was typed, and the pod is production's.
func TestALimitOnAnEnvironmentHoldsForWhatIsInItsNamespace(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.dispatcher.Clusters = onePodCluster{w.cluster}
	w.dispatcher.Catalog = discovered{Catalog: together{w.dispatcher.Catalog.(fakeCatalog)}}
	w.setRules(strings.Replace(rules, "[read, restart, scale]", "[read, restart, scale, pod.delete]", 1) +
		"limits:\n  - {name: production, verbs: [change], namespaces: [production], require: 'target.environment != \"production\"', " +
		"otherwise: Leave production alone.}\n")
	w.types(luis, "pod delete x-1 staging")
	require.Contains(t, w.said(algesta.AnswerPost)[0], "Leave production alone.")
	w.dispatcher.Catalog = undiscovered{Catalog: together{w.dispatcher.Catalog.(discovered).Catalog.(together).fakeCatalog}}
	w.types(luis, "pod delete x-1 staging")
	require.Contains(t, w.said(algesta.AnswerPost)[1], "Leave production alone.", "also before it's known what is there")
}
