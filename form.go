package algesta

// Form asks for what a command needs, for any transport to draw. It carries no markup.
type Form struct {
	Title  string  `json:"title"`           // short: a modal's title has 24 characters
	Intro  []Text  `json:"intro,omitempty"` // what is known, and what couldn't be read
	Fields []Input `json:"fields,omitempty"`
	Send   string  `json:"send,omitempty"` // the word on the button; "" where there's nothing to send
}

// Input is one field of a form.
type Input struct {
	Name    string    `json:"name"` // of the value that comes back
	Label   string    `json:"label"`
	Hint    string    `json:"hint,omitempty"`
	Kind    InputKind `json:"kind"`
	Choices []Choice  `json:"choices,omitempty"` // of a Choose, at least one and at most MostChoices
	Value   string    `json:"value,omitempty"`   // filled in already; SwitchedOn for a switch that is on
	// Now is what is there now of what the field is about, as its value; "" where that isn't known. It takes the place of what was filled in
	// about something else.
	Now string `json:"now,omitempty"`
	// Optional says that it may stay empty.
	Optional bool `json:"optional,omitempty"`
	// Again says that other fields depend on it: the form is recreated as soon as something is chosen.
	Again bool `json:"again,omitempty"`
	// Of names what the field depends on: what was filled in stays only while that is the same.
	Of  string `json:"of,omitempty"`
	Min int64  `json:"min,omitempty"` // of a number
	Max int64  `json:"max,omitempty"` // of a number; of characters for a text
}

// InputKind is how a field is filled in.
type InputKind string

// The kinds of field.
const (
	ChooseInput  InputKind = "choose"
	TextInput    InputKind = "text"
	NumberInput  InputKind = "number"
	SwitchInput  InputKind = "switch"
	ChannelInput InputKind = "channel" // a conversation of the transport
)

// SwitchedOn is the value of a switch that is on.
const SwitchedOn = "yes"

// MostChoices is how many choices a field may have (Slack's menus take 100), and LongestChoice how many characters the value of one.
const (
	MostChoices   = 100
	LongestChoice = 150
)

// Choice is one value to choose.
type Choice struct {
	Value  string `json:"value"`
	Label  string `json:"label"`
	Detail string `json:"detail,omitempty"`
}
