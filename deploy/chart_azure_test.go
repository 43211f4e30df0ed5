package deploy_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/sandbox/helm"
)

// Azure's webhook gives a pod its token when the ServiceAccount has the annotation and the pod the label.
func TestThePodHasTheWorkloadIdentityThatTheValuesName(t *testing.T) {
	t.Parallel()
	const label, annotation = "azure.workload.identity/use", "azure.workload.identity/client-id"
	with := rendered(t, "").Objects
	require.Equal(t, "11111111-2222-3333-4444-555555555555", of[corev1.ServiceAccount](t, with, "ServiceAccount")[0].Annotations[annotation])
	require.Equal(t, "true", of[appsv1.Deployment](t, with, "Deployment")[0].Spec.Template.Labels[label])

	without := rendered(t, `
serviceAccount: {workloadIdentityClientID: ""}
config:
  clusters: [{name: aks, access: inCluster}]
  environments: [{name: production, cluster: aks, namespace: production, deployment: x}]
`).Objects
	require.NotContains(t, of[corev1.ServiceAccount](t, without, "ServiceAccount")[0].Annotations, annotation)
	require.NotContains(t, of[appsv1.Deployment](t, without, "Deployment")[0].Spec.Template.Labels, label)
}

func TestAWayInThatThePodHasNotIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ values, says string }{
		"a cluster without an identity": {
			`serviceAccount: {workloadIdentityClientID: ""}`,
			"aks-algesta-dev has access: workloadIdentity, and serviceAccount.workloadIdentityClientID is empty",
		},
		"a cluster that Azure is asked about, without an identity": {
			"serviceAccount: {workloadIdentityClientID: \"\"}\n" +
				"config: {clusters: [{name: home, access: inCluster, azure: {access: workloadIdentity}}]}",
			"home has azure.access: workloadIdentity, and serviceAccount.workloadIdentityClientID is empty",
		},
		"a developer's way to ask Azure": {
			`config: {clusters: [{name: home, access: inCluster, azure: {access: azureCLI}}]}`,
			"home has azure.access: azureCLI, which is for a developer's machine",
		},
		"a registry without an identity": {
			"serviceAccount: {workloadIdentityClientID: \"\"}\nconfig: {clusters: [], registries: [{host: a.azurecr.io, access: workloadIdentity}]}",
			"a.azurecr.io has access: workloadIdentity",
		},
		"a developer's way in": {
			`config: {clusters: [{name: dev, access: azureCLI}]}`, "dev has access: azureCLI, which is for a developer's machine",
		},
	} {
		_, err := helm.Render(t.Context(), "chart", "algesta", "chatops", values(t, c.values))
		require.ErrorContains(t, err, c.says, name)
	}
}
