package slack

import (
	"fmt"
	"strings"
	"unicode/utf8"

	slackapi "github.com/slack-go/slack"

	"github.com/3astronautas/algesta"
)

// maxAskList is how long the list of buttons that ask for a reason may get: it is a block ID, which Slack limits to 255.
const maxAskList = 240

// maxID is the longest ID of a button: Slack takes values of 2,000 characters, and the question of a dialog is in there, too.
const maxID = 1000

// buttons make one row, and say how many did not fit. A button's action ID is its action, with a number from the second of
// the same action on; its value is the ID, and for a button that asks for a reason the question of its dialog too.
func buttons(all []algesta.Button) (row *slackapi.ActionBlock, missing int) {
	row = slackapi.NewActionBlock("actions")
	asks := askPrefix
	seen := map[string]int{}
	room := maxControls
	for _, b := range all {
		if b.ID == "" || len(b.ID) > maxID {
			missing++
			continue
		}
		seen[string(b.Action)]++
		action := string(b.Action)
		if n := seen[action]; n > 1 {
			action = fmt.Sprintf("%s:%d", action, n)
		}
		e := slackapi.NewButtonBlockElement(action, valueOf(b), plainText(first(b.Label, string(b.Action)), 75))
		if b.Style == string(slackapi.StylePrimary) || b.Style == string(slackapi.StyleDanger) {
			e.Style = slackapi.Style(b.Style)
		}
		if b.Confirm != nil && !b.AskReason { // its dialog asks
			e.Confirm = question(*b.Confirm, e.Text.Text)
		}
		cost := buttonChars(e)
		if len(row.Elements.ElementSet) == maxButtons || cost > room || b.AskReason && len(asks)+len(action)+len(mayAsk) >= maxAskList {
			missing++
			continue
		}
		room -= cost
		if b.AskReason {
			asks += "," + action
			if b.ReasonOptional {
				asks += mayAsk
			}
		}
		row.Elements.ElementSet = append(row.Elements.ElementSet, e)
	}
	if asks != askPrefix {
		row.BlockID = askPrefix + strings.TrimPrefix(asks, askPrefix+",")
	}
	return row, missing
}

// question is the dialog before a click counts. Slack wants all four of its texts.
func question(c algesta.Confirm, label string) *slackapi.ConfirmationBlockObject {
	return slackapi.NewConfirmationBlockObject(
		plainText(first(c.Title, label), 100), plainText(first(c.Text, c.Title, label), 300),
		plainText(first(c.Yes, "Yes"), 30), plainText(first(c.No, "No"), 30),
	)
}

// plainText is a text object without markup and emoji, at most n characters long.
func plainText(s string, n int) *slackapi.TextBlockObject {
	if kept, dropped := cut(s, n-1); dropped > 1 {
		s = kept + "…"
	}
	return slackapi.NewTextBlockObject(slackapi.PlainTextType, first(strings.TrimSpace(s), "–"), false, false)
}

func controlChars(row *slackapi.ActionBlock) int {
	n := 0
	for _, e := range row.Elements.ElementSet {
		if b, ok := e.(*slackapi.ButtonBlockElement); ok {
			n += buttonChars(b)
		}
	}
	return n
}

func buttonChars(b *slackapi.ButtonBlockElement) int {
	n := utf8.RuneCountInString(b.Text.Text) + len(b.Value)
	if c := b.Confirm; c != nil {
		for _, t := range []*slackapi.TextBlockObject{c.Title, c.Text, c.Confirm, c.Deny} {
			n += utf8.RuneCountInString(t.Text)
		}
	}
	return n
}
