package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
)

// frame is one message of a Socket Mode connection, of any type.
type frame struct {
	Type       string          `json:"type"`
	Reason     string          `json:"reason"`          // of a disconnect
	Sockets    int             `json:"num_connections"` // of a hello: all sockets of the app, this one too
	EnvelopeID string          `json:"envelope_id"`
	Payload    json.RawMessage `json:"payload"`
}

// errIgnored marks an envelope that is none of the bot's business: it is acknowledged and forgotten.
var errIgnored = errors.New("not for the bot")

// reader turns envelopes into what the rest of the bot works with. It is pure: the same envelope at the same time gives
// the same answer. slackevents would refuse a whole event for one block it does not know, so it decodes just what it needs.
type reader struct {
	command string         // "/algesta"
	bot     string         // the bot's own user ID
	mention *regexp.Regexp // of the bot, in both of Slack's spellings
}

func newReader(command, bot string) reader {
	return reader{command: command, bot: bot, mention: regexp.MustCompile(`<@` + regexp.QuoteMeta(bot) + `(\|[^>]*)?>`)}
}

// received is one envelope, understood: something for the inbox, or a click that first asks for a reason.
type received struct {
	Invocation algesta.Invocation
	// AskReason says that a dialog has to ask for the reason before the click counts; Trigger opens it within 3 s.
	AskReason bool
	Optional  bool            // the reason may be left out
	Question  algesta.Confirm // what the dialog asks; empty for a button without a question
	Trigger   string
	Label     string // of the button that was clicked
	Message   string // the timestamp of the message with the button
	// Moved is set where Slack gave a channel another ID: there is no invocation then.
	Moved *moved
	// Channel is set where a channel has a name now, or has the bot in it: there is no invocation then.
	Channel *channelNews
	// Form is set where a form is asked for, filled in further or sent; Trigger opens one within 3 s.
	Form *formEvent
	// Said are the words of the message that someone wants diagnosed; Trigger opens a form within 3 s where they name nothing.
	Said *string
	// Home says that someone opened the Home tab; the invocation says who, and where their direct messages are.
	Home bool
	// Blank says that the dialog came back without a reason: it stays open and asks again.
	Blank bool
	// Block is set for a dialog that was sent: the block at which to say what is wrong with all of it.
	Block string
}

// read understands one envelope that arrived at now. An errIgnored needs no more than an acknowledgement.
func (r reader) read(f frame, now time.Time) (received, error) {
	switch f.Type {
	case "slash_commands":
		return r.slash(f, now)
	case "events_api":
		return r.event(f, now)
	case "interactive":
		return r.interaction(f, now)
	}
	return received{}, fmt.Errorf("envelope of type %.40q: %w", f.Type, errIgnored)
}

type slashPayload struct {
	TeamID      string `json:"team_id"`
	ChannelID   string `json:"channel_id"`
	ChannelName string `json:"channel_name"`
	UserID      string `json:"user_id"`
	UserName    string `json:"user_name"`
	Command     string `json:"command"`
	Text        string `json:"text"`
	ResponseURL string `json:"response_url"`
	TriggerID   string `json:"trigger_id"`
}

func (r reader) slash(f frame, now time.Time) (received, error) {
	var p slashPayload
	if err := json.Unmarshal(f.Payload, &p); err != nil {
		return received{}, fmt.Errorf("reading slash command: %w", shapeOnly(err))
	}
	if p.Command != r.command {
		return received{}, fmt.Errorf("another slash command: %w", errIgnored)
	}
	if p.UserID == "" || p.ChannelID == "" {
		return received{}, errors.New("reading slash command: user or channel is missing")
	}
	key := "cmd:" + p.TriggerID
	if p.TriggerID == "" {
		key = "cmd:" + f.EnvelopeID
	}
	return received{Invocation: algesta.Invocation{
		Key: key, Kind: algesta.Typed, Person: algesta.PersonID{Team: p.TeamID, User: p.UserID}, Name: p.UserName,
		Channel: p.ChannelID,
		// Slack hides the names of conversations that are not public (slack.md, part B).
		Private: p.ChannelName == "privategroup" || ofGroup(p.ChannelName),
		Direct:  p.ChannelName == "directmessage", Group: ofGroup(p.ChannelName),
		Text: unescape(p.Text), Reply: p.ResponseURL, At: now,
	}, Trigger: p.TriggerID}, nil
}

// ofGroup recognizes the names of a group's direct messages: mpdm-dana--luis-1.
func ofGroup(channelName string) bool { return strings.HasPrefix(channelName, "mpdm-") }

// moved is a channel's ID before and after.
type moved struct{ from, to string }

