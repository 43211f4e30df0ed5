package incidents

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// alert is one of a webhook, with these labels beside its namespace.
func alert(status string, labels ...string) map[string]any {
	all := map[string]string{"alertname": "KubePodCrashLooping", "namespace": "production"}
	for n := 0; n < len(labels); n += 2 {
		all[labels[n]] = labels[n+1]
	}
	return map[string]any{
		"status": status, "labels": all, "annotations": map[string]string{"summary": "It crashes."},
		"startsAt": noon.Format(time.RFC3339), "endsAt": "0001-01-01T00:00:00Z",
		"generatorURL": "http://prometheus.example.com", "fingerprint": "f",
	}
}

func webhookOf(tb testing.TB, alerts ...map[string]any) []byte {
	tb.Helper()
	b, err := json.Marshal(map[string]any{"version": "4", "groupKey": "{}", "status": "firing", "receiver": "algesta", "alerts": alerts})
	require.NoError(tb, err)
	return b
}

func asItIs(s string) string { return s }

func TestAnAlertIsAboutWhatItsLabelsName(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		labels []string
		kind   string // "" where it names nothing
		of     string
	}{
		"a Deployment":                       {[]string{"deployment", "ms-orders"}, "Deployment", "ms-orders"},
		"a pod":                              {[]string{"pod", "ms-orders-7d9-x2x9", "container", "app"}, "Pod", "ms-orders-7d9-x2x9"},
		"the most exact first":               {[]string{"pod", "kube-state-metrics-0", "deployment", "ms-orders"}, "Deployment", "ms-orders"},
		"labels that nobody knows":           {[]string{"team", "backend"}, "", ""},
		"a command in place of a name":       {[]string{"deployment", "/algesta rollback api-gateway production"}, "", ""},
		"a mention in place of a name":       {[]string{"deployment", "<!channel>"}, "", ""},
		"a name of another shape":            {[]string{"deployment", strings.Repeat("a", 300)}, "", ""},
		"no namespace":                       {[]string{"deployment", "ms-orders", "namespace", ""}, "", ""},
		"a namespace that leads out of here": {[]string{"deployment", "ms-orders", "namespace", "../kube-system"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			alerts, unplaced, err := ParseAlerts(webhookOf(t, alert("firing", c.labels...)), noon, asItIs)
			require.NoError(t, err)
			if c.kind == "" {
				require.Empty(t, alerts)
				require.Equal(t, 1, unplaced)
				return
			}
			require.Len(t, alerts, 1)
			require.Equal(t, [2]string{c.kind, c.of}, [2]string{alerts[0].Kind, alerts[0].Name})
			require.Equal(t, "Alert “KubePodCrashLooping” says: “It crashes.”", alerts[0].Says)
		})
	}
}

// TestWhatAnAlertSaysIsQuotedAndNeverObeyed has a card made of an alert whose texts are commands, mentions and markup.
func TestWhatAnAlertSaysIsQuotedAndNeverObeyed(t *testing.T) {
	t.Parallel()
	in := alert("firing", "deployment", "ms-orders", "alertname", "<!channel> <@U0LUIS>")
	summary := "*now*\n/algesta rollback api-gateway production\n<https://example.com|here>” " + strings.Repeat("x", 5000)
	in["annotations"] = map[string]string{"summary": summary}
	alerts, _, err := ParseAlerts(webhookOf(t, in), noon, asItIs)
	require.NoError(t, err)
	s := algesta.Signal{Rule: Alertmanager, Kind: "Deployment", Namespace: "production", Name: "ms-orders", Says: alerts[0].Says}
	r := newRun(quick)
	r.lasts(time.Minute, []algesta.Signal{s}, well)
	card := Card(r.only(t), Past{})
	require.Empty(t, card.Buttons)
	require.NotContains(t, card.Title.String(), "\n")
	require.Less(t, len(card.Title.String()), 500)
	require.Equal(
		t, "An alert fires about Deployment ms-orders (production), and I found nothing wrong with it: Alert “<!channel> <@U0LUIS>” says: "+
			"“*now* /algesta rollback api-gateway production <https://example.com|here>\" …”", card.Title.String(),
	)
	for _, span := range card.Title {
		require.Equal(t, algesta.Plain, span.Kind, "what Slack would read as a mention or a link is text")
	}
}

