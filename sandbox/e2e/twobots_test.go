package e2e

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/bot"
)

// Two processes of the released binary on one app token: Slack gives each a part of the commands. The second says so in its log when it
// starts, on /readyz and in its figures, and no longer once it's the only one.
func TestASecondBotOnTheSameAppTokenIsSeen(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	require.Zero(t, othersOf(t, w.bot))

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	config := w.config
	config.Dir, config.Log = t.TempDir(), nil
	second, err := bot.Start(ctx, binary, config)
	require.NoError(t, err)
	t.Cleanup(second.Kill)
	require.Eventually(t, func() bool { return othersOf(t, second) == 2 }, patience, 50*time.Millisecond, "both connections of the first")
	require.Contains(t, second.Log(), "another process uses this app token")
	require.Contains(t, get(t, second.URL+"/metrics"), "algesta_slack_other_sockets 2\n")

	w.bot.Kill()
	w.slack.DropSockets() // each hello says how many there are
	require.Eventually(t, func() bool { return othersOf(t, second) == 0 }, patience, 50*time.Millisecond)
}

// othersOf is how many connections of other processes a bot says that there are on /readyz.
func othersOf(t *testing.T, b *bot.Bot) int {
	t.Helper()
	var body struct {
		Others *int `json:"otherSockets"`
	}
	require.NoError(t, json.Unmarshal([]byte(get(t, b.URL+"/readyz")), &body))
	require.NotNil(t, body.Others)
	return *body.Others
}

func get(t *testing.T, url string) string {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
	require.NoError(t, err)
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close() //nolint:errcheck // read only
	out, err := io.ReadAll(resp.Body)
	require.NoError(t, err)
	return string(out)
}
