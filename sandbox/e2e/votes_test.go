package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	"k8s.io/apimachinery/pkg/types"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

const deployment = "api-gateway-production"

func TestNobodyApprovesTheirOwnRequest(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(pablo, "rollback api-gateway production")
	said := w.next(pablo, func() { r.click(pablo, "approve") })
	require.Equal(t, "You can't approve your own request. Ask someone else in <!subteam^S0PLATFORM> or <@U0CARLA>.", said)
	said = w.next(luis, func() { r.click(luis, "approve") })
	require.Equal(
		t, "You can't approve this (rule \"production needs a second person\").\nSomeone in <!subteam^S0PLATFORM> or <@U0CARLA> can.", said,
	)
	said = w.next(luis, func() { r.click(luis, "cancel") })
	require.Equal(t, "Only Pablo Rincón, who asked for this, can cancel it.\nApprovers can deny it.", said)
	w.requireUntouched()
	r.click(pablo, "cancel")
	require.Equal(
		t, "⚪ Rollback of api-gateway in production (12345 → 12344) was cancelled by Pablo Rincón. Nothing was changed. <@U0PABLO>", r.end(pablo),
	)
	w.requireUntouched()
}

func TestADeniedRequestRunsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	plan := r.plan()
	r.deny(elena, "") // the policy wants no reason
	require.Equal(
		t, "⚪ Rollback of api-gateway in production (12345 → 12344) was denied by Elena Suárez. Nothing was changed. <@U0LUIS> <@U0ELENA>",
		r.end(luis),
	)
	r.becomes("⚪ Rollback of api-gateway in production (12345 → 12344) was denied by Elena Suárez. Nothing was changed.")
	// The buttons are gone; a click that was on its way says what happened.
	r.reply(func(m slackd.Message) bool { return m.TS == plan.TS && len(m.Buttons()) == 0 })
	require.Contains(t, r.thread(), "Denied by <@U0ELENA>")
	w.requireUntouched()
}

// Where the policy wants reasons, the requester's is asked for before there is a card, and someone who denies says why in a dialog.
func TestADenialSaysWhyWhereThePolicyWantsReasons(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replace: []string{"reason: optional", "reason: required"}})
	require.Contains(
		t, w.answer(luis, ops, "rollback api-gateway production"), "Rule \"production needs a second person\" requires a reason.",
	)
	r := w.asks(luis, `rollback api-gateway production --reason "5xx since 12345"`)
	require.Contains(t, r.plan().Plain(), "Reason: “5xx since 12345”")
	r.deny(elena, "<!channel> Marta rolls forward.")
	end := r.end(luis)
	require.Equal(
		t,
		"⚪ Rollback of api-gateway in production (12345 → 12344) was denied by Elena Suárez (“<!channel> Marta rolls forward”). Nothing was "+
			"changed. <@U0LUIS> <@U0ELENA>",
		end,
	)
	raw, err := json.Marshal(r.reply(isEnd(luis)))
	require.NoError(t, err)
	require.NotContains(t, string(raw), `"<!channel>`, "a reason notifies nobody")
	w.requireUntouched()
}

func TestARequestThatNobodyApprovesExpires(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replace: []string{"expiresAfter: 30m", "expiresAfter: 3s"}})
	r := w.asks(luis, "rollback api-gateway production")
	require.Equal(
		t, "⚪ Rollback of api-gateway in production (12345 → 12344) expired: nobody approved within 3 s. Nothing was changed. <@U0LUIS>",
		r.end(luis),
	)
	r.becomes("⚪ Rollback of api-gateway in production (12345 → 12344) expired: nobody approved within 3 s. Nothing was changed.")
	w.requireUntouched()
}

func TestTwoYesesAreTwoPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replace: []string{"count: 1", "count: 2"}})
	r := w.asks(luis, "rollback api-gateway production")
	r.approve()
	r.becomes("needs 1 approval from @platform or Carla Mejía")
	said := w.next(carla, func() { r.approve() })
	require.Equal(t, "You already approved this. It needs one more person.", said)
	require.Equal(t, 0, w.patches(deployment))
	r.click(pablo, "approve")
	require.Contains(t, r.end(luis), "✅ api-gateway in production is back on 12344.")
	require.Equal(t, 1, w.patches(deployment))
}

// both clicks two buttons of the same plan at the same moment, and returns how many were still there.
func (r *request) both(user1, action1, user2, action2 string) (clicked int) {
	r.Helper()
	plan := r.plan()
	var clicks sync.WaitGroup
	var errs [2]error
	clicks.Go(func() { _, errs[0] = r.slack.Click(user1, plan, action1) })
	clicks.Go(func() { _, errs[1] = r.slack.Click(user2, plan, action2) })
	clicks.Wait()
	for _, err := range errs {
		if err == nil {
			clicked++
			continue
		}
		require.ErrorIs(r, err, slackd.ErrNotThere, "the other click has taken the buttons away")
	}
	return clicked
}

func TestTwoApproversAtOnceRunItOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	n, m := len(w.slack.Ephemerals(carla)), len(w.slack.Ephemerals(pablo))
	clicked := r.both(carla, "approve", pablo, "approve")
	require.Contains(t, r.end(luis), "is back on 12344")
	require.Equal(t, 1, w.patches(deployment))
	// The second one is told who was first.
	told := append(w.slack.Ephemerals(carla)[n:], w.slack.Ephemerals(pablo)[m:]...)
	require.Len(t, told, clicked-1)
	if clicked == 1 {
		return
	}
	require.Regexp(t, `^(Carla Mejía|Pablo Rincón) approved this (\d+ s ago|just now); it's running\.$`, told[0].Plain())
}

func TestApproveAndDenyAtOnceHaveOneWinner(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	r.click(pablo, "deny") // the dialog is the confirmation: what counts is when it's sent
	ctx, cancel := w.wait()
	defer cancel()
	require.NoError(t, w.slack.WaitFor(ctx, func() bool { return len(w.slack.Views(pablo)) == 1 }))
	plan, dialog := r.plan(), w.slack.Views(pablo)[0]
	var clicks sync.WaitGroup
	var errs [2]error
	clicks.Go(func() { _, errs[0] = w.slack.Click(carla, plan, "approve") })
	clicks.Go(func() { _, errs[1] = w.slack.Submit(pablo, dialog.ID) })
	clicks.Wait()
	require.NoError(t, errors.Join(errs[:]...))
	end := r.end(luis)
	if w.patches(deployment) == 1 {
		require.Contains(t, end, "is back on 12344")
		require.Contains(t, w.ephemeral(pablo), "Carla Mejía approved this")
		return
	}
	require.Equal(t, 0, w.patches(deployment))
	// A yes that nothing was sent for yet may still be denied; a yes that comes after the denial is told so.
	require.Contains(t, end, "was denied by Pablo Rincón. Nothing was changed.")
}

func TestARightThatIsWithdrawnBetweenTwoYesesDoesNotCount(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{replace: []string{"count: 1", "count: 2"}})
	r := w.asks(luis, "rollback api-gateway production")
	r.click(pablo, "approve")
	r.becomes("needs 1 approval")
	w.slack.SetGroup("S0PLATFORM", elena)
	r.approve()
	require.Equal(t, "⚪ Rollback of api-gateway in production (12345 → 12344) was refused just before it ran. Nothing "+
		"was changed. The approval by Pablo Rincón no longer counts: who may approve has changed (rule "+
		"\"production needs a second person\"). <@U0LUIS> <@U0PABLO> <@U0CARLA>", r.end(luis))
	r.becomes(
		"⚪ Rollback of api-gateway in production (12345 → 12344) was refused just before it ran. Nothing was changed.\nrequested by <@U0LUIS> " +
			"· ended ",
	)
	w.requireUntouched()
}

func TestAFreezeThatBeginsAfterTheCardStopsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	r.plan()
	w.setPolicy(policyFile + freeze)
	r.approve()
	// The vote is refused and burns nothing: the request waits as before.
	require.Contains(t, w.ephemeral(carla, "Nobody can roll back"), "Nobody can roll back in production until 2 January 2099, 00:00 UTC "+
		"(freeze \"end of year\": no changes over the holidays).")
	require.NotContains(t, r.thread(), "was refused just before it ran")
	// Asking again is refused at once, before the cluster is asked.
	require.Equal(
		t,
		"Nobody can roll back in production until 2 January 2099, 00:00 UTC (freeze \"end of year\": no changes over the "+
			"holidays).\nAsk again after that. If it can't wait, ask the people who write the policy.",
		w.answer(luis, ops, "rollback api-gateway production"),
	)
	w.requireUntouched()
}

func TestADeploymentThatChangedAfterTheCardGetsANewPlan(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	old := w.asks(luis, "rollback api-gateway production")
	old.plan()
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12346", "deploy 12346"))
	require.NoError(t, until(t.Context(), w.cluster, w.production, deployment, complete))
	next := w.opens(old.approve, "")
	require.Equal(
		t,
		"⚪ Rollback of api-gateway in production (12345 → 12344) was not run, because api-gateway-production changed after this was planned. "+
			"Nothing was changed. The new plan is "+next.id()+". <@U0LUIS> <@U0CARLA>",
		old.end(luis),
	)
	require.Contains(t, next.plan().Plain(), "api-gateway-production changed after "+old.id()+" was requested, so none of it was run. "+
		"Image is now …/api-gateway:12346 → …/api-gateway:12345; it was …/api-gateway:12345 → …/api-gateway:12344.")
	require.Equal(t, 0, w.patches(deployment))
	next.approve()
	require.Contains(t, next.end(luis), "is back on 12345")
	require.Equal(t, 1, w.patches(deployment))
}

