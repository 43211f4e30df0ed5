package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/monitoring"
	"github.com/3astronautas/algesta/sandbox/platform"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// silencing has Luis silence and ask for incidents, without anybody's yes.
const silencing = `  - name: operators silence production
    subjects: ["user:U0LUIS"]
    role: silencer
    namespaces: [PRODUCTION]
`

// silenced is an Alertmanager's silences that are active, by their comments.
func silenced(t *testing.T, address string) []string {
	t.Helper()
	q, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/api/v2/silences", nil)
	require.NoError(t, err)
	res, err := http.DefaultClient.Do(q)
	require.NoError(t, err)
	defer func() { _ = res.Body.Close() }()
	var all []struct {
		Comment string `json:"comment"`
		Status  struct {
			State string `json:"state"`
		} `json:"status"`
	}
	require.NoError(t, json.NewDecoder(res.Body).Decode(&all))
	var out []string
	for _, s := range all {
		if s.Status.State == "active" {
			out = append(out, s.Comment)
		}
	}
	return out
}

// TestASilenceReachesTheAlertmanagerAndEndsThere: asked for in Slack, made in a real Alertmanager, ended before its time in both.
func TestASilenceReachesTheAlertmanagerAndEndsThere(t *testing.T) {
	t.Parallel()
	o := told(options{})
	o.policy = strings.Replace(o.policy, "bindings:\n", "bindings:\n"+silencing, 1)
	o.policy = strings.Replace(o.policy, "roles:\n", "roles:\n  - {name: silencer, allow: [incidents, silence]}\n", 1)
	var m *monitoring.Monitoring
	o.before = func(w *world) {
		var err error
		m, err = monitoring.Start(t.Context(), w.cluster, monitoring.Config{
			Namespace: w.production, Cluster: platform.ClusterProduction, Webhook: "http://127.0.0.1:1/", TokenFile: "/dev/null", Dir: t.TempDir(),
		}, os.Stderr)
		require.NoError(t, err)
		t.Cleanup(func() { require.NoError(t, m.Close()) })
		w.opts.incidents += fmt.Sprintf("\n  alertmanager: {api: %q}", m.Alertmanager)
	}
	w := newWorld(t, o)
	r := w.asks(luis, "silence api-gateway production until=2h because we move its database")
	r.approve()
	r.becomes("✅ api-gateway in production is silenced until ")
	require.Eventually(t, func() bool { return len(silenced(t, m.Alertmanager)) == 2 }, patience, 100*time.Millisecond)
	for _, comment := range silenced(t, m.Alertmanager) {
		require.Regexp(t, `^c-[0-9a-z]+ \((Deployment|pods)\): Luis Pardo: we move its database$`, comment)
	}
	require.Contains(t, w.answer(luis, ops, "incidents production"), "by Luis Pardo: “we move its database”")
	r = w.asks(luis, "unsilence api-gateway production")
	r.approve()
	r.becomes("✅ api-gateway in production isn't silenced any more")
	require.Eventually(t, func() bool { return len(silenced(t, m.Alertmanager)) == 0 }, patience, 100*time.Millisecond)
}

// TestAnIncidentChannelIsFoundJoinedAndTold: someone makes a channel, and finds the diagnosis there, pinned.
func TestAnIncidentChannelIsFoundJoinedAndTold(t *testing.T) {
	t.Parallel()
	o := told(options{})
	o.incidents += "\n  channels: {names: \"inc-*\", environments: [production]}"
	w := newWorld(t, o)
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12346-crash", "by hand"))
	w.incident().becomes("api-gateway in production is degraded: ")
	w.slack.CreateChannel(luis, slackd.Channel{ID: "C0OTHER", Name: "lunch", Members: []string{luis}})
	w.slack.CreateChannel(luis, slackd.Channel{ID: "C0INC1", Name: "inc-api-gateway-crashes", Members: []string{luis}})
	ctx, cancel := w.wait()
	defer cancel()
	card, err := w.slack.WaitMessage(ctx, "C0INC1", func(m slackd.Message) bool {
		return !m.System && strings.Contains(m.Plain(), "Changed in the last day:")
	})
	require.NoError(t, err)
	require.Contains(t, card.Plain(), "api-gateway in production is degraded: ")
	require.Contains(t, card.Plain(), "Rollout of api-gateway-production to api-gateway:12346-crash")
	require.Eventually(
		t,
		func() bool { return len(w.slack.Pins("C0INC1")) == 1 && w.slack.Topic("C0INC1") != "" },
		patience,
		50*time.Millisecond,
	)
	require.Equal(t, []string{card.TS}, w.slack.Pins("C0INC1"))
	require.NoError(t, setImage(t.Context(), w.cluster, w.production, deployment, registry+"api-gateway:12345", "by hand"))
	in := &request{world: w, card: card, in: "C0INC1"}
	in.becomes("✅ api-gateway in production is healthy again")
	require.Empty(t, w.slack.Messages("C0OTHER"), "where its name says nothing of an incident, nothing is said")
}
