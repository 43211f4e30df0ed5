package runbooks_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func TestAMovableTagIsRefusedWhereSomebodyHasToApprove(t *testing.T) {
	t.Parallel()
	book, _ := runbooks.Find("deploy")
	for name, image := range map[string]string{"latest": "latest", "no tag": "acralgestaproduction.azurecr.io/api-gateway"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := input("deploy", algesta.Args{"image": image})
			in.Command.Target.Environment, in.Approval = "live", true // whatever the environment is called
			_, err := book.Plan(t.Context(), whole(gateway()), in)
			var e *algesta.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, algesta.ErrRefused, e.Kind)
			require.Contains(
				t,
				e.Message.String(),
				"has no fixed version: what is approved here might not be what runs, and nobody could tell later.",
			)
			require.Equal(t, "Name the tag of a build: /algesta deploy api-gateway live 12346", e.Hint.String())
			in.Approval = false
			_, err = book.Plan(t.Context(), whole(gateway()), in)
			require.NoError(t, err)
		})
	}
}

// fingerprinted is the plan and its fingerprint.
func fingerprinted(t *testing.T, s *still, runbook string, args algesta.Args) (algesta.Plan, string) {
	t.Helper()
	p, err := planned(t, s, runbook, args)
	require.NoError(t, err)
	f, err := p.Fingerprint(input(runbook, args).Command)
	require.NoError(t, err)
	return p, f
}

func TestATagIsApprovedByItsDigest(t *testing.T) {
	t.Parallel()
	const one = "sha256:1111111111111111111111111111111111111111111111111111111111111111"
	const other = "sha256:2222222222222222222222222222222222222222222222222222222222222222"
	latest := func(s *still) { // what ran before has no fixed version
		s.sets[0].Spec.Template.Spec.Containers[0].Image = registry + "latest"
	}
	tests := map[string]struct {
		runbook string
		args    algesta.Args
		with    func(*still)
		image   string
	}{
		"deploy":                    {"deploy", algesta.Args{"image": "12346"}, func(*still) {}, registry + "12346"},
		"rollback to a movable tag": {"rollback", algesta.Args{"to-revision": int64(1)}, latest, registry + "latest"},
		"resume of a movable tag": {"resume", nil, func(s *still) {
			s.deployment.Spec.Paused = true
			s.deployment.Spec.Template.Spec.Containers[0].Image = registry + "latest"
		}, registry + "latest"},
		"restart of a movable tag": {"restart", nil, func(s *still) {
			s.deployment.Spec.Template.Spec.Containers[0].Image = registry + "latest"
		}, registry + "latest"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			tt.with(s)
			rowOf := func(p algesta.Plan) string {
				for _, f := range p.Facts {
					if f.Label == "registry" {
						return f.Value.String()
					}
				}
				return ""
			}
			s.images = map[string]string{tt.image: one}
			p, approved := fingerprinted(t, s, tt.runbook, tt.args)
			require.Contains(t, rowOf(p), " is sha256:111111111111… now; if that changes before it runs, I ask again")
			_, again := fingerprinted(t, s, tt.runbook, tt.args)
			require.Equal(t, approved, again)

			s.images[tt.image] = other
			_, moved := fingerprinted(t, s, tt.runbook, tt.args)
			require.NotEqual(t, approved, moved, "the tag was moved after people said yes")

			s.images = nil // the registry lets nobody look
			p, unknown := fingerprinted(t, s, tt.runbook, tt.args)
			require.NotEqual(t, approved, unknown, "what can't be checked any more isn't what was approved")
			require.Contains(t, rowOf(p), "not checked: it doesn't let me look; what ")
			require.Contains(t, rowOf(p), " is may change until it's pulled")
		})
	}
}

func TestThePlanSaysWhatALaterApplyBringsBack(t *testing.T) {
	t.Parallel()
	applied := func(s *still, replicas int, image string) {
		file := map[string]any{"spec": map[string]any{"template": map[string]any{"spec": map[string]any{"containers": []any{
			map[string]any{
				"name":      "api-gateway",
				"image":     image,
				"resources": map[string]any{"limits": map[string]any{"cpu": "1000m"}},
				"env": []any{
					map[string]any{"name": "NODE_ENV", "value": "production"},
					map[string]any{"name": "API_PASSWORD", "value": secretValue},
					map[string]any{"name": "JWT_SECRET"},
				},
			},
		}}}}}
		if replicas > 0 {
			file["spec"].(map[string]any)["replicas"] = replicas
		}
		b, err := json.Marshal(file)
		require.NoError(t, err)
		s.deployment.Annotations[corev1.LastAppliedConfigAnnotation] = string(b)
	}
	owned := func(s *still, fields string) {
		s.deployment.ManagedFields = []metav1.ManagedFieldsEntry{
			{Manager: "kustomize-controller", Operation: metav1.ManagedFieldsOperationApply, FieldsV1: metav1.NewFieldsV1(fields)},
		}
	}
	const theFile = "The next time, `kubectl apply` of the file that this deployment was made from brings back: "
	tests := map[string]struct {
		runbook string
		args    algesta.Args
		with    func(*still)
		want    []string
	}{
		"the file says the old version": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) { applied(s, 4, registry+"12345") },
			[]string{theFile + "…/api-gateway:12345."},
		},
		"the file says the new version": {"deploy", algesta.Args{"image": "12346"}, func(s *still) { applied(s, 4, registry+"12346") }, nil},
		"the file says another registry": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) { applied(s, 0, "mirror.example.net/api-gateway:12346") },
			[]string{theFile + "mirror.example.net/api-gateway:12346."},
		},
		"the file says the number of pods": {
			"scale",
			algesta.Args{"replicas": int64(6)},
			func(s *still) { applied(s, 4, registry+"12345") },
			[]string{theFile + "4 pods."},
		},
		"the file leaves the number of pods alone": {
			"scale",
			algesta.Args{"replicas": int64(6)},
			func(s *still) { applied(s, 0, registry+"12345") },
			nil,
		},
		"settings that the file states": {
			"rollback", nil,
			func(s *still) { applied(s, 4, registry+"12345") },
			[]string{theFile + "env and …/api-gateway:12345."},
		},
		"Argo CD syncs the file": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) { s.argo(map[string]any{}); applied(s, 4, registry+"12345") },
			[]string{
				"Argo CD (app gateway) owns this deployment: the next time someone syncs it, this is undone.",
				"The next time, a sync of Argo CD (app gateway) brings back: …/api-gateway:12345.",
			},
		},
		"a server-side apply owns the image": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) {
				owned(s, `{"f:spec":{"f:template":{"f:spec":{"f:containers":{"k:{\"name\":\"api-gateway\"}":{".":{},"f:image":{}}}}}}}`)
			},
			[]string{"kustomize-controller applied this deployment. Its next apply brings back: …/api-gateway:12345."},
		},
		"a server-side apply owns something else": {
			"deploy",
			algesta.Args{"image": "12346"},
			func(s *still) { owned(s, `{"f:spec":{"f:paused":{}}}`) },
			nil,
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
			requireNoSecret(t, p.Warnings)
		})
	}
}
