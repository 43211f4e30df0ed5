package slackd

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Button is a button or menu of a message or view as a person sees it.
type Button struct {
	BlockID  string   `json:"blockID"`
	ActionID string   `json:"actionID"`
	Text     string   `json:"text"`
	Value    string   `json:"value,omitempty"`
	Style    string   `json:"style,omitempty"`
	URL      string   `json:"url,omitempty"`
	Confirm  *Confirm `json:"confirm,omitempty"` // the dialog that opens first

	element object
}

// Confirm is the dialog a button opens before it acts.
type Confirm struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Yes   string `json:"yes"`
	No    string `json:"no"`
}

// Input is what a person filled into one input of a message or view: a text, or an option's value.
type Input struct {
	BlockID  string `json:"blockID"`
	ActionID string `json:"actionID"`
	Value    string `json:"value"`
}

// Buttons are the buttons and menus of the message, in reading order.
func (m Message) Buttons() []Button { return buttonsOf(m.Blocks) }

// Button finds a button by its action_id, or by its text.
func (m Message) Button(actionOrText string) (Button, bool) {
	for _, b := range m.Buttons() {
		if b.ActionID == actionOrText || b.Text == actionOrText {
			return b, true
		}
	}
	return Button{}, false
}

func buttonsOf(blocks []Block) []Button {
	var out []Button
	for _, b := range blocks {
		id, _ := b["block_id"].(string)
		elements, _ := b["elements"].([]any)
		if kind := b["type"]; kind != "actions" && kind != "context_actions" {
			elements = nil
		}
		if accessory, ok := b["accessory"].(object); ok {
			elements = append([]any{accessory}, elements...)
		}
		for _, e := range elements {
			if el, ok := e.(object); ok && el["type"] != "image" {
				out = append(out, buttonOf(id, el))
			}
		}
	}
	return out
}

func buttonOf(blockID string, el object) Button {
	str := func(key string) string { v, _ := el[key].(string); return v }
	b := Button{
		BlockID: blockID, ActionID: str("action_id"), Value: str("value"), Style: str("style"), URL: str("url"),
		Text: textOf(el["text"]), element: el,
	}
	if b.Text == "" {
		b.Text = textOf(el["placeholder"])
	}
	if c, ok := el["confirm"].(object); ok {
		b.Confirm = &Confirm{Title: textOf(c["title"]), Text: textOf(c["text"]), Yes: textOf(c["confirm"]), No: textOf(c["deny"])}
	}
	return b
}

// textOf is the text of a text object, with Slack's three entities decoded where it is mrkdwn.
func textOf(v any) string {
	o, _ := v.(object)
	text, _ := o["text"].(string)
	if o["type"] == "mrkdwn" {
		return plain.Replace(text)
	}
	return text
}

// Click lets a person press a button of a message and, where it asks, confirm. The button is looked up by its action_id or
// text in the message as it is now, not in the copy that is handed in. inputs fill the message's input blocks and menus.
// It returns when the app has acknowledged.
func (s *Server) Click(user string, m Message, actionID string, inputs ...Input) (Delivery, error) {
	payload, err := s.clickPayload(user, m, actionID, inputs)
	if err != nil {
		return Delivery{}, err
	}
	return s.deliver(Delivery{Kind: "interactive", Payload: payload})
}

func (s *Server) clickPayload(user string, m Message, actionID string, inputs []Input) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c, err := s.acting(user, m.Channel)
	if err != nil {
		return nil, err
	}
	if !s.manifest.Settings.Interactivity.Enabled {
		return nil, errors.New("the app manifest has interactivity switched off")
	}
	now := c.find(m.TS)
	if now == nil || now.Deleted || now.Ephemeral() && now.To != user {
		return nil, fmt.Errorf("message %s: %w", m.TS, ErrNotThere)
	}
	b, ok := (*now).Button(actionID)
	if !ok {
		return nil, fmt.Errorf("button %q in %q: %w", actionID, now.Plain(), ErrNotThere)
	}
	reply := s.newResponseURL(&responseURL{channel: c.id, user: user, message: now})
	payload := object{
		"type": "block_actions", "response_url": reply, "channel": object{"id": c.id, "name": commandChannelName(c)},
		"actions": []object{action(b, inputs)},
		"state":   object{"values": stateOf(now.Blocks, inputs)},
		"container": object{
			"type": "message", "message_ts": now.TS, "channel_id": c.id, "is_ephemeral": now.Ephemeral(), "thread_ts": cmp.Or(now.ThreadTS, now.TS),
		},
	}
	if !now.Ephemeral() {
		payload["message"] = s.wire(now) // the message itself is left out for ephemeral ones, as in Slack
	}
	return s.interaction(u, payload), nil
}

