package main

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/3astronautas/algesta/sandbox/browser"
)

// TestTheDemoDiagnosesWhatAMessageNames chooses "Diagnose this" in the menu of what a colleague wrote, and reads the answer in its thread.
func TestTheDemoDiagnosesWhatAMessageNames(t *testing.T) {
	t.Parallel()
	d := runDemo(t, "development")
	ctx := browser.Open(t)
	d.show(ctx, t, "U0LUIS")
	browser.Do(
		t, ctx,
		browser.Write("/algesta deploy ms-orders dev 12346-crash"+kb.Enter),
		browser.Shows("#messages", "failed and was not undone"),
		browser.ActAs("U0MARTA"),
		browser.Write("orders answers with 502 since I deployed: ms-orders in dev"+kb.Enter),
		browser.Shows("#messages", "orders answers with 502"),
		browser.ActAs("U0LUIS"),
		browser.Until(`[...document.querySelectorAll("#messages article")].at(-1).innerText.includes("502")`),
		chromedp.Focus("#messages > article:last-child"),
		chromedp.Click("#messages > article:last-child .more"),
		chromedp.WaitVisible("#messages > article:last-child [data-shortcut]"),
		picture("shortcut"),
		chromedp.Click("#messages > article:last-child [data-shortcut]"),
		browser.Shows("#messages > article:last-child .thread-link", "2 replies"),
		chromedp.Click("#messages > article:last-child .thread-link"),
		browser.Shows("#thread", "needs the environment variable PAYMENTS_URL"),
		picture("shortcut-answer"),
	)
}
