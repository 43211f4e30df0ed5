package runbooks_test

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

const (
	certManager = "cert-manager.io"
	acme        = "acme.cert-manager.io"
	host        = "gateway.example.com"
)

// issuance is a control plane that knows cert-manager's kinds, with one certificate that a challenge holds up. The objects
// are as its controllers leave them; the controllers themselves do not run.
type issuance struct {
	*control.Cluster
	client    dynamic.Interface
	namespace string
}

// certManagerKinds are its resources by kind; only ClusterIssuers are of the whole cluster.
var certManagerKinds = map[string]schema.GroupResource{
	"Certificate": {Group: certManager, Resource: "certificates"}, "CertificateRequest": {Group: certManager, Resource: "certificaterequests"},
	"Issuer": {Group: certManager, Resource: "issuers"}, "ClusterIssuer": {Group: certManager, Resource: "clusterissuers"},
	"Order": {Group: acme, Resource: "orders"}, "Challenge": {Group: acme, Resource: "challenges"},
}

func heldUp(t *testing.T) *issuance {
	t.Helper()
	c := control.Private(t) // its kinds are of the whole cluster, and other tests want a cluster without them
	client, err := dynamic.NewForConfig(c.Config)
	require.NoError(t, err)
	i := &issuance{Cluster: c, client: client, namespace: c.Namespace(t)}
	for kind, resource := range certManagerKinds {
		i.define(t, kind, resource)
	}
	i.ingress(t)
	i.make(t, "ClusterIssuer", "letsencrypt", nil, map[string]any{
		"status": map[string]any{"conditions": []any{condition("Ready", "True", "ACMEAccountRegistered", "The ACME account was registered")}},
	})
	certificate := i.make(t, "Certificate", "gateway-tls", nil, map[string]any{
		"spec":   map[string]any{"secretName": "gateway-tls", "dnsNames": []any{host}, "issuerRef": map[string]any{"name": "letsencrypt", "kind": "ClusterIssuer"}},
		"status": map[string]any{"conditions": []any{condition("Ready", "False", "DoesNotExist", "Issuing certificate as Secret does not exist")}},
	})
	request := i.make(t, "CertificateRequest", "gateway-tls-1", certificate, map[string]any{
		"status": map[string]any{"conditions": []any{condition("Ready", "False", "Pending", "Waiting on certificate issuance from order")}},
	})
	order := i.make(t, "Order", "gateway-tls-1-99", request, map[string]any{"status": map[string]any{"state": "pending"}})
	i.make(t, "Challenge", "gateway-tls-1-99-7", order, map[string]any{
		"spec":   map[string]any{"dnsName": host, "type": "HTTP-01", "solver": map[string]any{"http01": map[string]any{"ingress": map[string]any{"ingressClassName": "nginx"}}}},
		"status": map[string]any{"state": "pending", "presented": true, "processing": true, "reason": "Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'"},
	})
	return i
}

func condition(kind, status, reason, message string) map[string]any {
	return map[string]any{"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": time.Now().UTC().Format(time.RFC3339)}
}

// define makes the server know a kind, without a schema, and waits until it serves it.
func (i *issuance) define(t *testing.T, kind string, resource schema.GroupResource) {
	t.Helper()
	scope := "Namespaced"
	if strings.HasPrefix(kind, "Cluster") {
		scope = "Cluster"
	}
	_, err := i.client.Resource(schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition", "metadata": map[string]any{"name": resource.String()},
		"spec": map[string]any{
			"group": resource.Group, "scope": scope, "names": map[string]any{"kind": kind, "listKind": kind + "List", "plural": resource.Resource, "singular": strings.ToLower(kind)},
			"versions": []any{map[string]any{"name": "v1", "served": true, "storage": true, "schema": map[string]any{
				"openAPIV3Schema": map[string]any{"type": "object", "x-kubernetes-preserve-unknown-fields": true},
			}}},
		},
	}}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// make makes an object that another one owns; a kind that was just defined is served a moment later.
func (i *issuance) make(t *testing.T, kind, name string, owner *unstructured.Unstructured, object map[string]any) *unstructured.Unstructured {
	t.Helper()
	resource := certManagerKinds[kind].WithVersion("v1")
	made := &unstructured.Unstructured{Object: object}
	made.SetGroupVersionKind(schema.GroupVersionKind{Group: resource.Group, Version: "v1", Kind: kind})
	made.SetName(name)
	if owner != nil { // with its real UID: the garbage collector deletes what belongs to nobody
		made.SetOwnerReferences([]metav1.OwnerReference{{APIVersion: owner.GetAPIVersion(), Kind: owner.GetKind(), Name: owner.GetName(), UID: owner.GetUID(), Controller: new(true)}})
	}
	client := dynamic.ResourceInterface(i.client.Resource(resource))
	if kind != "ClusterIssuer" {
		client = i.client.Resource(resource).Namespace(i.namespace)
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		stored, err := client.Create(ctx, made, metav1.CreateOptions{})
		if err == nil {
			return stored
		}
		require.True(t, apierrors.IsNotFound(err), "making %s %s: %v", kind, name, err)
		select {
		case <-tick.C:
		case <-ctx.Done():
			require.Failf(t, "the kind is not served", "%s: %v", kind, err)
		}
	}
}

