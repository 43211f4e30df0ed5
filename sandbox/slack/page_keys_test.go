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

func TestThePageIsUsableWithTheKeyboardAlone(t *testing.T) {
	s := slackd.New(t, fast())
	rollbackBot(t, s)
	ctx := browser.Open(t)
	browser.Do(
		t,
		ctx,
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Press(kb.Tab),
		browser.Focused("#skip"),
		browser.Press(kb.Enter),
		browser.Focused("#composer"),
		browser.Press("/algesta rollback api-gateway production"+kb.Enter),
		browser.Shows("#messages", "1 reply"),
		chromedp.Focus(".me"),
		browser.Press(kb.Enter),
		browser.Focused("[data-user=U0LUIS]"),
		browser.Press(kb.Escape),
		browser.Focused(".me"),
		browser.Press(
			kb.Enter,
		),
		browser.Focused("[data-user=U0LUIS]"),
		browser.Press("c"),
		browser.Focused("[data-user=U0CARLA]"),
		shot("8-people"),
		browser.Press(kb.Enter),
		browser.Until(`document.body.dataset.ready === "U0CARLA"`),
		browser.Focused(".me"),
		chromedp.Focus(
			"#messages",
		),
		browser.Press(kb.ArrowUp),
		browser.Focused("#messages article"),
		browser.Press(kb.Enter),
		browser.Focused("#thread textarea"),
		browser.Press(kb.Escape),
		browser.Until(`document.getElementById("thread").hidden`),
		browser.Focused("#messages .open-thread"),
		browser.Press(kb.Enter),
		browser.Focused("#thread textarea"),
		chromedp.Focus(
			"#thread [data-action=approve]",
		),
		browser.Press(kb.Enter),
		chromedp.WaitVisible("dialog.confirm"),
		browser.Focused("dialog button[value=yes]"),
		browser.Press(kb.Escape),
		browser.Until(`!document.querySelector("dialog")`),
		browser.Focused("#thread [data-action=approve]"),
	)
	require.Empty(t, clicksOf(s), "Escape says no")
	browser.Do(t, ctx,
		browser.Press(kb.Enter), chromedp.WaitVisible("dialog.confirm"), browser.Press(kb.Enter), browser.Shows("#thread", "All 4 pods ready"),
		browser.Until(`document.activeElement !== document.body`),
	)
	require.Len(t, clicksOf(s), 1)
}

func clicksOf(s *slackd.Server) []slackd.Delivery {
	var out []slackd.Delivery
	for _, d := range s.Deliveries() {
		if d.Kind == "interactive" {
			out = append(out, d)
		}
	}
	return out
}

func TestThePageSaysWhatSlackSays(t *testing.T) {
	opts := fast()
	s := slackd.New(t, opts)
	ctx := browser.Open(t)
	say := func(text string) browser.Step { return browser.Write(text + kb.Enter) }
	browser.Do(
		t,
		ctx,
		chromedp.Navigate(
			s.URL()+"/?as=U0LUIS#C0OPS",
		),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Shows("#link", "not connected"),
		say("/algesta help"),
		browser.Shows("#messages .ephemeral", "/algesta failed with the error “dispatch_failed”"),
		chromedp.Click("[data-key=dismiss]"),
		browser.Until(`!document.querySelector(".ephemeral")`),
		say("/nothing here"),
		browser.Shows("#channel-composer .problem", "There is no such slash command here."),
		browser.Until(`document.querySelector("#channel-composer textarea").value === "/nothing here"`),
	)
	rollbackBot(t, s)
	browser.Do(
		t,
		ctx,
		browser.Shows("#link", "is connected"),
		browser.Until(`(document.querySelector("#channel-composer textarea").value = "") === ""`),
		say(
			"/algesta help",
		),
		browser.Shows("#messages .ephemeral", "Only visible to you"),
		browser.Shows("#messages .ephemeral", "Try /algesta status"),
		say("a thread, please"),
		chromedp.WaitVisible("#messages article:last-child"),
		browser.Shows("#messages", "a thread, please"),
		chromedp.Focus("#messages"),
		browser.Press(kb.ArrowUp+kb.Enter),
		browser.Focused("#thread textarea"),
		browser.Press("/algesta logs ms-orders"+kb.Enter),
		browser.Shows("#thread .problem", "Write @algesta logs ms-orders instead."),
		browser.ActAs(
			"U0NICO",
		),
		browser.Until(`!document.querySelector("#messages .ephemeral")`),
		browser.Until(`!document.querySelector("#conversations")?.innerText.includes("war-room")`),
		chromedp.Click("[data-key=c-C0RANDOM]"),
		browser.Shows("#channel-header", "@algesta is not here"),
		shot("9-random"),
		say("/invite @algesta"),
		browser.Until(`!document.querySelector("#channel-header").innerText.includes("is not here")`),
		say("<b>&amp; *bold* `code`"),
		browser.Shows("#messages .text strong", "bold"),
		browser.Shows("#messages", "<b>&amp;"),
	)
}

func TestAModalIsFilledInOnThePage(t *testing.T) {
	s := slackd.New(t, fast())
	reasons := make(chan string, 2)
	var api *slack.Client
	bot := script{
		slash: func(c slack.SlashCommand) any {
			view := reasonView()
			view.Blocks.BlockSet = append(view.Blocks.BlockSet,
				slack.NewInputBlock("how", plainObject("How urgent?"), nil, slack.NewRadioButtonsBlockElement(
					"urgency",
					slack.NewOptionBlockObject(
						"now", plainObject("Now"), plainObject("users see errors"),
					),
					slack.NewOptionBlockObject("later", plainObject("Later"), nil),
				)))
			_, err := api.OpenView(c.TriggerID, view)
			require.NoError(t, err)
			return nil
		},
		click: func(c slack.InteractionCallback) any {
			why := c.View.State.Values["why"]["reason"].Value
			if why == "no" {
				return slack.NewErrorsViewSubmissionResponse(map[string]string{"why": "Say a little more."})
			}
			reasons <- why + ", " + c.View.State.Values["how"]["urgency"].SelectedOption.Value
			return nil
		},
	}
	api = client(t, s)
	bot.run(t, s)
	ctx := browser.Open(t)
	browser.Do(
		t,
		ctx,
		chromedp.Navigate(s.URL()+"/?as=U0MARTA#C0OPS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Write("/algesta rollback"+kb.Enter),
		chromedp.WaitVisible("dialog.view"),
		browser.Focused("dialog.view input"),
		browser.Press("no"+kb.Tab+" "),
		browser.Press(kb.Enter),
		browser.Shows("dialog.view .error", "Say a little more."),
		shot("10-modal"),
		browser.Press(
			"t yet: it crashes",
		),
		chromedp.Click("dialog.view [value=now]"),
		chromedp.Click("dialog.view footer .primary"),
		browser.Until(`!document.querySelector("dialog")`),
	)
	require.Equal(t, "not yet: it crashes, now", <-reasons)
}