type eventPayload struct {
	TeamID         string `json:"team_id"`
	Authorizations []struct {
		TeamID string `json:"team_id"`
	} `json:"authorizations"`
	EventID   string `json:"event_id"`
	EventTime int64  `json:"event_time"`
	Event     struct {
		Type        string          `json:"type"`
		Subtype     string          `json:"subtype"`
		ChannelType string          `json:"channel_type"`
		User        string          `json:"user"`
		BotID       string          `json:"bot_id"`
		Text        string          `json:"text"`
		ThreadTS    string          `json:"thread_ts"`
		Channel     json.RawMessage `json:"channel"` // an ID, or an object in events that are not for the bot
		Tab         string          `json:"tab"`
		OldChannel  string          `json:"old_channel_id"`
		NewChannel  string          `json:"new_channel_id"`
		Edited      json.RawMessage `json:"edited"`
	} `json:"event"`
}

// team is the workspace that Slack named to the app. Whether the person is in it is the directory's question: on Enterprise Grid the event
// names another workspace of the organisation for its members, too.
func (p eventPayload) team() string {
	if len(p.Authorizations) > 0 && p.Authorizations[0].TeamID != "" {
		return p.Authorizations[0].TeamID
	}
	return p.TeamID
}

func (r reader) event(f frame, now time.Time) (received, error) {
	var p eventPayload
	if err := json.Unmarshal(f.Payload, &p); err != nil {
		return received{}, fmt.Errorf("reading event: %w", shapeOnly(err))
	}
	e := p.Event
	if e.Type == "channel_id_changed" && e.OldChannel != "" && e.NewChannel != "" {
		return received{Moved: &moved{from: e.OldChannel, to: e.NewChannel}}, nil
	}
	switch e.Type {
	case "channel_created", "channel_rename", "group_rename":
		var c struct {
			ID   string `json:"id"`
			Name string `json:"name"`
		}
		if json.Unmarshal(e.Channel, &c) != nil || c.ID == "" || c.Name == "" {
			return received{}, errors.New("reading event: the channel's ID or name is missing")
		}
		return received{Channel: &channelNews{id: c.ID, name: c.Name}}, nil
	case "member_joined_channel":
		var channel string
		if json.Unmarshal(e.Channel, &channel) != nil || channel == "" || e.User != r.bot {
			return received{}, fmt.Errorf("someone else joined a channel: %w", errIgnored)
		}
		return received{Channel: &channelNews{id: channel}}, nil
	}
	if e.Type == "app_home_opened" {
		return r.homeOpened(p, now)
	}
	mention := e.Type == "app_mention"
	direct := e.Type == "message" && e.ChannelType == "im"
	group := e.Type == "message" && e.ChannelType == "mpim" && r.mention.MatchString(e.Text) // there is no app_mention there
	if !mention && !direct && !group {
		return received{}, fmt.Errorf("event of another type: %w", errIgnored)
	}
	// Bots answer each other forever, and an edited sentence would run twice.
	if e.BotID != "" || e.Subtype != "" || len(e.Edited) > 0 || e.User == "" || e.User == r.bot {
		return received{}, fmt.Errorf("event of a bot or an edit: %w", errIgnored)
	}
	var channel string
	if json.Unmarshal(e.Channel, &channel) != nil || channel == "" || p.EventID == "" {
		return received{}, errors.New("reading event: channel or event ID is missing")
	}
	return received{Invocation: algesta.Invocation{
		Key: "evt:" + p.EventID, Kind: algesta.Mentioned, Person: algesta.PersonID{Team: p.team(), User: e.User},
		Channel: channel, Private: group, Direct: direct, Group: group, Thread: e.ThreadTS,
		Text: unescape(r.withoutMention(e.Text)), At: earlier(time.Unix(p.EventTime, 0), p.EventTime, now),
	}}, nil
}

func (r reader) interaction(f frame, now time.Time) (received, error) {
	var p interactionPayload
	if err := json.Unmarshal(f.Payload, &p); err != nil {
		return received{}, fmt.Errorf("reading interaction: %w", shapeOnly(err))
	}
	if p.User.ID == "" {
		return received{}, errors.New("reading interaction: user is missing")
	}
	switch p.Type {
	case "block_actions":
		return r.click(p, now)
	case "view_submission":
		return r.submission(p, now)
	case "message_action":
		return r.shortcut(p, now)
	}
	return received{}, fmt.Errorf("interaction of another type: %w", errIgnored)
}

// actions are the buttons that count. A button of any other name is not ours.
func actions() []algesta.VoteAction {
	return []algesta.VoteAction{algesta.Approve, algesta.Deny, algesta.Cancel, algesta.Run, algesta.Done, algesta.NotDone, algesta.Stop}
}

