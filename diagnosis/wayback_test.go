package diagnosis_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// others is a StatefulSet or a DaemonSet of which one pod crashes; {…} is replaced by each case.
const others = `apiVersion: apps/v1
kind: {kind}
metadata:
  name: loki
  namespace: production
  uid: loki
  generation: 2
  annotations: {deprecated.daemonset.template.generation: "{generation}"}
spec:
  replicas: 1
  selector: {matchLabels: {app: loki}}
  template:
    metadata: {labels: {app: loki}}
    spec: {containers: [{name: loki, image: "loki:3.3"}]}
status:
  observedGeneration: 2
  replicas: 1
  desiredNumberScheduled: 1
  currentRevision: {current}
  updateRevision: loki-new
---
apiVersion: v1
kind: Pod
metadata:
  name: loki-0
  namespace: production
  creationTimestamp: "2026-03-10T11:55:00Z"
  labels: {app: loki, controller-revision-hash: loki-new, pod-template-generation: "2"}
  ownerReferences: [{apiVersion: apps/v1, kind: {kind}, name: loki, uid: loki, controller: true}]
spec: {nodeName: n1, containers: [{name: loki, image: "loki:3.3"}]}
status:
  phase: Running
  startTime: "2026-03-10T11:55:00Z"
  conditions: [{type: Ready, status: "False"}]
  containerStatuses:
  - name: loki
    restartCount: 5
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {exitCode: 3, reason: Error, startedAt: "2026-03-10T11:58:00Z", finishedAt: "2026-03-10T11:58:02Z"}}
`

// A StatefulSet and a DaemonSet whose new version crashes can go back as a Deployment can: the rollback knows their versions.
func TestANewVersionOfAStatefulSetThatCrashesIsOfferedAWayBack(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ kind, current, generation, next string }{
		"a StatefulSet with another version before": {"StatefulSet", "loki-old", "", "algesta rollback statefulset/loki production"},
		"its first version":                         {"StatefulSet", "loki-new", "", ""},
		"a DaemonSet with another template before":  {"DaemonSet", "", "2", "algesta rollback daemonset/loki production"},
		"its first template":                        {"DaemonSet", "", "1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := strings.NewReplacer("{kind}", c.kind, "{current}", c.current, "{generation}", c.generation).Replace(others)
			s := snapshot(t, []byte(objects), nil)
			next := diagnosis.Diagnose(s, facts.Ref{Kind: c.kind, Namespace: "production", Name: "loki"}).Chains[0].Remedy
			if c.next == "" {
				require.NotContains(t, next.Text, "Roll back")
				return
			}
			require.Contains(t, next.Text, "Roll back to the version before. To go forward instead: ")
			require.Contains(t, next.Command, c.next)
		})
	}
}