func TestARolloutThatStillFailsCanBeRolledBack(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{services: []service{{name: "api-gateway", replicas: 2, tags: []string{"12344", "12345"}}}})
	deploy := w.asks(luis, "deploy api-gateway production 12346-slow-pull") // half a minute until it is ready
	deploy.approve()
	deploy.becomes("0 of 2 ready")
	back := w.asks(luis, "rollback api-gateway production")
	back.approve()
	require.Contains(t, back.end(luis), "is back on 12345")
	require.Equal(t, "⚪ Deploy to api-gateway in production (12345 → 12346-slow-pull) was replaced by "+back.id()+
		" of Luis Pardo before it had finished. <@U0LUIS> <@U0CARLA>", deploy.end(luis))
	require.Equal(t, 2, w.patches(deployment))
}

func TestScalingAgainstAnAutoscalerIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{before: func(w *world) { w.autoscale(deployment, 2, 4) }})
	require.Equal(
		t,
		"The autoscaler api-gateway-production-hpa keeps api-gateway-production between 2 and 4 pods: it would put 6 back to 4 within seconds.\n"+
			"Ask for 2 to 4 pods, or change the autoscaler first: /algesta hpa set api-gateway production max=6",
		w.answer(luis, ops, "scale api-gateway production replicas=6"),
	)
	w.requireUntouched()
}

func TestAStatusThatNeverRestsDoesNotStopAChange(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	r := w.asks(luis, "rollback api-gateway production")
	r.plan()
	stop := w.writeStatus(deployment, 50*time.Millisecond)
	r.approve()
	r.becomes("Rolling back", " of 2 ready")
	stop()
	require.Contains(t, r.end(luis), "is back on 12344")
	require.Equal(t, 1, w.patches(deployment))
}

// writeStatus changes the status of a Deployment all the time, as a controller that flaps does. What it returns ends it.
func (w *world) writeStatus(name string, every time.Duration) (stop func()) {
	w.Helper()
	ctx, cancel := context.WithCancel(w.Context())
	var work sync.WaitGroup
	work.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for i := 0; ; i++ {
			body, err := json.Marshal(map[string]any{"status": map[string]any{"conditions": []map[string]any{{
				"type": "Sandbox", "status": "True", "message": fmt.Sprint("write ", i), "lastUpdateTime": time.Now().UTC().Format(time.RFC3339),
			}}}})
			if err != nil {
				return
			}
			err = change(ctx, w.cluster, w.production, name, types.StrategicMergePatchType, body, "status")
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err != nil && ctx.Err() == nil { // the end of the test is no error
				w.Errorf("writing the status: %v", err)
				return
			}
		}
	})
	return func() { cancel(); work.Wait() }
}

func TestWithoutTheRightToSeeAutoscalersThePlanSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rules: without("horizontalpodautoscalers")})
	r := w.asks(luis, "rollback api-gateway production")
	require.Contains(t, r.plan().Plain(), "⚠ Couldn't check autoscalers (no permission to read them).")
	r.approve()
	require.Contains(t, r.end(luis), "is back on 12344")
	require.Equal(t, 1, w.patches(deployment))
}

func TestWithoutTheRightToPatchNothingIsAskedOfAnybody(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{rules: withoutVerb("patch")})
	require.Equal(
		t,
		"⚠️ I don't have permission to patch deployments in "+w.production+" (403).\nThe bot's operator can grant it with a Role in the cluster.",
		w.answer(luis, ops, "rollback api-gateway production"),
	)
	require.Equal(t, 0, w.patches(deployment))
}

// finished reports a Deployment whose pods all run this image.
func runs(image string) func(*appsv1.Deployment) bool {
	return func(d *appsv1.Deployment) bool {
		return complete(d) && d.Spec.Template.Spec.Containers[0].Image == image
	}
}

// TestAWithdrawnYesRunsNothingWhileSlackAnswersInPart has the first approver lose their right, and Slack not say so when the second one
// approves: what was known of them before doesn't count.
func TestAWithdrawnYesRunsNothingWhileSlackAnswersInPart(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		withdraw func(w *world)
		methods  []string
	}{
		"the group was changed": {
			func(w *world) { w.slack.SetGroup("S0PLATFORM", elena) }, []string{"usergroups.users.list", "usergroups.list"},
		},
		"the approver was deactivated": {
			func(w *world) {
				w.slack.UpdateUser(slackd.User{ID: pablo, Name: "pablo", RealName: "Pablo Rincón", Email: "pablo@example.com", Deactivated: true})
			},
			[]string{"users.info", "users.list"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{replace: []string{"count: 1", "count: 2"}})
			r := w.asks(luis, "rollback api-gateway production")
			w.answer(carla, ops, "whoami") // so that her click can be decided by what is known of her
			r.click(pablo, "approve")
			r.becomes("needs 1 approval")
			tt.withdraw(w)
			for _, m := range tt.methods {
				w.slack.FailNext(m, slackd.Fault{Status: 500}, 1000)
			}
			r.approve()
			r.becomes("I couldn't look people up in Slack, so I can't check whether this is still allowed. I'll keep trying until")
			w.requireUntouched()
			w.slack.Heal()
			require.Contains(
				t,
				r.end(luis),
				"was refused just before it ran. Nothing was changed. The approval by Pablo Rincón no longer counts",
			)
			w.requireUntouched()
		})
	}
}
