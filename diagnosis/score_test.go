package diagnosis_test

import (
	"testing"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// BenchmarkFixtures counts how often the root cause comes first on the fixtures that are sick, and how many causes are
// named on those that are well.
func BenchmarkFixtures(b *testing.B) {
	first, alarms, total := 0, 0, 0
	for b.Loop() {
		first, alarms, total = 0, 0, 0
		for _, rule := range rules.Rules() {
			if rule.Advice {
				continue
			}
			sick := diagnosis.Diagnose(load(b, rule.ID, "fires"), facts.Ref{})
			total++
			if len(sick.Chains) > 0 && (sick.Chains[0].Rule == rule.ID || rule.Class == rules.ClassBackend) {
				first++
			}
			alarms += len(diagnosis.Diagnose(load(b, rule.ID, "healthy"), facts.Ref{}).Chains)
		}
	}
	b.ReportMetric(float64(first)/float64(total), "root_first")
	b.ReportMetric(float64(alarms), "false_alarms")
}
