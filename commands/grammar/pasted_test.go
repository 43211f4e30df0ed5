package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestWhatIsPastedFromKubectlToLook reads kubectl's lines as they stand in people's manuals.
func TestWhatIsPastedFromKubectlToLook(t *testing.T) {
	t.Parallel()
	production := func(runbook string, args algesta.Args) Parsed {
		return Parsed{Runbook: runbook, Environment: "production", Args: args}
	}
	const pod = "api-gateway-production-76794f4cdb-f6plm"
	for text, want := range map[string]Parsed{
		"kubectl get pods -n production":                    production("pods", nil),
		"kubectl get po -n production":                      production("pods", nil),
		"get pods -n production -o wide":                    production("pods", algesta.Args{"output": "wide"}),
		"kubectl get pods -n production --show-labels":      production("pods", algesta.Args{"labels": true}),
		"kubectl get pods -n production -l app=api-gateway": production("pods", algesta.Args{"selector": "app=api-gateway"}),
		"kubectl get pods --selector=app=x -n production":   production("pods", algesta.Args{"selector": "app=x"}),
		"kubectl get pods -n production -w":                 production("pods", algesta.Args{"watch": true}),
		"pods --broken -n production":                       production("pods", algesta.Args{"broken": true}),
		"pods production":                                   {Runbook: "pods", Service: "production"}, // or a service: the catalogue knows
		"pods api-gateway production --wide":                {Runbook: "pods", Service: "api-gateway", Environment: "production", Args: algesta.Args{"wide": true}},
		"kubectl get pod " + pod + " -n production -o jsonpath='{.status.podIP}'": {
			Runbook: "pods", Object: "pod/" + pod, Environment: "production", Args: algesta.Args{"output": "jsonpath={.status.podIP}"},
		},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got, err := parse(text)
			require.NoError(t, err)
			require.Equal(t, want, got)
		})
	}
}
