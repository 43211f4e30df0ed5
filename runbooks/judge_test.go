package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func percent(s string) intstr.IntOrString { return intstr.FromString(s) }

// crashing makes a pod a crash loop.
func crashing(p *corev1.Pod, restarts int32, last time.Time) *corev1.Pod {
	return waiting(p, "CrashLoopBackOff", "back-off 10s restarting failed container", func(c *corev1.ContainerStatus) {
		c.RestartCount = restarts
		c.LastTerminationState.Terminated = &corev1.ContainerStateTerminated{ExitCode: 1, Reason: "Error", FinishedAt: metav1.NewTime(last)}
	})
}

// waiting makes a pod's container wait for a reason.
func waiting(p *corev1.Pod, reason, message string, more ...func(*corev1.ContainerStatus)) *corev1.Pod {
	p.Status.Phase, p.Status.Conditions = corev1.PodPending, nil
	c := &p.Status.ContainerStatuses[0]
	c.Ready, c.State = false, corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}
	for _, f := range more {
		f(c)
	}
	return p
}

// unready makes a pod run without being ready.
func unready(p *corev1.Pod) {
	p.Status.Conditions = nil
	p.Status.ContainerStatuses[0].Ready = false
}

// rolling is the gateway in the middle of a rollout: two pods of revision 3 are new, two of revision 1 serve.
func rolling() *still {
	s := gateway()
	s.pods = nil
	s.pod(1, "xxxxx", time.Hour)
	s.pod(1, "yyyyy", time.Hour)
	s.deployment.Status = appsv1.DeploymentStatus{ObservedGeneration: 7, Replicas: 4, UpdatedReplicas: 2, AvailableReplicas: 2}
	return s
}

// following is a follower that began so long ago.
func following(ago time.Duration) runbooks.Follow {
	start := noon.Add(-ago)
	return runbooks.Follow{
		Generation: 7, StartedAt: start, Deadline: start.Add(11 * time.Minute), Soak: time.Minute, ChangedAt: start,
		Before: runbooks.Health{Known: true, Ready: 2, Desired: 4, Restarts: 6, Window: 10 * time.Minute, Waiting: []string{"CrashLoopBackOff"}},
	}
}

