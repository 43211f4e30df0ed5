package rollout_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

func TestJudge(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		s     func() *still
		ago   time.Duration // since the write
		later time.Duration // a second poll after this, for what has to last
		with  func(*rollout.Follow)
		want  rollout.Phase
		why   string
	}{
		"a write that the controller has not seen": {s: func() *still {
			s := gateway()
			s.deployment.Status.ObservedGeneration = 6
			return s
		}, ago: time.Second, want: rollout.Moving},
		"a look at an older object": {s: func() *still {
			s := gateway()
			s.deployment.Generation = 6
			return s
		}, ago: time.Second, want: rollout.Moving},
		"all pods are there":               {s: gateway, ago: time.Second, want: rollout.Complete},
		"all pods stayed through the soak": {s: gateway, ago: time.Second, later: time.Minute, want: rollout.Settled},
		"pods that start": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "ContainerCreating", "")
			return s
		}, ago: 10 * time.Second, want: rollout.Moving},
		"a first crash is not the end": {s: func() *still {
			s := rolling()
			rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Second), 1, rollouttest.Noon)
			return s
		}, ago: 5 * time.Second, want: rollout.Moving},
		"a second crash is": {s: func() *still {
			s := rolling()
			rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Second), 2, rollouttest.Noon)
			return s
		}, ago: 5 * time.Second, want: rollout.Broken, why: "The program in container api-gateway ends with exit code 1, so pod " +
			"api-gateway-production-hash3-aaaaa of revision 3 keeps crashing (2 " +
			"restarts)."},
		"a crash tells its last words": {s: func() *still {
			s := rolling()
			crashing := rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Second), 2, rollouttest.Noon)
			crashing.Status.ContainerStatuses[0].LastTerminationState.Terminated.Message = "MONGODB_URI=mongodb://u:p4ssw0rd@db/x refused\n"
			return s
		}, ago: 5 * time.Second, want: rollout.Broken, why: "The program in container api-gateway ends with exit code 1 after " +
			"“MONGODB_URI=mongodb://‹redacted›@db/x refused”, so pod api-gateway-production-hash3-aaaaa of revision 3 keeps crashing " +
			"(2 restarts)."},
		"an image name that is none": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "InvalidImageName", "couldn't parse")
			return s
		}, ago: time.Second, want: rollout.Broken, why: "Image name \"acralgestaproduction.azurecr.io/api-gateway:12345\" is not " +
			"valid, so no pod of revision 3 can start."},
		"a missing tag at the first attempt": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "ErrImagePull", "manifest unknown: not found")
			return s
		}, ago: time.Second, want: rollout.Moving},
		"a missing tag at the second": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "ImagePullBackOff", `Back-off pulling image "x": ErrImagePull: not found`)
			return s
		}, ago: time.Second, want: rollout.Broken, why: "Image acralgestaproduction.azurecr.io/api-gateway:12345 does not exist " +
			"in its registry, so no pod of revision 3 can start."},
		"a registry that refuses may heal": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "ImagePullBackOff", "failed to authorize: 401 Unauthorized")
			return s
		}, ago: time.Second, later: 20 * time.Second, want: rollout.Moving},
		"a registry that goes on refusing": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "ImagePullBackOff", "failed to authorize: 401 Unauthorized")
			return s
		}, ago: time.Second, later: 31 * time.Second, want: rollout.Broken, why: "Registry acralgestaproduction.azurecr.io does not let the " +
			"nodes pull image " +
			"acralgestaproduction.azurecr.io/api-gateway:12345: “401 Unauthorized”, so no pod of revision 3 can start."},
		"a tag that holds a status is no answer of the registry": {s: func() *still {
			s := rolling()
			p := rollouttest.Waiting(
				s.pod(3, "aaaaa", time.Second),
				"ImagePullBackOff",
				`failed to copy "registry.example/api-gateway:403-denied": unexpected EOF`,
			)
			p.Spec.Containers[0].Image = "registry.example/api-gateway:403-denied"
			return s
		}, ago: time.Second, later: 31 * time.Second, want: rollout.Moving},
		"a missing secret that may come": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "CreateContainerConfigError", `secret "mongodb-credentials" not found`)
			return s
		}, ago: time.Second, later: 10 * time.Second, want: rollout.Moving},
		"a missing secret that does not come": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "CreateContainerConfigError", `secret "mongodb-credentials" not found`)
			return s
		}, ago: time.Second, later: 21 * time.Second, want: rollout.Broken, why: "Secret mongodb-credentials does not exist in namespace " +
			"production, so no pod of revision " +
			"3 can start."},
		"a key that is missing": {s: func() *still {
			s := rolling()
			rollouttest.Waiting(
				s.pod(3, "aaaaa", time.Second),
				"CreateContainerConfigError",
				"couldn't find key uri in Secret production/mongodb-credentials",
			)
			return s
		}, ago: time.Second, later: 21 * time.Second, want: rollout.Broken, why: "Secret mongodb-credentials has no key uri, so no pod of " +
			"revision 3 can start."},
		"no node for a minute": {s: func() *still {
			s := rolling()
			p := s.pod(3, "aaaaa", time.Second)
			p.Spec.NodeName, p.Status.ContainerStatuses = "", nil
			p.Status.Conditions = []corev1.PodCondition{
				{
					Type:    corev1.PodScheduled,
					Status:  corev1.ConditionFalse,
					Reason:  "Unschedulable",
					Message: "0/3 nodes are available: 3 Insufficient cpu.",
				},
			}
			return s
		}, ago: time.Second, later: 61 * time.Second, want: rollout.Broken, why: "No node has enough free cpu for a pod, so pod " +
			"api-gateway-production-hash3-aaaaa of " +
			"revision 3 cannot be scheduled. The scheduler says: 0/3 nodes are available: 3 " +
			"Insufficient cpu."},
		"pods that are not admitted": {s: func() *still {
			s := rolling()
			s.sets[2].Status.Conditions = []appsv1.ReplicaSetCondition{
				{
					Type:   "ReplicaFailure",
					Status: corev1.ConditionTrue,
					Reason: "FailedCreate",
					Message: `pods "x" is forbidden: exceeded quota: production-quota, requested: requests.cpu=250m, used: requests.cpu=4, limited: ` +
						`requests.cpu=4`,
				},
			}
			s.quota("4")
			return s
		}, ago: time.Second, later: 31 * time.Second, want: rollout.Broken, why: "ResourceQuota production-quota is used up (requested: " +
			"requests.cpu=250m, used: " +
			"requests.cpu=4, limited: requests.cpu=4), so no further pod of api-gateway-production can " +
			"be created."},
		"pods that are not admitted while old ones stop": {s: func() *still {
			s := rolling()
			s.sets[2].Status.Conditions = []appsv1.ReplicaSetCondition{
				{Type: "ReplicaFailure", Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota"},
			}
			s.pods[0].DeletionTimestamp = &metav1.Time{Time: rollouttest.Noon}
			return s
		}, ago: time.Second, later: 4 * time.Second, want: rollout.Moving},
		"pods that no attempt will get admitted": {s: func() *still {
			s := rolling()
			rollouttest.Refusing(s.sets[2], `pods "x" is forbidden: violates PodSecurity "restricted:latest": runAsNonRoot != true`)
			return s
		}, ago: time.Second, later: 4 * time.Second, want: rollout.Broken, why: `The pods violate Pod Security level restricted:latest of ` +
			`the namespace (runAsNonRoot != true), so no further pod of api-gateway-production can be created. The API server says: violates ` +
			`PodSecurity ` +
			`"restricted:latest": runAsNonRoot != true.`},
		"a refusal that is history: all pods were made since": {s: func() *still {
			s := rolling()
			rollouttest.Refusing(s.sets[2], rollouttest.OverQuota)
			s.sets[2].Spec.Replicas, s.sets[2].Status.Replicas = new(int32(1)), 1
			rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "ContainerCreating", "")
			return s
		}, ago: time.Second, later: 31 * time.Second, want: rollout.Moving},
		"a quota that has room again": {s: func() *still {
			s := rolling()
			rollouttest.Refusing(s.sets[2], rollouttest.OverQuota)
			s.quota("3750m")
			return s
		}, ago: time.Second, later: 31 * time.Second, want: rollout.Moving},
		"a quota that is still full, with what is used now": {s: func() *still {
			s := rolling()
			rollouttest.Refusing(s.sets[2], rollouttest.OverQuota)
			s.quota("3900m")
			return s
		}, ago: time.Second, later: 31 * time.Second, want: rollout.Broken, why: "ResourceQuota production-quota is used up (requested: " +
			"requests.cpu=250m, used: " +
			"requests.cpu=3900m, limited: requests.cpu=4), so no further pod of api-gateway-production " +
			"can be created."},
		"a quota that pods of another workload still fill while they stop": {s: func() *still {
			s := rolling()
			rollouttest.Refusing(s.sets[2], rollouttest.OverQuota)
			s.quota("4")
			s.others = []metav1.PartialObjectMetadata{
				{ObjectMeta: metav1.ObjectMeta{Name: "other", DeletionTimestamp: &metav1.Time{Time: rollouttest.Noon.Add(30 * time.Second)}}},
			}
			return s
		}, ago: time.Second, later: 50 * time.Second, want: rollout.Moving},
		"a quota that pods fill which do not stop when they should": {s: func() *still {
			s := rolling()
			rollouttest.Refusing(s.sets[2], rollouttest.OverQuota)
			s.quota("4")
			s.pods[0].DeletionTimestamp = &metav1.Time{Time: rollouttest.Noon.Add(-time.Minute)}
			return s
		}, ago: time.Second, later: 31 * time.Second, want: rollout.Broken, why: "ResourceQuota production-quota is used up (requested: " +
			"requests.cpu=250m, used: " +
			"requests.cpu=4, limited: requests.cpu=4), so no further pod of api-gateway-production can " +
			"be created."},
		"a failure of an old ReplicaSet": {s: func() *still {
			s := rolling()
			s.sets[0].Status.Conditions = []appsv1.ReplicaSetCondition{
				{Type: "ReplicaFailure", Status: corev1.ConditionTrue, Reason: "FailedCreate", Message: "exceeded quota"},
			}
			return s
		}, ago: time.Second, later: 10 * time.Second, want: rollout.Moving},
		"a pod that never becomes ready": {s: func() *still {
			s := rolling()
			rollouttest.Unready(s.pod(3, "aaaaa", time.Second))
			return s
		}, ago: 10 * time.Second, later: 4 * time.Minute, want: rollout.Broken, why: "Pod api-gateway-production-hash3-aaaaa of revision 3 " +
			"runs but is not ready: its readiness probe did not pass for 4 min."},
		"a pod that is restarted without a back-off": {s: func() *still {
			s := rolling()
			rollouttest.Restarting(s.pod(3, "aaaaa", time.Second), 2, 0, rollouttest.Noon)
			return s
		}, ago: 10 * time.Second, later: 21 * time.Second, want: rollout.Broken, why: "Pod api-gateway-production-hash3-aaaaa of revision 3 " +
			"keeps restarting (exit 0, 2 " +
			"restarts)."},
		"a pod that was restarted and may become ready this time": {s: func() *still {
			s := rolling()
			rollouttest.Restarting(s.pod(3, "aaaaa", time.Second), 2, 1, rollouttest.Noon)
			return s
		}, ago: 10 * time.Second, later: 10 * time.Second, want: rollout.Moving},
		"an end with exit code 0 is one": {s: func() *still {
			s := rolling()
			rollouttest.Ended(s.pod(3, "aaaaa", time.Second), 2, 0)
			return s
		}, ago: 10 * time.Second, want: rollout.Broken, why: "The command of container api-gateway ends with exit " +
			"code 0, so pod api-gateway-production-hash3-aaaaa of revision 3 " +
			"keeps crashing (2 restarts)."},
		"restarts of long ago": {s: func() *still {
			s := gateway()
			s.deployment.Spec.Replicas = new(int32(6))
			for _, p := range s.pods {
				p.Status.ContainerStatuses[0].RestartCount = 7
			}
			rollouttest.Unready(s.pods[0])
			return s
		}, ago: 10 * time.Second, later: 31 * time.Second, want: rollout.Moving},
		"a pod of long ago that ends once": {s: func() *still {
			s := gateway()
			s.deployment.Spec.Replicas = new(int32(6))
			rollouttest.Ended(s.pods[0], 7, 0)
			return s
		}, ago: 10 * time.Second, want: rollout.Moving},
		"restarts are no progress": {
			s: func() *still {
				s := rolling()
				rollouttest.Restarting(s.pod(3, "aaaaa", time.Second), 1, 1, rollouttest.Noon)
				return s
			}, ago: 5 * time.Minute,
			with: func(f *rollout.Follow) { f.ChangedAt, f.Most = rollouttest.Noon.Add(-4*time.Minute), 2 }, want: rollout.Broken,
			why: "Pod api-gateway-production-hash3-aaaaa of revision 3 runs but is not ready: its readiness probe did not pass for 4 min.",
		},
		"a pod on a node that died is waited for": {s: func() *still {
			s := rolling()
			rollouttest.Unready(s.pod(3, "aaaaa", time.Minute))
			s.dead("aks-stdarproduction-0", rollouttest.Noon.Add(-time.Minute))
			return s
		}, ago: 10 * time.Second, later: 4 * time.Minute, want: rollout.Moving},
		"old pods that take long to stop are waited for": {s: func() *still {
			s := rolling()
			s.pods[0].DeletionTimestamp = &metav1.Time{Time: rollouttest.Noon.Add(5 * time.Minute)}
			return s
		}, ago: 10 * time.Second, later: 4 * time.Minute, want: rollout.Moving},
		"the controller's deadline": {s: func() *still {
			s := rolling()
			rollouttest.Unready(s.pod(3, "aaaaa", time.Second))
			s.deployment.Status.Conditions = []appsv1.DeploymentCondition{
				{
					Type:           appsv1.DeploymentProgressing,
					Status:         corev1.ConditionFalse,
					Reason:         "ProgressDeadlineExceeded",
					LastUpdateTime: metav1.NewTime(rollouttest.Noon),
				},
			}
			return s
		}, ago: 10 * time.Second, want: rollout.Broken, why: "Pod api-gateway-production-hash3-aaaaa of revision 3 runs but is not ready: " +
			"its readiness " +
			"probe did not pass before the deployment's progress deadline."},
		"a deadline that passed before the write": {s: func() *still {
			s := rolling()
			s.deployment.Status.Conditions = []appsv1.DeploymentCondition{
				{
					Type:           appsv1.DeploymentProgressing,
					Status:         corev1.ConditionFalse,
					Reason:         "ProgressDeadlineExceeded",
					LastUpdateTime: metav1.NewTime(rollouttest.Noon.Add(-time.Minute)),
				},
			}
			return s
		}, ago: 10 * time.Second, want: rollout.Moving},
		"another template since": {
			s: func() *still {
				s := gateway()
				s.deployment.Generation = 8
				return s
			}, ago: time.Second, with: func(f *rollout.Follow) { f.TemplateHash = "other" }, want: rollout.Overtaken,
			why: "Someone changed api-gateway-production again: it should now run …/api-gateway:12345 (“deploy 12345 by Luis " +
				"(c-2)”).",
		},
		"another number of pods since a rollout is no matter": {
			s:    gateway,
			ago:  time.Second,
			with: func(f *rollout.Follow) { f.Replicas = 9 },
			want: rollout.Complete,
		},
		"another number of pods since a scale": {
			s: gateway, ago: time.Second, with: func(f *rollout.Follow) { f.Replicas, f.Scale = 9, true }, want: rollout.Overtaken,
			why: "Someone or an autoscaler set api-gateway-production to 4 pods instead of 9.",
		},
		"paused meanwhile": {s: func() *still {
			s := rolling()
			s.deployment.Spec.Paused = true
			return s
		}, ago: time.Second, want: rollout.Overtaken, why: "Someone paused api-gateway-production: nothing more happens until " +
			"it's resumed."},
		"deleted": {s: func() *still { return &still{} }, ago: time.Second, want: rollout.Gone, why: "api-gateway-production was deleted."},
		"recreated": {
			s:    gateway,
			ago:  time.Second,
			with: func(f *rollout.Follow) { f.UID = "d-0" },
			want: rollout.Gone,
			why:  "api-gateway-production was deleted and recreated by someone else.",
		},
		"beyond its time": {
			s: func() *still {
				s := rolling()
				rollouttest.Waiting(s.pod(3, "aaaaa", time.Second), "ContainerCreating", "")
				return s
			}, ago: 11 * time.Minute, with: func(f *rollout.Follow) { f.ChangedAt, f.Most = rollouttest.Noon, 2 }, want: rollout.OutOfTime,
			why: "0 of 4 pods of api-gateway-production ready after 11 min.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, err := rollout.Look(t.Context(), rollout.Cluster{Reader: tt.s()}, workload)
			require.NoError(t, err)
			f := following(tt.ago)
			if tt.with != nil {
				tt.with(&f)
			}
			p, f := rollout.Judge(r, f, rollouttest.Noon)
			if tt.later > 0 {
				p, _ = rollout.Judge(r, f, rollouttest.Noon.Add(tt.later))
			}
			require.Equal(t, tt.want, p.Phase, p.Why.String())
			require.Equal(t, tt.why, p.Why.String())
		})
	}
}
