package slackd_test

import (
	"fmt"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func plainObject(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.PlainTextType, s, false, false)
}

func mrkdwn(s string) *slack.TextBlockObject {
	return slack.NewTextBlockObject(slack.MarkdownType, s, false, true)
}

// rollbackBot plays the bot's main conversation with blocks of every kind that the bot uses.
func rollbackBot(t *testing.T, s *slackd.Server) {
	t.Helper()
	var api *slack.Client
	say := func(channel string, o ...slack.MsgOption) string {
		_, ts, err := api.PostMessage(channel, o...)
		require.NoError(t, err)
		return ts
	}
	card := ""
	bot := script{
		slash: func(c slack.SlashCommand) any {
			if c.Text == "help" {
				return map[string]any{"text": "Try */algesta status api-gateway production*."}
			}
			card = say(c.ChannelID, slack.MsgOptionText("🟡 Rollback of api-gateway waits", false), slack.MsgOptionBlocks(
				slack.NewSectionBlock(mrkdwn("🟡 *Rollback of `api-gateway` in production is waiting for approval*"), nil, nil),
				slack.NewContextBlock(
					"",
					mrkdwn(
						"requested by <@"+c.UserID+"> · needs 1 approval from <!subteam^S0PLATFORM> · expires <!date^1900000000^{time}|later> · `c-7f3a`",
					),
				),
			))
			say(c.ChannelID, slack.MsgOptionTS(card), slack.MsgOptionText("plan", false), slack.MsgOptionBlocks(planBlocks()...))
			return nil
		},
		click: func(c slack.InteractionCallback) any {
			if c.ActionCallback.BlockActions[0].ActionID != "approve" {
				return nil
			}
			_, _, _, err := api.UpdateMessage(
				c.Channel.ID,
				c.Message.Timestamp,
				slack.MsgOptionText("plan, approved", false),
				slack.MsgOptionBlocks(
					slack.NewSectionBlock(
						mrkdwn("*Roll back `api-gateway-production` to revision 41*\nApproved by <@"+c.User.ID+">, 14:05:12."), nil, nil,
					),
				),
			)
			require.NoError(t, err)
			_, _, _, err = api.UpdateMessage(c.Channel.ID, card, slack.MsgOptionText("✅ api-gateway in production is back on 12344", false),
				slack.MsgOptionBlocks(slack.NewSectionBlock(mrkdwn("✅ *`api-gateway` in production is back on 12344* (revision 41)"), nil, nil),
					slack.NewContextBlock("", mrkdwn("requested by <@U0LUIS>, approved by <@"+c.User.ID+"> · 4 of 4 ready after 41 s · healthier"))))
			require.NoError(t, err)
			say(
				c.Channel.ID, slack.MsgOptionTS(card), slack.MsgOptionText("✅ api-gateway is back", false),
				slack.MsgOptionBlocks(endBlocks(c.User.ID)...),
			)
			return nil
		},
	}
	api = client(t, s)
	bot.run(t, s)
}