func TestJudge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		s     func() *still
		ago   time.Duration // since the write
		later time.Duration // a second look after this, for what has to last
		with  func(*runbooks.Follow)
		want  runbooks.Phase
		why   string
	}{
		"a write that the controller has not seen": {s: func() *still {
			s := gateway()
			s.deployment.Status.ObservedGeneration = 6
			return s
		}, ago: time.Second, want: runbooks.Moving},
		"a look at an older object": {s: func() *still {
			s := gateway()
			s.deployment.Generation = 6
			return s
		}, ago: time.Second, want: runbooks.Moving},
		"all pods are there":               {s: gateway, ago: time.Second, want: runbooks.Complete},
		"all pods stayed through the soak": {s: gateway, ago: time.Second, later: time.Minute, want: runbooks.Settled},
		"pods that start": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "ContainerCreating", "")
			return s
		}, ago: 10 * time.Second, want: runbooks.Moving},
		"a first crash is not the end": {s: func() *still {
			s := rolling()
			crashing(s.pod(3, "aaaaa", 5*time.Second), 1, noon)
			return s
		}, ago: 5 * time.Second, want: runbooks.Moving},
		"a second crash is": {s: func() *still {
			s := rolling()
			crashing(s.pod(3, "aaaaa", 5*time.Second), 2, noon)
			return s
		}, ago: 5 * time.Second, want: runbooks.Broken, why: "Pod api-gateway-production-hash3-aaaaa of revision 3 crashes after it starts (exit 1, 2 restarts)."},
		"a crash tells its last words": {s: func() *still {
			s := rolling()
			crashing(s.pod(3, "aaaaa", 5*time.Second), 2, noon).Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = "MONGODB_URI=mongodb://u:p4ssw0rd@db/x refused\n"
			return s
		}, ago: 5 * time.Second, want: runbooks.Broken, why: "Pod api-gateway-production-hash3-aaaaa of revision 3 crashes after it starts (exit 1, 2 restarts). It said: “MONGODB_URI=‹redacted› refused”"},
		"an image name that is none": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "InvalidImageName", "couldn't parse")
			return s
		}, ago: time.Second, want: runbooks.Broken, why: "The image name acralgestaproduction.azurecr.io/api-gateway:12345 is not valid."},
		"a missing tag at the first attempt": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "ErrImagePull", "manifest unknown: not found")
			return s
		}, ago: time.Second, want: runbooks.Moving},
		"a missing tag at the second": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: not found`)
			return s
		}, ago: time.Second, want: runbooks.Broken, why: "The image …/api-gateway:12345 does not exist in its registry, so the pods cannot start."},
		"a registry that refuses may heal": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "ImagePullBackOff", "failed to authorize: 401 Unauthorized")
			return s
		}, ago: time.Second, later: 20 * time.Second, want: runbooks.Moving},
		"a registry that goes on refusing": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "ImagePullBackOff", "failed to authorize: 401 Unauthorized")
			return s
		}, ago: time.Second, later: 31 * time.Second, want: runbooks.Broken, why: "The registry refuses to give …/api-gateway:12345 to the cluster: its access is missing or expired."},
		"a missing secret that may come": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "CreateContainerConfigError", `secret "mongodb-credentials" not found`)
			return s
		}, ago: time.Second, later: 10 * time.Second, want: runbooks.Moving},
		"a missing secret that does not come": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "CreateContainerConfigError", `secret "mongodb-credentials" not found`)
			return s
		}, ago: time.Second, later: 21 * time.Second, want: runbooks.Broken, why: "Secret mongodb-credentials does not exist, so no pod of revision 3 can start."},
		"a key that is missing": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "CreateContainerConfigError", "couldn't find key uri in Secret production/mongodb-credentials")
			return s
		}, ago: time.Second, later: 21 * time.Second, want: runbooks.Broken, why: "Secret mongodb-credentials has no key uri, so no pod of revision 3 can start."},
		"no node for a minute": {s: func() *still {
			s := rolling()
			p := s.pod(3, "aaaaa", time.Second)
			p.Spec.NodeName, p.Status.ContainerStatuses = "", nil
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: "Unschedulable", Message: "0/3 nodes are available: 3 Insufficient cpu."}}
			return s
		}, ago: time.Second, later: 61 * time.Second, want: runbooks.Broken, why: "No node takes pod api-gateway-production-hash3-aaaaa of revision 3: 0/3 nodes are available: 3 Insufficient cpu."},
		"pods that are not admitted": {s: func() *still {
			s := rolling()
			s.sets[2].Status.Conditions = []appsv1.ReplicaSetCondition{{Type: "ReplicaFailure", Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: `pods "x" is forbidden: exceeded quota: production-quota, requested: requests.cpu=250m, used: requests.cpu=4, limited: requests.cpu=4`}}
			return s
		}, ago: time.Second, later: 4 * time.Second, want: runbooks.Broken, why: "Quota production-quota has no room for another pod of api-gateway-production: used requests.cpu=4, limit requests.cpu=4, one more needs requests.cpu=250m."},
		"pods that are not admitted while old ones stop": {s: func() *still {
			s := rolling()
			s.sets[2].Status.Conditions = []appsv1.ReplicaSetCondition{{Type: "ReplicaFailure", Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota"}}
			s.pods[0].DeletionTimestamp = &metav1.Time{Time: noon}
			return s
		}, ago: time.Second, later: 4 * time.Second, want: runbooks.Moving},
		"a failure of an old ReplicaSet": {s: func() *still {
			s := rolling()
			s.sets[0].Status.Conditions = []appsv1.ReplicaSetCondition{{Type: "ReplicaFailure", Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota"}}
			return s
		}, ago: time.Second, later: 10 * time.Second, want: runbooks.Moving},
		"a pod that never becomes ready": {s: func() *still {
			s := rolling()
			unready(s.pod(3, "aaaaa", time.Second))
			return s
		}, ago: 10 * time.Second, later: 4 * time.Minute, want: runbooks.Broken, why: "Pod api-gateway-production-hash3-aaaaa of revision 3 runs, but its readiness probe did not pass for 4 min."},
		"the controller's deadline": {s: func() *still {
			s := rolling()
			unready(s.pod(3, "aaaaa", time.Second))
			s.deployment.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", LastUpdateTime: metav1.NewTime(noon)}}
			return s
		}, ago: 10 * time.Second, want: runbooks.Broken, why: "Pod api-gateway-production-hash3-aaaaa of revision 3 runs, but its readiness probe did not pass before the deadline of the deployment passed."},
		"a deadline that passed before the write": {s: func() *still {
			s := rolling()
			s.deployment.Status.Conditions = []appsv1.DeploymentCondition{{Type: appsv1.DeploymentProgressing, Status: corev1.ConditionFalse, Reason: "ProgressDeadlineExceeded", LastUpdateTime: metav1.NewTime(noon.Add(-time.Minute))}}
			return s
		}, ago: 10 * time.Second, want: runbooks.Moving},
		"another template since": {
			s: func() *still {
				s := gateway()
				s.deployment.Generation = 8
				return s
			}, ago: time.Second, with: func(f *runbooks.Follow) { f.TemplateHash = "other" }, want: runbooks.Overtaken,
			why: "Somebody changed api-gateway-production again: it is now meant to run …/api-gateway:12345 (“deploy 12345 by Luis (c-2)”).",
		},
		"another number of pods since a rollout is no matter": {s: gateway, ago: time.Second, with: func(f *runbooks.Follow) { f.Replicas = 9 }, want: runbooks.Complete},
		"another number of pods since a scale": {
			s: gateway, ago: time.Second, with: func(f *runbooks.Follow) { f.Replicas, f.Scale = 9, true }, want: runbooks.Overtaken,
			why: "Somebody or an autoscaler set api-gateway-production to 4 pods instead of 9.",
		},
		"paused meanwhile": {s: func() *still {
			s := rolling()
			s.deployment.Spec.Paused = true
			return s
		}, ago: time.Second, want: runbooks.Overtaken, why: "Somebody paused api-gateway-production: nothing more happens until it is resumed."},
		"deleted":   {s: func() *still { return &still{} }, ago: time.Second, want: runbooks.Gone, why: "api-gateway-production was deleted."},
		"made anew": {s: gateway, ago: time.Second, with: func(f *runbooks.Follow) { f.UID = "d-0" }, want: runbooks.Gone, why: "api-gateway-production was deleted and made anew by somebody else."},
		"beyond its time": {s: func() *still {
			s := rolling()
			waiting(s.pod(3, "aaaaa", time.Second), "ContainerCreating", "")
			return s
		}, ago: 11 * time.Minute, with: func(f *runbooks.Follow) { f.ChangedAt = noon; f.Mark = "0 ready, 2 updated, 0 restarts; " }, want: runbooks.OutOfTime, why: "0 of 4 pods of api-gateway-production ready after 11 min."},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := runbooks.Look(t.Context(), tt.s(), input("rollback", nil).Workload)
			require.NoError(t, err)
			f := following(tt.ago)
			if tt.with != nil {
				tt.with(&f)
			}
			p, f := runbooks.Judge(r, f, noon)
			if tt.later > 0 {
				p, _ = runbooks.Judge(r, f, noon.Add(tt.later))
			}
			require.Equal(t, tt.want, p.Phase, p.Why.String())
			require.Equal(t, tt.why, p.Why.String())
		})
	}
}

func TestProgressInWords(t *testing.T) {
	t.Parallel()
	s := rolling()
	s.pod(3, "aaaaa", 10*time.Second)
	unready(s.pod(3, "bbbbb", 10*time.Second))
	r, err := runbooks.Look(t.Context(), s, input("rollback", nil).Workload)
	require.NoError(t, err)
	p, _ := runbooks.Judge(r, following(18*time.Second), noon)
	require.Equal(t, "1 of 4 ready · 2 old pods serving · 1 unavailable · 18 s of 10 min", p.Line.String())
	require.Equal(t, "1 of 4 pods ready, 18 s", p.Short.String())
	require.Equal(t, []string{"…-aaaaa ready", "…-bbbbb running, not ready", "…-xxxxx, …-yyyyy serving"}, words(p.Pods))
}

func TestTheEndComparesWithBefore(t *testing.T) {
	t.Parallel()
	r, err := runbooks.Look(t.Context(), gateway(), input("rollback", nil).Workload)
	require.NoError(t, err)
	_, f := runbooks.Judge(r, following(41*time.Second), noon)
	p, _ := runbooks.Judge(r, f, noon.Add(time.Minute))
	require.Equal(t, runbooks.Healthier, p.Verdict)
	require.Equal(t, "no restart in the 60 s since (before: 6 in 10 min, 2 of 4 ready, CrashLoopBackOff)", p.Compare.String())
	require.Equal(t, 41*time.Second, p.Took)
}

func TestCompare(t *testing.T) {
	t.Parallel()
	well := runbooks.Health{Known: true, Ready: 4, Desired: 4, Window: 10 * time.Minute}
	with := func(change func(*runbooks.Health)) runbooks.Health { h := well; change(&h); return h }
	tests := map[string]struct {
		before, after runbooks.Health
		want          runbooks.Verdict
	}{
		"as well as before":                 {well, well, runbooks.Same},
		"what was not read is not compared": {runbooks.Health{}, well, runbooks.NotCompared},
		"fewer pods are ready":              {well, with(func(h *runbooks.Health) { h.Ready = 3 }), runbooks.Worse},
		"restarts where there were none":    {well, with(func(h *runbooks.Health) { h.Restarts = 1 }), runbooks.Worse},
		"no restarts where there were some": {with(func(h *runbooks.Health) { h.Restarts = 3 }), well, runbooks.Healthier},
		"all pods where some were missing":  {with(func(h *runbooks.Health) { h.Ready = 1 }), well, runbooks.Healthier},
		"better here and worse there":       {with(func(h *runbooks.Health) { h.Ready = 1 }), with(func(h *runbooks.Health) { h.Restarts = 1 }), runbooks.Worse},
		"more pods are wanted and ready":    {well, with(func(h *runbooks.Health) { h.Ready, h.Desired = 6, 6 }), runbooks.Same},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, _ := runbooks.Compare(tt.before, tt.after)
			require.Equal(t, tt.want, got)
		})
	}
}

func TestBeginKnowsAScaleFromARedactedPlan(t *testing.T) {
	t.Parallel()
	p, err := planned(t, gateway(), "scale", algesta.Args{"replicas": int64(6)})
	require.NoError(t, err)
	f := runbooks.Begin(p.Redacted(), time.Minute)
	require.True(t, f.Scale)
	require.Equal(t, int32(6), f.Replicas)
	require.NotEmpty(t, f.TemplateHash)
}
