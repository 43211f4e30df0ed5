package commands

import (
	"errors"
	"strings"

	"github.com/3astronautas/algesta"
)

// explain is the one place where an error becomes a message. What is not an *algesta.Error tells
// people nothing but the ID under which the log has the rest.
func explain(err error, id string) algesta.Report {
	var known *algesta.Error
	if !errors.As(err, &known) {
		return algesta.Report{
			Tone:  algesta.Bad,
			Title: algesta.Say("Something went wrong on my side and nothing was changed."),
			Small: algesta.Say("Reference: {}.", algesta.Name(id)),
		}
	}
	r := algesta.Report{Title: known.Message}
	if known.Kind == algesta.ErrUnreachable || known.Kind == algesta.ErrForbidden {
		r.Tone = algesta.Warning
	}
	if len(known.Hint) > 0 {
		r.Body = []algesta.Block{{Text: known.Hint}}
	}
	return r
}

// sentence is what people are told of an error inside another message.
func sentence(err error) algesta.Text {
	var known *algesta.Error
	if !errors.As(err, &known) {
		return algesta.Say("Something went wrong on my side.")
	}
	return join(known.Message, known.Hint)
}

// message is the sentence of an error without its hint, for where the bot itself does what the hint says.
func message(err error) algesta.Text {
	var known *algesta.Error
	if !errors.As(err, &known) {
		return algesta.Say("Something went wrong on my side.")
	}
	return known.Message
}

// unchanged is what people want to know first of an end before the write; some sentences say it already.
const unchanged = "Nothing was changed."

// stopped is the note of a request that ended before its write.
func stopped(why algesta.Text) string {
	note := "stopped: " + why.String()
	if strings.Contains(note, unchanged) {
		return note
	}
	return note + " " + unchanged
}

// join puts two sentences together; either may be empty.
func join(a, b algesta.Text) algesta.Text {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	return algesta.Say("{} {}", a, b)
}

// refused is the error that carries a policy's no to this person.
func (d *Dispatcher) refused(no algesta.Decision, to algesta.Actor) *algesta.Error {
	hint := hintOf(d.Bot, no)
	if to.Ungrouped {
		hint = join(hint, algesta.Say("This Slack workspace has no user groups (its plan has none), so rules that name a group apply to nobody."))
	}
	return &algesta.Error{Kind: algesta.ErrRefused, Message: no.Reason, Hint: hint}
}

// hintOf is what to do next after a refusal, with the command that ends what refuses it.
func hintOf(bot algesta.Handle, no algesta.Decision) algesta.Text {
	if no.Lift == "" {
		return no.Hint
	}
	return no.Hint.Then("{}", algesta.Name(bot.Typed(no.Lift)))
}

// is reports whether an error is of this kind.
func is(err error, kinds ...algesta.ErrorKind) bool {
	for _, k := range kinds {
		if errors.Is(err, k) {
			return true
		}
	}
	return false
}
