package runbooks_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	admissionv1 "k8s.io/api/admission/v1"
	admissionregistrationv1 "k8s.io/api/admissionregistration/v1"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/sandbox/control"
)

func quota(name string, hard ...string) *corev1.ResourceQuota {
	return &corev1.ResourceQuota{ObjectMeta: named(name), Spec: corev1.ResourceQuotaSpec{Hard: amounts(hard...)}}
}

// limit makes a quota, and waits until it counts: until its controller has written its status, it admits everything.
func (w *brokenNamespace) limit(t *testing.T, name string, hard ...string) {
	t.Helper()
	w.make(t, quota(name, hard...))
	w.await(t, name+" counts", func() bool {
		q, err := w.Client.CoreV1().ResourceQuotas(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && len(q.Status.Hard) > 0
	})
}

func TestTheFirstLineNamesTheQuota(t *testing.T) {
	t.Parallel()
	used := newBrokenNamespace(t, control.ForTest(t))
	used.limit(t, "production-quota", "pods", "2")
	used.diagnose(t, time.Minute, map[string]brokenCase{
		"a quota that is used up": {
			rule: "quota-exceeded",
			made: made(app("many", "12345", replicas(5))),
			says: "ResourceQuota production-quota is used up (requested: pods=1, used: pods=2, limited: pods=2), so 3 pods of many cannot be " +
				"created.",
			command: "/algesta quota NS",
		},
	})
	demanding := newBrokenNamespace(t, control.ForTest(t))
	demanding.limit(t, "memory-quota", "limits.memory", "1Gi")
	demanding.diagnose(t, time.Minute, map[string]brokenCase{
		"a quota that demands limits": {
			rule: "quota-requires-values",
			made: made(app("limitless", "12345")),
			says: "ResourceQuota memory-quota requires requests or limits that are not set (limits.memory for: app), so no pod of " +
				"limitless can be created.",
			command: "kubectl describe deployment/limitless -n NS",
		},
	})
	tight := newBrokenNamespace(t, control.ForTest(t))
	tight.limit(t, "cpu-quota", "requests.cpu", "100m")
	tight.diagnose(t, time.Minute, map[string]brokenCase{
		"a quota that is nearly full": {
			rule: "quota-nearly-full", about: "resourcequota/cpu-quota", made: made(app("steady", "12345", requests("cpu", "95m"))),
			says:    "ResourceQuota cpu-quota is nearly full: requests.cpu at 95 %.",
			command: "/algesta quota NS",
		},
	})
	small := newBrokenNamespace(t, control.ForTest(t))
	small.limit(t, "small-quota", "requests.cpu", "100m")
	small.diagnose(t, time.Minute, map[string]brokenCase{
		"an autoscaler that may ask for more": {
			rule:    "autoscaler-beyond-quota",
			about:   "hpa/growing",
			made:    made(scalerOf("growing", "growing", 9), app("growing", "12345", requests("cpu", "20m"))),
			says:    "HorizontalPodAutoscaler growing may ask for 9 pods, but ResourceQuota small-quota leaves room for 5 (requests.cpu).",
			command: "/algesta quota NS",
		},
	})
}

// webhook asks url about the pods with that app label.
func (w *brokenNamespace) webhook(t *testing.T, app, url string, authority []byte) {
	t.Helper()
	w.make(t, &admissionregistrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: named(w.namespace + "-" + app),
		Webhooks: []admissionregistrationv1.ValidatingWebhook{{
			Name: app + ".example.com", AdmissionReviewVersions: []string{"v1"}, SideEffects: ptr.To(admissionregistrationv1.SideEffectClassNone),
			ClientConfig: admissionregistrationv1.WebhookClientConfig{URL: &url, CABundle: authority}, TimeoutSeconds: ptr.To[int32](5),
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: w.namespace}},
			ObjectSelector:    &metav1.LabelSelector{MatchLabels: map[string]string{"app": app}},
			Rules: []admissionregistrationv1.RuleWithOperations{{
				Operations: []admissionregistrationv1.OperationType{admissionregistrationv1.Create},
				Rule:       admissionregistrationv1.Rule{APIGroups: []string{""}, APIVersions: []string{"v1"}, Resources: []string{"pods"}},
			}},
		}},
	})
	// Only when the API server has learned of it is the first pod stopped.
	w.await(t, "the webhook is asked", func() bool {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: "try", Labels: map[string]string{"app": app}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "a:1"}}},
		}
		_, err := w.Client.CoreV1().Pods(w.namespace).Create(t.Context(), pod, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err != nil
	})
}

