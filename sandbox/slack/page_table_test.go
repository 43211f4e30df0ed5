package slackd_test

import (
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// wholeWords is true where no word of a table is broken: each stands on one line.
const wholeWords = `[...document.querySelectorAll(".table th, .table td")].every((cell) => {
  const walk = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
  for (let node = walk.nextNode(); node; node = walk.nextNode())
    for (const word of node.data.matchAll(/[A-Za-z0-9]+/g)) {
      const range = document.createRange();
      range.setStart(node, word.index);
      range.setEnd(node, word.index + word[0].length);
      if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) return false;
    }
  return true;
})`

// As in Slack, a table that is wider than its place is scrolled sideways; its words stay whole.
func TestAWideTableIsScrolledAndItsWordsStayWhole(t *testing.T) {
	s := slackd.New(t, fast())
	api := client(t, s)
	table := slack.NewTableBlock("")
	for range 8 {
		table.ColumnSettings = append(table.ColumnSettings, slack.ColumnSetting{IsWrapped: true})
	}
	for _, row := range [][]string{
		{"pod", "state", "restarts", "ready", "cpu", "memory", "node", "age"},
		{"…-7d9fc-x2x9k", "CrashLoopBackOff", "12/34/3", "0 of 1", "120 m", "341 Mi", "aks-system-31337-vmss000001", "44 min"},
	} {
		var cells []slack.TableCell
		for _, text := range row {
			cells = append(cells, slack.NewTableRawTextCell(text))
		}
		table.AddRow(cells...)
	}
	_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText("pods", false), slack.MsgOptionBlocks(table))
	require.NoError(t, err)
	plan := slack.NewTableBlock("").WithColumnSettings(slack.ColumnSetting{IsWrapped: true}, slack.ColumnSetting{IsWrapped: true})
	for label, value := range map[string]string{"revision": "2, made today at 03:57: “kubectl set image to 12344 (pipeline run 12344)”"} {
		strong := slack.NewRichTextSection(
			slack.NewRichTextSectionTextElement(label, &slack.RichTextSectionTextStyle{Bold: true}),
		)
		plan.AddRow(slack.NewTableRichTextCell(strong), slack.NewTableRawTextCell(value))
	}
	_, _, err = api.PostMessage("C0OPS", slack.MsgOptionText("plan", false), slack.MsgOptionBlocks(plan))
	require.NoError(t, err)
	ctx := browser.Open(t)
	browser.Do(
		t, ctx,
		chromedp.EmulateViewport(390, 844, chromedp.EmulateMobile),
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS"),
		browser.Shows("#messages", "restarts"),
		browser.Shows("#messages", "pipeline"),
		browser.Until(wholeWords),
		browser.Until(`(({scrollWidth, clientWidth}) => scrollWidth > clientWidth)(document.querySelector("#messages .table"))`),
		browser.Until(`document.documentElement.scrollWidth <= 390`),
		shot("phone-table"),
		chromedp.EmulateViewport(1280, 800),
		chromedp.Navigate(s.URL()+"/?as=U0LUIS#C0OPS/"+ts),
		browser.Shows("#thread", "restarts"),
		browser.Until(wholeWords),
		shot("thread-table"),
		browser.Until(`(() => {
		  const edge = document.querySelector("#thread .table").getBoundingClientRect().right + 1;
		  return [...document.querySelectorAll("#thread .table th")].filter((h) => h.getBoundingClientRect().right <= edge).length >= 5;
		})()`),
	)
}
