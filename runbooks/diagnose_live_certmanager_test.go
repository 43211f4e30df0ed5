package runbooks_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/platform"
)

const (
	certHost = "gateway.example.com"
	// selfHost is this machine to cert-manager, which asks for the answer to a challenge itself: nothing leaves the machine.
	selfHost = "localhost"
)

// issuer is an Issuer or a ClusterIssuer.
func issuer(kind, name string, spec map[string]any) *unstructured.Unstructured {
	return custom(kind, name, spec)
}

func custom(kind, name string, spec map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{
		Object: map[string]any{"apiVersion": "cert-manager.io/v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec},
	}
}

// ca signs with the authority in a Secret.
func ca(secret string) map[string]any {
	return map[string]any{"ca": map[string]any{"secretName": secret}}
}

// acme asks the authority at an address. Its solver uses an ingress class.
func acme(account, server, class string) map[string]any {
	return map[string]any{"acme": map[string]any{
		"server": server, "skipTLSVerify": true, "privateKeySecretRef": map[string]any{"name": account},
		"solvers": []any{map[string]any{"http01": map[string]any{"ingress": map[string]any{"ingressClassName": class}}}},
	}}
}

// certificate is for a host; its Secret has its name.
func certificate(name, kind, issuer, host string, further ...string) *unstructured.Unstructured {
	spec := map[string]any{"secretName": name, "dnsNames": []any{host}, "issuerRef": map[string]any{"kind": kind, "name": issuer}}
	for i := 0; i < len(further); i += 2 {
		spec[further[i]] = further[i+1]
	}
	return custom("Certificate", name, spec)
}

// authority is an Issuer "ca" of the namespace with a certificate of its own.
func authority() []runtime.Object {
	root := certificate("root", "Issuer", "self", "root.example.com")
	_ = unstructured.SetNestedField(root.Object, true, "spec", "isCA") // its spec is a map
	return []runtime.Object{issuer("Issuer", "self", map[string]any{"selfSigned": map[string]any{}}), root, issuer("Issuer", "ca", ca("root"))}
}

// edge serves a host with TLS from a Secret.
func edge(name, host, secret string, annotations map[string]string) *networkingv1.Ingress {
	return &networkingv1.Ingress{
		ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations},
		Spec: networkingv1.IngressSpec{
			IngressClassName: new("nginx"),
			TLS:              []networkingv1.IngressTLS{{Hosts: []string{host}, SecretName: secret}},
			Rules: []networkingv1.IngressRule{
				{
					Host: host,
					IngressRuleValue: networkingv1.IngressRuleValue{HTTP: &networkingv1.HTTPIngressRuleValue{Paths: []networkingv1.HTTPIngressPath{
						{
							Path:     "/",
							PathType: new(networkingv1.PathTypePrefix),
							Backend: networkingv1.IngressBackend{
								Service: &networkingv1.IngressServiceBackend{Name: "gateway", Port: networkingv1.ServiceBackendPort{Number: 80}},
							},
						},
					}}},
				},
			},
		},
	}
}

// serve makes the Service behind the edges and gives an edge the address that an ingress controller would have written.
func (w *brokenNamespace) serve(t *testing.T, edges ...*networkingv1.Ingress) {
	t.Helper()
	w.make(t, &corev1.Service{ObjectMeta: named("gateway"), Spec: corev1.ServiceSpec{Ports: []corev1.ServicePort{{Name: "http", Port: 80}}}})
	for _, e := range edges {
		w.make(t, e)
		made, err := w.Client.NetworkingV1().Ingresses(w.namespace).Get(t.Context(), e.Name, metav1.GetOptions{})
		require.NoError(t, err)
		made.Status.LoadBalancer.Ingress = []networkingv1.IngressLoadBalancerIngress{{IP: "192.0.2.7"}}
		_, err = w.Client.NetworkingV1().Ingresses(w.namespace).UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
}

// unapproved keeps cert-manager from approving requests whose name begins with "held", as where somebody else is to do it.
func (w *brokenNamespace) unapproved(t *testing.T) {
	t.Helper()
	w.make(
		t,
		&admissionregistrationv1.ValidatingAdmissionPolicy{
			ObjectMeta: named("approval"),
			Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
				MatchConstraints: &admissionregistrationv1.MatchResources{ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{
					{RuleWithOperations: admissionregistrationv1.RuleWithOperations{
						Operations: []admissionregistrationv1.OperationType{"UPDATE"},
						Rule: admissionregistrationv1.Rule{
							APIGroups:   []string{"cert-manager.io"},
							APIVersions: []string{"v1"},
							Resources:   []string{"certificaterequests/status"},
						},
					}},
				}},
				Validations: []admissionregistrationv1.Validation{
					{
						Expression: "!object.metadata.name.startsWith('held') || !has(object.status.conditions) || object.status.conditions.all(c, c.type " +
							"!= 'Approved')",
					},
				},
			},
		},
		&admissionregistrationv1.ValidatingAdmissionPolicyBinding{
			ObjectMeta: named("approval"),
			Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
				PolicyName: "approval", ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
			},
		},
	)
	w.make(t, custom("CertificateRequest", "held-back", map[string]any{"request": "eA==", "issuerRef": map[string]any{"name": "nobody"}}))
	w.await(t, "requests cannot be approved", func() bool {
		return w.decide(t, "held-back", "Approved", metav1.DryRunAll) != nil
	})
}

