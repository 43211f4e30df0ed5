package grammar

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestWhatAChatMustNotDoNamesWhatToDoInstead reads the lines of people's manuals that no command may do as they stand there.
func TestWhatAChatMustNotDoNamesWhatToDoInstead(t *testing.T) {
	t.Parallel()
	const (
		noValues  = "I don't show what a Secret holds, in no format: a channel keeps it for everybody who ever joins."
		elsewhere = "Whoever may read it looks in the Key Vault or with kubectl on their own machine. " +
			"Whether it's there, its keys and who uses it: /algesta secrets mongodb-credentials production"
		noShell = "I don't open shells or run programs in pods: what is typed there is nobody's request, and no plan shows what it does."
		noAzure = "I don't run az: I have no rights in Azure, only in the cluster."
	)
	for text, want := range map[string][2]string{
		"kubectl get secret mongodb-credentials -n production -o yaml":                               {noValues, elsewhere},
		"kubectl get secret mongodb-credentials -n production -o jsonpath='{.data.uri}'":             {noValues, elsewhere},
		"kubectl get secret mongodb-credentials -n production -o jsonpath='{.data.uri}' | base64 -d": {noValues, elsewhere},
		"kubectl -n production get secret mongodb-credentials --output=json":                         {noValues, elsewhere},
		"kubectl get secret/mongodb-credentials -n production -o go-template='{{.data.uri}}'":        {noValues, elsewhere},
		"kubectl get secrets -n production -o yaml": {
			noValues,
			"Whoever may read it looks in the Key Vault or with kubectl on their own machine.",
		},
		"create secret generic mongodb-credentials -n production": {
			"I don't make or change Secrets: a chat must not carry what they hold.",
			"Put the value into the Key Vault, or create the Secret with kubectl on your own machine. Then see that it's there: /algesta " +
				"secrets mongodb-credentials production",
		},
		"kubectl create secret generic jwt-credentials --from-literal=secret=x -n production": {
			"I don't make or change Secrets: a chat must not carry what they hold. If a real value stood in this message, count it as leaked " +
				"and change it.",
			"Put the value into the Key Vault, or create the Secret with kubectl on your own machine. Then see that it's there: /algesta " +
				"secrets jwt-credentials production",
		},
		"az aks enable-addons --addons azure-keyvault-secrets-provider": {
			noAzure, "Whoever runs the cluster changes its add-ons, best where it's defined as code. Whether the Key Vault driver is there and " +
				"what it mounts: /algesta keyvault production",
		},
		"az role assignment create --role AcrPull": {
			noAzure, "Whoever runs the subscription assigns roles. Whether pulls fail for want of one: /algesta diagnose production",
		},
		"az aks check-acr --name aks-algesta-production": {
			noAzure, "Whether images can be pulled, and what the registry says, is part of: /algesta diagnose production",
		},
		"kubectl apply -f -": {
			"I don't apply manifests: a chat shows no diff of a file, and whoever deploys by manifests has a pipeline for them.",
			"Change the manifest where it's kept, or use the command for the one thing that should change: /algesta deploy, /algesta scale, " +
				"/algesta restart or /algesta rollback.",
		},
		"kubectl config set-context --current --namespace=production": {
			"I have no kubeconfig of yours: where a command works is part of it, its environment comes " +
				"last.", "For example: /algesta pods production",
		},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			_, err := parse(text)
			require.ErrorIs(t, err, algesta.ErrRefused)
			var known *algesta.Error
			require.ErrorAs(t, err, &known)
			require.Equal(t, want[0], known.Message.String())
			require.Equal(t, want[1], known.Hint.String())
		})
	}
	for _, text := range []string{
		"kubectl exec -it api-gateway-production-76794f4cdb-f6plm -n production -- /bin/sh", "kubectl exec -it x -n production -- bash -c env",
		"kubectl attach x -n production", "kubectl debug x -n production -it --image=busybox", "kubectl exec -n production x -- rm -rf /data",
	} {
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrRefused, text)
		require.ErrorContains(t, err, noShell, text)
	}
}

func TestPastedLooksAtSecretsAreRead(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Parsed{
		"kubectl get secrets -n production": {Runbook: "secrets", Environment: "production"},
		"kubectl get secret mongodb-credentials -n " +
			"production": {Runbook: "secrets", Object: "secret/mongodb-credentials", Environment: "production"},
		"kubectl describe secret mongodb-credentials -n " +
			"production": {Runbook: "secrets", Object: "secret/mongodb-credentials", Environment: "production"},
		"kubectl get secrets -n production | grep mongo":         {Runbook: "secrets", Environment: "production"},
		"kubectl get secretproviderclasspodstatus -n production": {Runbook: "keyvault", Environment: "production"},
		"keyvault production":                                    {Runbook: "keyvault", Environment: "production"},
		"kubectl get secret algesta-api-prod-tls -n production -o jsonpath='{.data.tls\\.crt}' | base64 -d | openssl x509 -noout -enddate": {
			Runbook: "cert check", Object: "certificate/algesta-api-prod-tls", Environment: "production",
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
