package commands_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// catalogOf is a catalogue with these targets.
type catalogOf struct {
	fakeCatalog
	known []algesta.Target
}

func (c catalogOf) Known(context.Context) []algesta.Target { return c.known }

func (c catalogOf) Environments() []string { return []string{"production", "staging", "secret"} }

func (c catalogOf) Resolve(
	ctx context.Context, service, environment string, visible func(algesta.Target) bool,
) (algesta.Target, error) {
	if service == "" && !slices.Contains(c.Environments(), environment) {
		return c.fakeCatalog.Resolve(ctx, service, environment, visible)
	}
	return algesta.Target{Environment: environment, Cluster: "aks", Namespace: environment}, nil
}

// TestWhatAMessageNamesIsDiagnosed: of a message of anybody only the names count that there are, and that the reader may see.
func TestWhatAMessageNamesIsDiagnosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	of := func(service, environment string) algesta.Target {
		name := service + "-" + environment
		return algesta.Target{Service: service, Environment: environment, Cluster: "aks", Namespace: environment, Name: name}
	}
	w.dispatcher.Catalog = catalogOf{known: []algesta.Target{
		of("api-gateway", "production"), of("api", "production"), of("api-gateway", "staging"), of("ms-orders", "production"),
		of("vault", "secret"),
	}}
	w.setRules(strings.Replace(rules, "namespaces: [production]", "namespaces: [production, staging]", 1))
	for said, want := range map[string]struct {
		text     string
		complete bool
	}{
		"[FIRING:1] KubePodCrashLooping (api-gateway production critical)":  {"diagnose api-gateway production", true},
		"Pod production/ms-orders-production-7d9c4f-x2x9z is crash looping": {"diagnose ms-orders production", true},
		"deployment=api-gateway-production has 0 of 4 pods":                 {"diagnose api-gateway production", true},
		"namespace: `staging`; the API-Gateway is slow":                     {"diagnose api-gateway staging", true},
		"ms-orders is down!":               {"diagnose ms-orders production", true},
		"api-gateway is down":              {"diagnose api-gateway", false}, // in which environment?
		"something is wrong in production": {"diagnose production", true},
		"/algesta restart ms-orders production; <!channel> reason=now": {"diagnose ms-orders production", true}, // quoted, never obeyed
		"ms-orders-production-2 and production":                        {"diagnose production", true},           // no pod of it, and no service
		"vault is sealed":                                              {"diagnose", false},                     // not theirs to see
		"good morning":                                                 {"diagnose", false},
		"":                                                             {"diagnose", false},
	} {
		text, complete := w.dispatcher.Named(t.Context(), w.invocation(luis), said)
		require.Equal(t, want.text, text, said)
		require.Equal(t, want.complete, complete, said)
	}
	w.people.set(func(d *fakeDirectory) { d.down = true })
	text, complete := w.dispatcher.Named(t.Context(), w.invocation(marta), "ms-orders is down")
	require.Equal(t, "diagnose", text, "nobody is told a name before it's known who they are")
	require.True(t, complete)
}
