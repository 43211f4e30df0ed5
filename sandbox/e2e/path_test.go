package e2e

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestARollbackIsPlannedApprovedRunOnceAndEndsInTheThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	require.Regexp(t, `^🟡 Rollback of api-gateway in production \(12345 → 12344\) is waiting for approval
requested by <@U0LUIS> · needs 1 approval from @platform or Carla Mejía · expires \d\d:\d\d UTC · c-[0-9a-z]{12}$`, r.card.Plain())

	plan := r.plan()
	for _, line := range []string{
		"Roll back api-gateway-production: 12345 → 12344 (revision 2)",
		"aks-algesta-production / " + w.production,
		"image  …/api-gateway:12345 → …/api-gateway:12344",
		"“deploy 12344”",
		"pods  2; 1 extra pod while it rolls",
		"<!subteam^S0PLATFORM> <@U0CARLA>: one of you may approve. Luis Pardo may cancel.",
		"[ Approve ] [ Deny ] [ Cancel ]",
	} {
		require.Contains(t, plan.Plain(), line)
	}
	approve, _ := plan.Button("approve")
	require.Equal(t, &slackd.Confirm{
		Title: "Approve this change?",
		Text:  "Rollback of api-gateway in production (12345 → 12344). It runs at once.",
		Yes:   "Approve",
		No:    "Not now",
	}, approve.Confirm)

	r.approve()
	require.Regexp(
		t,
		`^✅ api-gateway in production is back on 12344. Both pods were ready after \d+ s\. No change in health: `+
			`no restart in the \d+ s since \(before: 0 in \d+ s\)\. <@U0LUIS> <@U0CARLA>
\[ Undo \]$`,
		r.end(luis),
	)
	r.becomes(
		"✅ api-gateway in production is back on 12344\nrequested by <@U0LUIS>, approved by <@U0CARLA> ", " · 2 of 2 ready after ",
		" · no change in health · ended ",
	)
	r.says("Approved by <@U0CARLA>, ")
	// One message was the progress, and it was edited.
	progress := r.reply(slackd.Says("2 of 2 ready after"))
	require.NotEmpty(t, progress.History)
	r.requireNoDoubles()

	require.Equal(t, 1, w.patches(deployment))
	require.NoError(t, until(t.Context(), w.cluster, w.production, deployment, runs(registry+"api-gateway:12344")))
	history := w.history(deployment)
	require.Contains(t, history, "rollback to 12344 by Luis Pardo ("+r.id()+")")
	require.NotContains(t, history, "deploy 12344", "the revision that was gone back to gets a new number")

	// Undo is a request of the person who clicks it, from the beginning.
	undo := w.opens(func() {
		_, err := w.slack.Click(marta, r.reply(isEnd(luis)), "run")
		require.NoError(t, err)
	}, "requested by <@U0MARTA>")
	require.Contains(t, undo.plan().Plain(), "Undo "+r.id()+" and put api-gateway-production back: 12344 → 12345")
	require.Contains(t, undo.plan().Plain(), "image  …/api-gateway:12344 → …/api-gateway:12345")
	undo.approve()
	require.Contains(t, undo.end(marta), "✅ api-gateway in production is back on 12345.")
	require.Equal(t, 2, w.patches(deployment))
}

func TestRestartScaleAndDeployRunOnce(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ text, plan, end string }{
		"restart": {
			"restart api-gateway production",
			"Restart api-gateway-production: replace 2 pods, still 12345",
			"api-gateway in production is restarted",
		},
		"scale": {
			"scale api-gateway production replicas=3",
			"Scale api-gateway-production: 2 → 3 pods",
			"api-gateway in production is scaled to 3 pods",
		},
		"deploy": {"deploy api-gateway production 12346", "image", "api-gateway in production is on 12346"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			r := w.asks(luis, c.text)
			require.Contains(t, r.plan().Plain(), c.plan)
			r.approve()
			require.Contains(t, r.end(luis), "✅ "+c.end)
			require.Equal(t, 1, w.patches(deployment))
		})
	}
}

func TestBelowProductionNobodyIsAsked(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{development: []service{gateway()}})
	r := w.asks(dana, "rollback api-gateway dev")
	end := r.end(dana)
	require.Contains(t, end, "✅ api-gateway in development is back on 12344.")
	r.reply(slackd.Says("No approval was needed."))
	require.Equal(t, 0, w.patches(deployment))
	require.NoError(t, until(t.Context(), w.cluster, w.development, "api-gateway-development", runs(registry+"api-gateway:12344")))
}

// history is what kubectl says of a Deployment's revisions.
func (w *world) history(name string) string {
	w.Helper()
	out, err := exec.CommandContext(w.Context(), w.cluster.Kubectl, "--kubeconfig", w.cluster.Kubeconfig, "-n", w.production,
		"rollout", "history", "deployment/"+name).CombinedOutput()
	require.NoError(w, err, "%s", out)
	return strings.TrimSpace(string(out))
}
