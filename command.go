package algesta

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strconv"
	"time"
)

// InvocationKind says how someone addressed the bot.
type InvocationKind string

// The ways in. A vote carries an ID and never command text.
const (
	Typed     InvocationKind = "typed"     // a slash command
	Mentioned InvocationKind = "mentioned" // @algesta … in a channel or a thread
	Voted     InvocationKind = "voted"     // a click on a button
)

// Invocation is one thing someone did, as a transport received it: decoded,
// not yet understood. It is what the inbox stores before the transport acknowledges it.
type Invocation struct {
	// Key is the transport's own identity of the event, the same when it is delivered again.
	Key     string         `json:"key"`
	Kind    InvocationKind `json:"kind"`
	Person  PersonID       `json:"person"`
	Name    string         `json:"name,omitempty"` // to print
	Channel string         `json:"channel"`
	Private bool           `json:"private,omitempty"` // the transport said: not a public channel
	Direct  bool           `json:"direct,omitempty"`  // a direct message
	Group   bool           `json:"group,omitempty"`   // a group's direct message: nobody can be added to one
	Thread  string         `json:"thread,omitempty"`  // the thread's timestamp, where there is one
	Text    string         `json:"text,omitempty"`    // as typed, entities decoded
	// Reply is where an answer that only this person sees may be sent for 30 minutes, five times.
	Reply string    `json:"reply,omitempty"`
	Vote  *Vote     `json:"vote,omitempty"`
	At    time.Time `json:"at"`
	// Digest tells what was filled into a dialog from something else that was filled into the same one and has its Key; "" where an event
	// can't come with anything else. The store keeps it beside the key.
	Digest string `json:"-"`
	// Starts is how many processes found it unanswered at their start; the store counts.
	Starts int `json:"-"`
}

// VoteAction is what a button does.
type VoteAction string

// The buttons. Run carries out a stored Offer as a new command of the clicker.
const (
	Approve VoteAction = "approve"
	Deny    VoteAction = "deny"
	Cancel  VoteAction = "cancel"
	Run     VoteAction = "run"
	Done    VoteAction = "done"     // on the card of an unknown outcome: it did happen
	NotDone VoteAction = "not-done" // on the card of an unknown outcome: it did not
	Stop    VoteAction = "stop"     // on an answer that is followed: leave it as it is
	Fill    VoteAction = "fill"     // opens the form of the command that is its ID, as far as that is known; it never reaches the inbox
)

// Vote is a click: which button, on which request (or offer, for Run).
type Vote struct {
	Action VoteAction `json:"action"`
	ID     string     `json:"id"`
	Reason string     `json:"reason,omitempty"`
}

// Args are a runbook's arguments by name. Values are int64, bool or string.
type Args map[string]any

// UnmarshalJSON reads whole numbers as int64, so that a plan made from stored
// arguments has the fingerprint of the plan made from typed ones.
func (a *Args) UnmarshalJSON(b []byte) error {
	var raw map[string]any
	if err := decodeJSON(b, &raw); err != nil {
		return fmt.Errorf("reading arguments: %w", err)
	}
	out := make(Args, len(raw))
	for k, v := range raw {
		n, isNumber := v.(json.Number)
		if !isNumber {
			out[k] = v
			continue
		}
		i, err := strconv.ParseInt(n.String(), 10, 64)
		if err != nil {
			return fmt.Errorf("reading argument %s: %w", k, err)
		}
		out[k] = i
	}
	*a = out
	return nil
}

// Int is the whole number called name, and whether it was given.
func (a Args) Int(name string) (int64, bool) { v, ok := a[name].(int64); return v, ok }

// String is the text called name, or "".
func (a Args) String(name string) string { v, _ := a[name].(string); return v }

// Bool is the switch called name.
func (a Args) Bool(name string) bool { v, _ := a[name].(bool); return v }

// Command is what was asked. It is not yet permitted.
type Command struct {
	ID        string    `json:"id"` // threads log, audit, messages and buttons
	Requester           // its fields are the command's own in JSON: what was stored before there were rules is a person's
	Runbook   string    `json:"runbook"`
	Target    Target    `json:"target,omitzero"`
	Args      Args      `json:"args,omitempty"`
	Reason    string    `json:"reason,omitempty"` // why, in the requester's words
	At        time.Time `json:"at"`
	// Channel is where it was asked; Thread is set when it was asked inside a thread.
	Channel string `json:"channel"`
	Thread  string `json:"thread,omitempty"`
}

// NewCommandID makes an ID that people can read out, type and quote, such as "c-7f3a9k2mq4x8". It has 60 random bits: at 50 commands
// a day the chance that any two of a hundred years share one is about one in a million. The store refuses an ID that is taken, and
// the caller draws another.
func NewCommandID() string { return "c-" + randomID() }

// NewOfferID makes the ID of an Offer, as NewCommandID does.
func NewOfferID() string { return "o-" + randomID() }

// idLetters are Crockford's 32 (crockford.com/base32.html): none can be mistaken for another, and a letter is five bits exactly.
const idLetters = "0123456789abcdefghjkmnpqrstvwxyz"

// randomID draws 12 letters, each as likely as any other.
func randomID() string {
	id := make([]byte, 12)
	if _, err := rand.Read(id); err != nil {
		panic(err) // crypto/rand never returns one
	}
	for i, b := range id {
		id[i] = idLetters[b%byte(len(idLetters))] // 256 is a multiple of 32: the draw is even
	}
	return string(id)
}

// Offer is a command that a message proposes by a button, kept so that the click
// carries an ID only. It runs as a new command of the person who clicks it, through policy,
// plan and approval as if typed (design.md, decision 7).
type Offer struct {
	ID      string `json:"id"`
	Runbook string `json:"runbook"`
	Target  Target `json:"target"`
	Args    Args   `json:"args,omitempty"`
	// Moves is what becomes what, as far as it is known before the command is planned: "12344 → 12345".
	Moves string `json:"moves,omitempty"`
	// ToFailed says that it brings back a version that never came up, or of which no pod ran when it was replaced: no button offers it.
	ToFailed  bool      `json:"toFailed,omitempty"`
	ExpiresAt time.Time `json:"expiresAt"`
	// MadeAt is when its button was shown first. After a later change of its target it doesn't come back once it was used.
	MadeAt time.Time `json:"madeAt,omitzero"`
	// Request is the request that a click on it opened; while that is open, and after it changed something, the offer is used up.
	Request string `json:"request,omitempty"`
}
