package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestAKilledBotFinishesEveryThreadAndRunsNothingTwice kills the bot at named points of a rollback. After the restart with
// the same folder the thread gets its end, the change is in the cluster once and no message is there twice.
func TestAKilledBotFinishesEveryThreadAndRunsNothingTwice(t *testing.T) {
	t.Parallel()
	post := func(nth int, at moment) func(*world) *hold {
		return func(w *world) *hold { return w.web.hold(at, isCall("chat.postMessage", nth)) }
	}
	patch := func(at moment) func(*world) *hold {
		return func(w *world) *hold { return w.api.hold(at, isPatch) }
	}
	cases := map[string]struct {
		typed, approved bool // killed as soon as this was acknowledged
		asking          func(*world) *hold
		running         func(*world) *hold
	}{
		"when the command was acknowledged":            {typed: true},
		"when the approval was acknowledged":           {approved: true},
		"before the card is stored":                    {asking: post(1, beforeWork)},
		"when the card is stored and not answered":     {asking: post(1, afterWork)},
		"when the card is posted":                      {asking: post(1, answered)},
		"before the plan is stored":                    {asking: post(2, beforeWork)},
		"when the plan is stored and not answered":     {asking: post(2, afterWork)},
		"when the plan is posted":                      {asking: post(2, answered)},
		"when the patch was recorded and not sent":     {running: patch(beforeWork)},
		"when the patch was made and not answered":     {running: patch(afterWork)},
		"when the patch was answered":                  {running: patch(answered)},
		"before the progress is stored":                {running: post(3, beforeWork)},
		"when the progress is stored and not answered": {running: post(3, afterWork)},
		"while the rollout is followed":                {running: post(3, answered)},
		"before the end is stored":                     {running: post(4, beforeWork)},
		"when the end is stored and not answered":      {running: post(4, afterWork)},
		"when the end is posted":                       {running: post(4, answered)},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{gated: true})
			var held *hold
			if c.asking != nil {
				held = c.asking(w)
			}
			if c.running != nil {
				held = c.running(w)
			}
			w.types(luis, ops, "rollback api-gateway production")
			if c.asking != nil {
				held.wait(t)
			}
			if c.typed || c.asking != nil {
				w.restart()
			}
			r := w.newCard(nil, "Rollback")
			r.approve()
			if c.running != nil {
				held.wait(t)
			}
			if c.approved || c.running != nil {
				w.restart()
			}
			require.Contains(t, r.end(luis), "is back on 12344")
			r.becomes("✅ api-gateway in production is back on 12344")
			require.Equal(t, 1, w.patches(deployment))
			r.requireNoDoubles()
		})
	}
}

// TestAWriteThatWasRecordedAndNotSentIsCheckedAgainAfterAKill has the policy freeze production while the bot is dead.
func TestAWriteThatWasRecordedAndNotSentIsCheckedAgainAfterAKill(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{gated: true})
	held := w.api.hold(beforeWork, isPatch)
	r := w.asks(luis, "rollback api-gateway production")
	r.approve()
	held.wait(t)
	w.bot.Kill()
	w.config.Policy = policyOf(policyFile+freeze, w.production, w.development)
	w.start()
	require.Contains(t, r.end(luis), `freeze "end of year"`)
	r.becomes("was refused just before it ran. Nothing was changed.")
	require.Equal(t, 0, w.patches(deployment))
}

// TestAPinIsMadeOnceAndRestoredWhateverIsKilled kills the bot before, in and after the write of a pin, and undoes it afterwards.
func TestAPinIsMadeOnceAndRestoredWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]moment{
		"recorded and not sent": beforeWork, "made and not answered": afterWork, "answered, and its end not there": answered,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{gated: true, before: func(w *world) { w.autoscale(deployment, 2, 4) }})
			held := w.api.hold(at, isPatch)
			r := w.asks(luis, "hpa pin api-gateway production 3")
			require.Contains(t, r.plan().Plain(), "bounds      2–4 → 3–3")
			r.approve()
			held.wait(t)
			w.restart()
			require.Contains(t, r.end(luis), "✅ api-gateway in production is pinned at 3 pods. "+
				"The autoscaler has 3 pods, as many as it wants (before: 2 pods, autoscaled 2–4).")
			require.Equal(t, 1, w.scalerPatches())
			r.requireNoDoubles()

			undo := w.opens(func() {
				_, err := w.slack.Click(marta, r.reply(isEnd(luis)), "run")
				require.NoError(t, err)
			}, "requested by <@U0MARTA>")
			require.Contains(t, undo.plan().Plain(), "Autoscale api-gateway-production again as before: 3–3 → 2–4 pods")
			undo.approve()
			require.Contains(t, undo.end(marta), "✅ api-gateway in production is autoscaled between 2 and 4 pods again.")
			require.Equal(t, 2, w.scalerPatches())
		})
	}
}

// scalerPatches is how often the bot changed the autoscaler.
func (w *world) scalerPatches() (n int) {
	w.Helper()
	writes, err := w.cluster.Writes(w.Context(), w.since, w.production, "horizontalpodautoscalers", deployment+"-hpa")
	require.NoError(w, err)
	for _, write := range writes {
		if strings.HasPrefix(write.User, "system:serviceaccount:"+w.production+":") && write.Code < 300 {
			n++
		}
	}
	return n
}

// TestAPodIsEvictedOnceWhateverIsKilled kills the bot before, in and after the eviction of a pod: whether it happened is looked up.
func TestAPodIsEvictedOnceWhateverIsKilled(t *testing.T) {
	t.Parallel()
	for name, at := range map[string]moment{
		"recorded and not sent": beforeWork, "made and not answered": afterWork, "answered, and its end not there": answered,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{gated: true})
			var pod string
			require.Eventually(t, func() bool { pod = w.pod("api-gateway", "12345"); return pod != "" }, patience, 50*time.Millisecond)
			held := w.api.hold(at, func(r *http.Request) bool {
				return r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/eviction") && r.URL.Query().Get("dryRun") == ""
			})
			r := w.asks(pablo, "pod delete "+pod+" production")
			r.approve()
			held.wait(t)
			w.restart()
			require.Contains(t, r.end(pablo), "The pod "+pod+" in production is gone")
			r.requireNoDoubles()
			evicted := 0
			writes, err := w.cluster.Writes(t.Context(), w.since, w.production, "pods", pod)
			require.NoError(t, err)
			for _, write := range writes {
				if write.Subresource == "eviction" && !write.DryRun && write.Code < 300 {
					evicted++
				}
			}
			require.Equal(t, 1, evicted)
		})
	}
}
