package runbooks_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// crashedPod is one whose container ended four times, with a secret in its variables, its probe and its events.
func crashedPod(secret string) corev1.Pod {
	ended := noon.Add(-2 * time.Minute)
	return corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Name: "orders-7d9c-x2x9k", Namespace: "production", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour)),
			Labels: map[string]string{"app": "orders"},
			Annotations: map[string]string{
				corev1.LastAppliedConfigAnnotation: `{"env":"` + secret + `"}`, "team": "shop", "db-password": secret,
			},
			OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: "orders-7d9c", Controller: new(true)}},
		},
		Spec: corev1.PodSpec{NodeName: "aks-1", ServiceAccountName: "orders", Containers: []corev1.Container{{
			Name: "orders", Image: "registry.example.com/orders:12345", Ports: []corev1.ContainerPort{{ContainerPort: 3000}},
			Env: []corev1.EnvVar{
				{Name: "NODE_ENV", Value: "production"},
				{Name: "DB_PASSWORD", Value: secret},
				{Name: "URI", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: "settings"}, Key: "uri",
				}}},
			},
			Command:   []string{"orders", "--password=" + secret},
			Resources: corev1.ResourceRequirements{Requests: amounts("cpu", "250m", "memory", "256Mi"), Limits: amounts("memory", "512Mi")},
			LivenessProbe: &corev1.Probe{
				ProbeHandler: corev1.ProbeHandler{
					Exec: &corev1.ExecAction{Command: []string{"check", "--token", secret}},
				},
				PeriodSeconds:    5,
				FailureThreshold: 2,
			},
		}}},
		Status: corev1.PodStatus{
			Phase: corev1.PodRunning, PodIP: "10.1.2.3", QOSClass: corev1.PodQOSBurstable,
			Conditions: []corev1.PodCondition{{
				Type: corev1.PodReady, Status: corev1.ConditionFalse, LastTransitionTime: metav1.NewTime(ended), Message: "containers with " +
					"unready status: [orders]",
			}},
			ContainerStatuses: []corev1.ContainerStatus{{
				Name: "orders", RestartCount: 4,
				State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: "back-off 1m20s"}},
				LastTerminationState: corev1.ContainerState{Terminated: &corev1.ContainerStateTerminated{
					ExitCode: 137, Reason: "OOMKilled", FinishedAt: metav1.NewTime(ended),
				}},
			}},
		},
	}
}

func TestAPodIsDescribedWithWhatMattersFirst(t *testing.T) {
	t.Parallel()
	secret := "Zx9" + strings.Repeat("q7", 8)
	pod := crashedPod(secret)
	event := func(name, message string) corev1.Event {
		return corev1.Event{
			InvolvedObject: corev1.ObjectReference{Kind: "Pod", Name: name}, Type: corev1.EventTypeWarning, Reason: "Unhealthy", Message: message,
			LastTimestamp: metav1.NewTime(noon.Add(-time.Minute)), Count: 3,
		}
	}
	stand := listed{lists: map[string][]any{
		"PodList":       {pod},
		"EventList":     {event(pod.Name, "Liveness probe failed: wrong token "+secret), event("other", "not about it")},
		"ConfigMapList": {},
	}, instead: map[string]error{}}
	got := tells(t, stand, regarding("describe", "pod/"+pod.Name))
	require.Equal(t, []string{
		"orders-7d9c-x2x9k in production: crashing (CrashLoopBackOff) for 2 min, 4 restarts",
		"Ready: containers with unready status: [orders]",
		"ConfigMap settings doesn't exist, so URI can't be filled and no new pod can start.",
		"why: Container orders of orders-7d9c is killed for using more memory than allowed (limit 512Mi)",
		"last end: exit code 137 (OOMKilled), 2 min ago",
		"node: aks-1",
		"ip: 10.1.2.3",
		"quality of service: Burstable",
		"service account: orders",
		"age: 60 min",
		"made by: ReplicaSet orders-7d9c",
		"managed by: kubectl apply: the next apply brings back what it says",
		"labels: app=orders",
		"annotations: team=shop, 1 more",
		"container | state | restarts | image | cpu | memory | ports",
		"orders | waits (CrashLoopBackOff) | 4 | …/orders:12345 | 0.25, limit none | 256Mi, limit 512Mi | 3000",
		"variable | value | from | container",
		"URI | missing | ConfigMap settings, key uri | orders",
		"NODE_ENV | production | the template | orders",
		"DB_PASSWORD | hidden | the template | orders",
	}, got[:20])
	require.Contains(t, got, "orders is restarted when a command in it fails for 10 s (2 times, every 5 s, first after 0 s).")
	require.Contains(t, got, "60 s ago | Warning | Unhealthy | pod/orders-7d9c-x2x9k | 3 | Liveness probe failed: wrong token ‹redacted›")
	all := strings.Join(got, "\n")
	require.NotContains(t, all, secret)
	require.NotContains(t, all, "not about it")

	stand.instead["EventList"] = forbidden("events")
	got = tells(t, stand, regarding("describe", "pod/"+pod.Name))
	require.Contains(t, got[len(got)-1], "events", "what wasn't read isn't taken for nothing")
	stand.instead["PodList"] = forbidden("pods")
	require.Equal(
		t,
		[]string{"I couldn't check pods in production.", "I don't have permission to read pods."},
		tells(t, stand, regarding("describe", "pod/"+pod.Name)),
	)
}

