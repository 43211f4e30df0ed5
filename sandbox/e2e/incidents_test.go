package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// incidents is the channel that they are posted in.
const incidents = "C0INCIDENTS"

// told has incidents reported after two seconds, and lets the rule read production.
func told(o options) options {
	o.incidents = "\n  wait: 2s\n  settle: 2s\n  routes: [{channel: C0INCIDENTS}]"
	o.policy = strings.Replace(policyFile, "bindings:\n", `bindings:
  - name: incidents are told
    subjects: ["rule:incidents"]
    role: viewer
    namespaces: [PRODUCTION]
`, 1)
	return o
}

// incident waits for the one card in the channel of incidents.
func (w *world) incident() *request {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	card, err := w.slack.WaitMessage(ctx, incidents, func(m slackd.Message) bool { return !m.System })
	require.NoError(w, err)
	return &request{world: w, card: card, in: incidents}
}

// TestAFailingDeployOpensAnIncidentThatTheRollbackCloses: nobody asks for it, one card shows all of it, and its end is the cluster's.
func TestAFailingDeployOpensAnIncidentThatTheRollbackCloses(t *testing.T) {
	t.Parallel()
	w := newWorld(t, told(options{}))
	r := w.asks(luis, "deploy api-gateway production 12346-crash")
	r.approve()
	r.becomes("❌ ")
	i := w.incident()
	i.becomes(
		"⚠️ api-gateway in production is degraded: ", "seen by the rule crash-loop", "; 2 ready pods still serve · since ", "(certain)",
		"Shortly before: Deploy to api-gateway in production (12345 → 12346-crash) by Luis Pardo, approved by Carla", "Next: ", "[ Roll back ]",
	)
	i.says("What I found: ")
	require.LessOrEqual(t, strings.Count(strings.TrimSpace(i.card.Plain()), "\n"), 9, "%s", i.card.Plain())

	// Whoever clicks the button is the requester of what it proposes; the rule asked for nothing.
	_, err := w.slack.Click(luis, i.card, "run")
	require.NoError(t, err)
	back := &request{world: w, in: incidents}
	ctx, cancel := w.wait()
	defer cancel()
	back.card, err = w.slack.WaitMessage(ctx, incidents, slackd.Says("Rollback of api-gateway in production"))
	require.NoError(t, err)
	back.approve()
	back.becomes("✅ ")
	i.becomes("✅ api-gateway in production is healthy again", "Resolved after ", "(Rollback of api-gateway in production")
	i.says("✅ Resolved after ")
	require.NotContains(t, i.thread(), "<@", "nobody is mentioned")
	require.Len(t, w.slack.Messages(incidents), 2+w.systemMessages(), "one card for the incident, one for the rollback")
	require.Equal(t, 2, w.patches(deployment))
}

// systemMessages counts what Slack itself says in the channel of incidents.
func (w *world) systemMessages() (n int) {
	for _, m := range w.slack.Messages(incidents) {
		if m.System {
			n++
		}
	}
	return n
}

// TestAnIncidentSurvivesAKillAndEndsWhileTheBotWasAway kills the bot right after the card was posted, fixes the cluster by hand, and starts
// the bot again.
func TestAnIncidentSurvivesAKillAndEndsWhileTheBotWasAway(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.alter = func(d *appsv1.Deployment) {
		d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MONGODB_URI", ValueFrom: &corev1.EnvVarSource{
			SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "mongodb-credentials"}, Key: "uri"},
		}}}
	}
	w := newWorld(t, told(options{services: []service{s}}))
	r := w.asks(luis, "deploy api-gateway production 12346-nosecret")
	r.approve()
	i := w.incident()
	i.becomes("Secret mongodb-credentials does not exist")
	w.bot.Kill()
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12345", "by hand"))
	w.start()
	i.becomes("✅ api-gateway in production is healthy again", "Resolved after ")
	require.Len(t, w.slack.Messages(incidents), 1+w.systemMessages())
}

// TestWithoutARightOfThePolicyNobodyIsToldOfIncidents has the policy give the rule nothing.
func TestWithoutARightOfThePolicyNobodyIsToldOfIncidents(t *testing.T) {
	t.Parallel()
	o := told(options{})
	o.policy = policyFile
	w := newWorld(t, o)
	r := w.asks(luis, "deploy api-gateway production 12346-crash")
	r.approve()
	r.becomes("❌ ")
	w.log.wait(t, func(*logBook) bool { return w.log.count("the policy lets nobody be told of incidents") > 0 })
	require.Empty(t, strings.TrimSpace(w.channelWithoutSystem(incidents)))
}

// channelWithoutSystem is what people and the bot said in a channel.
func (w *world) channelWithoutSystem(channel string) string {
	var out []slackd.Message
	for _, m := range w.slack.Messages(channel) {
		if !m.System {
			out = append(out, m)
		}
	}
	return join(out)
}
