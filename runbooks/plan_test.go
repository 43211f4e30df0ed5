package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
)

func TestTheRollbackThatPeopleSee(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.hpa()
	s.quota(corev1.ResourceList{"requests.cpu": resource.MustParse("4"), "pods": resource.MustParse("50")},
		corev1.ResourceList{"requests.cpu": resource.MustParse("1050m"), "pods": resource.MustParse("5")})
	p, err := planned(t, s, "rollback", nil)
	require.NoError(t, err)
	require.Equal(t, "Rollback of api-gateway in production (12345 → 12344)", p.Title.String())
	require.Equal(t, "Roll back api-gateway-production: 12345 → 12344 (revision 1)", p.Summary.String())
	require.Equal(t, "Rolling back api-gateway in production: 12345 → 12344", p.Doing.String())
	require.Equal(t, "api-gateway in production is back on 12344", p.Done.String())
	rows := map[string]string{}
	for _, f := range p.Facts {
		rows[f.Label] = f.Value.String()
	}
	require.Equal(t, map[string]string{
		"image":      "…/api-gateway:12345 → …/api-gateway:12344",
		"env":        "LOG_LEVEL added",
		"annotation": "kubectl.kubernetes.io/restartedAt removed",
		"revision":   "1, made 2026-11-19 12:00 UTC: “deploy 12344 by Dana (c-1)” (2 runs the same pods as now: a restart)",
		"pods":       "4, autoscaled 2–10; 1 extra pod while it rolls: fits (requests.cpu 1.3 of 4)",
	}, rows)
	require.Empty(t, p.Warnings)
	require.Equal(t, map[string]int64{"pods": 4, "surge": 1, "revision": 1}, p.Figures)
	require.Equal(t, algesta.Args{"template": "hash3", "undoes": "c-7f3a9k"}, p.Undo.Args)
	require.Len(t, p.Changes[0].Swaps, 4, "only the template, that the strategy is as seen, the change-cause and what the cause is about")
	require.JSONEq(t, `"rollback to 12344 by Dana (c-7f3a9k)"`, string(p.Changes[0].Swaps[2].To))
	require.JSONEq(t, `"deploy 12345 by Luis (c-2)"`, string(p.Changes[0].Swaps[2].From))
	require.NotContains(t, string(p.Changes[0].Swaps[0].To), "pod-template-hash")
	require.Contains(t, string(p.Changes[0].Swaps[0].To), secretValue, "the change itself keeps it")
}

