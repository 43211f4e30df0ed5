package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// anHourOld is the metadata of an object that was made an hour before noon.
func anHourOld(name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{Name: name, Namespace: "production", CreationTimestamp: metav1.NewTime(noon.Add(-time.Hour))}
}

func TestJobsPutTheFailedOnesFirst(t *testing.T) {
	t.Parallel()
	at := func(ago time.Duration) *metav1.Time { return new(metav1.NewTime(noon.Add(-ago))) }
	job := func(name string, s batchv1.JobStatus) batchv1.Job {
		j := batchv1.Job{
			ObjectMeta: anHourOld(name), Spec: batchv1.JobSpec{Completions: new(int32(1)), Template: template("12345", nil)},
			Status: s,
		}
		j.OwnerReferences = []metav1.OwnerReference{{Kind: "CronJob", Name: "nightly", Controller: new(true)}}
		return j
	}
	s := gateway()
	s.lists["JobList"] = []any{
		job("done", batchv1.JobStatus{
			Succeeded: 1, StartTime: at(time.Hour), CompletionTime: at(50 * time.Minute),
			Conditions: []batchv1.JobCondition{{Type: batchv1.JobComplete, Status: corev1.ConditionTrue}},
		}),
		job("runs", batchv1.JobStatus{Active: 1, Failed: 2, StartTime: at(5 * time.Minute)}),
		job("failed", batchv1.JobStatus{
			StartTime: at(30 * time.Minute), Conditions: []batchv1.JobCondition{{
				Type: batchv1.JobFailed, Status: corev1.ConditionTrue, Reason: "BackoffLimitExceeded", LastTransitionTime: *at(10 * time.Minute),
			}},
		}),
	}
	require.Equal(t, []string{
		"production: 3 jobs, 1 failed, 1 running",
		"job | state | completions | took | age | made by",
		"failed | failed (BackoffLimitExceeded) | 0 of 1 | 20 min | 60 min | CronJob nightly",
		"runs | running, 2 failed pods | 0 of 1 | 5 min | 60 min | CronJob nightly",
		"done | complete | 1 of 1 | 10 min | 60 min | CronJob nightly",
	}, asked(t, s, "jobs", "namespace", nil))
	require.Equal(t, "job | state | completions | took | age | made by | images",
		asked(t, s, "jobs", "namespace", algesta.Args{"output": "wide"})[1])

	last := batchv1.CronJobStatus{LastScheduleTime: at(time.Hour), LastSuccessfulTime: at(50 * time.Minute)}
	s.lists["CronJobList"] = []any{
		batchv1.CronJob{
			ObjectMeta: anHourOld("backup"), Spec: batchv1.CronJobSpec{Schedule: "0 3 * * *", TimeZone: new("America/Bogota")},
			Status: last,
		},
		batchv1.CronJob{
			ObjectMeta: anHourOld("report"), Spec: batchv1.CronJobSpec{Schedule: "@hourly"},
			Status: batchv1.CronJobStatus{LastScheduleTime: at(time.Hour)},
		},
		batchv1.CronJob{ObjectMeta: anHourOld("off"), Spec: batchv1.CronJobSpec{Schedule: "@daily", Suspend: new(true)}},
	}
	require.Equal(t, []string{
		"production: 3 CronJobs, 1 without success at the last run, 1 suspended",
		"CronJob | schedule | state | last run | last success | age",
		"report | @hourly | last run didn't succeed | 60 min ago | – | 60 min",
		"off | @daily | suspended | – | – | 60 min",
		"backup | 0 3 * * * America/Bogota | waits for its time | 60 min ago | 50 min ago | 60 min",
	}, asked(t, s, "cronjobs", "namespace", nil))
}

func TestClaimsSayWhoUsesThem(t *testing.T) {
	t.Parallel()
	claim := func(name string, phase corev1.PersistentVolumeClaimPhase) corev1.PersistentVolumeClaim {
		c := corev1.PersistentVolumeClaim{ObjectMeta: anHourOld(name), Spec: corev1.PersistentVolumeClaimSpec{
			StorageClassName: new("managed-csi"), AccessModes: []corev1.PersistentVolumeAccessMode{corev1.ReadWriteOnce},
			Resources: corev1.VolumeResourceRequirements{Requests: corev1.ResourceList{"storage": resource.MustParse("8Gi")}},
		}}
		if c.Status.Phase = phase; phase == corev1.ClaimBound {
			c.Status.Capacity = corev1.ResourceList{"storage": resource.MustParse("4Gi")}
		}
		return c
	}
	s := gateway()
	s.lists["PersistentVolumeClaimList"] = []any{claim("data-loki-0", corev1.ClaimBound), claim("data-loki-1", corev1.ClaimPending)}
	s.pods[0].OwnerReferences = []metav1.OwnerReference{{Kind: "StatefulSet", Name: "loki", Controller: new(true)}}
	s.pods[0].Spec.Volumes = []corev1.Volume{{Name: "data", VolumeSource: corev1.VolumeSource{
		PersistentVolumeClaim: &corev1.PersistentVolumeClaimVolumeSource{ClaimName: "data-loki-0"},
	}}}
	s.lists["PodList"] = []any{s.pods[0]}
	require.Equal(t, []string{
		"production: 2 volume claims, 1 without a volume",
		"claim | state | size | class | access | used by | age",
		"data-loki-1 | Pending | 8Gi wanted | managed-csi | ReadWriteOnce | – | 60 min",
		"data-loki-0 | Bound | 4Gi, 8Gi wanted | managed-csi | ReadWriteOnce | loki | 60 min",
	}, asked(t, s, "claims", "namespace", nil))
	s.forbidden["PodList"] = true
	got := asked(t, s, "claims", "namespace", nil)
	require.Contains(t, got[3], "| not checked |", "what wasn't read isn't unused")
	require.Contains(t, got, "Couldn't check pods (no permission to read them).")
}

// TestAListNeverSaysNoneWhereItCouldntRead refuses each kind in turn.
func TestAListNeverSaysNoneWhereItCouldntRead(t *testing.T) {
	t.Parallel()
	for runbook, of := range map[string][2]string{
		"jobs": {"JobList", "jobs"}, "cronjobs": {"CronJobList", "CronJobs"}, "claims": {"PersistentVolumeClaimList", "volume claims"},
		"configmaps": {"ConfigMapList", "ConfigMaps"},
	} {
		t.Run(runbook, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			s.forbidden[of[0]] = true
			require.Equal(
				t, []string{"I couldn't check the " + of[1] + " of production: I don't have permission to read them."},
				asked(t, s, runbook, "namespace", nil),
			)
			require.Equal(t, []string{"production: no " + of[1]}, asked(t, gateway(), runbook, "namespace", nil))
		})
	}
}
