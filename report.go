package algesta

// Tone is the state a message is in; a transport shows it as one emoji or colour.
type Tone string

// The tones. Neutral is an end that changed nothing.
const (
	Plainly Tone = ""
	Waiting Tone = "waiting" // 🟡
	Running Tone = "running" // 🔵
	Good    Tone = "good"    // ✅
	Bad     Tone = "bad"     // ❌
	Warning Tone = "warning" // ⚠
	Neutral Tone = "neutral" // ⚪
	Down    Tone = "down"    // 🔴 something is wrong now
)

// Report is one message, for any transport to render. It carries no markup.
type Report struct {
	Tone    Tone     `json:"tone,omitempty"`
	Title   Text     `json:"title"`           // the first line: the answer
	Push    Text     `json:"push,omitempty"`  // what a locked phone shows, where that isn't the title
	Small   Text     `json:"small,omitempty"` // who, when, which ID
	Body    []Block  `json:"body,omitempty"`
	Buttons []Button `json:"buttons,omitempty"`
	File    *File    `json:"file,omitempty"`
}

// File is a text that is too long for a message. Where a message has a thread, it goes there as a file before the message is posted, and
// the message says where it is, or that it could not be put there. What one person alone sees has no file.
type File struct {
	// Name says what it is: "plan", "logs-api-gateway". The transport makes it one that no other file has.
	Name string `json:"name"`
	// Text is what is in it. "" stands for the whole message, and there is a file only where the message has to leave something out: what a
	// file shows whole can be approved.
	Text string `json:"text,omitempty"`
	// Else is what the message says where it has to leave something out and there is no file of it: how to see the rest. A file without a
	// name is only this.
	Else Text `json:"else,omitempty"`
}

// Block is one part of a message. Exactly one of its fields is set.
type Block struct {
	Text   Text    `json:"text,omitempty"`
	List   []Text  `json:"list,omitempty"`
	Fields []Field `json:"fields,omitempty"`
	Table  *Table  `json:"table,omitempty"`
	Pre    string  `json:"pre,omitempty"` // preformatted: logs, diffs
	Bar    *Bar    `json:"bar,omitempty"`
}

// Field is a label and its value.
type Field struct {
	Label string `json:"label"`
	Value Text   `json:"value"`
}

// Table has a head and rows of as many cells.
type Table struct {
	Head []string `json:"head"`
	Rows [][]Text `json:"rows"`
}

// Bar is a progress bar: Done of Of.
type Bar struct {
	Done int `json:"done"`
	Of   int `json:"of"`
}

// Button acts on a request or an offer when someone clicks it.
type Button struct {
	Label   string     `json:"label"`
	Action  VoteAction `json:"action"`
	ID      string     `json:"id"`
	Style   string     `json:"style,omitempty"` // "", "primary" or "danger"
	Confirm *Confirm   `json:"confirm,omitempty"`
	// AskReason makes the transport ask for a reason before the click counts, in one dialog with the question of Confirm.
	AskReason bool `json:"askReason,omitempty"`
	// ReasonOptional says that the reason may be left out.
	ReasonOptional bool `json:"reasonOptional,omitempty"`
	// Offer is the command of a Run button until the dispatcher has stored it and filled ID.
	Offer *Offer `json:"-"`
	// Used says that a click on it opened a request. The store keeps the button and shows it to nobody until that request has ended with
	// nothing changed.
	Used bool `json:"used,omitempty"`
}

// Confirm is the question before a click counts.
type Confirm struct {
	Title string `json:"title"`
	Text  string `json:"text"`
	Yes   string `json:"yes"`
	No    string `json:"no"`
}

// PostKind names a message of a command. There is one of each kind per command, so that
// the same message is never stored twice; notes are numbered.
type PostKind string

// The messages of one command. Card and Progress are edited; the others are posted once
// (Plan is edited once, when its buttons go).
const (
	CardPost     PostKind = "card"
	PlanPost     PostKind = "plan"
	ProgressPost PostKind = "progress"
	EndPost      PostKind = "end"
	VerdictPost  PostKind = "verdict"
	DiagnosePost PostKind = "diagnosis"
	DetailPost   PostKind = "detail"
	AnswerPost   PostKind = "answer" // only its reader sees it
	AskedPost    PostKind = "asked"  // which approvers were asked directly
	RemindPost   PostKind = "remind" // half of the time to approve is over
	ThawPost     PostKind = "thaw"   // a freeze has ended
	GlassPost    PostKind = "glass"  // what went without approvals needs them again
)

// Post is one outgoing message of a command, as the outbox keeps it. Storing a Post of a
// kind that is there already replaces its content: the transport edits the message.
type Post struct {
	Command string   `json:"command"`
	Kind    PostKind `json:"kind"`
	Channel string   `json:"channel,omitempty"`
	// Thread is an existing thread to post in. Where it is empty, the card starts the thread
	// and every other post of the command goes under the card.
	Thread string `json:"thread,omitempty"`
	// OnlyFor is the person who alone sees it; Reply is the response address to use while it lives.
	OnlyFor string `json:"onlyFor,omitempty"`
	Reply   string `json:"reply,omitempty"`
	// Final says that this content is an end, or takes buttons away: sent before progress.
	Final bool `json:"final,omitempty"`
	// Direct says that Channel is the ID of a person: it goes to the bot's direct messages with them, in no thread.
	Direct bool `json:"direct,omitempty"`
	// By is the person who asked for an answer that everyone sees: it goes to them where it can't be posted. Empty in every other message.
	By PersonID `json:"by,omitzero"`
	// About is what the message is about: a command in its thread that names no target means that.
	About  Target `json:"about,omitzero"`
	Report Report `json:"report"`
}

// Topic is one command in a thread, and what it is about.
type Topic struct {
	Command string
	About   Target
}

// DirectPost is the kind of a direct message to one person about the kind of message that could not be posted where it belongs. as
// distinguishes it from an earlier one.
func DirectPost(of PostKind, as Status, to PersonID) PostKind {
	return PostKind("direct " + string(of) + " " + string(as) + " " + to.User)
}
