package runbooks

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// A diagnosis passes over the versions that a rollback passes over: what came up at any time isn't known to be bad.
func TestADiagnosisPassesOverTheVersionsThatARollbackPassesOver(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"failed", "late"}, neverCameUp([]algesta.Past{
		{Template: "failed", Status: algesta.Failed},
		{Template: "late", Status: algesta.TimedOut},
		{Template: "came up once", Status: algesta.Failed},
		{Template: "came up once", Status: algesta.Succeeded},
		{Template: "no pods", Status: algesta.Failed, NoPods: true},
		{Template: "fine", Status: algesta.Succeeded},
	}))
}
