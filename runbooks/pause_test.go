package runbooks_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

var _ = isAbout("resume", otherThing{still: func(*testing.T) runbooks.Reader { return pausedGateway() }})

// pausedGateway is the gateway, paused with another image stored.
func pausedGateway() *still {
	s := gateway()
	s.deployment.Spec.Paused = true
	s.deployment.Spec.Template.Spec.Containers[0].Image = registry + "12346"
	return s
}

func TestAPauseSaysWhatItStops(t *testing.T) {
	t.Parallel()
	p, err := planned(t, gateway(), "pause", nil)
	require.NoError(t, err)
	require.Equal(t, []algesta.Swap{{Label: "paused", Path: "/spec/paused", To: json.RawMessage("true")}}, p.Changes[0].Swaps)
	require.Equal(t, []string{
		"While it's paused, I refuse to deploy, restart or roll it back, and what anyone else changes in it doesn't run. " +
			"Scaling works as before.",
	}, words(p.Warnings))
	require.Equal(t, "resume", p.Undo.Runbook)

	p, err = planned(t, rolling(), "pause", nil)
	require.NoError(t, err)
	require.Equal(t, "A rollout is under way, with 0 new pods and 2 old pods ready. It stops there.", words(p.Warnings)[0])

	p, err = planned(t, pausedGateway(), "pause", nil)
	require.NoError(t, err)
	require.Equal(
		t,
		"api-gateway in production is paused already. /algesta resume api-gateway production lets its rollouts go on.",
		p.Nothing.String(),
	)
}

func TestAResumeSaysWhatItRollsOut(t *testing.T) {
	t.Parallel()
	p, err := planned(t, pausedGateway(), "resume", nil)
	require.NoError(t, err)
	require.Len(t, p.Changes[0].Swaps, 2)
	require.True(t, p.Changes[0].Swaps[0].Tests())
	require.Equal(t, algesta.Swap{Label: "paused", Path: "/spec/paused", From: json.RawMessage("true")}, p.Changes[0].Swaps[1])
	require.False(t, p.WritesTemplate(), "it's only tested")
	require.Equal(t, "…/api-gateway:12345 → …/api-gateway:12346", p.Facts[0].Value.String())
	require.Contains(t, words(p.Warnings), "What was changed while it was paused is rolled out now: this isn't an undo of the pause alone.")
	require.Equal(t, hashOf(pausedGateway().deployment.Spec.Template), p.Template)
	for _, runbook := range []string{"resume", "scale"} {
		s := pausedGateway()
		s.deployment.Status.UpdatedReplicas = 0
		p, err := planned(t, s, runbook, map[string]algesta.Args{"scale": {"replicas": int64(5)}}[runbook])
		require.NoError(t, err)
		require.NotContains(t, strings.Join(words(p.Warnings), " "), "under way", "what is paused doesn't roll out")
	}
	require.Equal(t, "pause", p.Undo.Runbook)

	same := gateway()
	same.deployment.Spec.Paused = true
	p, err = planned(t, same, "resume", nil)
	require.NoError(t, err)
	require.Equal(t, "unchanged since it was paused: nothing is rolled out", p.Facts[0].Value.String())
	require.Equal(t, int64(0), p.Figures["surge"])

	p, err = planned(t, gateway(), "resume", nil)
	require.NoError(t, err)
	require.Equal(t, "api-gateway in production isn't paused.", p.Nothing.String())
}

// A template that changes between the approval and the resume is another plan, and the write that was approved is refused.
func TestAResumeRollsOutWhatWasApproved(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.apply(t, p.plan(t, "pause", nil))
	p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12345")
	changed := p.deployment(t).Annotations["algesta.io/template-changed-at"]
	approved := p.plan(t, "resume", nil)
	p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12346")
	c := p.input("resume", nil).Command
	was, err := approved.Fingerprint(c)
	require.NoError(t, err)
	is, err := p.plan(t, "resume", nil).Fingerprint(c)
	require.NoError(t, err)
	require.NotEqual(t, was, is)
	_, err = p.bot.Writer([]string{"patch deployments.apps"}).Apply(
		t.Context(), approved.Changes[0], "op-c-approved", func(context.Context, algesta.Intent) error { return nil },
	)
	require.ErrorIs(t, err, algesta.ErrConflict)
	require.True(t, p.deployment(t).Spec.Paused)

	p.apply(t, p.plan(t, "resume", nil))
	require.False(t, p.deployment(t).Spec.Paused)
	require.Equal(t, changed, p.deployment(t).Annotations["algesta.io/template-changed-at"], "a test of the template isn't a change of it")
}

// TestAPauseIsResumed pauses a real rollout half-way, and follows the one that was stored to its end.
func TestAPauseIsResumed(t *testing.T) {
	t.Parallel()
	p := running(t)
	book, _ := runbooks.Find("pause")
	pause := p.plan(t, "pause", nil)
	end := p.carryOut(t, book, pause)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(t, "Its 2 pods serve as before.", end.Result.String())
	require.True(t, p.deployment(t).Spec.Paused)

	for _, runbook := range []string{"deploy", "rollback", "restart"} {
		_, err := p.tryPlan(t, runbook, algesta.Args{"image": "12345"})
		require.ErrorContains(t, err, "is paused, so a "+runbook+" would be stored and nothing would happen")
	}
	p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12345")
	book, _ = runbooks.Find("status")
	report, err := book.Answer(t.Context(), whole(p.bot), p.input("status", nil))
	require.NoError(t, err)
	require.Equal(t, "api-gateway in production: 2 of 2 ready, rollouts are paused", report.Title.String())

	resume := p.plan(t, pause.Undo.Runbook, pause.Undo.Args)
	require.Contains(
		t,
		words(resume.Warnings),
		"What was changed while it was paused is rolled out now: this isn't an undo of the pause alone.",
	)
	settled := p.follow(t, p.apply(t, resume))
	require.Equal(t, rollout.Settled, settled.Phase, settled.Why.String())
	require.Equal(t, 2, settled.Ready)
	require.Equal(t, registry+"12345", p.image(t))

	// A pause in the middle of a rollout.
	p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12346-slow"}))
	book, _ = runbooks.Find("pause")
	end = p.carryOut(t, book, p.plan(t, "pause", nil))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Regexp(t, `^Its rollout stopped half-way: \d new pods? and 2 old pods serve\.$`, end.Result.String())
	settled = p.follow(t, p.apply(t, p.plan(t, "resume", nil)))
	require.Equal(t, rollout.Settled, settled.Phase, settled.Why.String())
}