func planBlocks() []slack.Block {
	text := func(s string) *slack.RichTextSectionTextElement {
		return slack.NewRichTextSectionTextElement(s, nil)
	}
	table := slack.NewTableBlock("")
	table.ColumnSettings = []slack.ColumnSetting{{IsWrapped: true}, {IsWrapped: true}}
	for _, row := range [][2]string{{"what", "from → to"}, {"image", "…/api-gateway:12345 → …/api-gateway:12344"}, {"env", "LOG_LEVEL " +
		"removed"}, {"pods", "4, autoscaled 2–10; one extra pod while it rolls: fits"}} {
		table.AddRow(slack.NewTableRawTextCell(row[0]), slack.NewTableRawTextCell(row[1]))
	}
	approve := slack.NewButtonBlockElement("approve", "c-7f3a", plainObject("Approve")).WithStyle(slack.StylePrimary)
	approve.Confirm = slack.NewConfirmationBlockObject(
		plainObject("Roll back api-gateway?"), mrkdwn("Roll back `api-gateway` in production to *12344*? It runs at once."),
		plainObject("Approve"), plainObject("Not now"),
	)
	deny := slack.NewButtonBlockElement("deny", "c-7f3a", plainObject("Deny")).WithStyle(slack.StyleDanger)
	return []slack.Block{
		slack.NewHeaderBlock(plainObject("Roll back api-gateway-production to revision 41")),
		slack.NewContextBlock("", mrkdwn("aks-algesta-production / production")),
		table,
		slack.NewRichTextBlock(
			"",
			&slack.RichTextPreformatted{
				Type: slack.RTEPreformatted,
				Elements: []slack.RichTextSectionElement{
					text(
						"-  image: acralgestaproduction.azurecr.io/api-gateway:12345\n+  image: acralgestaproduction.azurecr.io/api-gateway:12344\n-  " +
							"LOG_LEVEL: debug",
					),
				},
			},
		),
		slack.NewSectionBlock(
			mrkdwn("⚠️ 2 of 4 pods of the current revision crash (exit 1, 6 restarts in 10 min); the old pods still serve users."), nil, nil,
		),
		slack.NewRichTextBlock(
			"",
			slack.NewRichTextSection(
				slack.NewRichTextSectionUserGroupElement("S0PLATFORM"), text(", "), slack.NewRichTextSectionUserElement("U0CARLA", nil),
				text(": one of you may approve."),
			),
		),
		slack.NewActionBlock("", approve, deny, slack.NewButtonBlockElement("cancel", "c-7f3a", plainObject("Cancel"))),
	}
}

func endBlocks(by string) []slack.Block {
	return []slack.Block{
		slack.NewRichTextBlock("", slack.NewRichTextSection(
			slack.NewRichTextSectionTextElement(
				"✅ ", nil,
			),
			slack.NewRichTextSectionUserElement("U0LUIS", nil),
			slack.NewRichTextSectionTextElement(" ", nil),
			slack.NewRichTextSectionUserElement(by, nil),
			slack.NewRichTextSectionTextElement(
				" api-gateway in production is back on 12344. All 4 pods ready after 41 s, no restart in the 60 s since (before: 6 in 10 min). ", nil,
			),
			slack.NewRichTextSectionTextElement("Healthier.", &slack.RichTextSectionTextStyle{Bold: true}),
		)),
		slack.NewActionBlock("", slack.NewButtonBlockElement("undo", "c-7f3a", plainObject("Undo"))),
	}
}

func TestThePageLeadsFromTheCommandToItsEnd(t *testing.T) {
	s := slackd.New(t, fast())
	rollbackBot(t, s)
	ctx := browser.Open(t)
	browser.Do(
		t,
		ctx,
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		shot("1-empty"),
		browser.Write("/algesta roll"),
		browser.Shows(".command-hint", "/algesta"),
		shot("2-hint"),
		browser.Write("back api-gateway production"+kb.Enter),
		browser.Shows("#messages", "is waiting for approval"),
		browser.Shows("#messages", "1 reply"),
		shot("3-card"),
		browser.ActAs("U0CARLA"),
		browser.Shows(".thread-link .badge", "1 new"),
		shot("4-approver"),
		chromedp.Click(".thread-link"),
		chromedp.WaitVisible("#thread"),
		browser.Shows("#thread", "one of you may approve"),
		shot("5-plan"),
		chromedp.Click(
			"#thread [data-action=approve]",
		),
		chromedp.WaitVisible("dialog.confirm"),
		browser.Shows("dialog.confirm", "It runs at once"),
		shot("6-confirm"),
		chromedp.Click("dialog.confirm button[value=yes]"),
		browser.Shows("#thread", "All 4 pods ready"),
		browser.Shows("#messages", "is back on 12344"),
		shot("7-end"),
	)
	buttons, err := chromedp.Run(ctx, chromedp.Evaluate[int](`document.querySelectorAll("#thread [data-action=approve]").length`))
	require.NoError(t, err)
	require.Zero(t, buttons, "a closed request has no buttons")
	require.Len(t, s.Thread("C0OPS", s.Messages("C0OPS")[0].TS), 3)
}