// policy is a webhook that denies everything.
func policy(w http.ResponseWriter, r *http.Request) {
	var review admissionv1.AdmissionReview
	if err := json.NewDecoder(r.Body).Decode(&review); err != nil || review.Request == nil {
		http.Error(w, "no review", http.StatusBadRequest)
		return
	}
	review.Response = &admissionv1.AdmissionResponse{
		UID:    review.Request.UID,
		Result: &metav1.Status{Message: "[require-owner] the label owner is missing", Code: http.StatusForbidden},
	}
	review.Request = nil
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(review) // the API server has gone away
}

func TestTheFirstLineNamesWhyAPodIsNotAdmitted(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	level := []byte(`{"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}}`)
	_, err := w.Client.CoreV1().Namespaces().Patch(t.Context(), w.namespace, types.MergePatchType, level, metav1.PatchOptions{})
	require.NoError(t, err)
	w.make(t, &corev1.LimitRange{ObjectMeta: named("limits"), Spec: corev1.LimitRangeSpec{Limits: []corev1.LimitRangeItem{{
		Type: corev1.LimitTypeContainer, Max: amounts("cpu", "1"), Default: amounts("cpu", "500m"), DefaultRequest: amounts("cpu", "10m"),
	}}}})
	server := httptest.NewTLSServer(http.HandlerFunc(policy))
	t.Cleanup(server.Close)
	authority := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	w.webhook(t, "denied", server.URL, authority)
	w.webhook(t, "unanswered", "https://127.0.0.1:1", authority)
	spec := func(change func(*corev1.PodSpec)) func(*appsv1.Deployment) { return pod(change) }
	w.diagnose(t, time.Minute, map[string]brokenCase{
		"a level of Pod Security": {
			rule: "pod-security", made: made(app("privileged", "12345", spec(func(p *corev1.PodSpec) { p.HostNetwork = true }))),
			says: "The pods violate Pod Security level baseline:latest of the namespace (host namespaces), so no pod of privileged can be " +
				"created.",
			command: "kubectl describe deployment/privileged -n NS",
		},
		"more than the LimitRange allows": {
			rule: "limit-range", made: made(app("greedy", "12345", requests("cpu", "2"))),
			says:    "LimitRange limits refuses the pods: maximum cpu usage per Container is 1, but limit is 2, so no pod of greedy can be created.",
			command: "kubectl describe deployment/greedy -n NS",
		},
		"a request above the default limit": {
			rule: "pod-invalid",
			made: made(app("invalid", "12345", container(func(c *corev1.Container) { c.Resources.Requests = amounts("cpu", "800m") }))),
			says: `The pod template is not valid: spec.containers[0].resources.requests: Invalid value: "800m": must be less than or equal to ` +
				`cpu limit of 500m, so no pod of invalid can be created.`,
			command: "kubectl describe deployment/invalid -n NS",
		},
		"a policy that denies": {
			rule: "webhook-denied",
			made: made(app("denied", "12345")),
			says: "Policy webhook denied.example.com denies the pods: [require-owner] the label owner is missing, so no pod of denied can be " +
				"created.",
			command: "kubectl describe deployment/denied -n NS",
		},
		"a policy that does not answer": {
			rule: "webhook-down", made: made(app("unanswered", "12345")),
			says:    "Admission webhook unanswered.example.com does not answer, so no pod of unanswered can be created.",
			command: "kubectl get validatingwebhookconfigurations,mutatingwebhookconfigurations",
		},
		"an account that does not exist": {
			rule:    "service-account-missing",
			made:    made(app("accountless", "12345", spec(func(p *corev1.PodSpec) { p.ServiceAccountName = "deployer" }))),
			says:    "ServiceAccount deployer does not exist in namespace NS, so no pod of accountless can be created.",
			command: "kubectl create serviceaccount deployer -n NS",
		},
		"a priority that does not exist": {
			rule: "creation-denied",
			made: made(app("urgent", "12345", spec(func(p *corev1.PodSpec) { p.PriorityClassName = "urgent" }))),
			says: `The API server refuses to create the pods: pods "urgent-7949bc7796-" is forbidden: no PriorityClass with name urgent was ` +
				`found, so no pod of urgent can be created.`,
			command: "kubectl describe deployment/urgent -n NS",
		},
		"a new revision that is not admitted": {
			rule:    "service-account-missing",
			made:    made(app("revised", "12345", spec(func(p *corev1.PodSpec) { p.ServiceAccountName = "releaser" }))),
			was:     "12344",
			says:    "ServiceAccount releaser does not exist in namespace NS, so no new pod of revised can be created.",
			command: "kubectl create serviceaccount releaser -n NS",
		},
	})
}

