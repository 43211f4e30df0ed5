package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/sandbox/control"
)

// unmet is a condition that isn't met since ten minutes ago.
func unmet(kind, reason, message string) map[string]any {
	return map[string]any{
		"type": kind, "status": "False", "reason": reason, "message": message,
		"lastTransitionTime": time.Now().Add(-10 * time.Minute).UTC().Format(time.RFC3339),
	}
}

func conditions(list ...any) map[string]any { return map[string]any{"conditions": list} }

// TestTheFirstLineNamesWhatAnOperatorCannotDo installs kinds of operators and of the Gateway API, and writes what their controllers would.
func TestTheFirstLineNamesWhatAnOperatorCannotDo(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.Private(t))
	resources := map[string]schema.GroupVersionResource{}
	write := func(group, kind, plural, name string, spec, status map[string]any) {
		resource, defined := resources[kind]
		if !defined {
			resource = w.define(t, group, kind, plural)
			resources[kind] = resource
		}
		made, err := w.dynamic.Resource(resource).Namespace(w.namespace).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": group + "/v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
		}}, metav1.CreateOptions{})
		require.NoError(t, err)
		made.Object["status"] = status
		_, err = w.dynamic.Resource(resource).Namespace(w.namespace).UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
		require.NoError(t, err)
	}
	write("external-secrets.io", "ExternalSecret", "externalsecrets", "mongo",
		map[string]any{"target": map[string]any{"name": "mongodb-credentials"}},
		conditions(unmet("Ready", "SecretSyncedError", "could not get secret data from provider: StatusCode=403 Forbidden: not authorized")))
	write("keda.sh", "ScaledObject", "scaledobjects", "worker", map[string]any{"scaleTargetRef": map[string]any{"name": "worker"}},
		conditions(unmet("Ready", "ScaledObjectCheckFailed", `TriggerAuthentication.keda.sh "sb-auth" not found`)))
	write("keda.sh", "ScaledObject", "scaledobjects", "encoder", map[string]any{"scaleTargetRef": map[string]any{"name": "encoder"}},
		conditions(map[string]any{"type": "Ready", "status": "True"}, map[string]any{"type": "Active", "status": "True"}))
	_, err := w.dynamic.Resource(resources["ScaledObject"]).Namespace(w.namespace).Patch(t.Context(), "encoder", types.MergePatchType,
		[]byte(`{"metadata":{"annotations":{"autoscaling.keda.sh/paused-replicas":"0"}}}`), metav1.PatchOptions{})
	require.NoError(t, err)
	w.stall(t, "stalled")
	write("helm.toolkit.fluxcd.io", "HelmRelease", "helmreleases", "shop", map[string]any{},
		conditions(unmet("Ready", "UpgradeFailed", "Helm upgrade failed: Deployment.apps \"shop\" is invalid: spec.selector: field is "+
			"immutable")))
	write("keda.sh", "ScaledJob", "scaledjobs", "mailer", map[string]any{"jobTargetRef": map[string]any{}},
		conditions(unmet("Ready", "ScaledJobCheckFailed", "error establishing connection to RabbitMQ: dial tcp: no such host")))
	write("kustomize.toolkit.fluxcd.io", "Kustomization", "kustomizations", "site", map[string]any{"path": "./site"},
		conditions(unmet("Ready", "BuildFailed", "kustomize build failed: accumulating resources: no such file or directory: base")))
	write("argoproj.io", "Rollout", "rollouts", "web", map[string]any{}, map[string]any{
		"phase": "Degraded", "message": "RolloutAborted: Rollout aborted update to revision 3: metric success-rate assessed Failed",
	})
	write("gateway.networking.k8s.io", "Gateway", "gateways", "public", map[string]any{"gatewayClassName": "istio"},
		conditions(unmet("Programmed", "AddressNotAssigned", "no address for the load balancer")))
	write("gateway.networking.k8s.io", "HTTPRoute", "httproutes", "blog", map[string]any{
		"parentRefs": []any{map[string]any{"name": "public"}},
		"rules":      []any{map[string]any{"backendRefs": []any{map[string]any{"name": "blog-svc", "port": int64(80)}}}},
	}, map[string]any{"parents": []any{conditions(unmet("ResolvedRefs", "BackendNotFound", "backend(blog-svc) not found"))}})
	w.diagnose(t, 0, map[string]brokenCase{
		"a Secret that its operator can't make": {
			rule: "secret-not-synced", explains: []string{"secret-missing"},
			made: made(app("billing", "12346-nosecret", mongoSecret("mongodb-credentials"))),
			says: "ExternalSecret mongo cannot sync: “403 Forbidden: not authorized”, so Secret mongodb-credentials does not exist. That is " +
				"why 0 of 1 " +
				"pod of billing is ready.",
		},
		"a scaler that can't scale": {
			rule: "scaler-not-ready", made: made(app("worker", "12346")),
			says: "ScaledObject worker cannot scale Deployment worker: “TriggerAuthentication.keda.sh \"sb-auth\" not found”.",
		},
		"a scaler that is paused": {
			rule: "scaler-paused", made: made(app("encoder", "12346", replicas(0))),
			says: "ScaledObject encoder is paused (annotation autoscaling.keda.sh/paused-replicas: 0), so Deployment encoder stays at zero pods " +
				"although its trigger is active.",
			command: "kubectl annotate scaledobject/encoder -n NS autoscaling.keda.sh/paused-replicas-",
		},
		"a control plane whose controllers stopped": {
			rule: "control-plane-down", about: "deployment/stalled",
			says: "The kube-controller-manager is down: it has not renewed its Lease since …, and changes of stalled aren't carried out.",
		},
		"a release that the cluster refuses": {
			rule: "release-not-applied", made: made(app("shop", "12346", func(d *appsv1.Deployment) {
				d.Annotations = map[string]string{"meta.helm.sh/release-name": "shop"}
			})),
			says: "HelmRelease shop is not applied (UpgradeFailed): “Deployment.apps \"shop\" is invalid: spec.selector: field is immutable”.",
		},
		"jobs that can't be scaled": {
			rule: "scaler-not-ready", about: "scaledjob/mailer",
			says: "ScaledJob mailer cannot scale: “error establishing connection to RabbitMQ: dial tcp: no such host”.",
		},
		"a Kustomization that can't be built": {
			rule: "release-not-applied", about: "kustomization/site",
			says: "Kustomization site is not applied (BuildFailed): “accumulating resources: no such file or directory: base”.",
		},
		"a rollout that was aborted": {
			rule: "operator-object-not-ready", about: "rollout/web",
			says: "Rollout web has a problem (RolloutAborted): “Rollout aborted update to revision 3: metric success-rate assessed Failed”.",
		},
		"a Gateway without an address": {
			rule: "gateway-not-programmed", about: "gateway/public",
			says: "Gateway public does not work (AddressNotAssigned): “no address for the load balancer”.",
		},
		"a route to a Service that isn't there": {
			rule: "route-not-served", about: "httproute/blog", made: made(app("blog", "12346"), serviceOf("blog", intstr.FromInt32(3000))),
			says: "HTTPRoute blog leads to Service blog-svc, which does not exist.",
		},
	})
}

