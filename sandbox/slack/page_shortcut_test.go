package slackd_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// TestTheMenuOfAMessageOffersTheShortcutsOfTheApp: by the keyboard and by the mouse, on everything but what only one person sees.
func TestTheMenuOfAMessageOffersTheShortcutsOfTheApp(t *testing.T) {
	s := slackd.New(t, fast())
	chosen := make(chan slack.InteractionCallback, 2)
	script{
		slash: func(slack.SlashCommand) any { return map[string]any{"text": "only for you"} },
		click: func(c slack.InteractionCallback) any { chosen <- c; return nil },
	}.run(t, s)
	ctx := browser.Open(t)
	browser.Do(
		t, ctx,
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Write("api-gateway is slow"+kb.Enter),
		browser.Shows("#messages", "api-gateway is slow"),
		chromedp.Focus("#messages"),
		browser.Press(kb.ArrowUp),
		browser.Focused("#messages article"),
		chromedp.Focus("#messages .more"),
		browser.Press(kb.Enter),
		browser.Focused("[data-shortcut]"),
		browser.Shows("#messages .shortcuts", "Diagnose this"),
		shot("10-shortcut"),
		browser.Press(kb.Escape),
		browser.Focused("#messages .more"),
		browser.Until(`document.querySelector("#messages .shortcuts").hidden`),
		browser.Press(kb.Enter),
		browser.Focused("[data-shortcut]"),
		browser.Press(kb.Enter),
		browser.Until(`document.querySelector("#messages .shortcuts").hidden`),
	)
	said := s.Messages("C0OPS")[0]
	got := <-chosen
	require.Equal(t, slack.InteractionTypeMessageAction, got.Type)
	require.Equal(t, "diagnose_this", got.CallbackID)
	require.Equal(t, said.TS, got.Message.Timestamp)
	require.Equal(t, "U0LUIS", got.User.ID)

	browser.Do(
		t, ctx,
		chromedp.Focus("#messages article"),
		chromedp.Click("#messages .more"),
		chromedp.WaitVisible("#messages [data-shortcut]"),
		chromedp.Click("#messages [data-shortcut]"),
		browser.Write("/algesta help"+kb.Enter),
		browser.Shows("#messages .ephemeral", "only for you"),
		browser.Until(`!document.querySelector("#messages .ephemeral .more")`),
	)
	require.Equal(t, said.TS, (<-chosen).Message.Timestamp)
}

// TestAnAppThatIsNotToldOfClicksOffersNoShortcut: neither does one without any in its manifest.
func TestAnAppThatIsNotToldOfClicksOffersNoShortcut(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*slackd.Manifest){
		"no interactivity": func(m *slackd.Manifest) { m.Settings.Interactivity.Enabled = false },
		"none that is of a message": func(m *slackd.Manifest) {
			for i := range m.Features.Shortcuts {
				m.Features.Shortcuts[i].Type = "global"
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := manifest(t)
			change(&m)
			opts := fast()
			opts.Manifest = &m
			s := slackd.New(t, opts)
			var state struct{ Shortcuts []slackd.Shortcut }
			require.Empty(t, ask(t, s, "state?as=U0LUIS", nil, &state))
			require.Empty(t, state.Shortcuts)
		})
	}
}
