package runbooks

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/apimachinery/pkg/api/resource"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// What is never read is said where the answer may depend on it, and nowhere else; an answer that knows nothing is not green.
func TestAReportSaysWhatWasNotCheckedWhereItMatters(t *testing.T) {
	t.Parallel()
	standing := []facts.NotChecked{{Kind: "secrets", Reason: "By design."}, {Kind: facts.OtherPods, Reason: "One namespace."}}
	refused := append(standing, facts.NotChecked{Kind: "services", Reason: "No right."})
	chain := func(class rules.Class) []diagnosis.Chain {
		return []diagnosis.Chain{{Class: class, Impact: diagnosis.Impact{Level: rules.Outage}}}
	}
	cases := map[string]struct {
		d    diagnosis.Diagnosis
		tone algesta.Tone
		want []string
	}{
		"healthy":         {diagnosis.Diagnosis{Verdict: diagnosis.Healthy, NotChecked: standing}, algesta.Good, nil},
		"healthy but 403": {diagnosis.Diagnosis{Verdict: diagnosis.Healthy, NotChecked: refused}, algesta.Good, []string{"services"}},
		"unknown":         {diagnosis.Diagnosis{Verdict: diagnosis.Unknown, NotChecked: refused}, algesta.Warning, []string{"services"}},
		"no room": {
			diagnosis.Diagnosis{Verdict: diagnosis.Sick, Chains: chain(rules.ClassScheduling), NotChecked: standing},
			algesta.Bad,
			[]string{"pods of other namespaces"},
		},
		"no secret": {
			diagnosis.Diagnosis{Verdict: diagnosis.Sick, Chains: chain(rules.ClassConfig), NotChecked: standing},
			algesta.Bad,
			[]string{"secrets"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := DiagnosisReport(c.d, algesta.Command{})
			require.Equal(t, c.tone, r.Tone)
			last := ""
			if len(r.Body) > 0 {
				last = r.Body[len(r.Body)-1].Text.String()
			}
			if c.want == nil {
				require.NotContains(t, last, "Couldn't check ")
				return
			}
			require.Contains(t, last, "Couldn't check ")
			for _, kind := range []string{"secrets", facts.OtherPods, "services"} {
				require.Equal(t, slices.Contains(c.want, kind), strings.Contains(last, kind+": "), last)
			}
		})
	}
}

// What is well is one line, in the words people have for it; the facts stand below it once.
func TestAHealthyReportIsOneLineAndItsFactsStandOnce(t *testing.T) {
	t.Parallel()
	d := diagnosis.Diagnosis{
		Verdict: diagnosis.Healthy,
		Subject: facts.Ref{Kind: "Deployment", Namespace: "prod", Name: "api-gateway-production"},
		Summary: "api-gateway-production in prod is healthy (2 checks).",
		Healthy: []string{"Deployment x has 2 of 2 pods ready.", "Service x has 2 ready endpoints."},
		Checks:  2,
	}
	r := DiagnosisReport(d, algesta.Command{Target: algesta.Target{Service: "api-gateway", Environment: "production"}})
	require.Equal(t, "api-gateway in production is healthy (2 checks).", r.Title.String())
	require.Len(t, r.Body, 1)
	require.Equal(t, "Checked and fine: Deployment x has 2 of 2 pods ready. Service x has 2 ready endpoints.", r.Body[0].Text.String())
	r = DiagnosisReport(d, algesta.Command{Target: algesta.Target{Object: "deployment/x", Environment: "production"}})
	require.Equal(t, d.Summary, r.Title.String())
}

func TestAmountsReadAsKubectlTopShowsThem(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"403701760": "385Mi", "413390930": "394Mi", "512Mi": "512Mi", "2Gi": "2Gi", "250m": "0.25", "4": "4",
	} {
		require.Equal(t, want, amount(resource.MustParse(given)), given)
	}
}
