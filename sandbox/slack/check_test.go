package slackd_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// long is n letters; they are two bytes each, because Slack counts characters.
func long(n int) string { return strings.Repeat("é", n) }

// many is n copies of a JSON value, with %d replaced by the number.
func many(n int, value string) string {
	var parts []string
	for i := range n {
		parts = append(parts, strings.ReplaceAll(value, "%d", fmt.Sprint(i)))
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func section(text string) string {
	return fmt.Sprintf(`{"type":"section","text":{"type":"mrkdwn","text":%q}}`, text)
}

func button(rest string) string {
	return `[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"Go"}` + rest + `}]}]`
}

const row = `[{"type":"raw_text","text":"a"}]`

func TestBlocksThatSlackRefusesAreRefusedInItsWords(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	tests := map[string]struct {
		blocks string
		code   string
		says   string // one of response_metadata.messages
	}{
		"51 blocks": {
			many(51, `{"type":"divider"}`),
			"invalid_blocks",
			"[ERROR] no more than 50 items allowed [json-pointer:/blocks]",
		},
		"a section of 3001": {
			"[" + section(long(3001)) + "]",
			"invalid_blocks",
			"[ERROR] must be less than 3001 characters [json-pointer:/blocks/0/text/text]",
		},
		"an empty section": {
			"[" + section("") + "]",
			"invalid_blocks",
			"[ERROR] must be more than 0 characters [json-pointer:/blocks/0/text/text]",
		},
		"a section of nothing": {
			`[{"type":"section"}]`,
			"invalid_blocks",
			"[ERROR] missing required field: text [json-pointer:/blocks/0]",
		},
		"eleven fields": {
			`[{"type":"section","fields":` + many(11, `{"type":"mrkdwn","text":"x"}`) + `}]`,
			"invalid_blocks",
			"[ERROR] no more than 10 items allowed [json-pointer:/blocks/0/fields]",
		},
		"a field of 2001": {
			`[{"type":"section","fields":[{"type":"mrkdwn","text":"` + long(2001) + `"}]}]`,
			"invalid_blocks",
			"[ERROR] must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]",
		},
		"a header of 151": {
			`[{"type":"header","text":{"type":"plain_text","text":"` + long(151) + `"}}]`,
			"invalid_blocks",
			"[ERROR] must be less than 151 characters [json-pointer:/blocks/0/text/text]",
		},
		"a header in mrkdwn": {
			`[{"type":"header","text":{"type":"mrkdwn","text":"x"}}]`,
			"invalid_blocks",
			"[ERROR] must be one of: plain_text [json-pointer:/blocks/0/text/type]",
		},
		"eleven in a context": {
			`[{"type":"context","elements":` + many(11, `{"type":"mrkdwn","text":"x"}`) + `}]`,
			"invalid_blocks",
			"[ERROR] no more than 10 items allowed [json-pointer:/blocks/0/elements]",
		},
		"26 actions": {
			`[{"type":"actions","elements":` + many(26, `{"type":"button","action_id":"a%d","text":{"type":"plain_text","text":"x"}}`) + `}]`,
			"invalid_blocks",
			"[ERROR] no more than 25 items allowed [json-pointer:/blocks/0/elements]",
		},
		"actions of nothing": {
			`[{"type":"actions","elements":[]}]`,
			"invalid_blocks",
			"[ERROR] no less than 1 items allowed [json-pointer:/blocks/0/elements]",
		},
		"a button text of 76": {
			`[{"type":"actions","elements":[{"type":"button","text":{"type":"plain_text","text":"` + long(76) + `"}}]}]`,
			"invalid_blocks",
			"[ERROR] must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]",
		},
		"a button value of 2001": {
			button(`,"value":"` + long(2001) + `"`),
			"invalid_blocks",
			"[ERROR] must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]",
		},
		"an action_id of 256": {
			button(`,"action_id":"` + long(256) + `"`),
			"invalid_blocks",
			"[ERROR] must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]",
		},
		"a style that is none": {
			button(`,"style":"green"`),
			"invalid_blocks",
			"[ERROR] must be one of: primary, danger [json-pointer:/blocks/0/elements/0/style]",
		},
		"a confirm text of 301": {
			button(`,"confirm":{"text":{"type":"mrkdwn","text":"` + long(301) + `"}}`),
			"invalid_blocks",
			"[ERROR] must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]",
		},
		"a confirm button of 31": {
			button(`,"confirm":{"text":{"type":"mrkdwn","text":"x"},"confirm":{"type":"plain_text","text":"` + long(31) + `"}}`),
			"invalid_blocks",
			"[ERROR] must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]",
		},
		"a property nobody knows": {
			button(`,"colour":"red"`),
			"invalid_blocks",
			"[ERROR] invalid additional property: colour [json-pointer:/blocks/0/elements/0]",
		},
		"verbatim on plain text": {
			`[{"type":"section","text":{"type":"plain_text","text":"x","verbatim":true}}]`,
			"invalid_blocks",
			"[ERROR] invalid additional property: verbatim [json-pointer:/blocks/0/text]",
		},
		"one block_id twice": {
			`[{"type":"divider","block_id":"b"},{"type":"divider","block_id":"b"}]`,
			"invalid_blocks",
			"[ERROR] `block_id` already exists: \"b\" [json-pointer:/blocks/1/block_id]",
		},
		"one action_id twice": {
			`[{"type":"actions","elements":` + many(2, `{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"}}`) + `}]`,
			"invalid_blocks",
			"[ERROR] `action_id` already exists: \"a\" [json-pointer:/blocks/0/elements/1/action_id]",
		},
		"a block nobody knows": {
			`[{"type":"marquee"}]`,
			"invalid_blocks",
			"[ERROR] unsupported type: marquee [json-pointer:/blocks/0/type]",
		},
		"an alert, for modals only": {
			`[{"type":"alert","text":{"type":"plain_text","text":"x"}}]`,
			"invalid_blocks",
			"[ERROR] unsupported type: alert [json-pointer:/blocks/0/type]",
		},
		"an image without a text": {
			`[{"type":"image","image_url":"https://example.com/a.png"}]`,
			"invalid_blocks",
			"[ERROR] missing required field: alt_text [json-pointer:/blocks/0]",
		},
		"six overflow options": {
			`[{"type":"section","text":{"type":"mrkdwn","text":"x"},"accessory":{"type":"overflow","action_id":"o","options":` + many(
				6, `{"text":{"type":"plain_text","text":"x"},"value":"%d"}`,
			) + `}}]`,
			"invalid_blocks",
			"[ERROR] no more than 5 items allowed [json-pointer:/blocks/0/accessory/options]",
		},
		"an empty rich text": {
			`[{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"text","text":""}]}]}]`,
			"invalid_blocks",
			"[ERROR] must be more than 0 characters [json-pointer:/blocks/0/elements/0/elements/0/text]",
		},
		"a mention in preformatted": {
			`[{"type":"rich_text","elements":[{"type":"rich_text_preformatted","elements":[{"type":"user","user_id":"U0DANA"}]}]}]`,
			"invalid_blocks",
			"[ERROR] unsupported type: user [json-pointer:/blocks/0/elements/0/elements/0/type]",
		},
		"a table of 101 rows": {
			`[{"type":"table","rows":` + many(101, row) + `}]`,
			"invalid_blocks",
			"[ERROR] no more than 100 items allowed [json-pointer:/blocks/0/rows]",
		},
		"a table of 21 columns": {
			`[{"type":"table","rows":[` + many(21, `{"type":"raw_text","text":"x"}`) + `]}]`,
			"invalid_blocks",
			"[ERROR] no more than 20 items allowed [json-pointer:/blocks/0/rows/0]",
		},
		"an empty table cell": {
			`[{"type":"table","rows":[[{"type":"raw_text","text":""}]]}]`,
			"invalid_blocks",
			"[ERROR] must be more than 0 characters [json-pointer:/blocks/0/rows/0/0/text]",
		},
		"a table above 10,000": {
			`[{"type":"table","rows":` + many(11, `[{"type":"raw_text","text":"`+long(1000)+`"}]`) + `}]`,
			"invalid_blocks",
			"[ERROR] must be less than 10001 characters [json-pointer:/blocks/0]",
		},
		"two tables": {
			`[{"type":"table","rows":[` + row + `]},{"type":"table","rows":[` + row + `]}]`,
			"invalid_attachments",
			"[ERROR] only_one_table_allowed [json-pointer:/blocks]",
		},
		"markdown above 12,000": {
			`[{"type":"markdown","text":"` + long(7000) + `"},{"type":"markdown","text":"` + long(5001) + `"}]`,
			"invalid_blocks",
			"[ERROR] must be less than 12001 characters [json-pointer:/blocks]",
		},
		"13,201 in all": {
			"[" + section(
				long(3000),
			) + "," + section(
				long(3000),
			) + "," + section(
				long(3000),
			) + "," + section(
				long(3000),
			) + "," + section(
				long(1201),
			) + "]",
			"msg_blocks_too_long",
			"",
		},
		"blocks that are no list":  {`{"type":"divider"}`, "invalid_blocks_format", ""},
		"blocks that are not JSON": {`[{"type":`, "invalid_blocks_format", ""},
		"a block that is a string": {`["divider"]`, "invalid_blocks", "[ERROR] must be an object [json-pointer:/blocks/0]"},
		"a radio group of eleven": {
			`[{"type":"actions","elements":[{"type":"radio_buttons","action_id":"r","options":` + many(
				11, `{"text":{"type":"plain_text","text":"x"},"value":"%d"}`,
			) + `}]}]`,
			"invalid_blocks",
			"[ERROR] no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]",
		},
		"a select of 101": {
			`[{"type":"actions","elements":[{"type":"static_select","action_id":"s",` +
				`"options":` + many(
				101, `{"text":{"type":"plain_text","text":"x"},"value":"%d"}`,
			) + `}]}]`,
			"invalid_blocks",
			"[ERROR] no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]",
		},
		"an option value of 151": {
			`[{"type":"actions","elements":[{"type":"static_select","action_id":"s","options":[` +
				`{"text":{"type":"plain_text","text":"x"},"value":"` + long(
				151,
			) + `"}]}]}]`,
			"invalid_blocks",
			"[ERROR] must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]",
		},
		"an input without a label": {
			`[{"type":"input","element":{"type":"plain_text_input","action_id":"i"}}]`,
			"invalid_blocks",
			"[ERROR] missing required field: label [json-pointer:/blocks/0]",
		},
		"a plain text input in line": {
			`[{"type":"actions","elements":[{"type":"plain_text_input","action_id":"i"}]}]`,
			"invalid_blocks",
			"[ERROR] unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]",
		},
		"a rich text list of no kind": {
			`[{"type":"rich_text","elements":[{"type":"rich_text_list","elements":[]}]}]`,
			"invalid_blocks",
			"[ERROR] missing required field: style [json-pointer:/blocks/0/elements/0]",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := postRaw(t, s, "chat.postMessage", map[string]string{"channel": "C0OPS", "text": "x", "blocks": tt.blocks})
			require.Equal(t, tt.code, err.Err)
			if tt.says != "" {
				require.Contains(t, err.ResponseMetadata.Messages, tt.says)
			}
		})
	}
}

func TestBlocksAtTheLimitArePosted(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	for name, blocks := range map[string]string{
		"50 blocks":           many(50, `{"type":"divider"}`),
		"a section of 3000":   "[" + section(long(3000)) + "]",
		"a table of 100 × 20": `[{"type":"table","rows":` + many(100, many(20, `{"type":"raw_text","text":"x"}`)) + `}]`,
		"13,200 in all":       "[" + strings.Repeat(section(long(3000))+",", 4) + section(long(1200)) + "]",
		"one action in two": `[{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text",` +
			`"text":"x"}}]},{"type":"actions","elements":[{"type":"button","action_id":"a","text":{"type":"plain_text","text":"x"}}]}]`,
		"a date in rich text": `[{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"date",` +
			`"timestamp":1720710212,"format":"{time}","fallback":"then"}]}]}]`,
		"an input in a message": `[{"type":"input","label":{"type":"plain_text","text":"Reason"},"element":{"type":"plain_text_input",` +
			`"action_id":"i"}}]`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := postRaw(t, s, "chat.postMessage", map[string]string{"channel": "C0OPS", "text": "x", "blocks": blocks})
			require.Empty(t, err.Err, "%v", err.ResponseMetadata.Messages)
		})
	}
}

