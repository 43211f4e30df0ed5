package algesta

import (
	"fmt"
	"regexp"
	"strings"
	"time"
)

// SpanKind says how a transport shows a piece of text.
type SpanKind string

// The kinds of span. Only Person and Group notify anyone.
const (
	Plain   SpanKind = ""
	Bold    SpanKind = "bold"
	Code    SpanKind = "code" // the name of an object, as in the cluster
	Person  SpanKind = "person"
	Group   SpanKind = "group"
	Channel SpanKind = "channel"
	Moment  SpanKind = "moment" // a time, shown in the reader's zone
	Link    SpanKind = "link"
)

// Span is a piece of text of one kind. Text is what a plain terminal prints.
type Span struct {
	Kind SpanKind  `json:"kind,omitempty"`
	Text string    `json:"text"`
	ID   string    `json:"id,omitempty"` // of a person, group or channel; the address of a link
	At   time.Time `json:"at,omitzero"`
}

// Text is a sentence: data without markup, so that no transport has to trust
// or escape what someone wrote into it.
type Text []Span

// Name is the name of an object, in code style.
func Name(s string) Span { return Span{Kind: Code, Text: s} }

// Strong is a word in bold.
func Strong(s string) Span { return Span{Kind: Bold, Text: s} }

// Mention notifies a person.
func Mention(a Actor) Span { return Span{Kind: Person, ID: a.ID.User, Text: "@" + a.Called()} }

// MentionSubject notifies a user or a user group that a policy names; an e-mail subject is printed.
func MentionSubject(s Subject) Span {
	kind, id, _ := strings.Cut(string(s), ":")
	switch kind {
	case "user":
		return Span{Kind: Person, ID: id, Text: "@" + id}
	case "group":
		return Span{Kind: Group, ID: id, Text: "@" + id}
	}
	return Span{Text: string(s)}
}

// At is a time of day in the reader's zone.
func At(t time.Time) Span { return Span{Kind: Moment, At: t, Text: t.UTC().Format("15:04 MST")} }

// AtSecond is a time of day with its second, where it is evidence of what came first.
func AtSecond(t time.Time) Span {
	return Span{Kind: Moment, At: t, Text: t.UTC().Format("15:04:05 MST")}
}

// dayAndTime is how AtDay is printed.
const dayAndTime = "2006-01-02 15:04 MST"

// AtDay is a time with its day: for what is read on another day, or happened on one.
func AtDay(t time.Time) Span {
	return Span{Kind: Moment, At: t, Text: t.UTC().Format(dayAndTime)}
}

var daysAndTimes = regexp.MustCompile(`\b\d{4}-\d\d-\d\d \d\d:\d\d UTC\b`)

// Dated is a sentence in which the times that are written as AtDay prints them are such spans, so that everyone reads them in their own
// zone.
func Dated(sentence string) Text {
	var out Text
	last := 0
	for _, at := range daysAndTimes.FindAllStringIndex(sentence, -1) {
		t, err := time.Parse(dayAndTime, sentence[at[0]:at[1]])
		if err != nil {
			continue
		}
		if last < at[0] {
			out = append(out, Span{Text: sentence[last:at[0]]})
		}
		out, last = append(out, AtDay(t)), at[1]
	}
	if last < len(sentence) {
		out = append(out, Span{Text: sentence[last:]})
	}
	return out
}

// Say builds a sentence: every {} in the format takes the next argument. A Span or a Text
// goes in as it is, anything else as plain text by fmt.Sprint. Too few or too many
// arguments are a mistake of the programmer and panic.
func Say(format string, args ...any) Text {
	var out Text
	parts := strings.Split(format, "{}")
	if len(parts)-1 != len(args) {
		panic(fmt.Sprintf("algesta.Say: %d places for %d arguments in %q", len(parts)-1, len(args), format))
	}
	for i, part := range parts {
		if part != "" {
			out = out.add(Span{Text: part})
		}
		if i == len(args) {
			break
		}
		switch arg := args[i].(type) { //nolint:gosec // the lengths were compared above
		case Span:
			out = out.add(arg)
		case Text:
			for _, s := range arg {
				out = out.add(s)
			}
		default:
			out = out.add(Span{Text: fmt.Sprint(arg)})
		}
	}
	return out
}

// And lists texts as words.List lists words: "a", "a and b" or "a, b and c". What is a mention or a name in them stays one.
func And(texts []Text) Text { return listed(texts, "and") }

// Or is And with "or".
func Or(texts []Text) Text { return listed(texts, "or") }

func listed(texts []Text, conjunction string) Text {
	var out Text
	for i, t := range texts {
		switch {
		case i == 0:
			out = Say("{}", t)
		case i == len(texts)-1:
			out = Say("{} {} {}", out, conjunction, t)
		default:
			out = Say("{}, {}", out, t)
		}
	}
	return out
}

// add appends a span and joins neighbouring plain ones.
func (t Text) add(s Span) Text {
	if n := len(t); n > 0 && s.Kind == Plain && t[n-1].Kind == Plain {
		t[n-1].Text += s.Text
		return t
	}
	return append(t, s)
}

// Differs reports whether the text says something else than another one, whatever the times in them are.
func (t Text) Differs(from Text) bool { return t.timeless() != from.timeless() }

// timeless is the text without its times.
func (t Text) timeless() string {
	var b strings.Builder
	for _, s := range t {
		if s.Kind != Moment {
			b.WriteString(s.Text)
		}
	}
	return b.String()
}

// Then is the text followed by another sentence.
func (t Text) Then(format string, args ...any) Text {
	if len(t) == 0 {
		return Say(format, args...)
	}
	return Say("{} {}", t, Say(format, args...))
}

// String is the text as a plain terminal prints it.
func (t Text) String() string {
	var b strings.Builder
	for _, s := range t {
		b.WriteString(s.Text)
	}
	return b.String()
}
