package slackd

import (
	"fmt"
	"reflect"
	"slices"
	"unicode/utf8"
)

// blockRule says what one type of block may hold and where it may stand.
type blockRule struct {
	keys                    []string // besides type and block_id; nil checks no names
	notInViews, onlyInViews bool
	onHome                  bool // although it is in no modal
	check                   func(c *checker, at string, b object)
}

func blockRules() map[string]blockRule {
	anything := func(*checker, string, object) {}
	return map[string]blockRule{
		"section": {keys: []string{"text", "fields", "accessory", "expand"}, check: (*checker).section},
		"header":  {keys: []string{"text", "level"}, check: (*checker).header},
		"divider": {keys: []string{}, check: anything},
		"context": {keys: []string{"elements"}, check: (*checker).context},
		"actions": {keys: []string{"elements"}, check: (*checker).actionsBlock},
		"context_actions": {
			keys:       []string{"elements"},
			notInViews: true,
			check:      func(c *checker, at string, b object) { c.count(at+"/elements", b["elements"], 1, 5) },
		},
		"image":      {keys: []string{"image_url", "slack_file", "alt_text", "title"}, check: (*checker).image},
		"input":      {keys: []string{"label", "element", "dispatch_action", "hint", "optional"}, check: (*checker).input},
		"rich_text":  {keys: []string{"elements"}, check: (*checker).richText},
		"table":      {keys: []string{"rows", "column_settings"}, notInViews: true, onHome: true, check: (*checker).table},
		"data_table": {notInViews: true, onHome: true, check: (*checker).dataTable},
		"markdown":   {keys: []string{"text"}, notInViews: true, check: (*checker).markdownBlock},
		"alert": {onlyInViews: true, check: func(c *checker, at string, b object) {
			c.required(at, b, "text")
			c.text(at+"/text", b["text"], anyText, 200)
		}},
		"video": {check: func(c *checker, at string, b object) {
			c.required(at, b, "alt_text", "title", "thumbnail_url", "video_url")
		}},
		"card": {check: anything},
		"carousel": {notInViews: true, onHome: true, check: func(c *checker, at string, b object) {
			c.count(at+"/elements", b["elements"], 1, 10)
		}},
		"container": {notInViews: true, onHome: true, check: anything},
		"layout":    {notInViews: true, check: anything},
		"plan": {notInViews: true, check: func(c *checker, at string, b object) {
			c.required(at, b, "title")
			c.length(at+"/title", b["title"], 1, 150)
		}},
		"task_card": {notInViews: true, check: (*checker).taskCard},
		"data_visualization": {notInViews: true, check: func(c *checker, at string, b object) {
			c.required(at, b, "title")
			c.length(at+"/title", b["title"], 1, 50)
		}},
		"file": {notInViews: true, check: func(c *checker, at string, b object) { c.required(at, b, "external_id", "source") }},
	}
}

func (c *checker) section(at string, b object) {
	if b["text"] == nil && b["fields"] == nil {
		c.fail(at, "missing required field: text")
	}
	c.text(at+"/text", b["text"], anyText, 3000)
	if b["fields"] != nil {
		for i, f := range c.count(at+"/fields", b["fields"], 1, 10) {
			c.text(fmt.Sprintf("%s/fields/%d", at, i), f, anyText, 2000)
		}
	}
	if b["accessory"] != nil {
		c.element(at+"/accessory", b["accessory"], nil)
	}
}

func (c *checker) header(at string, b object) {
	c.required(at, b, "text")
	c.text(at+"/text", b["text"], plainOnly, 150)
	if level, given := b["level"].(float64); given && (level < 1 || level > 4) {
		c.fail(at+"/level", "must be between 1 and 4")
	}
}

func (c *checker) context(at string, b object) {
	c.required(at, b, "elements")
	for i, e := range c.count(at+"/elements", b["elements"], 1, 10) {
		where := fmt.Sprintf("%s/elements/%d", at, i)
		if o, ok := e.(object); ok && o["type"] == "image" {
			c.image(where, o)
			continue
		}
		c.text(where, e, anyText, 3000)
	}
}

