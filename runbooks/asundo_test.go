package runbooks_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	autoscalingv2 "k8s.io/api/autoscaling/v2"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
)

// undoPlan plans the command that takes back what c-earlier did, whose plan was this one.
func undoPlan(t *testing.T, s *still, runbook string, args algesta.Args, was *algesta.Plan, more func(*runbooks.Input)) algesta.Plan {
	t.Helper()
	if args == nil {
		args = algesta.Args{}
	}
	args["undoes"] = "c-earlier"
	in := input(runbook, args)
	in.Undone = was
	if more != nil {
		more(&in)
	}
	book, _ := runbooks.Find(runbook)
	p, err := book.Plan(t.Context(), whole(s), in)
	require.NoError(t, err)
	return p
}

// TestEveryUndoSaysWhatItUndoes, as long as it does exactly that.
func TestEveryUndoSaysWhatItUndoes(t *testing.T) {
	t.Parallel()
	const gw = "api-gateway in production"
	lastWrote := map[string]string{algesta.OperationAnnotation: algesta.Operation("c-earlier", 0)}
	running, paused := gateway(), gateway()
	running.deployment.Annotations, paused.deployment.Annotations = lastWrote, lastWrote
	paused.deployment.Spec.Paused = true
	was := func(template string, figures map[string]int64) *algesta.Plan {
		return &algesta.Plan{Template: template, Figures: figures}
	}
	template := hashOf(running.deployment.Spec.Template)
	wrote := func(change func(*autoscalingv2.HorizontalPodAutoscaler)) *still {
		return scaled(func(h *autoscalingv2.HorizontalPodAutoscaler) {
			if change != nil {
				change(h)
			}
			if h.Annotations == nil {
				h.Annotations = map[string]string{}
			}
			h.Annotations[algesta.OperationAnnotation] = algesta.Operation("c-earlier", 0)
		})
	}
	frozen := func(in *runbooks.Input) {
		in.Frozen = []algesta.Freeze{{ID: "c-earlier", Target: in.Command.Target, Until: noon.Add(1e12), Reason: "x"}}
		in.Silences = []algesta.Silence{{ID: "c-earlier", Target: in.Command.Target, Until: noon.Add(1e12), Reason: "x"}}
	}
	for name, tc := range map[string]struct {
		plan  algesta.Plan
		title string
	}{
		"pause":  {undoPlan(t, paused, "resume", nil, was(template, nil), nil), "(paused → rolling out)"},
		"resume": {undoPlan(t, running, "pause", nil, was(template, nil), nil), "(rolling out → paused)"},
		"hpa set": {
			undoPlan(t, wrote(nil), "hpa set", numbers("min", 3, "max", 4), was("", map[string]int64{"min": 2, "max": 10}), nil),
			"(2–10 → 3–4 pods)",
		},
		"hpa pin": {
			undoPlan(t, wrote(pinnedScaler), "hpa restore", nil, was("", map[string]int64{"min": 4, "max": 4}), nil), "(4–4 → 2–10 pods)",
		},
		"hpa restore": {
			undoPlan(t, wrote(nil), "hpa pin", numbers("replicas", 4), was("", map[string]int64{"min": 2, "max": 10}), nil), "(2–10 → 4–4 pods)",
		},
		"freeze":  {undoPlan(t, gateway(), "unfreeze", nil, nil, frozen), "(frozen → not frozen)"},
		"silence": {undoPlan(t, gateway(), "unsilence", nil, nil, frozen), "(silenced → not silenced)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Empty(t, tc.plan.Nothing)
			require.Equal(t, "Undo of c-earlier for "+gw+" "+tc.title, tc.plan.Title.String())
			require.True(t, strings.HasPrefix(tc.plan.Summary.String(), "Undo c-earlier: "), "%s", tc.plan.Summary)
			require.True(t, strings.HasPrefix(tc.plan.Doing.String(), "Undoing c-earlier for "+gw+": "), "%s", tc.plan.Doing)
		})
	}
}

// TestAnUndoOfWhatWasChangedSinceIsNone: it says what else goes, or stays.
func TestAnUndoOfWhatWasChangedSinceIsNone(t *testing.T) {
	t.Parallel()
	autoscaled := &algesta.Plan{Figures: map[string]int64{"min": 2, "max": 10}}
	for name, p := range map[string]algesta.Plan{
		"resume": undoPlan(t, pausedGateway(), "resume", nil, &algesta.Plan{Template: "another"}, nil),
		"pause":  undoPlan(t, gateway(), "pause", nil, &algesta.Plan{}, nil),
		"hpa":    undoPlan(t, scaled(nil), "hpa set", numbers("min", 3, "max", 4), autoscaled, nil),
	} {
		require.NotContains(t, p.Title.String(), "Undo of", name)
		require.Contains(t, strings.Join(words(p.Warnings), "\n"), "c-earlier isn't the last change", name)
	}
}

// TestNoUndoGoesBackToWhatDoesntRun: what a change replaced, because none of its pods could run, is no way back, whoever watched it.
func TestNoUndoGoesBackToWhatDoesntRun(t *testing.T) {
	t.Parallel()
	s := gateway()
	p, err := planned(t, s, "deploy", algesta.Args{"image": "12346"})
	require.NoError(t, err)
	require.False(t, p.Undo.ToFailed)
	s = gateway()
	for i, pod := range s.pods {
		s.pods[i] = rollouttest.Crashing(pod, 3, noon)
	}
	p, err = planned(t, s, "deploy", algesta.Args{"image": "12346"})
	require.NoError(t, err)
	require.True(t, p.Undo.ToFailed)
}
