package diagnosis_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// everything is all that a diagnosis says.
func everything(t *testing.T, objects ...runtime.Object) string {
	t.Helper()
	said, err := json.Marshal(diagnosis.Diagnose(facts.NewSnapshot(noon, objects, nil), facts.Ref{}))
	require.NoError(t, err)
	return string(said)
}

// What an operator's own template spells out isn't quoted from the status of that object.
func TestTheTemplateOfAnOperatorsObjectIsHidden(t *testing.T) {
	t.Parallel()
	secret := "walrus-" + strings.Repeat("zkx", 6)
	why := "admission webhook \"guard.example.com\" denied the request: app/" + secret + " isn't allowed"
	for _, kind := range [][2]string{{"argoproj.io/v1alpha1", "Rollout"}, {"apps.kruise.io/v1alpha1", "CloneSet"}} {
		said := everything(t, &unstructured.Unstructured{Object: map[string]any{
			"apiVersion": kind[0], "kind": kind[1],
			"metadata": map[string]any{
				"name": "orders", "namespace": "production", "uid": "u", "generation": int64(2), "creationTimestamp": "2026-03-10T10:00:00Z",
			},
			"spec": map[string]any{"replicas": int64(2), "template": map[string]any{"spec": map[string]any{"containers": []any{map[string]any{
				"name": "app", "image": "x:1", "env": []any{map[string]any{"name": "DB_PASSWORD", "value": secret}},
			}}}}},
			"status": map[string]any{"observedGeneration": int64(2), "phase": "Degraded", "message": why, "conditions": []any{
				map[string]any{"type": "Ready", "status": "False", "reason": "Failed", "message": why, "lastTransitionTime": "2026-03-10T11:00:00Z"},
			}},
		}})
		require.Contains(t, said, "guard.example.com", kind)
		require.NotContains(t, said, secret, kind)
	}
}

// An event of a StatefulSet may quote its template of before, which its revision has kept.
func TestTheTemplateOfBeforeIsHidden(t *testing.T) {
	t.Parallel()
	secret := "walrus-" + strings.Repeat("zkx", 6)
	one, labels := int32(1), map[string]string{"app": "loki"}
	kept, err := json.Marshal(map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{
		map[string]any{"name": "app", "env": []any{map[string]any{"name": "DB_PASSWORD", "value": secret}}},
	}}}}})
	require.NoError(t, err)
	said := everything(
		t,
		&appsv1.StatefulSet{
			ObjectMeta: metav1.ObjectMeta{
				Name: "loki", Namespace: "production", UID: "u-1", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour)),
			},
			Spec: appsv1.StatefulSetSpec{Replicas: &one, Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "x:2"}}},
			}},
		},
		&appsv1.ControllerRevision{
			ObjectMeta: metav1.ObjectMeta{Name: "loki-7c9", Namespace: "production"}, Data: runtime.RawExtension{Raw: kept}, Revision: 1,
		},
		&corev1.Event{
			ObjectMeta:     metav1.ObjectMeta{Name: "e", Namespace: "production"},
			InvolvedObject: corev1.ObjectReference{Kind: "StatefulSet", Namespace: "production", Name: "loki", UID: "u-1"},
			Reason:         "FailedCreate", Type: corev1.EventTypeWarning, Count: 3,
			FirstTimestamp: metav1.NewTime(noon.Add(-20 * time.Minute)), LastTimestamp: metav1.NewTime(noon.Add(-time.Minute)),
			Message: "create Pod loki-0 in StatefulSet loki failed error: admission webhook \"guard.example.com\" denied the request: app/" +
				secret + " isn't allowed",
		},
	)
	require.Contains(t, said, "guard.example.com")
	require.NotContains(t, said, secret)
}

// Of a probe's command the program is named, and its path is redacted before it's cut.
func TestAProbeIsToldWithoutItsArguments(t *testing.T) {
	t.Parallel()
	secret := "wq" + strings.Repeat("Zk4x", 6)
	for name, tt := range map[string]struct {
		probe        corev1.ProbeHandler
		failed, says string
	}{
		"a script": {
			corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"sh", "-c", "redis-cli -h localhost -a " + secret + " ping"}}},
			"Liveness probe failed: ", "its command “sh” fails and prints nothing",
		},
		"a program": {
			corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: []string{"/bin/check", "--level", "deep"}}},
			"Liveness probe failed: ", "its command “/bin/check” fails and prints nothing",
		},
		"a path": {
			corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/internal/health/of/this/program/and/more/" + secret + "/x"}},
			"Liveness probe failed: HTTP probe failed with statuscode: 404", "answers 404",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			said := everything(t, killedByProbe(tt.probe, tt.failed)...)
			require.Contains(t, said, tt.says)
			for i := 0; i+8 <= len(secret); i += 4 {
				require.NotContains(t, said, secret[i:i+8])
			}
			require.NotContains(t, said, "--level")
		})
	}
}

// killedByProbe is a Deployment whose pod is ended by its liveness probe again and again.
func killedByProbe(probe corev1.ProbeHandler, failed string) []runtime.Object {
	one, labels := int32(1), map[string]string{"app": "orders"}
	at := func(d time.Duration) metav1.Time { return metav1.NewTime(noon.Add(-d)) }
	meta := func(name, uid, owner, ownerUID string) metav1.ObjectMeta {
		m := metav1.ObjectMeta{Name: name, Namespace: "production", UID: types.UID(uid), CreationTimestamp: at(time.Hour), Labels: labels}
		if owner != "" {
			controls := true
			m.OwnerReferences = []metav1.OwnerReference{{
				Kind: owner, Name: strings.TrimSuffix(name, name[strings.LastIndexByte(name, '-'):]),
				UID: types.UID(ownerUID), Controller: &controls,
			}}
		}
		return m
	}
	selector := &metav1.LabelSelector{MatchLabels: labels}
	template := corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{{
		Name: "app", Image: "registry.example.com/orders:1", LivenessProbe: &corev1.Probe{ProbeHandler: probe},
	}}}}
	return []runtime.Object{
		&appsv1.Deployment{
			ObjectMeta: meta("orders", "d", "", ""), Spec: appsv1.DeploymentSpec{Replicas: &one, Selector: selector, Template: template},
			Status: appsv1.DeploymentStatus{Replicas: 1},
		},
		&appsv1.ReplicaSet{
			ObjectMeta: meta("orders-7d9c", "r", "Deployment", "d"),
			Spec:       appsv1.ReplicaSetSpec{Replicas: &one, Selector: selector, Template: template},
		},
		&corev1.Pod{ObjectMeta: meta("orders-7d9c-x2x9k", "p", "ReplicaSet", "r"), Spec: template.Spec, Status: corev1.PodStatus{
			Phase:      corev1.PodRunning,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "app", RestartCount: 4, State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff"}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: 137, Reason: "Error", StartedAt: at(3 * time.Minute), FinishedAt: at(time.Minute),
				}},
			}},
		}},
		&corev1.Event{
			ObjectMeta: metav1.ObjectMeta{Name: "e", Namespace: "production"}, Reason: "Unhealthy", Type: corev1.EventTypeWarning, Count: 3,
			InvolvedObject: corev1.ObjectReference{
				Kind: "Pod", Namespace: "production", Name: "orders-7d9c-x2x9k", FieldPath: "spec.containers{app}",
			},
			Message: failed, FirstTimestamp: at(2 * time.Minute), LastTimestamp: at(time.Minute),
		},
	}
}
