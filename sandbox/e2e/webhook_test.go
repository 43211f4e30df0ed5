package e2e

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/monitoring"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// ordersDeployment is another service's.
const ordersDeployment = "ms-orders-production"

// alertsOnly has the bot take webhooks, with a token of the test's own, and tell of nothing that it sees of a rollout by itself.
func alertsOnly(t *testing.T, o options) (_ options, token, tokenFile string) {
	t.Helper()
	token, tokenFile = rand.Text(), filepath.Join(t.TempDir(), "token")
	require.NoError(t, os.WriteFile(tokenFile, []byte(token+"\n"), 0o600))
	o = told(o)
	o.incidents += fmt.Sprintf(`
  rules: {crash-loop: {off: true}, rollout-failed: {off: true}, endpoints-gone: {off: true}}
  alertmanager: {listen: "127.0.0.1:0", tokenFile: %q}`, tokenFile)
	return o, token, tokenFile
}

// alertsAddress is where the bot takes webhooks.
func (w *world) alertsAddress() string {
	w.Helper()
	w.log.wait(w.T, func(*logBook) bool { return w.bot.Alerts() != "" })
	return w.bot.Alerts()
}

// TestAMetricBecomesACardUntilItIsWellAgain: nothing in between is invented. Pods crash, Prometheus measures and judges them by a rule of
// kube-prometheus, Alertmanager groups and sends, and the card ends after the cluster was mended.
func TestAMetricBecomesACardUntilItIsWellAgain(t *testing.T) {
	t.Parallel()
	o, _, tokenFile := alertsOnly(t, options{})
	w := newWorld(t, o)
	m, err := monitoring.Start(t.Context(), w.cluster, monitoring.Config{
		Namespace: w.production, Cluster: platform.ClusterProduction, Webhook: w.alertsAddress(), TokenFile: tokenFile, Dir: t.TempDir(),
	}, os.Stderr)
	require.NoError(t, err)
	t.Cleanup(func() {
		require.NoError(t, m.Close())
		if t.Failed() {
			t.Log(m.Log())
		}
	})
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12346-crash", "by hand"))
	i := w.incident()
	i.becomes("⚠️ api-gateway in production is degraded: ", "seen by alertmanager", "PAYMENTS_URL", "(certain)", "Next: ")
	i.says("What I found: ")
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12345", "by hand"))
	i.becomes("✅ api-gateway in production is healthy again", "Resolved after ")
	require.Len(t, w.slack.Messages(incidents), 1+w.systemMessages(), "two alerts of one cause, each with several pods, are one card")
}

// sent is one alert of a webhook.
type sent struct {
	status   string
	labels   map[string]string
	summary  string
	startsAt time.Time
	endsAt   time.Time
}

// webhookBody is a message of Alertmanager 0.31 with these alerts, as it writes it.
func webhookBody(t *testing.T, all ...sent) []byte {
	t.Helper()
	alerts := []map[string]any{}
	for _, s := range all {
		alerts = append(alerts, map[string]any{
			"status": s.status, "labels": s.labels, "annotations": map[string]string{"summary": s.summary},
			"startsAt": s.startsAt.Format(time.RFC3339Nano), "endsAt": s.endsAt.Format(time.RFC3339Nano),
			"generatorURL": "http://prometheus:9090/graph?g0.expr=vector%281%29&g0.tab=1", "fingerprint": "4bd3c1a4d0b1f7a1",
		})
	}
	b, err := json.Marshal(map[string]any{
		"receiver": "algesta", "status": all[0].status, "alerts": alerts, "groupLabels": map[string]string{"namespace": "production"},
		"commonLabels": map[string]string{"prometheus": "sandbox"}, "commonAnnotations": map[string]string{},
		"externalURL": "http://alertmanager:9093", "version": "4", "groupKey": `{}:{namespace="production"}`, "truncatedAlerts": 0,
	})
	require.NoError(t, err)
	return b
}