// interaction adds what every interactive payload has.
func (s *Server) interaction(u *User, payload object) object {
	payload["user"] = object{"id": u.ID, "username": u.Name, "name": u.Name, "team_id": u.Team}
	payload["team"] = object{"id": s.ws.Team.ID, "domain": s.ws.Team.Domain}
	payload["api_app_id"], payload["token"], payload["is_enterprise_install"] = s.ws.Bot.App, "sandbox", false
	payload["trigger_id"] = s.newTrigger(u.ID)
	return payload
}

// action is one entry of a block_actions payload.
func action(b Button, inputs []Input) object {
	kind, _ := b.element["type"].(string)
	a := object{
		"type":      kind,
		"action_id": b.ActionID,
		"block_id":  b.BlockID,
		"action_ts": fmt.Sprintf("%.6f", float64(time.Now().UnixMicro())/1e6),
	}
	if kind == "button" {
		a["text"] = b.element["text"]
		if b.Value != "" {
			a["value"] = b.Value
		}
		return a
	}
	if held := filled(b.element, b.BlockID, inputs); held != nil {
		maps.Copy(a, held)
	}
	return a
}

// filled is the value part of an element that a person filled in; nil when they did not.
func filled(element object, blockID string, inputs []Input) object {
	kind, _ := element["type"].(string)
	id, _ := element["action_id"].(string)
	var values []string
	for _, in := range inputs {
		if in.ActionID == id && (in.BlockID == "" || in.BlockID == blockID) {
			values = append(values, in.Value)
		}
	}
	if len(values) == 0 {
		return nil
	}
	last := values[len(values)-1]
	switch kind {
	case "static_select", "radio_buttons", "overflow", "external_select":
		return object{"selected_option": optionOf(element, last)}
	case "checkboxes", "multi_static_select":
		var chosen []any
		for _, v := range values {
			chosen = append(chosen, optionOf(element, v))
		}
		return object{"selected_options": chosen}
	}
	if key, ok := map[string]string{
		"users_select": "selected_user", "conversations_select": "selected_conversation", "channels_select": "selected_channel",
		"datepicker": "selected_date", "timepicker": "selected_time",
	}[kind]; ok {
		return object{key: last}
	}
	return object{"value": last}
}

func optionOf(element object, value string) any {
	options, _ := element["options"].([]any)
	groups, _ := element["option_groups"].([]any)
	for _, g := range groups {
		group, _ := g.(object)
		more, _ := group["options"].([]any)
		options = append(slices.Clip(options), more...)
	}
	for _, o := range options {
		if opt, ok := o.(object); ok && opt["value"] == value {
			return opt
		}
	}
	return nil
}

// stateOf is what all inputs of a message or view hold: what the person filled in, else their initial values.
func stateOf(blocks []Block, inputs []Input) object {
	values := object{}
	put := func(blockID string, element object) {
		kind, _ := element["type"].(string)
		id, _ := element["action_id"].(string)
		if id == "" || kind == "button" || kind == "overflow" || kind == "image" {
			return
		}
		held := filled(element, blockID, inputs)
		if held == nil {
			held = initial(element)
		}
		held["type"] = kind
		block, _ := values[blockID].(object)
		if block == nil {
			block = object{}
		}
		block[id] = held
		values[blockID] = block
	}
	for _, b := range blocks {
		id, _ := b["block_id"].(string)
		for _, key := range []string{"element", "accessory"} {
			if e, ok := b[key].(object); ok {
				put(id, e)
			}
		}
		elements, _ := b["elements"].([]any)
		for _, e := range elements {
			if el, ok := e.(object); ok && b["type"] == "actions" {
				put(id, el)
			}
		}
	}
	return values
}

func initial(element object) object {
	for from, to := range map[string]string{
		"initial_value": "value", "initial_option": "selected_option", "initial_options": "selected_options", "initial_user": "selected_user",
		"initial_conversation": "selected_conversation", "initial_channel": "selected_channel", "initial_date": "selected_date",
		"initial_time": "selected_time",
	} {
		if v, ok := element[from]; ok {
			return object{to: v}
		}
	}
	if element["type"] == "plain_text_input" {
		return object{"value": nil}
	}
	return object{}
}
