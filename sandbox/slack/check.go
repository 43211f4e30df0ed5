package slackd

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Limits of whole messages and views. They and the limits in check_blocks.go are those of the Block Kit reference;
// lengths count Unicode code points.
const (
	maxMessageBlocks = 50
	maxViewBlocks    = 100
	maxBlockChars    = 13_200 // msg_blocks_too_long, summed over all texts (observed: bolt-js#2509, #2867)
	maxMarkdownChars = 12_000 // all markdown blocks of a message
	maxTableChars    = 10_000
	maxID            = 255
)

// checker walks blocks and collects what Slack would complain about, each with its JSON pointer.
type checker struct {
	view     bool
	home     bool // a Home tab, which is a view, too
	problems []string
	blockIDs map[string]bool
	actions  map[string]bool // action_ids of the current block
	tables   int
	markdown int
	chars    int
}

func (c *checker) fail(at, format string, a ...any) {
	c.problems = append(c.problems, fmt.Sprintf("[ERROR] %s [json-pointer:%s]", fmt.Sprintf(format, a...), at))
}

// checkMessage refuses blocks that Slack refuses in a message.
func checkMessage(blocks []any) error {
	c := &checker{blockIDs: map[string]bool{}}
	c.blocks("/blocks", blocks, maxMessageBlocks)
	switch {
	case c.tables > 1:
		return refuse("invalid_attachments", "[ERROR] only_one_table_allowed [json-pointer:/blocks]")
	case len(c.problems) > 0:
		return refuse("invalid_blocks", c.problems...)
	case c.chars > maxBlockChars:
		return refuse("msg_blocks_too_long")
	}
	return nil
}

// checkView refuses a view that views.open refuses.
func checkView(v object) error {
	c := &checker{view: true, home: v["type"] == "home", blockIDs: map[string]bool{}}
	switch t := v["type"]; t {
	case "modal":
		c.required("/view", v, "title", "blocks")
	case "home":
		c.required("/view", v, "blocks")
		c.known("/view", v, []string{"type", "blocks", "private_metadata", "callback_id", "external_id"})
	default:
		c.fail("/view/type", "unsupported type: %v", t)
	}
	c.text("/view/title", v["title"], plainOnly, 24)
	c.text("/view/submit", v["submit"], plainOnly, 24)
	c.text("/view/close", v["close"], plainOnly, 24)
	c.length("/view/private_metadata", v["private_metadata"], 0, 3000)
	c.length("/view/callback_id", v["callback_id"], 0, maxID)
	c.length("/view/external_id", v["external_id"], 0, maxID)
	blocks, _ := v["blocks"].([]any)
	c.blocks("/view/blocks", blocks, maxViewBlocks)
	hasInput := slices.ContainsFunc(blocks, func(b any) bool { o, _ := b.(object); return o["type"] == "input" })
	if hasInput && v["submit"] == nil && !c.home {
		c.fail("/view", "missing required field: submit")
	}
	if c.tables > 1 { // documented for messages; nobody says that a Home tab takes more
		c.fail("/view/blocks", "only_one_table_allowed")
	}
	if len(c.problems) > 0 {
		return refuse("invalid_arguments", c.problems...)
	}
	return nil
}

func (c *checker) blocks(at string, blocks []any, most int) {
	if len(blocks) > most {
		c.fail(at, "no more than %d items allowed", most)
	}
	for i, b := range blocks {
		c.block(fmt.Sprintf("%s/%d", at, i), b)
	}
	if c.markdown > maxMarkdownChars {
		c.fail(at, "must be less than %d characters", maxMarkdownChars+1)
	}
}

func (c *checker) block(at string, v any) {
	b, ok := v.(object)
	if !ok {
		c.fail(at, "must be an object")
		return
	}
	kind, _ := b["type"].(string)
	rule, known := blockRules()[kind]
	if !known || c.view && rule.notInViews && (!c.home || !rule.onHome) || (!c.view || c.home) && rule.onlyInViews {
		c.fail(at+"/type", "unsupported type: %s", kind)
		return
	}
	c.actions = map[string]bool{}
	c.id(at, b, "block_id", c.blockIDs)
	if rule.keys != nil {
		c.known(at, b, append([]string{"type", "block_id"}, rule.keys...))
	}
	rule.check(c, at, b)
}