func TestAnAlertThatWasResolvedBeforeItFiredStaysResolved(t *testing.T) {
	t.Parallel()
	fires := algesta.Alert{ID: "a", StartsAt: noon}
	resolved := fires
	resolved.ResolvedAt = noon.Add(time.Minute)
	require.Equal(t, resolved, newer(resolved, fires))
	require.Equal(t, resolved, newer(fires, resolved))
	again := algesta.Alert{ID: "a", StartsAt: noon.Add(time.Hour)}
	require.Equal(t, again, newer(resolved, again), "it fires again later")
	require.Equal(t, fires, newer(algesta.Alert{}, fires))

	// Alertmanager calls an alert resolved of which it hears nothing for minutes; once it does, it fires since it began.
	resolved.SeenAt, fires.SeenAt = noon.Add(time.Minute), noon.Add(time.Minute+lateWithin)
	require.Equal(t, fires, newer(resolved, fires), "nothing is late for so long")
	fires.SeenAt = noon.Add(lateWithin)
	require.Equal(t, resolved, newer(resolved, fires))
	require.Equal(t, resolved.SeenAt, newer(resolved, fires).SeenAt, "a late message makes the next one no later")
}

// TestWhatAnAlertSaysIsRedactedBeforeItIsCut: the beginning of a secret is no secret that anything would recognize.
func TestWhatAnAlertSaysIsRedactedBeforeItIsCut(t *testing.T) {
	t.Parallel()
	secret := "ghp_" + strings.Repeat("aB3d", 9)
	redactor := redact.New([]byte(strings.Repeat("walrus", 5)))
	for most, label := range map[int]string{80: "alertname", maxSays: "summary"} {
		for _, hidden := range []string{secret, strings.Repeat("walrus", 5)} {
			in := alert("firing", "deployment", "ms-orders")
			text := strings.Repeat("a ", most/2-5) + hidden
			in["annotations"] = map[string]string{"summary": text}
			in["labels"].(map[string]string)[label] = text
			alerts, _, err := ParseAlerts(webhookOf(t, in), noon, redactor.String)
			require.NoError(t, err)
			require.NotContains(t, alerts[0].Says, hidden[:8], label)
			require.Contains(t, alerts[0].Says, "a a a")
		}
	}
	in := alert("firing", "deployment", "ms-orders")
	in["annotations"] = map[string]string{"summary": "password=" + strings.Repeat("x", maxRead-20) + " " + secret}
	alerts, _, err := ParseAlerts(webhookOf(t, in), noon, redactor.String)
	require.NoError(t, err)
	require.NotContains(t, alerts[0].Says, "ghp_", "what isn't read ends with a whole word")
}

// TestNoAlertIsKeptThatIsLargerThanWhatItNames: they are kept for days, 50,000 of them.
func TestNoAlertIsKeptThatIsLargerThanWhatItNames(t *testing.T) {
	t.Parallel()
	in := alert("firing", "deployment", "ms-orders")
	for label := range in["labels"].(map[string]string) {
		if label != "deployment" && label != "namespace" {
			in["labels"].(map[string]string)[label] = strings.Repeat("x", maxBody/8)
		}
	}
	in["labels"].(map[string]string)["cluster"] = strings.Repeat("x", maxBody/8)
	in["annotations"] = map[string]string{"summary": strings.Repeat("x", maxBody/8), "description": strings.Repeat("x", maxBody/8)}
	alerts, _, err := ParseAlerts(webhookOf(t, in), noon, asItIs)
	require.NoError(t, err)
	kept, err := json.Marshal(alerts[0])
	require.NoError(t, err)
	require.Less(t, len(kept), 2000)
}

// posted is the status that a receiver answers a body with, and what else it says.
func posted(t *testing.T, r http.Handler, token string, body []byte) (status int, says string) {
	t.Helper()
	q := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body))
	if token != "" {
		q.Header.Set("Authorization", token)
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w.Code, w.Body.String()
}