// On a phone the conversations are behind a button, and whatever is drawn fits the screen.
func TestThePageFitsAPhone(t *testing.T) {
	opts := fast()
	opts.Guide = []string{"As *Luis*, type `/algesta rollback api-gateway production`.", "Act as *Carla* and approve."}
	s := slackd.New(t, opts)
	rollbackBot(t, s)
	ctx := browser.Open(t)
	fits := browser.Until(
		`document.documentElement.scrollWidth <= 390 && [...document.querySelectorAll(".table, pre, code, .actions")].every((e) => ` +
			`e.getBoundingClientRect().right <= 390 && e.scrollWidth <= e.clientWidth + 1)`,
	)
	browser.Do(
		t,
		ctx,
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Shows(
			"#messages", "You’re acting as Luis Pardo (Operator, backend)",
		),
		browser.Until(`getComputedStyle(document.getElementById("sidebar")).visibility === "hidden"`),
		fits,
		shot("phone-1-start"),
		browser.Write("/algesta rollback api-gateway production"+kb.Enter),
		browser.Shows("#messages", "1 reply"),
		fits,
		chromedp.Click("#channel .open-menu"),
		chromedp.WaitVisible("#sidebar .me"),
		browser.Focused("#sidebar .me"),
		shot("phone-2-menu"),
		browser.Press(
			kb.Escape,
		),
		browser.Until(`getComputedStyle(document.getElementById("sidebar")).visibility === "hidden"`),
		browser.Focused("#channel .open-menu"),
		chromedp.Click(
			"#channel .open-menu",
		),
		browser.ActAs("U0CARLA"),
		browser.Until(`getComputedStyle(document.getElementById("sidebar")).visibility === "hidden"`),
		chromedp.Click(".thread-link"),
		browser.Shows("#thread", "one of you may approve"),
		fits,
		shot("phone-3-plan"),
		chromedp.Click("#thread [data-action=approve]"),
		chromedp.WaitVisible("dialog.confirm"),
		fits,
		shot("phone-4-confirm"),
		chromedp.Click("dialog.confirm button[value=yes]"),
		browser.Shows("#thread", "All 4 pods ready"),
		fits,
		shot("phone-5-end"),
	)
}

// Whoever opens a conversation sees its newest message whole, on both sizes of screen, also after the composer has grown; and a thread by
// the address of any message in it.
func TestThePageOpensAtTheNewestMessage(t *testing.T) {
	s := slackd.New(t, fast())
	api := client(t, s)
	var root, reply string
	for i := range 30 {
		_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText(fmt.Sprintf("message %d\nof two lines", i), false))
		require.NoError(t, err)
		root = ts
	}
	for i := range 30 {
		_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText(fmt.Sprintf("reply %d\nof two lines", i), false), slack.MsgOptionTS(root))
		require.NoError(t, err)
		reply = ts
	}
	whole := func(list string) browser.Step {
		return browser.Until(fmt.Sprintf(`(() => {
			const list = document.querySelector(%q), all = list.querySelectorAll("article");
			const at = list.getBoundingClientRect(), last = all[all.length - 1].getBoundingClientRect();
			return all.length > 29 && last.top >= at.top && last.bottom <= at.bottom + 1;
		})()`, list))
	}
	for _, width := range []int64{1280, 390} {
		ctx := browser.Open(t)
		browser.Do(
			t,
			ctx,
			chromedp.EmulateViewport(width, 844),
			chromedp.Navigate(
				s.URL()+"/?as=U0LUIS#C0OPS",
			),
			chromedp.WaitVisible("#channel-composer textarea"),
			browser.Shows("#messages", "message 29"),
			browser.Until(`document.querySelector("#channel-composer textarea").style.height !== ""`), // it has its size
			whole("#messages"),
			browser.Until(`[...document.querySelectorAll(".thread-link :is(.count, .badge, .last)")].every((e) => e.offsetHeight < 26)`),
			browser.Write(
				"one",
			),
			browser.Until(
				`(() => { const field = document.querySelector("#channel-composer textarea"); field.value = "one\ntwo\nthree\nfour\nfive"; `+
					`field.dispatchEvent(new Event("input")); return true; })()`,
			),
			whole("#messages"),
			shot(fmt.Sprintf("newest-%d", width)),
			chromedp.Navigate(
				s.URL()+"/?as=U0LUIS&again#C0OPS/"+reply,
			),
			browser.Shows("#thread", "message 29"),
			browser.Shows("#thread", "reply 29"),
			browser.Until(`location.hash === "#C0OPS/`+root+`"`),
			whole("#thread-messages"),
		)
	}
}