// posts sends a body to the bot as an Alertmanager does, and returns how it is answered.
func (w *world) posts(method, authorization string, body []byte) (status int, says string) {
	w.Helper()
	q, err := http.NewRequestWithContext(w.Context(), method, w.alertsAddress(), bytes.NewReader(body))
	require.NoError(w, err)
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("User-Agent", "Alertmanager/0.31.1")
	if authorization != "" {
		q.Header.Set("Authorization", authorization)
	}
	res, err := http.DefaultClient.Do(q)
	require.NoError(w, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	return res.StatusCode, string(text)
}

// figure is a line of the bot's /metrics, without its name.
func (w *world) figure(name string) string {
	w.Helper()
	q, err := http.NewRequestWithContext(w.Context(), http.MethodGet, w.bot.URL+"/metrics", nil)
	require.NoError(w, err)
	res, err := http.DefaultClient.Do(q)
	require.NoError(w, err)
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	require.NoError(w, err)
	for line := range strings.Lines(string(text)) {
		if value, is := strings.CutPrefix(line, name+" "); is {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

// about is an alert about a Deployment of the world.
func (w *world) about(status, deployment string, starts time.Time) sent {
	s := sent{
		status: status, summary: "It answers slowly.", startsAt: starts,
		labels: map[string]string{"alertname": "SlowAnswers", "namespace": w.production, "deployment": deployment, "severity": "warning"},
	}
	if status == "resolved" {
		s.endsAt = starts.Add(time.Minute)
	}
	return s
}

// TestTheWebhookOfTheBinary sends what an Alertmanager sends, and what nobody should.
func TestTheWebhookOfTheBinary(t *testing.T) {
	t.Parallel()
	o, token, _ := alertsOnly(t, options{services: []service{gateway(), {name: "ms-orders", replicas: 1, tags: []string{"12345"}}}})
	w := newWorld(t, o)
	begin := time.Now()
	fires := webhookBody(t, w.about("firing", deployment, begin))
	bearer := "Bearer " + token
	for name, c := range map[string]struct {
		method, authorization string
		body                  []byte
		status                int
	}{
		"no token":           {http.MethodPost, "", fires, http.StatusUnauthorized},
		"a wrong token":      {http.MethodPost, bearer + "x", fires, http.StatusUnauthorized},
		"another scheme":     {http.MethodPost, "Basic " + token, fires, http.StatusUnauthorized},
		"a look":             {http.MethodGet, bearer, nil, http.StatusMethodNotAllowed},
		"no JSON":            {http.MethodPost, bearer, []byte(`{"version":"4","alerts":[`), http.StatusBadRequest},
		"another version":    {http.MethodPost, bearer, []byte(`{"version":"3","alerts":[]}`), http.StatusBadRequest},
		"nine megabytes":     {http.MethodPost, bearer, bytes.Repeat([]byte(" "), 9<<20), http.StatusRequestEntityTooLarge},
		"nothing that fires": {http.MethodPost, bearer, []byte(`{"version":"4","alerts":[]}`), http.StatusOK},
	} {
		status, says := w.posts(c.method, c.authorization, c.body)
		require.Equal(t, c.status, status, name)
		require.Empty(t, says, name)
	}
	require.Equal(t, "3", w.figure("algesta_alerts_denied_total"))

	// One was resolved before its firing arrived, so nobody is told of it; the other one comes from two Alertmanagers.
	for _, body := range [][]byte{
		webhookBody(t, w.about("resolved", ordersDeployment, begin)), webhookBody(t, w.about("firing", ordersDeployment, begin)), fires, fires,
	} {
		status, _ := w.posts(http.MethodPost, bearer, body)
		require.Equal(t, http.StatusOK, status)
	}
	i := w.incident()
	i.becomes(
		"An alert fires about api-gateway in production, and I found nothing wrong with it: Alert “SlowAnswers” says: “It answers slowly.”",
		"seen by alertmanager", "Cause: not found yet",
	)
	status, _ := w.posts(http.MethodPost, bearer, webhookBody(t, w.about("resolved", deployment, begin)))
	require.Equal(t, http.StatusOK, status)
	i.becomes("✅ api-gateway in production: this is over (Alert “SlowAnswers” says: “It answers slowly.”)", "Resolved after ")
	all := w.channelWithoutSystem(incidents)
	require.NotContains(t, all, "ms-orders", "what was resolved before it fired is nobody's news")
	require.Equal(t, 1, strings.Count(all, "seen by alertmanager"), "%s", all)
}