func TestTheFirstLineNamesWhatHoldsANamespace(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-going-"}}
	namespace, err := c.Client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, c.AwaitServiceAccount(t.Context(), namespace.Name))
	w := brokenNamespaceIn(t, c, namespace.Name)
	w.bot = w.seenBy(t, c.Config) // a service account would go with the namespace
	w.make(t, &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "kept", Finalizers: []string{"example.com/backup"}}}, app("left", "12345"))
	require.NoError(t, c.Client.CoreV1().Namespaces().Delete(t.Context(), namespace.Name, metav1.DeleteOptions{}))
	t.Cleanup(func() { w.release(t, "configmaps", "kept") })
	w.diagnose(t, 6*time.Minute, map[string]brokenCase{ // a namespace may take five minutes to go
		"the namespace": {
			rule:    "namespace-stuck",
			about:   "namespace/NS",
			says:    "Namespace NS has been terminating since ….",
			command: "kubectl describe namespace NS",
		},
		"a service in it": {about: "left", says: "There's no workload left in NS.", clean: true},
	})
}

// Whoever takes the finalizer "kubernetes" off a namespace, so that it goes, may leave it with all that is in it.
func TestTheFirstLineNamesANamespaceThatTakesNoPods(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	namespaces := c.Client.CoreV1().Namespaces()
	namespace, err := namespaces.Create(
		t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "test-ending-", Finalizers: []string{"example.com/backup"}}},
		metav1.CreateOptions{},
	)
	require.NoError(t, err)
	require.NoError(t, c.AwaitServiceAccount(t.Context(), namespace.Name))
	w := brokenNamespaceIn(t, c, namespace.Name)
	w.make(t, app("left", "12345"))
	deployments := w.Client.AppsV1().Deployments(w.namespace)
	w.await(t, "it runs", func() bool {
		d, err := deployments.Get(t.Context(), "left", metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 1
	})
	namespace, err = namespaces.Get(t.Context(), w.namespace, metav1.GetOptions{})
	require.NoError(t, err)
	namespace.Spec.Finalizers = nil
	_, err = namespaces.Finalize(t.Context(), namespace, metav1.UpdateOptions{})
	require.NoError(t, err)
	require.NoError(t, namespaces.Delete(t.Context(), w.namespace, metav1.DeleteOptions{}))
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		require.NoError(t, deployments.Delete(ctx, "left", metav1.DeleteOptions{}))
		_, err := namespaces.Patch(ctx, w.namespace, types.MergePatchType, []byte(`{"metadata":{"finalizers":null}}`), metav1.PatchOptions{})
		require.NoError(t, err)
	})
	w.patch(t, "deployments", "left", `{"spec":{"replicas":3}}`)
	w.diagnose(t, time.Minute, map[string]brokenCase{
		"more pods": {
			rule:    "namespace-terminating",
			about:   "deployment/left",
			says:    "Namespace NS is being deleted, so 2 pods of left cannot be created.",
			command: "kubectl describe namespace NS",
		},
	})
}
