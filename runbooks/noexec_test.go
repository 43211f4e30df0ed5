package runbooks_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
)

// TestNoCommandRunsAProgramInAPod: no rights for it come with any command.
func TestNoCommandRunsAProgramInAPod(t *testing.T) {
	t.Parallel()
	for _, b := range runbooks.All() {
		for _, right := range slices.Concat(b.Reads, b.Writes) {
			for _, never := range []string{"pods/exec", "pods/attach", "pods/portforward", "pods/ephemeralcontainers"} {
				require.NotContains(t, right, never, b.Name)
			}
		}
	}
	namespaced, everywhere := runbooks.Rules(kube.Reads, runbooks.All()...)
	for _, rule := range slices.Concat(namespaced, everywhere) {
		for _, resource := range rule.Resources {
			require.NotEqual(t, "*", resource)
			sub := strings.TrimPrefix(resource, "pods/")
			require.NotContains(t, []string{"exec", "attach", "portforward", "ephemeralcontainers"}, sub)
		}
	}
	require.Equal(t, algesta.Changes, algesta.Verbs()[algesta.ExecVerb], "a policy may be written ahead")
}
