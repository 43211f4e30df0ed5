package grammar

import (
	"errors"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// The placeholders in a usage line for what was not typed. No service and no environment is ever filled in: someone who copies a
// suggestion at night has to get their own words back.
const (
	serviceSlot     = "<service>"
	environmentSlot = "<environment>"
)

// about is what the command may be about: of can-i it is that of the command asked for.
func (p Parser) about(parsed Parsed) runbooks.About {
	name := parsed.Runbook
	if verb := parsed.Args.String(verbArg); name == canIWord {
		name = verb
	}
	return p.book(name).About
}

// CorrectedError is the cause of a usage error when one word of the command was mistyped: the command with that word replaced.
// Where names can be looked up, do that before it's shown (Suggest).
type CorrectedError struct {
	Text   string // without the slash command
	Parsed Parsed
}

// Error is for the log.
func (c CorrectedError) Error() string { return "probably meant " + c.Text }

// FormError is the cause of a usage error in a command that was understood as far as Parsed says. Its hint is a form with the names in it
// as they were typed: look them up before it's shown, because a form that is filled in and then fails is no help.
type FormError struct {
	Parsed Parsed
	Lacks  bool // nothing is wrong but that something is missing: a dialog can ask for it
}

// Error is for the log.
func (f FormError) Error() string {
	if f.Lacks {
		return "something is missing in " + f.Parsed.Runbook
	}
	return "something is wrong in " + f.Parsed.Runbook
}

// meant is the cause of a Catalog's error when it knows which names were probably meant. "" is a name that nobody can know.
type meant interface {
	error
	Meant() (service, environment string)
}

// Suggest gives an error about names the command to type instead: the person's own words with the wrong one replaced.
// resolves reports whether names stand for something that the person may see; a suggestion that would fail when it is
// copied is left out. Any other error passes unchanged.
func (p Parser) Suggest(parsed Parsed, err error, resolves func(Parsed) bool) error {
	known, names := (*algesta.Error)(nil), meant(nil)
	if !errors.As(err, &known) || !errors.As(err, &names) {
		return err
	}
	service, environment := names.Meant()
	better := *known
	about := p.about(parsed)
	if service == "" && parsed.Object == "" && !about.Environment || environment == "" && about.Placed() {
		better.Hint = known.Hint.Then("{}", algesta.Name(p.bot.Typed(p.form(parsed, service, environment))))
		return &better
	}
	text := parsed.Retype(service, environment)
	again, err := p.Parse(text)
	if form := p.form(parsed, service, environment); err != nil && form != text { // an argument is missing, too
		again, text, err = parsed, form, nil
		again.Service, again.Environment = service, environment
	}
	if err == nil && resolves(again) {
		better.Hint = known.Hint.Then("{}", algesta.Name(p.bot.Typed(text)))
	}
	return &better
}

// form is the command as typed, with slots for what is missing.
func (p Parser) form(parsed Parsed, service, environment string) string {
	about := p.about(parsed)
	if service == "" && parsed.Object == "" {
		service = about.Slot()
	}
	if environment == "" && about.Placed() {
		environment = environmentSlot
	}
	var missing strings.Builder
	for _, a := range p.book(parsed.Runbook).Args {
		if _, given := parsed.Args[a.Name]; a.Required && !given {
			missing.WriteString(" " + a.Name + "=" + a.Slot())
		}
	}
	return parsed.Retype(service, environment) + missing.String()
}

// retype writes words as they could be typed again.
func retype(list []word) string {
	parts := make([]string, len(list))
	for i, w := range list {
		if parts[i] = w.text; w.quoted || strings.ContainsAny(w.text, " \"") {
			parts[i] = quoted(w.text)
		}
	}
	return strings.Join(parts, " ")
}

// quoted puts a text in the quotes that split takes off again.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}

// longestRetyped is how many characters of a person's own words are shown to be copied: cut they would be another command, and longer ones
// are nobody's typo.
const longestRetyped = 300

// didYouMean is the error for a mistyped word at the place at: with the corrected command where that can be read, with what
// is still missing otherwise.
func (p Parser) didYouMean(message algesta.Text, typed []word, at, n int, right string) error {
	var replaced []word
	for w := range strings.FieldsSeq(right) {
		replaced = append(replaced, word{text: w})
	}
	again := slices.Concat(typed[:at], replaced, typed[at+n:])
	e := &algesta.Error{Kind: algesta.ErrUsage, Message: message}
	text := retype(again)
	parsed, err := p.parse(again)
	if err == nil && parsed.Runbook == whoamiWord { // it takes nothing, whatever is typed after it
		text = whoamiWord
	}
	if err == nil && utf8.RuneCountInString(text) > longestRetyped {
		return e
	}
	if err == nil {
		e.Err = CorrectedError{Text: text, Parsed: parsed}
		e.Hint = algesta.Say("{}", algesta.Name(p.bot.Typed(text)))
		return e
	}
	if inner, ok := errors.AsType[*algesta.Error](err); ok {
		e.Hint = inner.Hint
		if _, lacks := AsMissing(inner); inner.Err != nil && !lacks { // a mistyped word is wrong, and not only short
			e.Err = inner.Err
		}
	}
	return e
}