// refused are commands that end in a sentence.
func TestRefusals(t *testing.T) {
	t.Parallel()
	paused := func(s *still) { s.deployment.Spec.Paused = true }
	tests := map[string]struct {
		runbook string
		args    algesta.Args
		with    func(*still)
		kind    algesta.ErrorKind
		message string
		hint    string
	}{
		"a paused deployment is not rolled back": {
			"rollback", nil, paused, algesta.ErrRefused, "api-gateway-production is paused, so a rollback would be stored and nothing would happen.",
			"Resume it first: /algesta resume api-gateway production. Then ask again.",
		},
		"a paused deployment is not restarted": {
			"restart", nil, paused, algesta.ErrRefused, "api-gateway-production is paused, so a restart would be stored and nothing would happen.",
			"Resume it first: /algesta resume api-gateway production. Then ask again.",
		},
		"a revision that is not there": {
			"rollback",
			algesta.Args{"to-revision": int64(9)},
			nil, algesta.ErrUnknownName, "api-gateway-production has no revision 9.",
			"The revisions are 3 (now, 12345), 2 (12345) and 1 (12344). For example: /algesta rollback api-gateway production --to-revision=1",
		},
		"a template that is no longer kept": {
			"rollback",
			algesta.Args{"template": "gone"},
			nil, algesta.ErrUnknownName, "The version with the pod template hash gone is no longer kept by api-gateway-production.",
			"The revisions are 3 (now, 12345), 2 (12345) and 1 (12344). For example: /algesta rollback api-gateway production --to-revision=1",
		},
		"nothing but restarts": {
			"rollback", nil, func(s *still) { s.sets = s.sets[1:] }, algesta.ErrRefused,
			"Both revisions of api-gateway-production run the same pods as now (they are restarts), so there's nothing to go back to.",
			"Deploy the version you want: /algesta deploy api-gateway production <tag>",
		},
		"a deployment without a history": {
			"rollback", nil, func(s *still) { s.sets, s.deployment.Spec.RevisionHistoryLimit = nil, new(int32(0)) }, algesta.ErrRefused,
			"api-gateway-production keeps no history (revisionHistoryLimit is 0), so there's nothing to go back to.",
			"Deploy the version you want: /algesta deploy api-gateway production <tag>",
		},
		"a deployment that is being deleted": {
			"scale",
			algesta.Args{"replicas": int64(5)},
			func(s *still) { s.deployment.DeletionTimestamp = &metav1.Time{Time: noon} }, algesta.ErrRefused,
			"api-gateway-production is being deleted.", "Wait until it is gone, or ask who deleted it.",
		},
		"fewer pods than the autoscaler keeps": {
			"scale",
			algesta.Args{"replicas": int64(1)},
			func(s *still) { s.hpa() }, algesta.ErrRefused,
			"The autoscaler api-gateway-production-hpa keeps api-gateway-production between 2 and 10 pods: it would put 1 back to 2 within seconds.",
			`Ask for 2 to 10 pods, or change the autoscaler first: /algesta hpa set api-gateway production min=1`,
		},
		"another number than the pinned one": {
			"scale",
			algesta.Args{"replicas": int64(5)},
			func(s *still) {
				s.hpa()
				h := s.lists["HorizontalPodAutoscalerList"][0].(autoscalingv2.HorizontalPodAutoscaler)
				h.Spec.MinReplicas, h.Spec.MaxReplicas, h.Annotations = new(int32(3)), 3, map[string]string{"algesta.io/pinned": "{}"}
				s.lists["HorizontalPodAutoscalerList"][0] = h
			}, algesta.ErrRefused,
			"The autoscaler api-gateway-production-hpa is pinned at 3 pods: it would put 5 back to that within seconds.",
			"Pin it at another number: /algesta hpa pin api-gateway production 5. Or give it the bounds back that it had: " +
				"/algesta hpa restore api-gateway production",
		},
		"an image that cannot be one": {
			"deploy",
			algesta.Args{"image": "Foo:bar:baz"},
			nil, algesta.ErrUsage, "“Foo:bar:baz” isn't an image that can be pulled.",
			"Name a tag: /algesta deploy api-gateway production 12346",
		},
		"another repository by accident": {
			"deploy",
			algesta.Args{"image": "docker.io/evil/api-gateway:1"},
			nil, algesta.ErrRefused,
			"docker.io/evil/api-gateway:1 comes from another repository than what runs now (acralgestaproduction.azurecr.io/api-gateway).",
			"If that is meant: /algesta deploy api-gateway production docker.io/evil/api-gateway:1 --allow-other-repository",
		},
		"a tag that was never pushed": {
			"deploy",
			algesta.Args{"image": "12364"},
			func(s *still) { s.images = map[string]string{registry + "12346": "sha256:aa"} }, algesta.ErrRefused,
			"The registry has no …/api-gateway:12364, so no pod could start with it.",
			"Look whether its build has finished. Versions that ran before: 12345 and 12344.",
		},
		"what Argo CD heals by itself": {
			"rollback",
			nil,
			func(s *still) {
				s.argo(map[string]any{"automated": map[string]any{"selfHeal": true}})
			},
			algesta.ErrRefused,
			"Argo CD (app gateway) owns api-gateway-production and puts the version from Git back on its own (self-heal), so a " +
				"rollback wouldn't last.",
			"Change the version in Git, or switch off auto-sync of the app first.",
		},
		"what Flagger copies from another deployment": {
			"restart", nil,
			func(s *still) {
				s.deployment.OwnerReferences = []metav1.OwnerReference{
					{APIVersion: "flagger.app/v1beta1", Kind: "Canary", Name: "api-gateway", Controller: new(true)},
				}
			}, algesta.ErrRefused,
			"Flagger (Canary api-gateway) makes api-gateway-production from another deployment and puts its own version back.",
			"Change the deployment that the Canary names (spec.targetRef) instead: Flagger carries it over.",
		},
		"the pods of an Argo Rollout": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) {
				s.deployment.Spec.Replicas = new(int32(0))
				s.lists["RolloutList"] = []any{map[string]any{
					"apiVersion": "argoproj.io/v1alpha1", "kind": "Rollout", "metadata": map[string]any{"name": "gateway"},
					"spec": map[string]any{"workloadRef": map[string]any{"kind": "Deployment", "name": "api-gateway-production"}},
				}}
			}, algesta.ErrRefused,
			"The Argo Rollout gateway runs the pods of api-gateway-production, which stays at 0 itself.",
			"Change the rollout instead: kubectl argo rollouts get rollout gateway -n production",
		},
		"fewer pods than KEDA keeps": {
			"scale",
			algesta.Args{"replicas": int64(1)},
			func(s *still) { s.keda() },
			algesta.ErrRefused,
			"The autoscaler api-gateway-production-hpa keeps api-gateway-production between 2 and 10 pods: it would put 1 back to 2 within seconds.",
			`Ask for 2 to 10 pods, or change the autoscaler first: kubectl patch scaledobject gateway -n production --type merge -p ` +
				`'{"spec":{"minReplicaCount":1}}'`,
		},
		"a container that is not there": {
			"deploy",
			algesta.Args{"image": "12346", "container": "gateway"},
			nil, algesta.ErrUnknownName,
			"api-gateway-production has no container gateway. It has api-gateway.",
			"Say which one: /algesta deploy api-gateway production 12346 --container=api-gateway",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			if tt.with != nil {
				tt.with(s)
			}
			_, err := planned(t, s, tt.runbook, tt.args)
			var e *algesta.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.kind, e.Kind)
			require.Equal(t, tt.message, e.Message.String())
			require.Equal(t, tt.hint, e.Hint.String())
		})
	}
}

