package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/3astronautas/algesta/sandbox/browser"
)

// fill waits for a field of the open form and puts a value into it, as a person does.
func fill(label, value string) browser.Step {
	return browser.Until(fmt.Sprintf(`(() => {
		const input = [...document.querySelectorAll("dialog.view .input")].find((i) => i.querySelector("label").innerText.startsWith(%q));
		const field = input?.querySelector("select, input, textarea");
		if (!field || field.tagName === "SELECT" && ![...field.options].some((o) => o.value === %q)) return false;
		field.value = %[2]q;
		field.dispatchEvent(new Event("change", { bubbles: true }));
		return true;
	})()`, label, value))
}

// A person on a phone asks with a form and approves on the Home tab: the real bot, the real control plane, Chromium. No option is typed.
func TestAFormAndTheHomeTabLeadToTheEnd(t *testing.T) {
	t.Parallel()
	d := runDemo(t, "production")
	since := time.Now()
	ctx := browser.Open(t)
	fits := browser.Until(`document.documentElement.scrollWidth <= 390`)
	home := d.slack.URL() + "/?as=U0CARLA#" + d.slack.BotDM("U0CARLA")
	d.show(ctx, t, "U0LUIS")
	browser.Do(
		t, ctx,
		browser.Write("/algesta"+kb.Enter),
		browser.Shows("dialog.view", "Command"),
		fill("Command", "rollback"),
		fill("Environment", "production"),
		fill("Service", "api-gateway"),
		browser.Shows("dialog.view", "Now: revision"),
		fill("To revision", "2"),
		picture("form"),
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		fits,
		picture("phone-form"),
		chromedp.Click("dialog.view footer button[type=submit]"),
		browser.Shows("#messages", "is waiting for approval"),
	)
	browser.Do(
		t, ctx,
		chromedp.EmulateViewport(1280, 800),
		chromedp.Navigate(home),
		chromedp.WaitVisible("[data-tab=home]"),
		chromedp.Click("[data-tab=home]"),
		browser.Shows("#messages", "1 request waits for your approval."),
		browser.Shows("#messages", "12345 → 12344"),
		picture("home"),
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		fits,
		picture("phone-home"),
		// On a screen that the tab doesn't fit on, what waits is what its reader sees first.
		chromedp.EmulateViewport(390, 420, chromedp.EmulateMobile),
		chromedp.Navigate("about:blank"), // no scrolling is left over
		chromedp.Navigate(home),
		chromedp.WaitVisible("[data-tab=home]"),
		chromedp.Click("[data-tab=home]"),
		browser.Shows("#messages", "Nothing that you may see was changed lately."),
		browser.Until(`(() => {
			const list = document.getElementById("messages"), seen = list.getBoundingClientRect();
			const said = [...list.querySelectorAll("*")].filter((e) => e.children.length === 0 || e.innerText === e.textContent)
				.find((e) => e.innerText?.includes("waits for your approval") && e.getBoundingClientRect().height < 60)?.getBoundingClientRect();
			return list.scrollHeight > list.clientHeight + 100 && !!said && said.top >= seen.top && said.bottom <= seen.bottom;
		})()`),
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		chromedp.Click("#messages [data-action=approve]"),
		browser.Shows("dialog.confirm", "It runs at once"),
		chromedp.Click("dialog.confirm button[value=yes]"),
		browser.Shows("#messages", "Nothing waits for your approval."),
		browser.Shows("#messages", "Recent changes:"), // the tab follows to the end
	)
	d.requireOnePatch(t, since)
}