func (c *checker) image(at string, b object) {
	c.required(at, b, "alt_text")
	if b["image_url"] == nil && b["slack_file"] == nil {
		c.fail(at, "missing required field: image_url")
	}
	c.length(at+"/image_url", b["image_url"], 1, 3000)
	c.length(at+"/alt_text", b["alt_text"], 1, 2000)
	c.text(at+"/title", b["title"], plainOnly, 2000)
}

// Elements that may stand in an actions block and in an input block.
var (
	inActions = []string{
		"button",
		"checkboxes",
		"datepicker",
		"datetimepicker",
		"overflow",
		"radio_buttons",
		"timepicker",
		"workflow_button",
		"static_select",
		"external_select",
		"users_select",
		"conversations_select",
		"channels_select",
		"multi_static_select",
		"multi_external_select",
		"multi_users_select",
		"multi_conversations_select",
		"multi_channels_select",
		"rich_text_input",
	}
	inInput = []string{
		"checkboxes",
		"datepicker",
		"datetimepicker",
		"email_text_input",
		"file_input",
		"number_input",
		"plain_text_input",
		"radio_buttons",
		"rich_text_input",
		"timepicker",
		"url_text_input",
		"static_select",
		"external_select",
		"users_select",
		"conversations_select",
		"channels_select",
		"multi_static_select",
		"multi_external_select",
		"multi_users_select",
		"multi_conversations_select",
		"multi_channels_select",
	}
)

func (c *checker) actionsBlock(at string, b object) {
	c.required(at, b, "elements")
	for i, e := range c.count(at+"/elements", b["elements"], 1, 25) {
		c.element(fmt.Sprintf("%s/elements/%d", at, i), e, inActions)
	}
}

func (c *checker) input(at string, b object) {
	c.required(at, b, "label", "element")
	c.text(at+"/label", b["label"], plainOnly, 2000)
	c.text(at+"/hint", b["hint"], plainOnly, 2000)
	if b["element"] != nil {
		c.element(at+"/element", b["element"], inInput)
	}
}

// element checks an interactive element; allowed nil takes every kind.
func (c *checker) element(at string, v any, allowed []string) {
	e, ok := v.(object)
	if !ok {
		c.fail(at, "must be an object")
		return
	}
	kind, _ := e["type"].(string)
	if allowed == nil && kind == "image" {
		c.image(at, e)
		return
	}
	if allowed != nil && !slices.Contains(allowed, kind) || !slices.Contains(inActions, kind) && !slices.Contains(inInput, kind) {
		c.fail(at+"/type", "unsupported type: %s", kind)
		return
	}
	c.id(at, e, "action_id", c.actions)
	c.confirm(at+"/confirm", e["confirm"])
	c.text(at+"/placeholder", e["placeholder"], plainOnly, 150)
	switch kind {
	case "button":
		c.button(at, e)
	case "static_select", "multi_static_select":
		if e["option_groups"] == nil {
			c.options(at+"/options", e["options"], 100)
		}
		for i, g := range c.count(at+"/option_groups", e["option_groups"], 0, 100) {
			group, _ := g.(object)
			where := fmt.Sprintf("%s/option_groups/%d", at, i)
			c.text(where+"/label", group["label"], plainOnly, 75)
			c.options(where+"/options", group["options"], 100)
		}
		c.chosen(at, e)
	case "overflow":
		c.options(at+"/options", e["options"], 5)
	case "checkboxes", "radio_buttons":
		c.options(at+"/options", e["options"], 10)
	case "number_input":
		c.required(at, e, "is_decimal_allowed")
		for _, key := range []string{"min_value", "max_value", "initial_value"} {
			c.length(at+"/"+key, e[key], 1, 20)
		}
	case "plain_text_input":
		if n, given := e["max_length"].(float64); given && (n < 1 || n > 3000) {
			c.fail(at+"/max_length", "must be between 1 and 3000")
		}
	}
}

// chosen refuses a first choice that is none of the options.
func (c *checker) chosen(at string, e object) {
	first, given := e["initial_option"].(object)
	if !given {
		return
	}
	if value, _ := first["value"].(string); !reflect.DeepEqual(optionOf(e, value), any(first)) {
		c.fail(at+"/initial_option", "must be one of the options")
	}
}

