package diagnosis_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// refusedSet is the ReplicaSet of the fixtures of admission, which is refused both of its pods since 11:40.
const refusedSet = "ms-orders-production-6d4cf56db6"

// refusedWith adds objects to a rule's firing fixture.
func refusedWith(t *testing.T, rule string, more ...string) *facts.Snapshot {
	t.Helper()
	objects, err := os.ReadFile(filepath.Join("rules", "testdata", rule, "fires.yaml"))
	require.NoError(t, err)
	if at := slices.Index(more, withItsPods); at >= 0 {
		more = slices.Delete(more, at, at+1)
		head, set, found := strings.Cut(string(objects), "kind: ReplicaSet")
		require.True(t, found)
		set = strings.Replace(set, "replicas: 2", "replicas: 1", 1)
		status, rest, found := strings.Cut(set, "\nstatus:\n  replicas: 0\n")
		require.True(t, found)
		_, rest, found = strings.Cut(rest, "\n---")
		require.True(t, found)
		objects = []byte(head + "kind: ReplicaSet" + status + "\nstatus: {replicas: 1, observedGeneration: 9}\n---" + rest)
		const failure = "type: ReplicaFailure\n    status: "
		objects = []byte(strings.ReplaceAll(string(objects), failure+"'True'", failure+"'False'"))
	}
	return snapshot(t, []byte(strings.Join(append([]string{string(objects)}, more...), "\n---\n")), nil)
}

// podOfSet is a pod of a ReplicaSet that crashes for want of a variable.
func podOfSet(set, created string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: %[1]s-new
  namespace: production
  labels: {app: ms-orders, environment: production}
  creationTimestamp: '%[2]s'
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: %[1]s, uid: u, controller: true}]
spec:
  nodeName: aks-stdar-1
  containers: [{name: ms-orders, image: "acralgestaproduction.azurecr.io/ms-orders:12345"}]
status:
  phase: Running
  conditions: [{type: Ready, status: 'False', lastTransitionTime: '%[2]s'}]
  containerStatuses:
  - name: ms-orders
    image: acralgestaproduction.azurecr.io/ms-orders:12345
    restartCount: 6
    state: {waiting: {reason: CrashLoopBackOff}}
    lastState: {terminated: {exitCode: 1, reason: Error, finishedAt: '2026-03-10T11:59:00Z', message: 'Error: MONGODB_URI is not set'}}
`, set, created)
}

func refusalEvent(last, message string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Event
metadata: {name: refused, namespace: production}
involvedObject: {kind: ReplicaSet, namespace: production, name: %s}
reason: FailedCreate
message: '%s'
firstTimestamp: '2026-03-10T11:40:00Z'
lastTimestamp: '%s'
`, refusedSet, message, last)
}

// read is an event that says nothing of it: where there is one, events were read.
const read = `apiVersion: v1
kind: Event
metadata: {name: other, namespace: production}
involvedObject: {kind: Pod, namespace: production, name: another}
reason: Pulled
message: pulled
firstTimestamp: '2026-03-10T11:40:00Z'
lastTimestamp: '2026-03-10T11:40:00Z'
`