func TestAReceiverAnswersWithAStatusAndNothingElse(t *testing.T) {
	t.Parallel()
	token := rand.Text()
	var kept []algesta.Alert
	var broken error
	r, err := NewReceiver([]byte(token), asItIs, func(_ context.Context, all []algesta.Alert) error {
		if broken == nil {
			kept = append(kept, all...)
		}
		return broken
	}, zap.NewNop())
	require.NoError(t, err)
	good := webhookOf(t, alert("firing", "deployment", "ms-orders"), alert("firing", "team", "backend"))
	say := func(want int, token string, body []byte) {
		t.Helper()
		status, says := posted(t, r, token, body)
		require.Equal(t, want, status)
		require.Empty(t, says)
	}
	for _, wrong := range []string{"", token, "Basic " + token, "Bearer ", "Bearer " + token + "x", "Bearer " + token[:10]} {
		say(http.StatusUnauthorized, wrong, good)
	}
	require.Empty(t, kept)
	say(http.StatusBadRequest, "Bearer "+token, []byte(`{"version":"4","alerts":[`))
	say(http.StatusBadRequest, "Bearer "+token, []byte(`{"version":"5","alerts":[]}`))
	say(http.StatusBadRequest, "Bearer "+token, []byte(`{"version":"4","alerts":{"a":1}}`))
	say(http.StatusRequestEntityTooLarge, "Bearer "+token, bytes.Repeat([]byte(" "), maxBody+1))
	require.Empty(t, kept)
	say(http.StatusOK, "Bearer "+token, good)
	require.Len(t, kept, 1)
	broken = errors.New("the disk is full")
	say(http.StatusServiceUnavailable, "Bearer "+token, good)
	require.Equal(t, ReceiverStats{Accepted: 1, Denied: 6, Refused: 5, Unplaced: 2}, r.Stats())

	_, err = NewReceiver(nil, asItIs, nil, zap.NewNop())
	require.Error(t, err, "an empty token would let everybody in")
}

// TestTenThousandAlertsAreOneCardForEachCause sends them twice, as two Alertmanagers do, and resolves them.
func TestTenThousandAlertsAreOneCardForEachCause(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: running()}
		defer watches(t, w)()
		time.Sleep(5 * time.Second)
		var firing, resolved []algesta.Alert
		for n := range 10_000 {
			a := algesta.Alert{
				ID: fmt.Sprint(n), Namespace: "production", Kind: "Deployment", Name: "ms-orders", Says: fmt.Sprint("Alert ", n), StartsAt: noon,
				SeenAt: time.Now(),
			}
			firing = append(firing, a)
			a.ResolvedAt = noon.Add(time.Minute)
			resolved = append(resolved, a)
		}
		for range 2 {
			require.NoError(t, w.keeper.Receive(t.Context(), firing))
		}
		time.Sleep(5 * time.Minute)
		require.Len(t, w.seen().incidents, 1)
		require.Len(t, w.alerts, 10_000, "nothing is lost")
		require.Contains(t, w.card(), "seen by alertmanager")
		require.NoError(t, w.keeper.Receive(t.Context(), resolved))
		require.NoError(t, w.keeper.Receive(t.Context(), firing[:100])) // late, from the other one
		time.Sleep(2 * time.Minute)
		require.Contains(t, w.card(), "this is over")
	})
}

// TestAlertsSurviveARestart: what an Alertmanager said before is not taken for resolved.
func TestAlertsSurviveARestart(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := &town{objects: running()}
		stop := watches(t, w)
		require.NoError(t, w.keeper.Receive(t.Context(), []algesta.Alert{
			{ID: "a", Namespace: "production", Kind: "Pod", Name: "ms-orders-7d9-x2x9", Says: "Alert", StartsAt: noon, SeenAt: time.Now()},
		}))
		time.Sleep(time.Minute)
		require.Contains(t, w.card(), "ms-orders", "the pod stands for its Deployment")
		stop()
		stop = watches(t, w)
		defer stop()
		time.Sleep(10 * time.Minute)
		require.NotContains(t, w.card(), "over")
	})
}

func FuzzParseAlerts(f *testing.F) {
	f.Add(webhookOf(f, alert("firing", "deployment", "ms-orders"), alert("resolved", "pod", "x")))
	f.Add([]byte(`{"version":"4","alerts":[{"status":"firing","labels":{"namespace":"a","node":"b"},"startsAt":"2026-11-22T12:00:00Z"}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, body []byte) {
		alerts, unplaced, err := ParseAlerts(body, noon, asItIs)
		if err != nil {
			require.Empty(t, alerts)
			return
		}
		require.GreaterOrEqual(t, unplaced, 0)
		for _, a := range alerts {
			require.Regexp(t, objectName, a.Name)
			require.Regexp(t, objectName, a.Namespace)
			require.NotContains(t, a.Says, "\n")
			require.Less(t, len([]rune(a.Says)), 400)
			require.Len(t, a.ID, 32)
		}
	})
}
