package grammar_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
)

// TestANewNamespaceNamesNoEnvironmentThatItIsIn: its cluster is an argument, so no rule about that environment's namespace is taken for one
// about it.
func TestANewNamespaceNamesNoEnvironmentThatItIsIn(t *testing.T) {
	t.Parallel()
	p := grammar.NewParser("algesta", runbooks.All())
	for _, typed := range []string{
		"namespace create payments environment=dev team=backend",
		"kubectl create namespace payments --environment=dev --team backend",
		"create ns payments -n dev team=backend",
		"namespace create namespace/payments in dev team=backend",
	} {
		read, err := p.Parse(typed)
		require.NoError(t, err, typed)
		require.Equal(t, grammar.Parsed{
			Runbook: "namespace create", Object: "namespace/payments", Args: algesta.Args{"environment": "dev", "team": "backend"},
		}, read, typed)
		again, err := p.Parse(p.Typed(read))
		require.NoError(t, err)
		require.Equal(t, read, again, "what a form sends")
	}
	_, err := p.Parse("kubectl create namespace development")
	require.ErrorContains(t, err, "namespace create needs environment")
	lacks, ok := grammar.AsMissing(err)
	require.True(t, ok, "a form asks for the rest")
	require.Equal(t, "namespace/development", lacks.Object)
	known := (*algesta.Error)(nil)
	require.ErrorAs(t, err, &known)
	require.Equal(t, "/algesta namespace create namespace/development environment=<environment> team=<team>", known.Hint.String())
	_, err = p.Parse("namespace create")
	require.ErrorContains(t, err, "Which namespace do you mean?")
}
