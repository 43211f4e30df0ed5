package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// TestTheDemoTellsOfAFailingDeployInIncidents deploys what crashes, sees the card appear in #incidents by itself, rolls back with its
// button, and sees it close.
func TestTheDemoTellsOfAFailingDeployInIncidents(t *testing.T) {
	t.Parallel()
	cluster := control.ForTest(t)
	site := platform.NewSite(t, cluster)
	begin, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	d, err := start(begin, cluster, site, t.TempDir(), "127.0.0.1:0", nil, "development")
	require.NoError(t, err)
	t.Cleanup(d.slack.Close)
	t.Cleanup(func() { d.bot.Kill() })
	ctx := browser.Open(t)
	browser.Do(
		t, ctx,
		chromedp.Navigate(d.slack.URL()+"/?as=U0LUIS#C0OPS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Write("/algesta deploy ms-orders dev 12346-crash"+kb.Enter),
		browser.Shows("#messages", "failed and was not undone"),
		chromedp.Navigate(d.slack.URL()+"/?as=U0LUIS#C0INCIDENTS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Shows("#messages", "ms-orders in development is "),
		browser.Shows("#messages", "Next:"),
		picture("incident"),
		chromedp.Click("#messages [data-action=run]"),
		browser.Shows("dialog.confirm", "ms-orders"),
		chromedp.Click("dialog.confirm button[value=yes]"),
		browser.Shows("#messages", "ms-orders in development is healthy again"),
		browser.Shows("#messages", "Resolved after"),
		picture("incident-resolved"),
	)
}
