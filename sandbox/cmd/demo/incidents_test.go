package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/3astronautas/algesta/sandbox/browser"
)

// TestTheDemoTellsOfAFailingDeployInIncidents deploys what crashes, sees the card appear in #incidents by itself, rolls back with its
// button, and sees it close.
func TestTheDemoTellsOfAFailingDeployInIncidents(t *testing.T) {
	t.Parallel()
	d := runDemo(t, "development")
	ctx := browser.Open(t)
	d.show(ctx, t, "U0LUIS")
	browser.Do(
		t, ctx,
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