// id checks a block_id or action_id: its length, and that it is there once.
func (c *checker) id(at string, o object, key string, seen map[string]bool) {
	id, given := o[key].(string)
	if !given {
		return
	}
	c.length(at+"/"+key, id, 0, maxID)
	if seen[id] && id != "" {
		c.fail(at+"/"+key, "`%s` already exists: %q", key, id)
	}
	seen[id] = true
}

func (c *checker) known(at string, o object, keys []string) {
	for _, key := range sortedKeys(o) {
		if !slices.Contains(keys, key) {
			c.fail(at, "invalid additional property: %s", key)
		}
	}
}

func (c *checker) required(at string, o object, keys ...string) {
	for _, key := range keys {
		if o[key] == nil {
			c.fail(at, "missing required field: %s", key)
		}
	}
}

// length checks a string that may be missing; it fails for what is no string.
func (c *checker) length(at string, v any, least, most int) {
	if v == nil {
		return
	}
	text, ok := v.(string)
	if !ok {
		c.fail(at, "must be a string")
		return
	}
	n := utf8.RuneCountInString(text)
	if n < least {
		c.fail(at, "must be more than %d characters", least-1)
	}
	if n > most {
		c.fail(at, "must be less than %d characters", most+1)
	}
}

// count checks how many items a required or optional list has and returns them.
func (c *checker) count(at string, v any, least, most int) []any {
	list, ok := v.([]any)
	if v != nil && !ok {
		c.fail(at, "must be an array")
		return nil
	}
	if v == nil && least == 0 {
		return nil
	}
	if len(list) < least {
		c.fail(at, "no less than %d items allowed", least)
	}
	if len(list) > most {
		c.fail(at, "no more than %d items allowed", most)
	}
	return list
}

func (c *checker) oneOf(at string, v any, allowed ...string) {
	text, _ := v.(string)
	if v != nil && !slices.Contains(allowed, text) {
		c.fail(at, "must be one of: %s", strings.Join(allowed, ", "))
	}
}

// Kinds of text objects.
var (
	plainOnly = []string{"plain_text"}
	anyText   = []string{"plain_text", "mrkdwn"}
)

// text checks a text object that may be missing.
func (c *checker) text(at string, v any, kinds []string, most int) {
	if v == nil {
		return
	}
	o, ok := v.(object)
	if !ok {
		c.fail(at, "must be an object")
		return
	}
	kind, _ := o["type"].(string)
	if !slices.Contains(kinds, kind) {
		c.fail(at+"/type", "must be one of: %s", strings.Join(kinds, ", "))
		return
	}
	extra := map[string]string{"plain_text": "emoji", "mrkdwn": "verbatim"}[kind]
	c.known(at, o, []string{"type", "text", extra})
	if o["text"] == nil {
		c.fail(at, "missing required field: text")
	}
	c.length(at+"/text", o["text"], 1, min(most, 3000))
	text, _ := o["text"].(string)
	c.chars += utf8.RuneCountInString(text)
}

func sortedKeys(o object) []string {
	var keys []string
	for key := range o {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// fillIDs gives every block a block_id and every element an action_id where the app gave none, as Slack does. It copies what it changes.
func fillIDs(blocks []any) []Block {
	var out []Block
	for _, v := range blocks {
		b, ok := v.(object)
		if !ok {
			continue
		}
		filled := Block{}
		maps.Copy(filled, b)
		if id, _ := filled["block_id"].(string); id == "" {
			filled["block_id"] = randomID()[:5]
		}
		for _, key := range []string{"accessory", "element"} {
			if e, ok := filled[key].(object); ok {
				filled[key] = fillActionID(e)
			}
		}
		if elements, ok := filled["elements"].([]any); ok && filled["type"] == "actions" {
			copies := make([]any, len(elements))
			for i, e := range elements {
				copies[i] = e
				if el, ok := e.(object); ok {
					copies[i] = fillActionID(el)
				}
			}
			filled["elements"] = copies
		}
		out = append(out, filled)
	}
	return out
}

func fillActionID(e object) object {
	if id, _ := e["action_id"].(string); id != "" || e["type"] == "image" {
		return e
	}
	filled := object{"action_id": randomID()[:5]}
	for key, value := range e {
		if key != "action_id" {
			filled[key] = value
		}
	}
	return filled
}
