package runbooks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// define installs a kind that takes any spec, with a status that only its controller's way of writing sets, as the real ones have it.
func (w *brokenNamespace) define(t *testing.T, group, kind, plural string) schema.GroupVersionResource {
	t.Helper()
	open := map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true}
	definitions := w.dynamic.Resource(
		schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	)
	meta := map[string]any{"name": plural + "." + group}
	if strings.HasSuffix(group, ".k8s.io") {
		meta["annotations"] = map[string]any{"api-approved.kubernetes.io": "unapproved, for a test"}
	}
	_, err := definitions.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": meta,
		"spec": map[string]any{
			"group": group,
			"scope": "Namespaced",
			"names": map[string]any{"kind": kind, "plural": plural, "singular": strings.ToLower(kind), "listKind": kind + "List"},
			"versions": []any{
				map[string]any{
					"name":         "v1",
					"served":       true,
					"storage":      true,
					"subresources": map[string]any{"status": map[string]any{}},
					"schema": map[string]any{
						"openAPIV3Schema": map[string]any{"type": "object", "properties": map[string]any{"spec": open, "status": open}},
					},
				},
			},
		},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
	resource := schema.GroupVersionResource{Group: group, Version: "v1", Resource: plural}
	w.await(t, kind+" is served", func() bool {
		_, err := w.dynamic.Resource(resource).Namespace(w.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil
	})
	return resource
}

// put creates an object and its status.
func (w *brokenNamespace) put(t *testing.T, resource schema.GroupVersionResource, object map[string]any) {
	t.Helper()
	u := (&unstructured.Unstructured{Object: object}).DeepCopy()
	u.SetNamespace(w.namespace)
	made, err := w.dynamic.Resource(resource).Namespace(w.namespace).Create(t.Context(), u, metav1.CreateOptions{})
	require.NoError(t, err)
	if status, ok := u.Object["status"]; ok {
		made.Object["status"] = status
		_, err = w.dynamic.Resource(resource).Namespace(w.namespace).UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
}

// Gateway API, Key Vault's driver and external-secrets are in a cluster or not. Their kinds are the whole cluster's, so this one is
// private.
func TestKindsThatNotEveryClusterHasAreReadWhereTheyAre(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.Private(t))
	require.Equal(t, []string{
		"production: no Ingress and no HTTPRoute", "The Gateway API isn't installed in this cluster, so these are all.",
	}, w.tells(t, w.asked("ingress", "")))
	require.Contains(t, w.tells(t, w.asked("keyvault", ""))[0], "The Secrets Store CSI driver isn't installed in this cluster")

	edge, route := gatewayAPI(map[string]any{"type": "Accepted", "status": "True"})
	w.put(t, w.define(t, "gateway.networking.k8s.io", "Gateway", "gateways"), edge)
	w.put(t, w.define(t, "gateway.networking.k8s.io", "HTTPRoute", "httproutes"), route)
	w.make(t, app("gate", "12345", httpPort), serviceOf("gate", intstr.FromInt32(3000)))
	w.await(t, "the route leads to a ready pod", func() bool {
		return w.tells(t, w.asked("ingress", ""))[0] == "production: 1 route, it leads to ready endpoints"
	})
	require.Equal(
		t,
		"new.example.com | /v1 | gate:80 | 1 of 1 | in Secret api-tls, dates unknown | 203.0.113.9 | HTTPRoute api (Gateway edge)",
		w.tells(t, w.asked("ingress", "host/new.example.com"))[2],
	)

	w.put(
		t,
		w.define(t, "secrets-store.csi.x-k8s.io", "SecretProviderClass", "secretproviderclasses"),
		providerClass(),
	)
	w.put(t, w.define(t, "secrets-store.csi.x-k8s.io", "SecretProviderClassPodStatus", "secretproviderclasspodstatuses"),
		mountedIn("a", "0123456789abcdef"))
	pod := mounting("a")
	pod.Namespace, pod.Spec.Containers = "", []corev1.Container{{Name: "app", Image: registry + "12345"}}
	w.make(t, &pod)
	require.Equal(t, []string{
		"production: 1 SecretProviderClass, mounted in 1 pod", "class | pod | mounted | object@version",
		"azure-keyvault-provider | a | yes | secret/mongo@01234567…",
	}, w.tells(t, w.asked("keyvault", ""))[:3])

	w.put(t, w.define(t, "external-secrets.io", "ExternalSecret", "externalsecrets"), map[string]any{
		"apiVersion": "external-secrets.io/v1", "kind": "ExternalSecret", "metadata": map[string]any{"name": "mongo"},
		"spec": map[string]any{"target": map[string]any{"name": "mongodb-credentials"}},
	})
	w.secretsOf(t)
}

// secretsOf asks for Secrets with the rights that SECURITY.md describes.
func (w *brokenNamespace) secretsOf(t *testing.T) {
	t.Helper()
	value := "tiger" + rand.String(16)
	w.make(t, app("takes", "12345", mongoSecret("mongodb-credentials")), &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Name: "mongodb-credentials"}, StringData: map[string]string{"uri": value},
	})
	rules := append(
		platform.BotRules(),
		rbacv1.PolicyRule{APIGroups: []string{""}, Resources: []string{"secrets"}, Verbs: []string{"get", "list"}},
	)
	bot, err := kube.Open(t.Context(), kube.Config{
		Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: w.ServiceAccount(t, w.namespace, rules), Namespaces: []string{w.namespace},
		SecretNamespaces: []string{w.namespace}, SecretValues: func([][]byte) {},
	})
	require.NoError(t, err)
	book, _ := runbooks.Find("secrets")
	var got []string
	w.await(t, "the rights are there", func() bool {
		report, err := book.Answer(t.Context(), whole(bot), w.asked("secrets", ""))
		require.NoError(t, err)
		got = shownLines(t, report)
		return got[0] == "production: 1 Secret, nothing that is needed is missing"
	})
	require.Regexp(t, `^mongodb-credentials \| Opaque \| uri \| \d+[a-z0-9]+ \| takes \| ExternalSecret mongo$`, got[2])
	require.NotContains(t, strings.Join(got, "\n"), value)
}