// decide says yes or no to a request, as an approver does.
func (w *brokenNamespace) decide(t *testing.T, request, verdict string, dryRun ...string) error {
	t.Helper()
	patch := fmt.Sprintf(
		`{"status":{"conditions":[{"type":%q,"status":"True","reason":"policy.example.com","message":"The host is not one of ours"}]}}`,
		verdict,
	)
	_, err := w.dynamic.Resource(certManagerKind("certificaterequests")).Namespace(w.namespace).
		Patch(t.Context(), request, types.MergePatchType, []byte(patch), metav1.PatchOptions{DryRun: dryRun}, "status")
	return err
}

func certManagerKind(resource string) schema.GroupVersionResource {
	group := "cert-manager.io"
	if resource == "orders" || resource == "challenges" {
		group = "acme." + group
	}
	return schema.GroupVersionResource{Group: group, Version: "v1", Resource: resource}
}

// awaitReady waits until cert-manager has issued a Certificate.
func (w *brokenNamespace) awaitReady(t *testing.T, name string) {
	t.Helper()
	w.await(t, name+" is issued", func() bool {
		c, err := w.dynamic.Resource(certManagerKind("certificates")).Namespace(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
		if err != nil {
			return false
		}
		revision, _, _ := unstructured.NestedInt64(c.Object, "status", "revision")
		return revision > 0
	})
}

// reissue deletes the Secret of a Certificate and waits until cert-manager has recreated it.
func (w *brokenNamespace) reissue(t *testing.T, name string) {
	t.Helper()
	secrets := w.Client.CoreV1().Secrets(w.namespace)
	before, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
	require.NoError(t, err)
	require.NoError(t, secrets.Delete(t.Context(), name, metav1.DeleteOptions{}))
	w.await(t, name+" is issued again", func() bool {
		after, err := secrets.Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && after.UID != before.UID
	})
}

// challenged waits until cert-manager asks for the answer to a challenge.
func (w *brokenNamespace) challenged(t *testing.T) {
	t.Helper()
	w.await(t, "a challenge is tried", func() bool {
		list, err := w.dynamic.Resource(certManagerKind("challenges")).Namespace(w.namespace).List(t.Context(), metav1.ListOptions{})
		return err == nil && slices.ContainsFunc(list.Items, func(u unstructured.Unstructured) bool {
			presented, _, _ := unstructured.NestedBool(u.Object, "status", "presented")
			return presented
		})
	})
}

// requireCertificatesTold holds that the list and the check tell the same cause as the diagnosis, from a cluster and without its Secrets.
func (w *brokenNamespace) requireCertificatesTold(t *testing.T) {
	t.Helper()
	in := func(book, object string) runbooks.Input {
		in := regarding(book, object)
		in.Command.Target.Namespace, in.Command.At = w.namespace, time.Now().Add(time.Hour)
		return in
	}
	for _, object := range []string{"certificate/gateway-tls", "host/" + selfHost} {
		lines := w.tells(t, in("cert check", object))
		require.Equal(t, "gateway-tls in production is not ready", lines[0])
		require.Contains(t, lines[1], "The challenge for localhost cannot be answered: Get ")
	}
	lines := w.tells(t, in("certs", ""))
	require.Regexp(t, `^2 of 2 certificates in production not well; first \S+: not ready$`, lines[0])
	require.Contains(t, lines[2], "not ready | – | ░░░░░░░░░░ 0 % | – | letsencrypt (ClusterIssuer)")
}

// tells answers a command from the bot's own view of the cluster, as lines.
func (w *brokenNamespace) tells(t *testing.T, in runbooks.Input) []string {
	t.Helper()
	book, ok := runbooks.Find(in.Command.Runbook)
	require.True(t, ok)
	report, err := book.Answer(t.Context(), whole(w.bot), in)
	require.NoError(t, err)
	return shownLines(t, report)
}

// requireHoles holds that a right less leaves the rest, and makes nothing missing.
func (w *brokenNamespace) requireHoles(t *testing.T) {
	t.Helper()
	for _, kind := range []string{"challenges", "orders", "certificaterequests", "clusterissuers"} {
		account, err := w.CreateServiceAccount(t.Context(), w.namespace, "without-"+kind, withoutResource(platform.BotRules(), kind))
		require.NoError(t, err)
		d, err := runbooks.Diagnose(
			t.Context(),
			whole(w.seenBy(t, account)),
			w.namespace,
			time.Now().Add(time.Hour),
			brokenCase{about: "certificate/gateway-tls"}.subject(w.namespace),
			anywhere,
		)
		require.NoError(t, err)
		require.Equal(t, diagnosis.Sick, d.Verdict, "the rest still answers\n%s", d.Text())
		require.Contains(t, kindsOf(d), kind, "what was not read is named")
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
