package grammar

import (
	"maps"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// What people paste from kubectl about certificates, autoscalers and the like is understood as it is.
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
		`kubectl patch hpa api-hpa -n production -p '{"spec":{"minReplicas":2,"maxReplicas":6}}'`: {
			Runbook: "hpa set", Environment: "production", Object: "horizontalpodautoscaler/api-hpa",
			Args: algesta.Args{"min": int64(2), "max": int64(6)},
		},
		"kubectl autoscale deployment/api --min=2 --max=6 -n production": {
			Runbook: "hpa set", Environment: "production", Service: "api", Args: algesta.Args{"min": int64(2), "max": int64(6)},
		},
		"hpa pin api production 4": {
			Runbook: "hpa pin", Environment: "production", Service: "api", Args: algesta.Args{"replicas": int64(4)},
		},
		"hpa restore api prod":                         {Runbook: "hpa restore", Environment: "prod", Service: "api"},
		"kubectl delete pod api-x -n production":       {Runbook: "pod delete", Environment: "production", Object: "pod/api-x"},
		"kubectl delete pod/api-x -n production":       {Runbook: "pod delete", Environment: "production", Object: "pod/api-x"},
		"kubectl rollout pause deploy/api -n prod":     {Runbook: "pause", Environment: "prod", Service: "api"},
		"kubectl get resourcequota -n production":      {Runbook: "quota", Environment: "production"},
		"kubectl describe resourcequota -n production": {Runbook: "quota", Environment: "production"},
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
		"kubectl delete certificate api-tls -n production": "To renew it now, while the old one stays in use: " +
			"/algesta cert renew api-tls production.",
		"delete cert/api-tls -n production": "/algesta cert check api-tls production says",
		"delete certificate":                "/algesta cert check <certificate> <environment> says",
	} {
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrRefused, text)
		known := (*algesta.Error)(nil)
		require.ErrorAs(t, err, &known)
		require.Contains(t, known.Message.String(), "Deleting one doesn't renew it safely")
		require.Contains(t, known.Hint.String(), hint, text)
	}
}

// A patch of anything but the bounds would be another change than the plan shows.
func TestOnlyTheBoundsOfAnAutoscalerArePatched(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"kubectl patch hpa api-hpa -n production",
		`kubectl patch hpa api-hpa -n production -p '{"spec":{"minReplicas":1},"metadata":{"labels":{"a":"b"}}}'`,
		`kubectl patch hpa api-hpa -n production --type=merge -p '{"spec":{"behavior":{}}}'`,
		`kubectl patch hpa api-hpa -n production -p 'no json'`,
	} {
		_, err := parse(text)
		known := (*algesta.Error)(nil)
		require.ErrorAs(t, err, &known, text)
		require.Equal(t, "The only thing I change about an autoscaler is its minimum and maximum number of pods.", known.Message.String())
		require.Equal(t, "To change that: /algesta hpa set hpa/api-hpa production min=<number> max=<number>. To keep the number "+
			"of pods fixed and restore the old bounds later: /algesta hpa pin hpa/api-hpa production "+
			"replicas=<number>", known.Hint.String())
	}
}

