package slackd_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestThePageIsUsableWithTheKeyboardAlone(t *testing.T) {
	s := slackd.New(t, fast())
	rollbackBot(t, s)
	ctx := browser(t)
	do(t, ctx,
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS"), chromedp.WaitVisible("#channel-composer textarea"),
		press(kb.Tab), focused("#skip"), press(kb.Enter), focused("#composer"),
		press("/algesta rollback api-gateway production"+kb.Enter), shows("#messages", "1 reply"),

		chromedp.Focus(".me"), press(kb.Enter), focused("[data-user=U0LUIS]"), press(kb.Escape), focused(".me"),
		press(kb.Enter), focused("[data-user=U0LUIS]"), press("c"), focused("[data-user=U0CARLA]"), shot("8-people"), press(kb.Enter),
		until(`document.body.dataset.ready === "U0CARLA"`), focused(".me"),

		chromedp.Focus("#messages"), press(kb.ArrowUp), focused("#messages article"), press(kb.Enter), focused("#thread textarea"),
		press(kb.Escape), until(`document.getElementById("thread").hidden`), focused("#messages .open-thread"),
		press(kb.Enter), focused("#thread textarea"),

		chromedp.Focus("#thread [data-action=approve]"), press(kb.Enter), chromedp.WaitVisible("dialog.confirm"), focused("dialog button[value=yes]"),
		press(kb.Escape), until(`!document.querySelector("dialog")`), focused("#thread [data-action=approve]"),
	)
	require.Empty(t, clicksOf(s), "Escape says no")
	do(t, ctx,
		press(kb.Enter), chromedp.WaitVisible("dialog.confirm"), press(kb.Enter), shows("#thread", "All 4 pods ready"),
		until(`document.activeElement !== document.body`),
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
	ctx := browser(t)
	say := func(text string) step { return write(text + kb.Enter) }
	do(t, ctx,
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS"), chromedp.WaitVisible("#channel-composer textarea"), shows("#link", "not connected"),
		say("/algesta help"), shows("#messages .ephemeral", "/algesta failed with the error “dispatch_failed”"),
		chromedp.Click("[data-key=dismiss]"), until(`!document.querySelector(".ephemeral")`),
		say("/nothing here"), shows("#channel-composer .problem", "There is no such slash command here."),
		until(`document.querySelector("#channel-composer textarea").value === "/nothing here"`),
	)
	rollbackBot(t, s)
	do(t, ctx,
		shows("#link", "is connected"), until(`(document.querySelector("#channel-composer textarea").value = "") === ""`),
		say("/algesta help"), shows("#messages .ephemeral", "Only visible to you"), shows("#messages .ephemeral", "Try /algesta status"),
		say("a thread, please"), chromedp.WaitVisible("#messages article:last-child"), shows("#messages", "a thread, please"),
		chromedp.Focus("#messages"), press(kb.ArrowUp+kb.Enter), focused("#thread textarea"),
		press("/algesta logs ms-orders"+kb.Enter), shows("#thread .problem", "Write @algesta logs ms-orders instead."),
		actAs("U0NICO"), until(`!document.querySelector("#messages .ephemeral")`), until(`!document.querySelector("#conversations")?.innerText.includes("war-room")`),
		chromedp.Click("[data-key=c-C0RANDOM]"), shows("#channel-header", "@algesta is not here"), shot("9-random"),
		say("/invite @algesta"), until(`!document.querySelector("#channel-header").innerText.includes("is not here")`),
		say("<b>&amp; *bold* `code`"), shows("#messages .text strong", "bold"), shows("#messages", "<b>&amp;"),
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
				slack.NewInputBlock("how", plainObject("How urgent?"), nil, slack.NewRadioButtonsBlockElement("urgency",
					slack.NewOptionBlockObject("now", plainObject("Now"), plainObject("users see errors")), slack.NewOptionBlockObject("later", plainObject("Later"), nil))))
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
	ctx := browser(t)
	do(t, ctx,
		chromedp.Navigate(s.URL()+"/?as=U0MARTA#C0OPS"), chromedp.WaitVisible("#channel-composer textarea"),
		write("/algesta rollback"+kb.Enter), chromedp.WaitVisible("dialog.view"), focused("dialog.view input"),
		press("no"+kb.Tab+" "), press(kb.Enter), shows("dialog.view .error", "Say a little more."), shot("10-modal"),
		press("t yet: it crashes"), chromedp.Click("dialog.view [value=now]"), chromedp.Click("dialog.view footer .primary"), until(`!document.querySelector("dialog")`),
	)
	require.Equal(t, "not yet: it crashes, now", <-reasons)
}
