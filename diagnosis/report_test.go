package diagnosis_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
)

func TestTheReportSaysTheSame(t *testing.T) {
	t.Parallel()
	s, about := scenario(t, "missing-key")
	d := diagnosis.Diagnose(s, about)
	report := d.Report()
	require.Equal(t, algesta.Bad, report.Tone)
	require.Equal(t, d.Summary, report.Title.String())
	require.Contains(t, report.Title, algesta.Name("mongodb-credentials"))
	require.Contains(t, report.Title, algesta.Name("ms-orders-production"))
	for _, block := range report.Body {
		require.False(t, len(block.Text) > 0 && len(block.List) > 0, "a block is one thing")
	}

	s, about = scenario(t, "healthy-platform")
	report = diagnosis.Diagnose(s, about).Report()
	require.Equal(t, algesta.Good, report.Tone)
	require.Empty(t, report.Body)
}

// BenchmarkFixtures counts how often the root cause comes first on the fixtures that are sick, and how many causes are
// named on those that are well.
func BenchmarkFixtures(b *testing.B) {
	first, alarms, total := 0, 0, 0
	for b.Loop() {
		first, alarms, total = 0, 0, 0
		for _, rule := range diagnosis.Rules() {
			sick := diagnosis.Diagnose(load(b, rule.ID, "fires"), diagnosis.Ref{})
			total++
			if len(sick.Chains) > 0 && (sick.Chains[0].Rule == rule.ID || rule.Class == diagnosis.ClassBackend) {
				first++
			}
			alarms += len(diagnosis.Diagnose(load(b, rule.ID, "healthy"), diagnosis.Ref{}).Chains)
		}
	}
	b.ReportMetric(float64(first)/float64(total), "root_first")
	b.ReportMetric(float64(alarms), "false_alarms")
}
