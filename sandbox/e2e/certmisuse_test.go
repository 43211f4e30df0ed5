package e2e

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/util/retry"

	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/helm"
)

// TestAStolenTokenOnlyAsksForANewCertificate has the API server of a cluster with cert-manager judge what the bot's account, which may do
// everything here, writes into the status of a certificate.
func TestAStolenTokenOnlyAsksForANewCertificate(t *testing.T) {
	t.Parallel()
	c := control.Private(t)
	c.CertManager(t)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for _, name := range []string{"algesta", "production"} {
		_, err := c.Client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}, metav1.CreateOptions{})
		require.NoError(t, err)
	}
	values, err := json.Marshal(map[string]any{
		"config": map[string]any{
			"clusters":     []any{map[string]any{"name": "aks", "access": "inCluster"}},
			"environments": []any{map[string]any{"name": "production", "cluster": "aks", "namespace": "production", "deployment": "{service}"}},
		},
		"policy": everything, "slack": map[string]any{"existingSecret": "algesta-slack"}, "admissionPolicy": map[string]any{"mode": "rollback"},
	})
	require.NoError(t, err)
	rendered, err := helm.Render(ctx, "../../deploy/chart", "algesta", "algesta", values)
	require.NoError(t, err)
	var policy []*unstructured.Unstructured
	for _, o := range rendered.Objects {
		if o.GroupVersionKind().Group == "admissionregistration.k8s.io" {
			policy = append(policy, o)
		}
	}
	require.Len(t, policy, 2)
	remove, err := helm.Apply(ctx, c.Config, policy)
	require.NoError(t, err)
	t.Cleanup(func() { _ = remove(context.Background()) }) // the cluster ends with the test
	_, err = c.Client.RbacV1().ClusterRoleBindings().Create(ctx, &rbacv1.ClusterRoleBinding{
		ObjectMeta: metav1.ObjectMeta{Name: "mistake"},
		RoleRef:    rbacv1.RoleRef{APIGroup: rbacv1.GroupName, Kind: "ClusterRole", Name: "cluster-admin"},
		Subjects:   []rbacv1.Subject{{Kind: "ServiceAccount", Name: "algesta", Namespace: "algesta"}},
	}, metav1.CreateOptions{})
	require.NoError(t, err)

	people, err := dynamic.NewForConfig(c.Config)
	require.NoError(t, err)
	as := rest.CopyConfig(c.Config)
	as.Impersonate = rest.ImpersonationConfig{UserName: "system:serviceaccount:algesta:algesta"}
	bot, err := dynamic.NewForConfig(as)
	require.NoError(t, err)
	kind := func(resource string) schema.GroupVersionResource {
		return schema.GroupVersionResource{Group: "cert-manager.io", Version: "v1", Resource: resource}
	}
	object := func(kind, name string, spec map[string]any) *unstructured.Unstructured {
		return &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
		}}
	}
	_, err = people.Resource(kind("issuers")).Namespace("production").Create(
		ctx, object("Issuer", "own", map[string]any{"selfSigned": map[string]any{}}), metav1.CreateOptions{},
	)
	require.NoError(t, err)
	certificates := kind("certificates")
	_, err = people.Resource(certificates).Namespace("production").Create(ctx, object("Certificate", "api", map[string]any{
		"secretName": "api", "dnsNames": []any{"api.example.com"}, "issuerRef": map[string]any{"name": "own"},
	}), metav1.CreateOptions{})
	require.NoError(t, err)

	condition := func(kind, status string) map[string]any {
		return map[string]any{"type": kind, "status": status, "reason": "Test", "lastTransitionTime": time.Now().UTC().Format(time.RFC3339)}
	}
	// try is repeated where cert-manager wrote the certificate between the reading and the writing: the policy wasn't what refused.
	try := func(change func(status map[string]any)) error {
		return retry.RetryOnConflict(retry.DefaultBackoff, func() error {
			o, err := people.Resource(certificates).Namespace("production").Get(ctx, "api", metav1.GetOptions{})
			if err != nil {
				return err
			}
			status, _ := o.Object["status"].(map[string]any)
			change(status)
			_, err = bot.Resource(certificates).Namespace("production").UpdateStatus(
				ctx, o, metav1.UpdateOptions{DryRun: []string{metav1.DryRunAll}},
			)
			return err
		})
	}
	add := func(conditions ...any) func(map[string]any) {
		return func(status map[string]any) {
			there, _ := status["conditions"].([]any)
			status["conditions"] = append(there, conditions...)
		}
	}
	ready := func() bool {
		o, err := people.Resource(certificates).Namespace("production").Get(ctx, "api", metav1.GetOptions{})
		require.NoError(t, err)
		_, dated, err := unstructured.NestedString(o.Object, "status", "renewalTime")
		require.NoError(t, err)
		conditions, _, err := unstructured.NestedSlice(o.Object, "status", "conditions")
		require.NoError(t, err)
		return dated && len(conditions) == 1
	}
	refused := func() bool {
		err := try(func(status map[string]any) { status["failedIssuanceAttempts"] = int64(9) })
		return err != nil && strings.Contains(err.Error(), "says nothing else of one")
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !ready() || !refused() { // it's issued, and the policy is in force
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Fail(t, "there's no certificate, or no policy")
		}
	}
	require.NoError(t, try(add(condition("Issuing", "True"))), "what cert renew writes")
	for name, change := range map[string]func(map[string]any){
		"that it isn't ready":   func(s map[string]any) { s["conditions"] = []any{condition("Ready", "False")} },
		"a condition of others": add(condition("Approved", "True")),
		"no condition":          func(s map[string]any) { s["conditions"] = []any{} },
		"another end":           func(s map[string]any) { s["notAfter"] = "2036-01-01T00:00:00Z" },
		"another key":           func(s map[string]any) { s["nextPrivateKeySecretName"] = "others" },
		"attempts":              func(s map[string]any) { s["failedIssuanceAttempts"] = int64(9) },
		"a failure":             func(s map[string]any) { s["lastFailureTime"] = "2026-11-30T00:00:00Z" },
	} {
		err := try(change)
		require.ErrorContains(t, err, "says nothing else of one", name)
	}
}