func quotaOf(used, hard string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: ResourceQuota
metadata: {name: production-quota, namespace: production}
spec: {hard: {requests.cpu: '%[2]s'}}
status: {hard: {requests.cpu: '%[2]s'}, used: {requests.cpu: '%[1]s'}}
`, used, hard)
}

// withItsPods has the ReplicaSet want one pod for now, and have it: its rollout waits for that.
const withItsPods = "itsPods"

func TestARefusalThatIsOverIsNotTheCause(t *testing.T) {
	t.Parallel()
	const before, after = "2026-03-10T11:39:00Z", "2026-03-10T11:45:00Z"
	for name, c := range map[string]struct {
		s    *facts.Snapshot
		rule string // of the first chain
		not  string // a rule that no chain may have
		says string
	}{
		"a quota without room": {
			s: refusedWith(t, "quota-exceeded", quotaOf("3900m", "4")), rule: "quota-exceeded",
			says: "ResourceQuota production-quota is used up (requested: requests.cpu=500m, used: requests.cpu=3900m, limited: requests.cpu=4)",
		},
		"a quota without room is named with what it counts now": {
			s: refusedWith(t, "quota-exceeded", quotaOf("4800m", "5")), rule: "quota-exceeded",
			says: "(requested: requests.cpu=500m, used: requests.cpu=4800m, limited: requests.cpu=5)",
		},
		"a quota that has room again": {
			s: refusedWith(t, "quota-exceeded", quotaOf("3500m", "4"), podOfSet(refusedSet, before)), not: "quota-exceeded",
			rule: "missing-variable",
		},
		"a quota that was raised": {
			s: refusedWith(t, "quota-exceeded", quotaOf("3900m", "8"), podOfSet(refusedSet, after)), not: "quota-exceeded",
			rule: "missing-variable",
		},
		"a pod that came later doesn't give a full quota room": {
			s: refusedWith(t, "quota-exceeded", quotaOf("3900m", "4"), podOfSet(refusedSet, after)), rule: "quota-exceeded",
		},
		"a quota that nobody read, and a pod that came later": {
			s: refusedWith(t, "quota-exceeded", read, podOfSet(refusedSet, after)), not: "quota-exceeded",
			rule: "missing-variable",
		},
		"a full quota that refused a pod which is there now, at the same second": {
			s: refusedWith(t, "quota-exceeded", quotaOf("3900m", "4"), podOfSet(refusedSet, "2026-03-10T11:45:00Z"),
				refusalEvent("2026-03-10T11:45:00Z", `pods "x" is forbidden: exceeded quota: production-quota, requested: requests.cpu=500m, `+
					`used: requests.cpu=3900m, limited: requests.cpu=4`), withItsPods), not: "quota-exceeded", rule: "missing-variable",
		},
		"a webhook that refuses": {s: refusedWith(t, "webhook-down", read, podOfSet(refusedSet, before)), rule: "webhook-down"},
		"a webhook that refused before the newest pod": {
			s: refusedWith(t, "webhook-down", read, podOfSet(refusedSet, after)), not: "webhook-down", rule: "missing-variable",
		},
		"without events nobody knows when it was refused last": {
			s: refusedWith(t, "webhook-down", podOfSet(refusedSet, after)), rule: "webhook-down",
		},
		"a webhook that has refused again since": {
			s: refusedWith(t, "webhook-down", podOfSet(refusedSet, after), refusalEvent("2026-03-10T11:58:00Z", `failed calling webhook `+
				`"validate.kyverno.svc-fail": no`)), rule: "webhook-down",
		},
		"a pod of another ReplicaSet says nothing about this one": {
			s: refusedWith(t, "webhook-down", read, podOfSet("ms-orders-production-aaaaaaaaaa", after)), rule: "webhook-down",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := diagnosis.Diagnose(c.s, facts.Ref{})
			require.NotEmpty(t, d.Chains, d.Text())
			if c.not != "" {
				require.NotContains(t, rulesOf(d), c.not, d.Text())
				require.Equal(t, c.rule, d.Chains[0].Rule, d.Text())
			} else {
				require.Contains(t, rulesOf(d), c.rule, d.Text())
			}
			require.Contains(t, d.Text(), c.says)
		})
	}
}

func TestWhatAQuotaRefusedIsComparedWithWhatItHasNow(t *testing.T) {
	t.Parallel()
	_, is := facts.ReadQuotaRefusal("pods is forbidden: failed quota: q: must specify limits.cpu")
	require.False(t, is)
	refusal, is := facts.ReadQuotaRefusal(
		`pods "x" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=250m, used: pods=3,requests.cpu=1, limited: ` +
			`pods=3,requests.cpu=4`,
	)
	require.True(t, is)
	require.Equal(
		t,
		facts.QuotaRefusal{Quota: "q", Requested: "pods=1,requests.cpu=250m", Used: "pods=3,requests.cpu=1", Limited: "pods=3,requests.cpu=4"},
		refusal,
	)
}

// servingBefore is a revision before the refused one, whose two pods serve.
const servingBefore = `apiVersion: apps/v1
kind: ReplicaSet
metadata:
  name: ms-orders-production-old
  namespace: production
  uid: rs-old
  creationTimestamp: '2026-03-01T12:00:00Z'
  annotations: {deployment.kubernetes.io/revision: '4'}
  labels: {app: ms-orders, environment: production}
  ownerReferences: [{apiVersion: apps/v1, kind: Deployment, name: ms-orders-production, uid: d-ms-orders, controller: true}]
spec:
  replicas: 2
  selector: {matchLabels: {app: ms-orders}}
  template:
    metadata: {labels: {app: ms-orders, environment: production}}
    spec: {containers: [{name: ms-orders, image: "acralgestaproduction.azurecr.io/ms-orders:12344"}]}
status: {replicas: 2, readyReplicas: 2}
`

func servingPod(name string) string {
	return fmt.Sprintf(`apiVersion: v1
kind: Pod
metadata:
  name: %s
  namespace: production
  labels: {app: ms-orders, environment: production}
  creationTimestamp: '2026-03-01T12:00:00Z'
  ownerReferences: [{apiVersion: apps/v1, kind: ReplicaSet, name: ms-orders-production-old, uid: rs-old, controller: true}]
spec:
  nodeName: aks-stdar-1
  containers: [{name: ms-orders, image: "acralgestaproduction.azurecr.io/ms-orders:12344"}]
status:
  phase: Running
  conditions: [{type: Ready, status: 'True', lastTransitionTime: '2026-03-01T12:01:00Z'}]
  containerStatuses:
  - name: ms-orders
    ready: true
    image: acralgestaproduction.azurecr.io/ms-orders:12344
    state: {running: {startedAt: '2026-03-01T12:00:30Z'}}
`, name)
}

// A quota refused the new pods and has room again; until their controller tries once more, the old ones serve and nothing else is wrong.
// Nobody hears that this is healthy.
func TestARolloutThatWaitsForTheNextTryIsNotHealthy(t *testing.T) {
	t.Parallel()
	s := refusedWith(t, "quota-exceeded", quotaOf("3500m", "4"), servingBefore, servingPod("old-1"), servingPod("old-2"))
	d := diagnosis.Diagnose(s, facts.Ref{Kind: facts.KindDeployment, Namespace: "production", Name: "ms-orders-production"})
	require.Equal(t, diagnosis.Sick, d.Verdict, d.Text())
	require.Contains(
		t, d.Text(), "ResourceQuota production-quota refused a pod of ms-orders-production and has room again: the rollout goes on with the "+
			"controller's next attempt",
	)
	require.Contains(t, d.Text(), "Wait: the controller tries again on its own, at most 17 min after its last attempt.")
}
