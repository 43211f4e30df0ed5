package kube_test

import (
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/sandbox/control"
)

// never is a webhook that says no, in words that hold a secret.
func never(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if json.NewDecoder(r.Body).Decode(&review) != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{
		UID: review.Request.UID, Result: &metav1.Status{Message: "not with API_PASSWORD " + secretValue, Code: http.StatusForbidden},
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review)
}

// guarded lets a webhook decide about every change of a Deployment in the namespace.
func (p place) guarded(t *testing.T, url string, authority []byte) {
	t.Helper()
	name := p.w.Namespace + "-guard"
	_, err := p.Client.AdmissionregistrationV1().ValidatingWebhookConfigurations().Create(
		t.Context(),
		&admissionregistrationv1.ValidatingWebhookConfiguration{
			ObjectMeta: metav1.ObjectMeta{Name: name},
			Webhooks: []admissionregistrationv1.ValidatingWebhook{{
				Name: "guard.example.com", AdmissionReviewVersions: []string{"v1"},
				SideEffects:       ptr.To(admissionregistrationv1.SideEffectClassNone),
				ClientConfig:      admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: authority},
				TimeoutSeconds:    ptr.To[int32](3),
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.w.Namespace}},
				Rules: []admissionregistrationv1.RuleWithOperations{{
					Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
					Rule: admissionregistrationv1.Rule{
						APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"},
					},
				}},
			}},
		}, metav1.CreateOptions{},
	)
	require.NoError(t, err)
}

// ruled lets a policy of the API server's own refuse every change of a Deployment in the namespace.
func (p place) ruled(t *testing.T) {
	t.Helper()
	name := p.w.Namespace + "-rule"
	policies := p.Client.AdmissionregistrationV1()
	_, err := policies.ValidatingAdmissionPolicies().Create(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicy{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicySpec{
			FailurePolicy: ptr.To(admissionregistrationv1.Fail),
			MatchConstraints: &admissionregistrationv1.MatchResources{
				NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: p.w.Namespace}},
				ResourceRules: []admissionregistrationv1.NamedRuleWithOperations{{
					RuleWithOperations: admissionregistrationv1.RuleWithOperations{
						Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Update},
						Rule: admissionregistrationv1.Rule{
							APIGroups: []string{"apps"}, APIVersions: []string{"v1"}, Resources: []string{"deployments"},
						},
					},
				}},
			},
			Validations: []admissionregistrationv1.Validation{{Expression: "false", Message: "not with API_PASSWORD " + secretValue}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = policies.ValidatingAdmissionPolicyBindings().Create(t.Context(), &admissionregistrationv1.ValidatingAdmissionPolicyBinding{
		ObjectMeta: metav1.ObjectMeta{Name: name},
		Spec: admissionregistrationv1.ValidatingAdmissionPolicyBindingSpec{
			PolicyName: name, ValidationActions: []admissionregistrationv1.ValidationAction{admissionregistrationv1.Deny},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// What admission stops is called by its name: a webhook that fails closed is no cluster that doesn't answer, and one that says no is no
// missing right of the bot's. Of its words nothing is quoted, and what was stopped when it was sent is certainly not done.
func TestWhatAdmissionStopsIsCalledByItsName(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(http.HandlerFunc(never))
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	for name, c := range map[string]struct {
		stop func(p place)
		kind algesta.ErrorKind
		want string
	}{
		"a webhook that doesn't answer": {
			func(p place) { p.guarded(t, "https://127.0.0.1:1", authority) }, algesta.ErrUnreachable,
			"The admission webhook guard.example.com of the cluster sandbox doesn't answer as it should, and the cluster takes no such " +
				"change without it.",
		},
		"a webhook that says no": {
			func(p place) { p.guarded(t, server.URL, authority) }, algesta.ErrInvalid,
			"The admission webhook guard.example.com of the cluster sandbox doesn't allow this.",
		},
		"a policy that says no": {
			func(p place) { p.ruled(t) }, algesta.ErrInvalid,
			"-rule of the cluster sandbox doesn't allow this.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := deployed(t, control.ForTest(t))
			change, r := p.deploy12345(t), &recorder{}
			c.stop(p)
			var err error
			require.Eventually(t, func() bool { // the API server learns of it within seconds
				_, err = p.bot.Writer(patching).Check(t.Context(), change)
				return err != nil
			}, time.Minute, 200*time.Millisecond)
			before := p.deployment(t).Generation
			_, sent := p.bot.Writer(patching).Apply(t.Context(), change, "op-c-7f3a9k", r.intend)
			for _, err := range []error{err, sent} {
				require.ErrorIs(t, err, c.kind)
				require.Contains(t, err.Error(), c.want)
				require.NotContains(t, err.Error(), secretValue)
				require.NotContains(t, err.Error(), "API_PASSWORD")
			}
			require.NotEmpty(t, r.intents)
			require.Equal(t, before, p.deployment(t).Generation)
		})
	}
}
