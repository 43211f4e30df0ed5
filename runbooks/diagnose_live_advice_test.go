package runbooks_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/rand"

	"github.com/3astronautas/algesta/sandbox/control"
)

// production is a namespace that its name says real users depend on.
func production(t *testing.T, c *control.Cluster) *brokenNamespace {
	t.Helper()
	namespace, err := c.Client.CoreV1().Namespaces().Create(
		t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "test-" + rand.String(10) + "-production"}},
		metav1.CreateOptions{},
	)
	require.NoError(t, err)
	t.Cleanup(func() {
		_ = c.Client.CoreV1().Namespaces().Delete(
			context.WithoutCancel(t.Context()),
			namespace.Name,
			metav1.DeleteOptions{},
		) // its control plane may have ended
	})
	require.NoError(t, c.AwaitServiceAccount(t.Context(), namespace.Name))
	return brokenNamespaceIn(t, c, namespace.Name)
}

// rewritten changes a ConfigMap until that is later than the start of a service's container; both have a precision of seconds.
func (w *brokenNamespace) rewritten(t *testing.T, configMap, service string) {
	t.Helper()
	var started time.Time
	w.await(t, service+" runs", func() bool {
		pods, err := w.Client.CoreV1().Pods(w.namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=" + service})
		if err != nil || len(pods.Items) == 0 || len(pods.Items[0].Status.ContainerStatuses) == 0 ||
			pods.Items[0].Status.ContainerStatuses[0].State.Running == nil {
			return false
		}
		started = pods.Items[0].Status.ContainerStatuses[0].State.Running.StartedAt.Time
		return true
	})
	w.await(t, configMap+" was changed later", func() bool {
		if time.Since(started) < time.Second {
			return false
		}
		m, err := w.Client.CoreV1().ConfigMaps(w.namespace).Get(t.Context(), configMap, metav1.GetOptions{})
		if err != nil {
			return false
		}
		m.Data["changed"] = rand.String(8)
		_, err = w.Client.CoreV1().ConfigMaps(w.namespace).Update(t.Context(), m, metav1.UpdateOptions{})
		return err == nil
	})
}

func TestAdviceAboutServicesThatRun(t *testing.T) {
	t.Parallel()
	w := production(t, control.ForTest(t))
	nodes, err := w.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "agentpool=stdaruser", Limit: 1})
	require.NoError(t, err)
	http := intstr.FromInt32(3000)
	recreate := func(d *appsv1.Deployment) { d.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType }
	applied := func(d *appsv1.Deployment) {
		d.Annotations = map[string]string{
			corev1.LastAppliedConfigAnnotation: `{"apiVersion":"extensions/v1beta1","kind":"Deployment",` +
				`"spec":{"template":{"spec":{"containers":[{"name":"app","image":"` + registry + `12344"}]}}}}`,
		}
	}
	limited := container(func(c *corev1.Container) {
		c.Resources = corev1.ResourceRequirements{
			Requests: amounts("cpu", "20m", "memory", "32Mi"),
			Limits:   amounts("cpu", "20m", "memory", "32Mi"),
		}
	})
	w.make(
		t,
		&corev1.ConfigMap{ObjectMeta: named("tariffs"), Data: map[string]string{"zone-1": ""}},
		app("stale", "12345", configEnv("ZONE", "tariffs", "zone-1")),
	)
	w.rewritten(t, "tariffs", "stale")
	w.diagnose(t, 0, map[string]brokenCase{
		"a service as a laptop runs it": {
			made: made(app("laptop", "latest", recreate), serviceOf("laptop", http)), clean: true,
			says: "laptop is healthy: Deployment laptop has its only pod ready; Service laptop has 1 ready endpoint.",
			advice: map[string]string{
				"single-pod":              "laptop runs a single pod, so each crash of it and each drain of its node is an outage.",
				"rollout-stops-all":       "Every rollout of laptop stops all its pods before new ones start.",
				"image-not-pinned":        "laptop runs image IMAGE:latest, whose content may change without a rollout.",
				"readiness-probe-missing": "laptop has no readiness probe, so requests reach its pods before they can answer.",
				"resources-missing":       "Container app of laptop has no memory limit.",
			},
		},
		"all pods on one node": {
			made: made(
				app("together", "12345", replicas(2), onNodes("kubernetes.io/hostname", nodes.Items[0].Name)),
				serviceOf("together", http),
			),
			clean: true,
			says:  "together is healthy: Deployment together has 2 of 2 pods ready; Service together has 2 ready endpoints.",
			advice: map[string]string{
				"pods-on-one-node": "The 2 pods of together are all on node " + nodes.Items[0].Name + ", so losing that node is an outage.",
			},
		},
		"a manifest of years ago": {
			made: made(app("applied", "12345", applied)), clean: true,
			says: "applied is healthy: Deployment applied has its only pod ready.",
			advice: map[string]string{
				"api-version-removed": "The manifest of Deployment applied names extensions/v1beta1, which Kubernetes no longer serves since …, so " +
					"applying it again is refused.",
				"manifest-differs": "Applying the manifest of applied again would set its image back to IMAGE:12344.",
			},
		},
		"limits that are nearly reached": {
			made: made(app("hungry", "12345", limited, annotated("cpu", "20m", "memory", "31Mi"))), clean: true,
			says: "hungry is healthy: Deployment hungry has its only pod ready.",
			advice: map[string]string{
				"memory-near-limit": "Container app of hungry uses 96 % of its memory limit of 32Mi, and is killed when it reaches it.",
				"cpu-at-limit":      "Container app of hungry uses 100 % of its cpu limit of 20m, so it is slowed down.",
			},
		},
		"a configuration that is new, and empty": {
			about: "stale", clean: true, says: "stale is healthy: Deployment stale has its only pod ready.",
			advice: map[string]string{
				"config-changed": "Pods of stale started before ConfigMap tariffs was changed …, and may still run with the old values.",
				"empty-value":    "Variable ZONE of stale is empty, because key zone-1 of ConfigMap tariffs is.",
			},
		},
		"one that is sick, so that configuration and usage are read": {
			rule: "image-not-found",
			made: made(app("sick", "12346-notfound")),
			says: "Image IMAGE:12346-notfound does not exist in its registry, so no pod of sick can start.",
		},
	})
}
