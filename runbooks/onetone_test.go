package runbooks_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// toneOfAnswer is the sign of an answer.
func toneOfAnswer(t *testing.T, s *still, runbook, object string, args algesta.Args) algesta.Tone {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	in := input(runbook, args)
	if object != "" {
		in = about(runbook, object, args)
	}
	report, err := book.Answer(t.Context(), whole(s), in)
	require.NoError(t, err)
	return report.Tone
}

// TestOneStateHasOneSign however it's asked for: while old pods serve, new ones that can't run are a warning; where none serves it's down.
func TestOneStateHasOneSign(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		old  bool
		want algesta.Tone
	}{"old pods serve": {true, algesta.Warning}, "nothing serves": {false, algesta.Bad}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := rolling()
			fresh := rollouttest.Crashing(rollouttest.Pod(4, "new", time.Minute), 3, noon)
			s.pods = []*corev1.Pod{fresh}
			if tc.old {
				s.pods = append(s.pods, rollouttest.Pod(3, "old", time.Hour))
				s.deployment.Status.ReadyReplicas = 1
			} else {
				s.deployment.Status.ReadyReplicas = 0
			}
			s.lists["DeploymentList"], s.lists["PodList"] = []any{*s.deployment}, nil
			for _, pod := range s.pods {
				s.lists["PodList"] = append(s.lists["PodList"], *pod)
			}
			for _, rs := range s.sets {
				s.lists["ReplicaSetList"] = append(s.lists["ReplicaSetList"], *rs)
			}
			broken := algesta.Args{"broken": true}
			for _, asked := range []struct {
				runbook, object string
				args            algesta.Args
			}{
				{"status", "", nil},
				{"pods", "", nil},
				{"pods", "", broken},
				{"pods", "", algesta.Args{"wide": true}},
				{"pods", "namespace", nil},
				{"pods", "namespace", broken},
				{"deployments", "namespace", nil},
			} {
				require.Equal(t, tc.want, toneOfAnswer(t, s, asked.runbook, asked.object, asked.args), "%+v", asked)
			}
		})
	}
}