func (c *checker) button(at string, e object) {
	c.known(at, e, []string{"type", "text", "action_id", "url", "value", "style", "confirm", "accessibility_label"})
	c.required(at, e, "text")
	c.text(at+"/text", e["text"], plainOnly, 75)
	c.length(at+"/value", e["value"], 0, 2000)
	c.length(at+"/url", e["url"], 0, 3000)
	c.length(at+"/accessibility_label", e["accessibility_label"], 0, 75)
	c.oneOf(at+"/style", e["style"], "primary", "danger")
}

func (c *checker) confirm(at string, v any) {
	o, ok := v.(object)
	if !ok {
		return
	}
	c.known(at, o, []string{"title", "text", "confirm", "deny", "style"})
	c.required(at, o, "text")
	c.text(at+"/title", o["title"], plainOnly, 100)
	c.text(at+"/text", o["text"], anyText, 300)
	c.text(at+"/confirm", o["confirm"], plainOnly, 30)
	c.text(at+"/deny", o["deny"], plainOnly, 30)
	c.oneOf(at+"/style", o["style"], "primary", "danger")
}

func (c *checker) options(at string, v any, most int) {
	for i, o := range c.count(at, v, 1, most) {
		option, _ := o.(object)
		where := fmt.Sprintf("%s/%d", at, i)
		c.required(where, option, "text")
		c.text(where+"/text", option["text"], anyText, 75)
		c.text(where+"/description", option["description"], anyText, 75)
		c.length(where+"/value", option["value"], 0, 150)
		c.length(where+"/url", option["url"], 0, 3000)
	}
}

// Elements of rich text, by where they stand.
var (
	richParts   = []string{"rich_text_section", "rich_text_list", "rich_text_preformatted", "rich_text_quote"}
	richInline  = []string{"text", "link", "user", "usergroup", "channel", "emoji", "broadcast", "date", "color", "team"}
	richLiteral = []string{"text", "link"} // what a preformatted element may hold
)

func (c *checker) richText(at string, b object) {
	c.required(at, b, "elements")
	for i, e := range c.count(at+"/elements", b["elements"], 0, 1000) {
		where := fmt.Sprintf("%s/elements/%d", at, i)
		part, _ := e.(object)
		kind, _ := part["type"].(string)
		if !slices.Contains(richParts, kind) {
			c.fail(where+"/type", "unsupported type: %s", kind)
			continue
		}
		c.richPart(where, kind, part)
	}
}

func (c *checker) richPart(at, kind string, part object) {
	c.required(at, part, "elements")
	elements := c.count(at+"/elements", part["elements"], 0, 10_000)
	allowed := richInline
	switch kind {
	case "rich_text_list":
		c.oneOf(at+"/style", part["style"], "bullet", "ordered")
		c.required(at, part, "style")
		allowed = []string{"rich_text_section"}
	case "rich_text_preformatted":
		allowed = richLiteral
	}
	for i, v := range elements {
		where := fmt.Sprintf("%s/elements/%d", at, i)
		e, _ := v.(object)
		inner, _ := e["type"].(string)
		if !slices.Contains(allowed, inner) {
			c.fail(where+"/type", "unsupported type: %s", inner)
			continue
		}
		if inner == "rich_text_section" {
			c.richPart(where, inner, e)
			continue
		}
		c.richElement(where, inner, e)
	}
}

func (c *checker) richElement(at, kind string, e object) {
	switch kind {
	case "text":
		c.required(at, e, "text")
		c.length(at+"/text", e["text"], 1, maxBlockChars*10)
	case "link":
		c.required(at, e, "url")
	case "user":
		c.required(at, e, "user_id")
	case "usergroup":
		c.required(at, e, "usergroup_id")
	case "channel":
		c.required(at, e, "channel_id")
	case "emoji":
		c.required(at, e, "name")
	case "broadcast":
		c.oneOf(at+"/range", e["range"], "here", "channel", "everyone")
	case "date":
		c.required(at, e, "timestamp", "format")
	}
	text, _ := e["text"].(string)
	c.chars += utf8.RuneCountInString(text)
}