func TestADeploymentIsDescribedByTheNameOfItsService(t *testing.T) {
	t.Parallel()
	s := rolling()
	rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Minute), 3, noon.Add(-time.Minute))
	c := whole(s)
	book, ok := runbooks.Find("describe")
	require.True(t, ok)
	for _, in := range []runbooks.Input{input("describe", nil), regarding("describe", "deployment/api-gateway")} {
		report, err := book.Answer(t.Context(), c, in)
		require.NoError(t, err)
		requireNoSecret(t, report)
		got := lines(report)
		require.Contains(t, got[0], "api-gateway-production in production: ")
		require.Contains(t, got[1], "The only pod of the current revision crashes")
		require.True(t, slices.ContainsFunc(got, func(l string) bool {
			return strings.HasPrefix(l, "api-gateway-production-hash3-aaaaa | "+
				"crashing")
		}))
		require.Contains(t, got, "API_PASSWORD | hidden | the template | api-gateway")
	}
	_, err := book.Answer(t.Context(), c, regarding("describe", "deployment/web"))
	require.ErrorIs(t, err, algesta.ErrNotFound)
}

func TestOtherObjectsAreDescribed(t *testing.T) {
	t.Parallel()
	at := metav1.NewTime(noon.Add(-2 * time.Hour))
	of := func(name string, owner ...metav1.OwnerReference) metav1.ObjectMeta {
		return metav1.ObjectMeta{Name: name, Namespace: "production", CreationTimestamp: at, OwnerReferences: owner, UID: "u-1"}
	}
	secret := "Zx9" + strings.Repeat("q7", 8)
	byCron := metav1.OwnerReference{Kind: "CronJob", Name: "nightly", UID: "u-1", Controller: new(true)}
	user := corev1.Pod{ObjectMeta: of("web-1"), Spec: corev1.PodSpec{Volumes: []corev1.Volume{
		{
			Name: "m",
			VolumeSource: corev1.VolumeSource{
				ConfigMap: &corev1.ConfigMapVolumeSource{LocalObjectReference: corev1.LocalObjectReference{Name: "tariffs"}},
			},
		},
		{Name: "f", VolumeSource: corev1.VolumeSource{PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "files"}}},
	}}}
	stand := listed{lists: map[string][]any{
		"ConfigMapList": {corev1.ConfigMap{ObjectMeta: of("tariffs"), Data: map[string]string{"uri": secret, "zone": secret}}},
		"PersistentVolumeClaimList": {
			corev1.PersistentVolumeClaim{
				ObjectMeta: of("files"),
				Status:     corev1.PersistentVolumeClaimStatus{Phase: corev1.ClaimPending},
				Spec: corev1.PersistentVolumeClaimSpec{
					Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("8Gi")}},
				},
			},
		},
		"CronJobList": {batchv1.CronJob{ObjectMeta: of("nightly"), Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *"}}},
		"JobList": {
			batchv1.Job{ObjectMeta: of("nightly-1", byCron), Status: batchv1.JobStatus{StartTime: &at, Failed: 3, Conditions: []batchv1.JobCondition{
				{Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", Message: "Job has reached the specified " +
					"backoff limit"},
			}}},
		},
		"PodList":   {user},
		"EventList": {},
	}, instead: map[string]error{}}
	for object, want := range map[string][]string{
		"configmap/tariffs":           {"tariffs in production: 2 keys", "keys: uri, zone", "used by: web-1"},
		"persistentvolumeclaim/files": {"files in production: waits for a volume", "asks for: 8Gi", "used by: web-1"},
		"cronjob/nightly":             {"nightly in production: runs at 0 3 * * *, and its last run failed", "nightly-1 | failed | 2 h ago | –"},
		"job/nightly-1": {"nightly-1 in production: failed", "why: BackoffLimitExceeded: Job has reached the specified " +
			"backoff limit"},
	} {
		got := tells(t, stand, regarding("describe", object))
		for _, line := range want {
			require.Contains(t, got, line, object)
		}
		require.NotContains(t, strings.Join(got, "\n"), secret, object)
		_, name, _ := strings.Cut(object, "/")
		_, err := ask(t, stand, regarding("describe", strings.TrimSuffix(object, name)+"gone"))
		require.ErrorIs(t, err, algesta.ErrNotFound, object)
	}
}

// TestAServiceShowsNothingThatItsPodsSpellOut in its own labels and annotations.
func TestAServiceShowsNothingThatItsPodsSpellOut(t *testing.T) {
	t.Parallel()
	ledger := "qz7a91bf04" + "c77de5512aa"
	meta := metav1.ObjectMeta{
		Name: "orders", Namespace: "production",
		Labels: map[string]string{"ledger": ledger}, Annotations: map[string]string{"note": "at " + ledger},
	}
	container := corev1.Container{Name: "app", Env: []corev1.EnvVar{{Name: "LEDGER", Value: ledger}}}
	pod := corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "orders-1", Namespace: "production"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{container}},
	}
	stand := listed{lists: map[string][]any{
		"ServiceList": {corev1.Service{ObjectMeta: meta}}, "PodList": {pod}, "EndpointSliceList": {}, "EventList": {},
	}, instead: map[string]error{}}
	got := tells(t, stand, regarding("describe", "service/orders"))
	require.Contains(t, got, "labels: ledger=‹redacted›")
	require.NotContains(t, strings.Join(got, "\n"), ledger)
}