func TestEverythingThatSlackGoBuildsPassesTheCheck(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	api := client(t, s)
	options := []*slack.OptionBlockObject{slack.NewOptionBlockObject("v", plainObject("one"), plainObject("described"))}
	blocks := append(
		planBlocks(),
		slack.NewDividerBlock(),
		slack.NewSectionBlock(
			mrkdwn("x"), []*slack.TextBlockObject{mrkdwn("f")}, slack.NewAccessory(slack.NewImageBlockElement("https://example.com/a.png", "alt")),
		),
		slack.NewImageBlock("https://example.com/a.png", "alt", "", plainObject("title")),
		slack.NewInputBlock("", plainObject("Reason"), plainObject("hint"), slack.NewPlainTextInputBlockElement(plainObject("why"), "reason")),
		slack.NewActionBlock(
			"",
			slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainObject("pick"), "select", options...),
			slack.NewOverflowBlockElement("more", options...),
			slack.NewRadioButtonsBlockElement(
				"radio",
				options...),
			slack.NewCheckboxGroupsBlockElement("check", options...),
			slack.NewDatePickerBlockElement("date"),
		),
		slack.NewMarkdownBlock("", "**x**"),
	)
	_, ts, err := api.PostMessage("C0OPS", slack.MsgOptionText("all", false), slack.MsgOptionBlocks(blocks...))
	require.NoError(t, err)
	got, err := api.GetConversationHistory(&slack.GetConversationHistoryParameters{ChannelID: "C0OPS", Latest: ts, Inclusive: true, Limit: 1})
	require.NoError(t, err)
	require.Len(t, got.Messages[0].Blocks.BlockSet, len(blocks), "slack-go reads back what it wrote")
}

func FuzzBlocks(f *testing.F) {
	f.Add(button(`,"confirm":{"text":{"type":"mrkdwn","text":"x"}}`))
	f.Add(`[{"type":"table","rows":[[{"type":"raw_text","text":"a"}]]}]`)
	f.Add(
		`[{"type":"rich_text","elements":[{"type":"rich_text_list","style":"bullet","elements":[{"type":"rich_text_section",` +
			`"elements":[{"type":"emoji","name":"x"}]}]}]}]`,
	)
	f.Add(`[{"type":"section","accessory":{"type":"static_select","option_groups":[1]}}]`)
	f.Fuzz(func(t *testing.T, text string) {
		var blocks []any
		if json.Unmarshal([]byte(text), &blocks) != nil {
			return
		}
		m := slackd.Message{Blocks: slackd.Checked(blocks)}
		_ = m.Plain()
		for _, b := range m.Buttons() {
			require.NotEmpty(t, b.ActionID)
		}
	})
}
