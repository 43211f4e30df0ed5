package runbooks

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// Advice is brief, stands behind what was found and before what was not checked, and leaves a healthy answer green.
func TestAReportGivesTwoPiecesOfAdvice(t *testing.T) {
	t.Parallel()
	d := diagnosis.Diagnosis{
		Verdict: diagnosis.Healthy, Healthy: []string{"Fine."}, NotChecked: []facts.NotChecked{{Kind: "services", Reason: "No right."}},
		Advice: []diagnosis.Advice{{Text: "One pod."}, {Text: "One node."}, {Text: "No probe."}},
	}
	r := DiagnosisReport(d, algesta.Command{})
	require.Equal(t, algesta.Good, r.Tone)
	require.Len(t, r.Body, 3)
	require.Contains(t, r.Body[1].Text.String(), "Worth knowing: One pod. One node.")
	require.True(t, strings.HasPrefix(r.Body[2].Text.String(), "Couldn't check services: No right."))
	for _, b := range r.Body {
		require.NotContains(t, b.Text.String(), "No probe.")
	}
}
