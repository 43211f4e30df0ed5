package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
)

// formEvent is what someone did with a form.
type formEvent struct {
	View   string            // its ID; "" where it's still to be opened
	Hash   string            // of the view in which something was chosen
	Values map[string]string // what was filled in, by the names of the fields
	Sent   bool              // it was sent, and waits for the answer
	Acted  string            // when something was chosen: the later choice counts
	Blocks map[string]string // the block of a field, where it was sent
}

// formPlace is where a form was asked for; Slack keeps it in the modal's private metadata, where nobody but the app can write.
type formPlace struct {
	Channel string `json:"channel"`
	Private bool   `json:"private,omitempty"`
	Direct  bool   `json:"direct,omitempty"`
	Group   bool   `json:"group,omitempty"`
	Thread  string `json:"thread,omitempty"`
	Reply   string `json:"reply,omitempty"`
	Text    string `json:"text,omitempty"` // what was typed before the form opened
}

// placeOf is where an invocation came from. A text that is too long for the metadata is left out.
func placeOf(in algesta.Invocation) formPlace {
	p := formPlace{
		Channel: in.Channel, Private: in.Private, Direct: in.Direct, Group: in.Group, Thread: in.Thread, Reply: in.Reply, Text: in.Text,
	}
	if len(p.Text) > maxID {
		p.Text = ""
	}
	return p
}

// fill is a click on a button that opens the form of a command, in a message or on the Home tab.
func (r reader) fill(p interactionPayload, text string, now time.Time) (received, error) {
	var err error
	if p.View.CallbackID == homeCallback {
		if p, err = p.atHome(); err != nil {
			return received{}, err
		}
	}
	thread := first(p.Message.ThreadTS, p.Container.ThreadTS)
	if p.Container.Ephemeral && thread == p.Container.MessageTS { // a message that one person sees has no thread
		thread = ""
	}
	channel := first(p.Channel.ID, p.Container.ChannelID)
	if channel == "" || p.TriggerID == "" {
		return received{}, errors.New("reading click: channel or trigger is missing")
	}
	return received{
		Invocation: algesta.Invocation{
			Key: "cmd:" + p.TriggerID, Kind: algesta.Typed, Person: p.person(), Name: first(p.User.Name, p.User.Username), Channel: channel,
			Private: p.Channel.Name == "privategroup" || ofGroup(p.Channel.Name), Direct: p.Channel.Name == "directmessage",
			Group: ofGroup(p.Channel.Name), Thread: thread, Reply: p.ResponseURL,
			Text: strings.TrimSpace(text), At: now,
		},
		Trigger: p.TriggerID, Form: &formEvent{},
	}, nil
}

// chosen is a choice on which other fields of a form depend.
func (r reader) chosen(p interactionPayload, now time.Time) (received, error) {
	in, err := p.form(now)
	if err != nil {
		return received{}, err
	}
	in.Form.Hash, in.Form.Acted = p.View.Hash, p.Actions[0].ActionTS
	return in, nil
}

// sent is a form that someone sent. The modal's ID makes its key: sent twice it's one command, and what was changed in
// between is told, not taken.
func (r reader) sent(p interactionPayload, now time.Time) (received, error) {
	in, err := p.form(now)
	if err != nil {
		return received{}, err
	}
	in.Form.Sent, in.Block = true, in.Form.anyBlock()
	return in, nil
}

// form reads what was filled into a form, and where it was asked for.
func (p interactionPayload) form(now time.Time) (received, error) {
	var at formPlace
	if err := json.Unmarshal([]byte(p.View.PrivateMetadata), &at); err != nil {
		return received{}, fmt.Errorf("reading form: %w", shapeOnly(err))
	}
	if at.Channel == "" || p.View.ID == "" {
		return received{}, errors.New("reading form: channel or view is missing")
	}
	f := &formEvent{View: p.View.ID, Values: map[string]string{}, Blocks: map[string]string{}}
	for block, fields := range p.View.State.Values {
		name, ok := fieldOf(block)
		if !ok {
			continue
		}
		held := fields[fieldAction]
		f.Blocks[name] = block
		f.Values[name] = first(held.Value, held.Option.Value, held.Conversation)
		if len(held.Options) > 0 {
			f.Values[name] = held.Options[0].Value
		}
	}
	return received{
		Invocation: algesta.Invocation{
			Key: "form:" + p.View.ID, Kind: algesta.Typed, Person: p.person(), Name: first(p.User.Name, p.User.Username), Channel: at.Channel,
			Private: at.Private, Direct: at.Direct, Group: at.Group, Thread: at.Thread, Reply: at.Reply, Text: at.Text, At: now,
		},
		Form: f, Trigger: p.TriggerID,
	}, nil
}

// atHome is an action on the Home tab as one in the direct messages of its reader: there's no channel and no message.
func (p interactionPayload) atHome() (interactionPayload, error) {
	var at formPlace
	if err := json.Unmarshal([]byte(p.View.PrivateMetadata), &at); err != nil {
		return p, fmt.Errorf("reading the Home tab: %w", shapeOnly(err))
	}
	p.Channel.ID, p.Channel.Name, p.Message.TS, p.Message.ThreadTS = at.Channel, "directmessage", p.View.ID, ""
	p.Container.ChannelID, p.Container.MessageTS, p.Container.ThreadTS = "", "", ""
	return p, nil
}

// homeOpened says that someone opened the bot's Home tab, and not at its messages.
func (r reader) homeOpened(p eventPayload, now time.Time) (received, error) {
	e := p.Event
	var channel string
	if e.Tab != "home" || e.User == "" || json.Unmarshal(e.Channel, &channel) != nil || channel == "" {
		return received{}, fmt.Errorf("another tab: %w", errIgnored)
	}
	return received{Home: true, Invocation: algesta.Invocation{
		Key: "evt:" + p.EventID, Kind: algesta.Typed, Person: algesta.PersonID{Team: p.team(), User: e.User}, Channel: channel, Private: true,
		Direct: true, At: now,
	}}, nil
}
