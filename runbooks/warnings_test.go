package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

func TestWarnings(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		runbook string
		args    algesta.Args
		with    func(*still)
		want    []string
	}{
		"pods of the current revision crash, the old ones serve": {
			"rollback", nil, func(s *still) {
				s.pods = nil
				rollouttest.Crashing(s.pod(3, "aaaaa", 5*time.Minute), 3, noon.Add(-time.Minute))
				rollouttest.Crashing(s.pod(3, "bbbbb", 5*time.Minute), 3, noon.Add(-time.Minute))
				s.pod(1, "xxxxx", 72*time.Hour)
				s.pod(1, "yyyyy", 72*time.Hour)
			},
			[]string{"2 of 2 pods of the current revision crash (exit 1, 6 restarts in 5 min). The 2 old pods still serve users."},
		},
		"Argo CD owns it": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) {
				s.deployment.Annotations["argocd.argoproj.io/tracking-id"] = "algesta-prod:apps/Deployment:production/api-gateway-production"
			},
			[]string{
				"Argo CD (app algesta-prod) owns this deployment. With self-heal on it puts its own version back within minutes: pause auto-sync or " +
					"change it in Git first.",
			},
		},
		"Argo CD owns it and syncs what is in Git": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) { s.argo(map[string]any{"automated": map[string]any{}}) },
			[]string{"Argo CD (app gateway) owns this deployment: its next sync, at the next change in Git, undoes this."},
		},
		"Argo CD owns it and is synced by hand": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) { s.argo(map[string]any{}) },
			[]string{"Argo CD (app gateway) owns this deployment: the next time someone syncs it, this is undone."},
		},
		"a restart under an Argo CD that heals": {
			"restart", nil, func(s *still) { s.argo(map[string]any{"automated": map[string]any{"selfHeal": true}}) },
			[]string{"Argo CD (app gateway) owns this deployment and puts back what differs from Git on its own (self-heal)."},
		},
		"an operator made it": {
			"restart", nil,
			func(s *still) {
				s.deployment.OwnerReferences = []metav1.OwnerReference{
					{APIVersion: "example.com/v1", Kind: "Gateway", Name: "edge", Controller: new(true)},
				}
			},
			[]string{"Gateway edge made this deployment and may put its own version back."},
		},
		"a scale to nothing under KEDA": {
			"scale",
			algesta.Args{"replicas": int64(0)},
			func(s *still) { s.keda() },
			[]string{
				"api-gateway in production will serve nobody: whatever calls it is refused until a pod is ready again.",
				"KEDA (ScaledObject gateway) brings pods back as soon as its trigger asks for them.",
			},
		},
		"no room on any node": {
			"scale",
			algesta.Args{"replicas": int64(6)},
			func(s *still) { s.nodes(node("a", "150m", "4Gi"), node("b", "100m", "4Gi")) },
			[]string{
				"No node has room for 2 more pods now, because of cpu. Each pod asks for 0.25 cpu and 512Mi memory. What finds no room waits until " +
					"something else stops or a node is added.",
			},
		},
		"room for some": {
			"scale",
			algesta.Args{"replicas": int64(9)},
			func(s *still) { s.nodes(node("a", "600m", "4Gi"), node("b", "450m", "500Mi")) },
			[]string{
				"The nodes have room for 2 of 5 more pods now, because of cpu and memory. Each pod asks for 0.25 cpu and 512Mi memory. What finds " +
					"no room waits until something else stops or a node is added.",
			},
		},
		"nodes that may not be read": {
			"scale",
			algesta.Args{"replicas": int64(6)},
			func(s *still) { s.forbidden["NodeList"] = true },
			[]string{"Couldn't check room on the nodes (no permission to read them)."},
		},
		"an annotation of Argo CD that was copied from elsewhere": {
			"deploy", algesta.Args{"image": "12346"}, func(s *still) {
				s.deployment.Annotations["argocd.argoproj.io/tracking-id"] = "algesta-prod:apps/Deployment:staging/api-gateway-production"
			}, nil,
		},
		"Helm owns it": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) {
				s.deployment.Labels = map[string]string{"app.kubernetes.io/managed-by": "Helm"}
				s.deployment.Annotations["meta.helm.sh/release-name"] = "gateway"
			},
			[]string{"Helm (release gateway) owns this deployment: its next upgrade may undo this change or stop at a conflict over it."},
		},
		"a full quota": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) {
				s.deployment.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{
					MaxUnavailable: new(percent("0%")),
					MaxSurge:       new(percent("25%")),
				}
				s.quota(corev1.ResourceList{"limits.cpu": resource.MustParse("4")}, corev1.ResourceList{"limits.cpu": resource.MustParse("4")})
			},
			[]string{
				"Quota production-quota has no room: 4 of 4 limits.cpu are used and 1 more would be needed for 1 more pod. The rollout would wait " +
					"for room; the old pods keep serving.",
			},
		},
		"a full quota, and a way back to a version whose pods are all there": {
			"rollback", nil, func(s *still) {
				s.deployment.Spec.Strategy.RollingUpdate = &appsv1.RollingUpdateDeployment{
					MaxUnavailable: new(percent("0%")),
					MaxSurge:       new(percent("25%")),
				}
				s.quota(corev1.ResourceList{"limits.cpu": resource.MustParse("4")}, corev1.ResourceList{"limits.cpu": resource.MustParse("4")})
				s.pods = nil
				for _, name := range []string{"wwwww", "xxxxx", "yyyyy", "zzzzz"} {
					s.pod(1, name, 72*time.Hour)
				}
			}, nil,
		},
		"a restart while the pods of the version are starting": {
			"restart", nil, func(s *still) {
				s.deployment.Status = rollouttest.Rolling()
				s.pods = s.pods[:2]
				s.pod(1, "xxxxx", time.Hour)
				s.pod(1, "yyyyy", time.Hour)
			}, []string{"A rollout is still under way: 2 of 4 ready, 2 old pods serving."},
		},
		"a quota that wants what a container does not state": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) {
				s.deployment.Spec.Template.Spec.Containers[0].Resources.Limits = nil
				s.quota(corev1.ResourceList{"limits.cpu": resource.MustParse("4")}, corev1.ResourceList{"limits.cpu": resource.MustParse("1")})
			},
			[]string{"Quota production-quota wants limits.cpu on every container, and api-gateway has none: no new pod would be admitted."},
		},
		"a LimitRange states it instead": {
			"deploy", algesta.Args{"image": "12346"}, func(s *still) {
				s.deployment.Spec.Template.Spec.Containers[0].Resources.Limits = nil
				s.quota(corev1.ResourceList{"limits.cpu": resource.MustParse("4")}, corev1.ResourceList{"limits.cpu": resource.MustParse("1")})
				s.lists["LimitRangeList"] = []any{
					corev1.LimitRange{
						Spec: corev1.LimitRangeSpec{
							Limits: []corev1.LimitRangeItem{{Type: corev1.LimitTypeContainer, Default: corev1.ResourceList{"cpu": resource.MustParse("500m")}}},
						},
					},
				}
			}, nil,
		},
		"a scale to nothing under an autoscaler": {
			"scale",
			algesta.Args{"replicas": int64(0)},
			func(s *still) { s.hpa() },
			[]string{
				"api-gateway in production will serve nobody: whatever calls it is refused until a pod is ready again.",
				"The autoscaler api-gateway-production-hpa switches itself off at 0 pods and doesn't bring them back: someone has to " +
					"scale up again.",
			},
		},
		"a strategy that stops everything first": {
			"restart", nil, func(s *still) {
				s.deployment.Spec.Strategy.Type = appsv1.RecreateDeploymentStrategyType
			},
			[]string{"The strategy is Recreate: all pods stop before the first new one starts. Users see an outage until then."},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			tt.with(s)
			p, err := planned(t, s, tt.runbook, tt.args)
			require.NoError(t, err)
			require.Equal(t, tt.want, words(p.Warnings))
		})
	}
}
