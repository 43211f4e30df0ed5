package diagnosis_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// labelledDeployment is a Deployment scaled to zero in production: it exists and runs nothing.
func labelledDeployment(name string, labels map[string]string) *appsv1.Deployment {
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "production", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](0),
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		},
	}
}

func selecting(name string, selector map[string]string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "production", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))},
		Spec:       corev1.ServiceSpec{Selector: selector, Ports: []corev1.ServicePort{{Port: 80}}},
	}
}

// Advice to point a Service at another service's pods would send requests to the wrong program.
func TestAServiceIsNeverPointedAtAnotherProgram(t *testing.T) {
	t.Parallel()
	orders := selecting("ms-orders", map[string]string{"app": "ms-orders", "environment": "production"})
	cases := map[string]struct {
		others []runtime.Object
		meant  string
	}{
		"it shares an environment and has a Service of its own": {
			others: []runtime.Object{
				labelledDeployment("ms-users", map[string]string{"app": "ms-users", "environment": "production"}),
				selecting("ms-users", map[string]string{"app": "ms-users", "environment": "production"}),
			},
		},
		"all share the environment": {
			others: []runtime.Object{
				labelledDeployment("worker", map[string]string{"app": "worker", "environment": "production"}),
				labelledDeployment("mailer", map[string]string{"app": "mailer", "environment": "production"}),
			},
		},
		"its name is near, and it has a Service of its own": {
			others: []runtime.Object{
				labelledDeployment("ms-order", map[string]string{"app": "ms-order", "environment": "production"}),
				selecting("ms-order", map[string]string{"app": "ms-order"}),
			},
		},
		"its label is another and its name is the Service's": {
			others: []runtime.Object{
				labelledDeployment("ms-orders", map[string]string{"app": "orders-api", "environment": "production"}),
			},
			meant: "ms-orders",
		},
		"its label is nearly the same": {
			others: []runtime.Object{
				labelledDeployment("backend", map[string]string{"app": "ms-order", "environment": "production"}),
			},
			meant: "backend",
		},
		"it has the program's name and another Service": {
			others: []runtime.Object{
				labelledDeployment("backend", map[string]string{"app": "ms-orders", "environment": "prod"}),
				selecting("backend-metrics", map[string]string{"app": "ms-orders"}),
			}, meant: "backend",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := facts.NewSnapshot(noon, append([]runtime.Object{orders}, c.others...), nil)
			d := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindService, Namespace: "production", Name: "ms-orders"})
			require.NotEmpty(t, d.Chains)
			require.Equal(t, "selector-matches-nothing", d.Chains[0].Rule, d.Text())
			if c.meant == "" {
				require.Equal(t, "Correct the selector, or the labels of the pods.", d.Chains[0].Remedy.Text)
				return
			}
			require.Contains(t, d.Chains[0].Remedy.Text, "the pods of "+c.meant+" carry ")
		})
	}
}

// A question about a Deployment that was deleted is answered with that.
func TestADeletedWorkloadIsFoundByItsName(t *testing.T) {
	t.Parallel()
	for _, asked := range []facts.Ref{
		{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders-production"},
		{Kind: facts.AnyWorkload, Namespace: "production", Name: "ms-orders"},
		{Kind: facts.KindService, Namespace: "production", Name: "ms-orders-production"},
	} {
		d := diagnosis.Diagnose(load(t, "workload-gone", "fires"), asked)
		require.Equal(t, diagnosis.Sick, d.Verdict, d.Text())
		require.Equal(
			t,
			"Deployment ms-orders-production does not exist (its autoscaler has missed it since 2026-03-10 11:30 UTC), so Service "+
				"ms-orders-production reaches no pod.",
			d.Summary,
		)
		require.NotContains(t, d.Text(), "Scaled up replica set", "that is old, and no reason why it is gone")
		require.NotContains(t, d.Text(), "ms-cases", "no other service is named")
		require.Len(t, d.Chains, 1)
	}
}

// No workload is called healthy while everything that calls it by its Service's name fails.
func TestAWorkloadWhoseServiceOthersStillCallIsNotHealthy(t *testing.T) {
	t.Parallel()
	for _, asked := range []facts.Ref{
		{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders-production"},
		{Kind: facts.AnyWorkload, Namespace: "production", Name: "ms-orders"},
		{Kind: facts.AnyWorkload, Namespace: "production", Name: "api-gateway"},
		{Kind: facts.KindService, Namespace: "production", Name: "ms-orders-production"},
	} {
		d := diagnosis.Diagnose(load(t, "service-gone", "fires"), asked)
		require.Equal(t, diagnosis.Sick, d.Verdict, d.Text())
		require.Equal(t, "Service ms-orders-production does not exist, so calls to ms-orders fail; ORDERS_URL of Deployment "+
			"api-gateway-production still names it.", d.Summary)
		require.Equal(t, "Calls to Service ms-orders-production fail.", d.Chains[0].Impact.Text)
	}
	// Where nobody calls it by that name, the answer says what is known.
	d := diagnosis.Diagnose(load(t, "service-gone", "healthy"), facts.Ref{Kind: facts.AnyWorkload, Namespace: "production", Name: "ms-orders"})
	require.Equal(t, diagnosis.Healthy, d.Verdict, d.Text())
	require.Contains(t, d.Healthy, "Deployment ms-orders-production has 2 of 2 pods ready; no Service leads to it.")
}

// Of a Service that was deleted the settings of those who call it are left.
func TestADeletedServiceIsNamedByItsCallers(t *testing.T) {
	t.Parallel()
	about := facts.Ref{Kind: facts.KindService, Namespace: "production", Name: "ms-orders"}
	for value, named := range map[string]bool{
		"http://ms-orders:3001/api": true, "http://ms-orders": true, "ms-orders.production.svc.cluster.local:80": true, "ms-orders:3001": true,
		"ms-orders": false, "http://ms-orders-old/": false, "ms-orders.staging.svc": false, "http://ms-orders.staging.svc:80/": false,
		"https://ms-orders.example.com/": false, "http://ms-orders.production/": true, "mongodb://user@ms-orders,other/db": true,
	} {
		web := labelledDeployment("web", map[string]string{"app": "web"})
		web.Spec.Template.Spec.Containers = []corev1.Container{{Name: "web", Env: []corev1.EnvVar{{Name: "ORDERS", Value: value}}}}
		d := diagnosis.Diagnose(facts.NewSnapshot(noon, []runtime.Object{web, selecting("web", map[string]string{"app": "web"})}, nil), about)
		require.Equal(t, diagnosis.Unknown, d.Verdict)
		want := "There's no service ms-orders in production."
		if named {
			want += " It is still named by ORDERS of Deployment web: calls to it fail."
		}
		require.Equal(t, want, d.Summary, value)
	}
}
