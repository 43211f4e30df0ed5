package diagnosis_test

import (
	"testing"

	"github.com/3astronautas/algesta/diagnosis"
)

// BenchmarkFixtures counts how often the root cause comes first on the fixtures that are sick, and how many causes are
// named on those that are well.
func BenchmarkFixtures(b *testing.B) {
	first, alarms, total := 0, 0, 0
	for b.Loop() {
		first, alarms, total = 0, 0, 0
		for _, rule := range diagnosis.Rules() {
			if rule.Advice {
				continue
			}
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
