package main

import (
	"context"
	"flag"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
)

// pictures retakes the pictures of the README: go test ./sandbox/cmd/demo -pictures ../../../docs/images.
var pictures = flag.String("pictures", "", "the folder to keep pictures of the demo in")

func picture(name string) browser.Step {
	if *pictures == "" {
		return browser.Shot("")
	}
	return browser.Shot(filepath.Join(*pictures, name+".png"))
}

// The demo's main path, as a person at the page sees it: the real bot, the real control plane, Chromium.
func TestTheDemoLeadsFromTheCommandToTheEnd(t *testing.T) {
	t.Parallel()
	d := runDemo(t, "production")

	since := time.Now()
	ctx := browser.Open(t)
	d.show(ctx, t, "U0LUIS")
	browser.Do(
		t, ctx,
		browser.Shows("#messages", "You’re acting as Luis Pardo"),
		browser.Shows("#messages", "Act as Carla"),
		browser.Write("/algesta rollback api-gateway production"+kb.Enter),
		browser.Shows("#messages", "is waiting for approval"),
		browser.ActAs("U0CARLA"),
		chromedp.Click(".thread-link"),
		browser.Shows("#thread", "one of you may approve"),
		picture("plan"),
		chromedp.Click("#thread [data-action=approve]"),
		browser.Shows("dialog.confirm", "It runs at once"),
		picture("confirm"),
		chromedp.Click("dialog.confirm button[value=yes]"),
		browser.Shows("#thread", "pods serving"),
		picture("progress"),
		browser.Shows(
			"#messages", "is back on 12344",
		),
		browser.Shows("#thread", "All 4 pods were ready"),
		browser.Shows("#thread", "Undo"),
		picture("rollback"),
	)
	d.requireOnePatch(t, since)

	// The same at the size of a phone: nothing is wider than the screen.
	browser.Do(t, ctx, chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile))
	d.show(ctx, t, "U0CARLA")
	browser.Do(
		t, ctx,
		browser.Until(`document.documentElement.scrollWidth <= 390`),
		chromedp.Click(
			".thread-link",
		),
		browser.Shows("#thread", "All 4 pods were ready"),
		browser.Until(`document.documentElement.scrollWidth <= 390`),
		picture("phone-thread"),
	)

	// A bot that ends is started again.
	watching, enough := context.WithCancel(t.Context())
	kept := make(chan error, 1)
	first := d.bot
	first.Kill()
	browser.Do(t, ctx, browser.Until(`document.getElementById("link").classList.contains("off")`))
	go func() { kept <- d.keep(watching) }()
	browser.Do(t, ctx, browser.Until(`document.getElementById("link").classList.contains("on")`))
	enough()
	require.NoError(t, <-kept)
	require.NotSame(t, first, d.bot)
}