func (r reader) click(p interactionPayload, now time.Time) (received, error) {
	if len(p.Actions) == 0 {
		return received{}, fmt.Errorf("no action: %w", errIgnored)
	}
	a := p.Actions[0] // a click carries one
	if p.View.CallbackID == formCallback {
		return r.chosen(p, now)
	}
	name, _, _ := strings.Cut(a.ActionID, ":")
	action := algesta.VoteAction(name)
	id, question := idOf(a.Value)
	if action == algesta.Fill {
		return r.fill(p, id, now)
	}
	if p.View.CallbackID == homeCallback {
		var err error
		if p, err = p.atHome(); err != nil {
			return received{}, err
		}
	}
	if !slices.Contains(actions(), action) || id == "" {
		return received{}, fmt.Errorf("another button: %w", errIgnored)
	}
	ts := first(p.Message.TS, p.Container.MessageTS)
	channel := first(p.Channel.ID, p.Container.ChannelID)
	if channel == "" || ts == "" || a.ActionTS == "" {
		return received{}, errors.New("reading click: channel, message or time is missing")
	}
	asks, optional := asksReason(a.BlockID, a.ActionID)
	return received{
		Invocation: algesta.Invocation{
			Key: "act:" + p.User.ID + ":" + ts + ":" + a.ActionTS, Kind: algesta.Voted,
			Person: p.person(), Name: first(p.User.Name, p.User.Username), Channel: channel,
			Private: p.Channel.Name == "privategroup" || ofGroup(p.Channel.Name), Direct: p.Channel.Name == "directmessage",
			Group:  ofGroup(p.Channel.Name),
			Thread: first(p.Message.ThreadTS, p.Container.ThreadTS), Reply: p.ResponseURL,
			Vote: &algesta.Vote{Action: action, ID: id}, At: now,
		},
		AskReason: asks, Optional: optional, Question: question, Trigger: p.TriggerID, Label: a.Text.Text, Message: ts,
	}, nil
}

func (r reader) submission(p interactionPayload, now time.Time) (received, error) {
	if p.View.CallbackID == formCallback {
		return r.sent(p, now)
	}
	if p.View.CallbackID != reasonCallback {
		return received{}, fmt.Errorf("another dialog: %w", errIgnored)
	}
	var asked reasonAsked
	if err := json.Unmarshal([]byte(p.View.PrivateMetadata), &asked); err != nil {
		return received{}, fmt.Errorf("reading dialog: %w", shapeOnly(err))
	}
	if !slices.Contains(actions(), asked.Action) || asked.ID == "" || asked.Channel == "" {
		return received{}, errors.New("reading dialog: action, ID or channel is missing")
	}
	reason := strings.TrimSpace(p.View.State.Values[reasonBlock][reasonInput].Value)
	return received{
		Invocation: algesta.Invocation{
			Key: "act:" + p.User.ID + ":" + asked.Message + ":" + p.View.ID, Kind: algesta.Voted,
			Person: p.person(), Name: first(p.User.Name, p.User.Username), Channel: asked.Channel,
			Private: asked.Private, Direct: asked.Direct, Thread: asked.Thread, Reply: asked.Reply,
			Vote: &algesta.Vote{Action: asked.Action, ID: asked.ID, Reason: reason}, At: now,
		},
		Blank: reason == "" && !asked.Optional, Block: reasonBlock,
	}, nil
}

// withoutMention removes the bot's own mention, wherever it is.
func (r reader) withoutMention(text string) string {
	if at := r.mention.FindStringIndex(text); at != nil {
		text = text[:at[0]] + text[at[1]:]
	}
	return strings.TrimSpace(text) // also the no-break space that Slack puts after a mention
}

// entities are the three replacements that Slack makes in what people type.
var entities = strings.NewReplacer("&lt;", "<", "&gt;", ">", "&amp;", "&")

// unescape is what people typed.
func unescape(s string) string { return entities.Replace(s) }

// shapeOnly says what was wrong with a JSON text without quoting it: it can hold what people typed.
func shapeOnly(err error) error {
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		return errors.New("not JSON at byte " + strconv.FormatInt(syntax.Offset, 10))
	}
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		return errors.New("field " + shape.Field + " is a " + shape.Value)
	}
	return errors.New("not JSON")
}

// first is the first that is not empty.
func first(of ...string) string {
	for _, s := range of {
		if s != "" {
			return s
		}
	}
	return ""
}

// earlier is the time Slack gave, unless it gave none or its clock is ahead of ours.
func earlier(at time.Time, given int64, now time.Time) time.Time {
	if given == 0 || at.After(now) {
		return now
	}
	return at
}