// A pasted line that changes something is read with every word of it: kubectl would have done something else than the command that drops
// one.
func TestNoWordOfAPastedChangeIsDropped(t *testing.T) {
	t.Parallel()
	p := NewParser("algesta", runbooks.All())
	const patch = `-p '{"spec":{"minReplicas":2,"maxReplicas":6}}'`
	for _, text := range []string{
		"kubectl patch hpa api -n production " + patch + " --dry-run=server",
		"kubectl patch hpa api -n production --context=aks-staging " + patch,
		"kubectl --context aks-staging patch hpa api -n production " + patch,
		"kubectl --context=aks-staging patch hpa api -n production " + patch,
		"kubectl patch hpa api other -n production " + patch,
		`kubectl patch hpa api -n production -p '{"spec":{"minReplicas":2}}' -p '{"spec":{"minReplicas":9}}'`,
		`kubectl patch hpa api -n production -p '{"spec":{"minReplicas":2}}{"spec":{"maxReplicas":1}}'`,
		`kubectl patch hpa api -n production -p '{"spec":{"minReplicas":2}} and more'`,
		`kubectl patch hpa api -n production -p '{"spec":{"maxReplicas":3},"spec":{"minReplicas":1}}'`,
		`kubectl patch hpa api -n production -p '{"spec":{"maxReplicas":3,"maxReplicas":30}}'`,
		`kubectl patch hpa api -n production -p '{"spec":{"MAXREPLICAS":3}}'`,
		`kubectl patch hpa api -n production -p '{"Spec":{"maxReplicas":3}}'`,
		`kubectl patch hpa api -n production -p '{"spec":{"minReplicas":2}}}'`,
		"kubectl patch hpa api -n production --subresource=status " + patch,
		"kubectl patch hpa api -n production --type=json " + patch,
		"kubectl patch hpa api -n production -n staging " + patch,
		"kubectl patch hpa api -n production " + patch + " && kubectl delete pod/x-1 -n production",
		"kubectl patch hpa api -n production " + patch + " | kubectl apply -f -",
		"kubectl delete pod/x-1 -n production --dry-run=client",
		"kubectl delete pod x-1 -n production --dry-run=client",
		"kubectl -n production delete pod x-1 --dry-run=client",
		"kubectl delete -n production pod x-1 --dry-run=client",
		"kubectl --context=aks-staging delete pod x-1 -n production",
		"kubectl --context aks-staging delete pod/x-1 -n production",
		"kubectl delete pod/x-1 pod/y-2 -n production",
		"kubectl delete pod/x-1 y-2 -n production",
		"kubectl delete pod/x-1 -n staging -n production",
		"kubectl delete pod/x-1 --all -n production",
		"kubectl delete pod/x-1 -A -n production",
		"kubectl delete pod/x-1 -n production --force --grace-period=0",
		"kubectl delete pod/x-1 -n production --grace-period 0",
		"kubectl delete pod/x-1 -n production && kubectl delete pod/y-2 -n staging",
		"kubectl delete pod/x-1 -n production | tee x",
		"delete pod/x-1 of staging please not production -n production",
	} {
		got, err := p.Parse(text)
		require.Error(t, err, "%s was read as %+v", text, got)
	}
	deleted := Parsed{Runbook: "pod delete", Environment: "production", Object: "pod/x-1"}
	because := deleted
	because.Reason = "it hangs"
	for text, want := range map[string]Parsed{
		"kubectl delete pod/x-1 production":                         deleted,
		"kubectl delete pod/x-1 -n production because it hangs":     because,
		`kubectl delete pod/x-1 -n production --reason "it hangs"`:  because,
		"kubectl delete pod/x-1 -n production --help":               {Runbook: "pod delete", Help: true},
		"kubectl delete -n production pod x-1":                      deleted,
		"kubectl -n production delete pod/x-1":                      deleted,
		"kubectl patch hpa api -n production --type=merge " + patch: scalerSet(nil),
		"kubectl patch hpa api -n production --type merge " + patch: scalerSet(nil),
		"kubectl -n production patch hpa/api " + patch:              scalerSet(nil),
		"kubectl patch hpa api -n production --single-pod " + patch: scalerSet(algesta.Args{"single-pod": true}),
	} {
		got, err := p.Parse(text)
		require.NoError(t, err, text)
		require.Equal(t, want, got, text)
	}
}

func scalerSet(more algesta.Args) Parsed {
	args := algesta.Args{"min": int64(2), "max": int64(6)}
	maps.Copy(args, more)
	return Parsed{Runbook: "hpa set", Environment: "production", Object: "horizontalpodautoscaler/api", Args: args}
}
