package runbooks_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// quotesItself is a pod that says everywhere what two of its variables hide, also where texts are cut.
func quotesItself(spelled, ofMap string) corev1.Pod {
	at := func(length int) string { return strings.Repeat("word ", length/5) }
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "orders-1", Namespace: "production",
			Labels:          map[string]string{"a": at(55), "b": at(55), "c": at(55), "d": at(55), "e": at(50), "made-with": spelled, "x": ofMap},
			Annotations:     map[string]string{"a": at(95), "b": at(95), "c": at(85), "note": spelled},
			OwnerReferences: []metav1.OwnerReference{{Kind: at(295) + spelled, Name: spelled, Controller: new(true)}},
		},
		Spec: corev1.PodSpec{
			ServiceAccountName: at(290) + spelled, NodeName: spelled, NodeSelector: map[string]string{"pool": at(280) + spelled},
			Volumes: []corev1.Volume{{Name: spelled, VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}}},
			Containers: []corev1.Container{{
				Name: "orders", Image: "registry.example.com/orders:1", Ports: []corev1.ContainerPort{{Name: spelled, ContainerPort: 80}},
				Env: []corev1.EnvVar{
					{Name: "NOTES", Value: at(290) + spelled},
					{Name: "MORE", Value: "with " + ofMap},
					{Name: "DB_PASSWORD", Value: spelled},
					fromMap("SETTING", "settings", "password"),
					{Name: "X" + spelled, Value: "1"},
				},
				ReadinessProbe: &corev1.Probe{ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Path: "/" + at(280) + "?with " + spelled, Port: intstr.FromInt32(80)},
				}},
			}},
		},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: spelled,
			Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionFalse, Message: at(290) + spelled}},
			ContainerStatuses: []corev1.ContainerStatus{{Name: "orders", State: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
				ExitCode: 1, Reason: "Error " + spelled, Message: at(270) + spelled, FinishedAt: metav1.NewTime(noon.Add(-time.Minute)),
			}}}},
		},
	}
}

func TestNothingShowsWhatAVariableHides(t *testing.T) {
	t.Parallel()
	spelled, ofMap := fmt.Sprintf("walrus-%x-lantern", rand.Uint64()|1<<60), fmt.Sprintf("garden-%x-window", rand.Uint64()|1<<60)
	pod := quotesItself(spelled, ofMap)
	template := corev1.PodTemplateSpec{ObjectMeta: pod.ObjectMeta, Spec: pod.Spec}
	made := metav1.ObjectMeta{
		Name: "orders", Namespace: "production", Labels: pod.Labels, Annotations: pod.Annotations, OwnerReferences: pod.OwnerReferences,
	}
	job := batchv1.JobSpec{Template: template}
	lists := map[string][]any{
		"PodList":        {pod},
		"ConfigMapList":  {corev1.ConfigMap{ObjectMeta: named("settings"), Data: map[string]string{"password": ofMap}}},
		"JobList":        {batchv1.Job{ObjectMeta: made, Spec: job}},
		"CronJobList":    {batchv1.CronJob{ObjectMeta: made, Spec: batchv1.CronJobSpec{JobTemplate: batchv1.JobTemplateSpec{Spec: job}}}},
		"ReplicaSetList": {appsv1.ReplicaSet{ObjectMeta: made, Spec: appsv1.ReplicaSetSpec{Template: template}}},
		"EventList": {
			eventOf(
				"orders-1",
				"Warning",
				"Failed",
				"refused "+spelled,
				time.Minute,
				1,
			),
			eventOf("settings", "Warning", "Failed", spelled, time.Minute, 1),
		},
	}
	for command, objects := range map[string][]string{
		"describe": {"pod/orders-1", "job/orders", "cronjob/orders", "replicaset/orders"}, "env": {"pod/orders-1"}, "pods": {"pod/orders-1"},
	} {
		for _, object := range objects {
			t.Run(command+" "+object, func(t *testing.T) {
				t.Parallel()
				got := strings.Join(tells(t, listed{lists: lists}, regarding(command, object)), "\n")
				require.Contains(t, got, "‹redacted›")
				require.NotContains(t, got, spelled[:12], "not even a part")
				require.NotContains(t, got, ofMap[:12], "nor what a ConfigMap holds under a secret's name")
			})
		}
	}
}

func TestNoPodHidesWhatEventsSayOfOthers(t *testing.T) {
	t.Parallel()
	spec := corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{
		{Name: "A_PASSWORD", Value: " "},
		{Name: "B_PASSWORD", Value: "e"},
		{Name: "C_PASSWORD", Value: "other-pod"},
		{Name: "D_PASSWORD", Value: "nodes are"},
	}}}}
	got := tells(t, listed{lists: map[string][]any{
		"PodList": {
			&corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: spec}, &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: "other-pod"}},
		},
		"EventList": {
			eventOf("other-pod", "Warning", "FailedScheduling", "0/3 nodes are available for other-pod: 3 Insufficient cpu.", time.Minute, 1),
		},
	}}, regarding("events", ""))
	require.Contains(t, strings.Join(got, "\n"), "0/3 ‹redacted› available for other-pod: 3 Insufficient cpu.", "no more than its own words")
}