func TestNothingToDoIsSaid(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		runbook string
		args    algesta.Args
		with    func(*still)
		want    string
	}{
		"the revision that runs": {"rollback", algesta.Args{"to-revision": int64(3)}, nil, "api-gateway in production already runs revision 3."},
		"the template that runs": {"rollback", algesta.Args{"template": "hash3"}, nil, "api-gateway in production already runs revision 3."},
		"the number that runs":   {"scale", algesta.Args{"replicas": int64(4)}, nil, "api-gateway in production already runs 4 pods."},
		"the version that runs": {
			"deploy",
			algesta.Args{"image": "12345"},
			nil,
			"api-gateway in production already runs …/api-gateway:12345. If the tag was pushed again, /algesta restart api-gateway production " +
				"pulls it.",
		},
		"a version whose rollout isn't over": {
			"deploy",
			algesta.Args{"image": "12345"},
			func(s *still) { s.deployment.Status.UpdatedReplicas = 1 },
			"api-gateway in production is meant to run …/api-gateway:12345 already, and its rollout isn't over. To see how far it is: " +
				"/algesta status api-gateway production",
		},
		"a restart of no pods": {
			"restart",
			nil,
			func(s *still) { s.deployment.Spec.Replicas = new(int32(0)) },
			"api-gateway in production is scaled to 0 pods, so there's nothing to restart.",
		},
		"a whole image that runs": {
			"deploy",
			algesta.Args{"image": registry + "12345"},
			nil,
			"api-gateway in production already runs …/api-gateway:12345. If the tag was pushed again, /algesta restart api-gateway production " +
				"pulls it.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			if tt.with != nil {
				tt.with(s)
			}
			p, err := planned(t, s, tt.runbook, tt.args)
			require.NoError(t, err)
			require.Equal(t, tt.want, p.Nothing.String())
			require.Empty(t, p.Changes)
		})
	}
}

func TestBeginKnowsAScaleFromARedactedPlan(t *testing.T) {
	t.Parallel()
	p, err := planned(t, gateway(), "scale", algesta.Args{"replicas": int64(6)})
	require.NoError(t, err)
	f := rollout.Begin(p.Redacted(), time.Minute)
	require.True(t, f.Scale)
	require.Equal(t, int32(6), f.Replicas)
	require.NotEmpty(t, f.TemplateHash)
}