// stall has a Deployment whose controller sees no newer spec of it, and the Lease of a controller manager that leads no more. The one of
// the sandbox doesn't elect a leader, so nobody renews it.
func (w *brokenNamespace) stall(t *testing.T, name string) {
	t.Helper()
	w.make(t, app(name, "12344"))
	w.await(t, name+" runs", func() bool {
		d, err := w.Client.AppsV1().Deployments(w.namespace).Get(t.Context(), name, metav1.GetOptions{})
		return err == nil && d.Status.AvailableReplicas == 1
	})
	w.refuse(t, refusal{"UPDATE", "deployments/status", name}, refusal{"CREATE", "replicasets", name})
	w.patch(t, "deployments", name, newImage())
	renewed := metav1.NewMicroTime(time.Now().Add(-20 * time.Minute))
	_, err := w.Client.CoordinationV1().Leases(metav1.NamespaceSystem).Create(t.Context(), &coordinationv1.Lease{
		ObjectMeta: named(facts.ControllerManager), Spec: coordinationv1.LeaseSpec{HolderIdentity: new("cp-1"), RenewTime: &renewed},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
}

// controller is an ingress controller that writes this line.
func controller(name, line string) *appsv1.Deployment {
	return app(name, "12346", image("registry.k8s.io/ingress-nginx/controller:v1.11.3"), thatSays(5, line))
}

func TestTheFirstLineNamesWhatTheProxyMeets(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	class := "nginx-" + w.namespace
	w.make(t, &networkingv1.IngressClass{ObjectMeta: named(class), Spec: networkingv1.IngressClassSpec{Controller: "example.com/ingress"}})
	line := `[error] 31#31: *8000 upstream timed out (110: Operation timed out) while reading response header from upstream, ` +
		`client: 10.224.0.5, server: slow.example.com, request: "GET / HTTP/2.0", upstream: "http://10.244.0.12:3000/", host: "slow.example.com"`
	w.diagnose(t, 0, map[string]brokenCase{
		"a backend that is slower than the proxy waits": {
			rule: "ingress-upstream-error", about: "ingress/slow",
			made: made(ingressOf("slow", class, "slow", 80), serviceOf("slow", intstr.FromInt32(3000)), app("slow", "12346", httpPort),
				controller("proxy", line)),
			says: "Ingress slow: its backend answers slower than the proxy waits (upstream timed out, 504).",
		},
	})
}

func TestTheFirstLineNamesALoadBalancerThatProbesWhereNothingIs(t *testing.T) {
	t.Parallel()
	w := newBrokenNamespace(t, control.ForTest(t))
	balancer := loadBalancer(serviceOf("edge", intstr.FromInt32(80)))
	balancer.Spec.Ports[0].AppProtocol = new("http")
	w.make(t, balancer)
	services := w.Client.CoreV1().Services(w.namespace)
	made, err := services.Get(t.Context(), "edge", metav1.GetOptions{})
	require.NoError(t, err)
	made.Status.LoadBalancer.Ingress = []corev1.LoadBalancerIngress{{IP: "203.0.113.7"}}
	_, err = services.UpdateStatus(t.Context(), made, metav1.UpdateOptions{})
	require.NoError(t, err)
	w.make(t, controller("edge", "ready"))
	w.diagnose(t, 0, map[string]brokenCase{
		"a load balancer that probes where nothing is": {
			rule: "azure-probe-path", about: "service/edge", aks: true,
			says: "Azure's load balancer of Service edge probes path / of the ingress controller, which answers 404: no health-probe path is set.",
		},
	})
}
