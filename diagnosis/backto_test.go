package diagnosis_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
)

// Nobody is advised to go back to a version that is known to have failed, too.
func TestTheWayBackIsNotAVersionThatFailed(t *testing.T) {
	t.Parallel()
	s, about := scenario(t, "bad-image-while-old-pods-serve")
	w := s.Workload(about)
	require.NotNil(t, w)
	before := w.Before()
	require.NotNil(t, before)
	require.Contains(t, diagnosis.Diagnose(s, about).Chains[0].Remedy.Text, "Roll back to revision 5 (")
	raw, err := json.Marshal(before.Spec.Template)
	require.NoError(t, err)
	failed, err := algesta.TemplateHash(raw)
	require.NoError(t, err)
	s.AddFailed(about, []string{failed})
	d := diagnosis.Diagnose(s, about)
	require.NotContains(t, d.Chains[0].Remedy.Text, "revision 5", "it failed as well")
	require.NotEqual(t, "rollback", d.Chains[0].Remedy.Verb, "there is no other")
}
