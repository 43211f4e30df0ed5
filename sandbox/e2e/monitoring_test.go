package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// monitoringPolicy lets the backend team work in an environment that isn't one of services, with somebody else's yes.
const monitoringPolicy = `apiVersion: algesta.io/v1
kind: Policy
roles:
  - name: operator
    allow: [read, rollback, restart, scale, deploy, pod.delete]
bindings:
  - name: backend asks in monitoring
    subjects: ["group:S0BACKEND"]
    role: operator
    namespaces: [MONITORING]
approvals:
  - name: monitoring needs a second person
    verbs: [change]
    namespaces: [MONITORING]
    approvers: ["group:S0PLATFORM", "user:U0CARLA"]
    expiresAfter: 30m
limits:
  - name: loki keeps a pod
    verbs: [scale]
    namespaces: [MONITORING]
    require: "target.service != 'loki' || args.replicas > 0"
    otherwise: "Loki keeps a pod."
`

const lokiObjects = `
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: loki}
spec:
  replicas: 2
  serviceName: loki
  selector: {matchLabels: {app: loki}}
  template:
    metadata: {labels: {app: loki}}
    spec:
      containers: [{name: loki, image: "docker.io/grafana/loki:3.0.0"}]
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: grafana}
spec:
  replicas: 1
  selector: {matchLabels: {app: grafana}}
  template:
    metadata: {labels: {app: grafana}}
    spec:
      containers: [{name: grafana, image: "docker.io/grafana/grafana:11.2.0"}]
`

// TestMonitoringIsAnEnvironmentLikeTheOthers does in a namespace with a StatefulSet what people do in those of services.
func TestMonitoringIsAnEnvironmentLikeTheOthers(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{
		others: []string{"monitoring"}, policy: monitoringPolicy,
		before: func(w *world) {
			w.kubectlInMonitoring(lokiObjects, "apply", "-f", "-")
			w.kubectlInMonitoring("", "rollout", "status", "statefulset/loki", "deployment/grafana", "--timeout=120s")
			w.kubectlInMonitoring("", "set", "image", "statefulset/loki", "loki=docker.io/grafana/loki:3.1.0")
			w.kubectlInMonitoring("", "rollout", "status", "statefulset/loki", "--timeout=120s")
		},
	})
	require.Contains(t, w.asks(luis, "status monitoring").card.Plain(), "monitoring: 2 of 2 workloads ready")
	for _, text := range []string{
		"rollout status statefulset/loki -n monitoring", "get sts loki -n monitoring", "status loki monitoring", // by then the caches are filled
	} {
		require.Contains(t, w.asks(luis, text).card.Plain(), "loki in monitoring: 2 of 2 ready on 3.1.0", text)
	}
	require.Contains(t, w.asks(luis, "pods loki monitoring").card.Plain(), "loki in monitoring: 2 of 2 pods ready")
	require.Contains(t, w.asks(luis, "logs statefulset/loki monitoring").card.Plain(), "loki-")
	history := w.asks(luis, "kubectl rollout history statefulset/loki -n monitoring")
	require.Contains(t, history.card.Plain(), "loki in monitoring runs revision 2 (3.1.0)")
	require.Contains(t, w.answer(luis, ops, "scale loki monitoring 0"), "Loki keeps a pod.", "a limit on a service holds for its name")
	require.Contains(t, w.answer(luis, ops, "scale tempo monitoring 2"), `There's no service "tempo" in monitoring.`)
	require.Contains(t, w.answer(luis, ops, "rollout pause statefulset/loki -n monitoring"), "can't pause")
	elsewhere := w.answer(luis, ops, "rollback loki production")
	require.Contains(t, elsewhere, "can't roll back in production", "rights in one place are none in another")

	r := w.asks(luis, "kubectl rollout undo statefulset/loki -n monitoring")
	require.Contains(t, r.card.Plain(), "🟡 Rollback of loki in monitoring (3.1.0 → 3.0.0) is waiting for approval")
	require.Contains(t, r.plan().Plain(), "kind  StatefulSet")
	r.approve()
	require.Regexp(t, `^✅ loki in monitoring is back on 3\.0\.0\. Both pods were ready after \d+ s\.`, r.end(luis))

	undo := w.asks(luis, "undo loki monitoring")
	require.Contains(t, undo.plan().Plain(), "Undo "+r.id()+" and put loki back: 3.0.0 → 3.1.0")
	undo.approve()
	require.Contains(t, undo.end(luis), "✅ loki in monitoring is back on 3.1.0.")
	require.Contains(t, w.answer(luis, ops, "undo statefulset/loki monitoring"), "was an undo itself")
}

// kubectlInMonitoring runs a command of somebody else in the namespace of that environment.
func (w *world) kubectlInMonitoring(stdin string, args ...string) {
	w.Helper()
	cmd := exec.CommandContext(
		w.Context(), w.cluster.Kubectl, append([]string{"--kubeconfig", w.cluster.Kubeconfig, "-n", w.others["monitoring"]}, args...)...)
	cmd.Stdin = strings.NewReader(stdin)
	said, err := cmd.CombinedOutput()
	require.NoError(w, err, string(said))
}
