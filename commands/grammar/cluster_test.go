package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// What people paste from kubectl about certificates, autoscalers and the like is understood as it stands.
func TestWhatIsPastedAboutTheClusterIsUnderstood(t *testing.T) {
	t.Parallel()
	scaler := Parsed{Runbook: "hpa", Environment: "production", Object: "horizontalpodautoscaler/api-hpa"}
	for text, want := range map[string]Parsed{
		"certs production":                       {Runbook: "certs", Environment: "production"},
		"kubectl get certificates -n production": {Runbook: "certs", Environment: "production"},
		"kubectl get cert -n production -w":      {Runbook: "certs", Environment: "production", Args: algesta.Args{"watch": true}},
		"kubectl get certificate api-tls -n production -w": {
			Runbook: "certs", Environment: "production", Object: "certificate/api-tls", Args: algesta.Args{"watch": true},
		},
		"kubectl describe certificate api-tls -n production": {Runbook: "cert check", Environment: "production", Object: "certificate/api-tls"},
		"cert check api-tls production":                      {Runbook: "cert check", Environment: "production", Object: "certificate/api-tls"},
		"cert check api.example.com production":              {Runbook: "cert check", Environment: "production", Object: "host/api.example.com"},
		"cmctl renew api-tls -n production":                  {Runbook: "cert renew", Environment: "production", Object: "certificate/api-tls"},
		"renew certificate/api-tls production":               {Runbook: "cert renew", Environment: "production", Object: "certificate/api-tls"},
		"kubectl get hpa -n production":                      {Runbook: "hpa", Environment: "production"},
		"kubectl describe hpa api-hpa -n production":         scaler,
		"hpa api-hpa production":                             scaler,
		"kubectl get resourcequota -n production":            {Runbook: "quota", Environment: "production"},
		"kubectl describe resourcequota -n production":       {Runbook: "quota", Environment: "production"},
	} {
		got, err := parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

// The manual's way to renew a certificate is a trap, and the answer says so.
func TestATrapIsAnsweredWithTheBetterWay(t *testing.T) {
	t.Parallel()
	for text, hint := range map[string]string{
		"kubectl delete certificate api-tls -n production": "To renew it now, while the old one stays in use: /algesta cert renew api-tls production.",
		"delete cert/api-tls -n production":                "/algesta cert check api-tls production says",
		"delete certificate":                               "/algesta cert check <certificate> <environment> says",
	} {
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrRefused, text)
		known := (*algesta.Error)(nil)
		require.ErrorAs(t, err, &known)
		require.Contains(t, known.Message.String(), "Deleting one doesn't renew it safely")
		require.Contains(t, known.Hint.String(), hint, text)
	}
}
