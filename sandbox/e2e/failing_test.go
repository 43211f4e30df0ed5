package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// within is how soon a failure is reported: a missing Secret gets 20 s to appear, and the machine may be busy.
const within = 30 * time.Second

func TestARolloutThatCannotComeUpIsJudgedWithinSeconds(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"crash": `The program in container api-gateway ends with exit code 1, so pod api-gateway-production-[0-9a-z-]+ of revision 4 ` +
			`keeps crashing \(\d restarts\)\.`,
		"oom": `Container api-gateway of api-gateway-production .*memory.*, so pod api-gateway-production-[0-9a-z-]+ of revision 4 ` +
			`keeps crashing \(\d restarts\)\.`,
		"notfound": `Image \S+/api-gateway:12346-notfound does not exist in its registry, so no pod of revision 4 can start\.`,
		"nosecret": `Secret mongodb-credentials does not exist in namespace \S+, so no pod of revision 4 can start\.`,
	}
	for scenario, why := range cases {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			s.alter = func(d *appsv1.Deployment) {
				d.Spec.Template.Spec.Containers[0].Env = []corev1.EnvVar{{Name: "MONGODB_URI", ValueFrom: &corev1.EnvVarSource{
					SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "mongodb-credentials"}, Key: "uri"},
				}}}
			}
			w := newWorld(t, options{services: []service{s}})
			r := w.asks(luis, "deploy api-gateway production 12346-"+scenario)
			r.approve()
			r.becomes("🔵")
			applied := time.Now()
			require.Regexp(t, `^❌ Deploy to api-gateway in production \(12345 → 12346-`+scenario+`\) failed and was not undone\. `+why+
				` The 2 old pods still serve users\. <@U0LUIS> <@U0CARLA>\n\[ Undo \]$`, r.end(luis))
			require.Less(t, time.Since(applied), within)
			diagnosis := r.reply(slackd.Says("Next: ")).Plain()
			require.NotContains(t, diagnosis, "\n[ ", "Undo is the one button: %s", diagnosis)
			r.becomes("❌ Deploy to api-gateway in production (12345 → 12346-" + scenario + ") failed and was not undone: ")
			require.Equal(t, 1, w.patches(deployment))
		})
	}
}

func TestAVerdictThatWasTooEarlyIsTakenBackInTheThread(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "deploy api-gateway production 12346-flaky")
	r.approve()
	r.becomes("❌ Deploy to api-gateway in production (12345 → 12346-flaky) failed and was not undone: ")
	r.becomes("✅ api-gateway in production is on 12346-flaky")
	correction := r.reply(
		slackd.Says("✅ Correction: I said too early that this failed. api-gateway in production is on 12346-flaky. Both pods were ready after "),
	)
	require.Contains(t, correction.Plain(), "[ Undo ]")
	first := r.reply(slackd.Says("I said that too early: it came up after all."))
	require.NotContains(t, first.Plain(), "[ Undo ]")
	require.Equal(t, 1, w.patches(deployment))
}

func TestACrashAfterAllPodsWereThereTurnsTheCard(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{soak: time.Minute})
	r := w.asks(luis, "deploy api-gateway production 12346-restarts-later")
	r.approve()
	r.becomes("✅ api-gateway in production is on 12346-restarts-later · 2 of 2 ready after ")
	r.becomes("⚠️ api-gateway in production is on 12346-restarts-later · ", " after all pods were ready (exit 1).")
	require.Regexp(
		t,
		`^❌ Deploy to api-gateway in production \(12345 → 12346-restarts-later\) came up, crashed afterwards and was not undone\. Pod `+
			`api-gateway-production-[0-9a-z-]+ of revision 4 [a-z ]+ \(exit 1, \d restarts\)\.`,
		r.end(luis),
	)
	r.becomes("❌ Deploy to api-gateway in production (12345 → 12346-restarts-later) came up, crashed afterwards and was not undone: ")
}

func TestTenRolloutsAtOnceLoseNoEnd(t *testing.T) {
	t.Parallel()
	services := make([]service, 10)
	for i := range services {
		services[i] = gateway()
		services[i].name, services[i].replicas = fmt.Sprintf("svc-%d", i), 1
	}
	w := newWorld(t, options{services: services})
	for _, s := range services {
		w.types(luis, ops, "rollback "+s.name+" production")
	}
	requests := make([]*request, len(services))
	plans := make([]slackd.Message, len(services))
	for i, s := range services {
		requests[i] = w.newCard(nil, "Rollback of "+s.name+" ")
		plans[i] = requests[i].plan()
	}
	var clicks sync.WaitGroup
	errs := make([]error, len(plans))
	for i, plan := range plans {
		clicks.Go(func() { _, errs[i] = w.slack.Click(carla, plan, "approve") })
	}
	clicks.Wait()
	var settled time.Time
	for i, s := range services {
		require.NoError(t, errs[i])
		require.NoError(t, until(t.Context(), w.cluster, w.production, s.name+"-production", runs(registry+s.name+":12344")))
		settled = time.Now()
	}
	for i, r := range requests {
		r.becomes("✅ " + services[i].name + " in production is back on 12344")
		t.Logf("%s: the card says so %s after the last rollout", services[i].name, time.Since(settled).Round(time.Millisecond))
	}
	require.Less(t, time.Since(settled), 5*time.Second+soak, "the ends have to be visible")
	for i, r := range requests {
		require.Contains(t, r.end(luis), "✅ "+services[i].name+" in production is back on 12344.")
		require.Equal(t, 1, w.patches(services[i].name+"-production"))
	}
	t.Logf("the last reply came %s after the last rollout", time.Since(settled).Round(time.Millisecond))
	for _, c := range w.slack.Calls() {
		require.NotEqual(t, "ratelimited", c.Error, "Slack had to slow the bot down at %s", c.Method)
	}
}