// ingress serves the host with TLS from the certificate's Secret, which is not there.
func (i *issuance) ingress(t *testing.T) {
	t.Helper()
	port := []corev1.ServicePort{{Name: "http", Port: 80}}
	_, err := i.Client.CoreV1().Services(i.namespace).Create(t.Context(), &corev1.Service{ObjectMeta: metav1.ObjectMeta{Name: "gateway"}, Spec: corev1.ServiceSpec{Ports: port}}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = i.Client.NetworkingV1().IngressClasses().Create(t.Context(), &networkingv1.IngressClass{ObjectMeta: metav1.ObjectMeta{Name: "nginx"}, Spec: networkingv1.IngressClassSpec{Controller: "k8s.io/ingress-nginx"}}, metav1.CreateOptions{})
	require.NoError(t, err)
	made, err := i.Client.NetworkingV1().Ingresses(i.namespace).Create(t.Context(), &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: "edge", Annotations: map[string]string{"cert-manager.io/cluster-issuer": "letsencrypt"}},
		Spec: networkingv1.IngressSpec{
			IngressClassName: new("nginx"), TLS: []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: "gateway-tls"}},
			Rules: []networkingv1.IngressRule{{Host: host, IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{{
				Path: "/", PathType: new(networkingv1.PathTypePrefix),
				Backend: networkingv1.IngressBackend{Service: &networkingv1.IngressServiceBackend{Name: "gateway", Port: networkingv1.ServiceBackendPort{Number: 80}}},
			}}}}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	made.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.7"}}
	_, err = i.Client.NetworkingV1().Ingresses(i.namespace).UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
	require.NoError(t, err)
}

// diagnose asks with these rights, an hour later: issuing takes a while, and a chain of some seconds is no trouble.
func (i *issuance) diagnose(t *testing.T, rights []rbacv1.PolicyRule, about string) diagnosis.Diagnosis {
	t.Helper()
	bot, err := kube.Open(t.Context(), kube.Config{Name: "sandbox", Access: kube.Kubeconfig, Kubeconfig: i.ServiceAccount(t, i.namespace, rights)})
	require.NoError(t, err)
	d, err := runbooks.Diagnose(t.Context(), bot, i.namespace, time.Now().Add(time.Hour), func(s *diagnosis.Snapshot) diagnosis.Ref { return s.Subject(about, i.namespace) })
	require.NoError(t, err)
	return d
}

func TestACertificateIsFollowedDownToWhatHoldsItUp(t *testing.T) {
	t.Parallel()
	i := heldUp(t)
	for _, about := range []string{"certificate/gateway-tls", "ingress/edge", "namespace/" + i.namespace} {
		d := i.diagnose(t, platform.BotRules(), about)
		require.NotEmpty(t, d.Chains, d.Text())
		require.Contains(t, d.Text(), "The challenge for "+host+" cannot be answered: Waiting for HTTP-01 challenge propagation: wrong status code '404', expected '200'.", about)
		at := slices.IndexFunc(d.Chains, func(c diagnosis.Chain) bool { return c.Rule == "certificate-challenge" })
		require.GreaterOrEqual(t, at, 0, "%s\n%s", about, d.Text())
		require.Equal(t, diagnosis.Ref{Kind: "Challenge", Namespace: i.namespace, Name: "gateway-tls-1-99-7"}, d.Chains[at].Subject)
		require.Contains(t, d.Chains[at].Hits, diagnosis.Ref{Kind: "Certificate", Namespace: i.namespace, Name: "gateway-tls"})
		require.NotContains(t, d.Text(), "Secret gateway-tls of", "Secrets were not read, so none is called missing")
	}
	for _, kind := range []string{"challenges", "orders", "certificaterequests", "clusterissuers"} {
		d := i.diagnose(t, withoutResource(platform.BotRules(), kind), "certificate/gateway-tls")
		require.Equal(t, diagnosis.Sick, d.Verdict, "the rest still answers\n%s", d.Text())
		require.True(t, slices.ContainsFunc(d.NotChecked, func(n diagnosis.NotChecked) bool { return n.Kind == kind }), "%s is named\n%s", kind, d.Text())
		require.NotRegexp(t, `(?i)\b(order|challenge|issuer|request)[^.]* (does not exist|is missing)`, d.Text())
	}
}

// withoutResource are the rules with one resource less.
func withoutResource(rules []rbacv1.PolicyRule, resource string) []rbacv1.PolicyRule {
	var out []rbacv1.PolicyRule
	for _, r := range rules {
		r.Resources = slices.DeleteFunc(slices.Clone(r.Resources), func(name string) bool { return name == resource })
		if len(r.Resources) > 0 {
			out = append(out, r)
		}
	}
	return out
}
