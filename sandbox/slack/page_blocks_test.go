package slackd_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// gallery has one block of every kind the page draws, with a hostile text among them.
const gallery = `[
 {"type":"header","text":{"type":"plain_text","text":":rocket: Everything at once"}},
 {"type":"section","text":{"type":"mrkdwn",
   "text":"*bold* _italic_ ~struck~ ` + "`code`" + ` <https://example.com|a link> <!here> <@U0CARLA> <!subteam^S0PLATFORM>` +
	` <#C0RANDOM|random>\n&gt; quoted &lt;b&gt;not bold&lt;/b&gt;\n` + "```" + `fenced\n  text` + "```" + `"},
  "accessory":{"type":"static_select","action_id":"rev","placeholder":{"type":"plain_text","text":"Revision"},
    "options":[{"text":{"type":"plain_text","text":"41"},"value":"41"}]}},
 {"type":"section","fields":[{"type":"mrkdwn","text":"*Image*\napi-gateway:12344"},{"type":"mrkdwn","text":"*Pods*\n4 of 4"}]},
 {"type":"context","elements":[{"type":"mrkdwn",
   "text":"at <!date^1795385663^{date_short_pretty} {time_secs}|22:14 UTC> · :white_check_mark: :unheard_of:"}]},
 {"type":"divider"},
 {"type":"rich_text","elements":[
  {"type":"rich_text_section","elements":[{"type":"text","text":"started ","style":{"italic":true}},{"type":"date",
    "timestamp":1795385663,"format":"{date_num} {time}","fallback":"then"},{"type":"text","text":" by "},{"type":"user",
      "user_id":"U0LUIS"},{"type":"text","text":" for "},{"type":"usergroup","usergroup_id":"S0BACKEND"},{"type":"text","text":" in "},
        {"type":"channel","channel_id":"C0OPS"},{"type":"text","text":" "},{"type":"emoji","name":"warning"}]},
  {"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"…-x2x9 ready"}]},
    {"type":"rich_text_section","elements":[{"type":"text","text":"…-p7k1 "},{"type":"text","text":"pulling image",
      "style":{"bold":true}}]}]},
  {"type":"rich_text_list","style":"ordered","indent":1,"elements":[{"type":"rich_text_section","elements":[{"type":"text",
    "text":"create the key"}]}]},
  {"type":"rich_text_quote","elements":[{"type":"text","text":"one sentence"}]},
  {"type":"rich_text_preformatted","elements":[{"type":"text",
    "text":"<!channel> <script>alert(1)</script> is only text\n▓▓▓▓▓░░░░░ 2 of 4 ready"}]}]},
 {"type":"table","column_settings":[{"is_wrapped":true},{"align":"right"}],"rows":[[{"type":"raw_text","text":"pod"},
   {"type":"raw_text","text":"restarts"}],[{"type":"raw_text","text":"…-x2x9"},{"type":"raw_number",
     "value":6}],[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"…-p7k1",
       "style":{"code":true}}]}]},{"type":"raw_text","text":"0"}]]},
 {"type":"image","image_url":"https://127.0.0.1:1/none.png","alt_text":"a graph of errors"},
 {"type":"input","block_id":"why","label":{"type":"plain_text","text":"Reason"},"optional":true,"hint":{"type":"plain_text",
   "text":"People will read it."},"element":{"type":"plain_text_input","action_id":"reason","multiline":true}},
 {"type":"actions","elements":[{"type":"button","action_id":"undo","style":"danger","text":{"type":"plain_text","text":"↩️ Undo"}},
   {"type":"overflow","action_id":"more","options":[{"text":{"type":"plain_text","text":"Diagnose"},"value":"d"}]}]}
]`

func TestThePageDrawsEveryBlockAsText(t *testing.T) {
	s := slackd.New(t, fast())
	clicks := make(chan slack.InteractionCallback, 2)
	api := script{click: func(c slack.InteractionCallback) any { clicks <- c; return nil }}.run(t, s)
	require.Empty(t, postRaw(t, s, "chat.postMessage", map[string]string{"channel": "C0OPS", "text": "x", "blocks": gallery}).Err)
	ts := s.Messages("C0OPS")[0].TS
	_, err := api.UploadFile(
		slack.UploadFileParameters{
			Content:         "line\n",
			FileSize:        5,
			Filename:        "logs.txt",
			Title:           "All the logs",
			Channel:         "C0OPS",
			ThreadTimestamp: ts,
		},
	)
	require.NoError(t, err)
	ctx := browser.Open(t)
	browser.Do(
		t, ctx, chromedp.Navigate(s.URL()+"/?as=U0ELENA#C0OPS/"+ts), chromedp.WaitVisible("#thread"), browser.Shows("#thread", "All the logs"),
	)
	for _, text := range []string{
		"Everything at once", "<b>not bold</b>", "a link", "@here", "@Carla Mejía", "@platform", "#random", "2026", ":unheard_of:",
		"2026-11-22 23:14", "@Luis Pardo", "@backend", "#ops", "…-p7k1 pulling image", "<!channel> <script>alert(1)</script> is only text", "6",
		"Reason (optional)", "People will read it.",
	} {
		browser.Do(t, ctx, browser.Shows("#messages", text))
	}
	browser.Do(
		t,
		ctx,
		browser.Until(
			`document.querySelector("#messages img").alt === "a graph of errors"`,
		),
		browser.Until(`!document.querySelector("#messages script")`),
		browser.Until(
			`document.querySelector("#messages .mention.mine").innerText === "@platform"`,
		),
		browser.Until(`document.querySelectorAll("#messages .emoji").length >= 4`),
		shot("11-blocks"),
		chromedp.Focus("#messages textarea"),
		browser.Press("it crashes"),
		chromedp.Click("#messages [data-action=undo]"),
	)
	c := <-clicks
	require.Equal(t, "undo", c.ActionCallback.BlockActions[0].ActionID)
	require.Equal(t, "it crashes", c.BlockActionState.Values["why"]["reason"].Value)
	_, _, err = api.PostMessage("C0OPS", slack.MsgOptionText("something new", false))
	require.NoError(t, err)
	browser.Do(
		t, ctx, browser.Shows("#messages", "something new"), browser.Until(`document.querySelector("#messages textarea").value === "it crashes"`),
	)
}
