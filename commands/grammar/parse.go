// Package grammar is the command language: words, arguments, objects and the suggestions for what was mistyped. It is pure:
// it knows the runbooks' declarations, and no cluster, no person and no policy.
package grammar

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// maxText is how many characters a command may have: more is a paste that went wrong.
const maxText = 2000

// The commands that are no runbooks: they are about the bot and the person.
const (
	helpWord      = "help"
	whoamiWord    = "whoami"
	canIWord      = "can-i"
	approvalsWord = "approvals"
	freezesWord   = "freezes"
)

// The arguments of these commands, as they stand in Parsed.Args.
const (
	aboutArg = "about" // of help: the runbook's name, where one was named
	verbArg  = "verb"  // of can-i: the runbook's name
)

// Parsed is a command as it was typed, names not yet looked up.
type Parsed struct {
	Runbook string // the runbook's own name, or help, whoami, can-i, approvals, freezes
	// Service and Environment are as typed; the catalogue knows them by any case and alias, and in either order.
	// Environment is "" where none was named: the catalogue asks for it, because it knows which there are.
	Service     string
	Environment string
	// Object is what was named instead of a service: "pod/x", "node/x", "host/x", or "namespace" for the environment as a whole.
	Object string
	Args   algesta.Args
	Reason string // why, in the person's words
	Help   bool   // explain the command and do nothing
	// Everywhere says that no environment was named, and that all those are meant in which the person who typed it may do this.
	Everywhere bool
	// Implied says that what the command is about wasn't typed, but is what the conversation is about.
	Implied bool
}

// Retype is the command with other names for service and environment, for a suggestion to copy.
func (p Parsed) Retype(service, environment string) string {
	words := []string{p.Runbook}
	if verb := p.Args.String(verbArg); p.Runbook == canIWord && verb != "" {
		words = append(words, verb)
	}
	for _, w := range []string{strings.TrimPrefix(p.Object, hostPrefix), service, environment} {
		if w != "" {
			words = append(words, w)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(p.Args)) {
		if p.Runbook == canIWord && name == verbArg {
			continue
		}
		value := fmt.Sprint(p.Args[name])
		if strings.ContainsAny(value, " \"'") {
			value = `"` + strings.ReplaceAll(value, `"`, "'") + `"`
		}
		words = append(words, name+"="+value)
	}
	return strings.Join(words, " ")
}

// Parser reads commands. It is a value and may be used by any number of goroutines.
type Parser struct {
	bot   algesta.Handle
	books []runbooks.Runbook
	verbs map[string]string // name or alias, lower case → the runbook's name
	// subject is what the conversation is about.
	subject Subject
	// mentioned are the people that the text mentions: their IDs by how they are shown in it, "@luis".
	mentioned map[string]string
}

// NewParser makes a parser for these runbooks. bot is how people call the bot: they may type it before a command, and examples begin
// with it.
func NewParser(bot algesta.Handle, books []runbooks.Runbook) Parser {
	p := Parser{bot: bot, books: books, verbs: map[string]string{
		helpWord: helpWord, "?": helpWord,
		whoamiWord: whoamiWord, "who am i": whoamiWord, "auth whoami": whoamiWord,
		canIWord: canIWord, "can i": canIWord, "auth can-i": canIWord, "who can": canIWord,
		approvalsWord: approvalsWord, "pending": approvalsWord, freezesWord: freezesWord,
	}}
	p.verbs[Undo.Name] = Undo.Name
	for _, b := range books {
		p.verbs[b.Name] = b.Name
		for _, a := range b.Aliases {
			p.verbs[a] = b.Name
		}
	}
	p.addSpanish()
	return p
}

// Parse reads one command: a verb, then service and environment, then options, as kubectl's users write them. It repairs
// what phones do to quotes, dashes and spaces. Every error is an *algesta.Error of kind ErrUsage, or of ErrRefused for a pasted line that a
// chat must not do.
func (p Parser) Parse(text string) (Parsed, error) {
	if len(text) > maxText*utf8.UTFMax || utf8.RuneCountInString(text) > maxText {
		return Parsed{}, p.usage(algesta.Say("That's too long for a command: the limit is 2,000 characters."), "")
	}
	p.mentioned = mentions(text)
	words, err := split(tidy(text))
	if err != nil {
		return Parsed{}, p.usage(algesta.Say("A quote is opened but not closed."), "")
	}
	out, err := p.parse(polished(p.withoutCall(words)))
	if err == nil && !out.Help && isQuestion(beforeReason(words)) && p.changes(out.Runbook) {
		return Parsed{Runbook: out.Runbook, Help: true}, nil // a question isn't an order
	}
	return out, err
}

// isQuestion reports whether a word ends with a question mark, whatever stands behind it: "undo?!", "restart api? please". No name and no
// number ends with one.
func isQuestion(words []word) bool {
	return slices.ContainsFunc(words, func(w word) bool {
		return !w.quoted && strings.HasSuffix(strings.TrimRight(questionMarks.Replace(w.text), ".!…‼❗❕,;)"), "?")
	})
}

// questionMarks are those that stand for "?" among emoji.
var questionMarks = strings.NewReplacer("❓", "?", "❔", "?", "⁇", "?", "⁈", "?", "⁉", "?")

// beforeReason are the words of a command without its reason, which may be a question.
func beforeReason(words []word) []word {
	at := slices.IndexFunc(words, func(w word) bool {
		name, _, assigned := strings.Cut(strings.ToLower(strings.TrimLeft(w.text, "-")), "=")
		return !w.quoted && (name == "because" || name == "porque" || isReason(name) && (assigned || strings.HasPrefix(w.text, "-")))
	})
	if at < 0 {
		return words
	}
	return words[:at]
}

// changes reports whether a command changes something.
func (p Parser) changes(command string) bool {
	return command == Undo.Name || p.book(command).Changes()
}

// parse reads the words of a command.
func (p Parser) parse(typed []word) (Parsed, error) {
	if len(typed) == 0 {
		return Parsed{Runbook: helpWord}, nil
	}
	typed, err := p.pasted(typed)
	if err != nil {
		return Parsed{}, err
	}
	typed = p.flagsLast(typed)
	name, n := p.verb(typed)
	if name == "" {
		return Parsed{}, p.unknownVerb(typed, 0)
	}
	if asksHelp(typed[n:]) {
		return Parsed{Runbook: name, Help: true}, nil
	}
	switch name {
	case helpWord:
		return p.help(typed, n)
	case whoamiWord, approvalsWord, freezesWord:
		if len(typed) > n {
			return Parsed{}, p.usage(algesta.Say("{} takes nothing more: leave out {}.", name, clip(typed[n].text)), name)
		}
		return Parsed{Runbook: name}, nil
	case canIWord:
		return p.canI(typed, n)
	case Undo.Name:
		return p.undo(typed, n)
	}
	out, err := p.command(p.book(name), typed, n, false)
	return ofKind(p.book(name), typed[n-1].text, out), err
}

// ofKind gives what "get sts loki -n monitoring" names its kind, which is the verb's last word: no service is meant. Without an environment
// the name may be one itself. "get sts" alone lists that kind alone.
func ofKind(b runbooks.Runbook, word string, out Parsed) Parsed {
	kind, known := algesta.KindOf(word)
	workload := known && b.About.Named(kind.Name) && !slices.Contains(b.About.Kinds, kind.Name)
	if workload && out.Service != "" && out.Environment != "" && out.Object == "" {
		out.Object, out.Service = strings.ToLower(kind.Name)+"/"+strings.ToLower(out.Service), ""
	}
	lists := slices.ContainsFunc(b.Args, func(a runbooks.Arg) bool { return a.Name == runbooks.KindArg.Name })
	bare := out.Service == "" || out.Environment == "" // a word alone is the environment, which the catalogue knows
	if workload && lists && bare && out.Object == "" {
		if out.Args == nil {
			out.Args = algesta.Args{}
		}
		out.Args[runbooks.KindArg.Name] = kind.Name
	}
	return out
}

// flagsLast puts options that stand before the verb, as kubectl takes them ("kubectl -n production rollout restart deploy/x"), behind it:
// before what follows, because a reason goes on to the end.
func (p Parser) flagsLast(typed []word) []word {
	n := 0
	for n < len(typed) && !typed[n].quoted && strings.HasPrefix(typed[n].text, "-") && !asksHelp(typed[n:n+1]) {
		name := strings.ToLower(strings.TrimLeft(typed[n].text, "-"))
		n++
		if takesValue := isEnvironment(name) || slices.Contains(elsewhere, name); takesValue && n < len(typed) {
			n++
		}
	}
	if n == 0 || n == len(typed) {
		return typed
	}
	flags, rest := typed[:n], typed[n:]
	name, at := p.verb(rest)
	if name == "" || name == canIWord || name == helpWord {
		at = len(rest)
	}
	return slices.Concat(rest[:at], flags, rest[at:])
}

// elsewhere are kubectl's options with a value that say where it works and as which user: no command has them, and the answer says so.
var elsewhere = []string{"context", "cluster", "user", "as", "kubeconfig", "server", "s"}

// withoutCall drops what people type or paste before the command: the bot's own name, or kubectl.
func (p Parser) withoutCall(words []word) []word {
	for len(words) > 0 {
		switch w := strings.ToLower(words[0].text); w {
		case "kubectl", "k", strings.ToLower(p.bot.Slash()), strings.ToLower(string(p.bot)), strings.ToLower(p.bot.Mentioned()):
			words = words[1:]
		default:
			return words
		}
	}
	return nil
}

// longestVerb is the number of parts in the longest verb: "who am i".
const longestVerb = 3

// verb finds the longest verb at the beginning, and how many words it has.
func (p Parser) verb(typed []word) (name string, n int) {
	for n := min(longestVerb, len(typed)); n > 0; n-- {
		if name, ok := p.verbs[joined(typed[:n])]; ok {
			return name, n
		}
	}
	return "", 0
}

// joined are words as a verb is looked up: in lower case, without the dots and commas that people end with.
func joined(words []word) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = strings.ToLower(w.bare())
		if trimmed := strings.TrimRight(parts[i], ".!?:"); trimmed != "" {
			parts[i] = trimmed
		}
	}
	return strings.Join(parts, " ")
}

func (p Parser) book(name string) runbooks.Runbook {
	if name == Undo.Name {
		return Undo
	}
	i := slices.IndexFunc(p.books, func(b runbooks.Runbook) bool { return b.Name == name })
	if i < 0 {
		return runbooks.Runbook{}
	}
	return p.books[i]
}

// asksHelp reports whether help is asked for after a verb: "rollback --help", "rollback help".
func asksHelp(rest []word) bool {
	if len(rest) == 1 && (slices.Contains([]string{helpWord, Spanish(helpWord)}, strings.ToLower(rest[0].bare())) || rest[0].text == "?") {
		return true
	}
	return slices.ContainsFunc(rest, func(w word) bool {
		return !w.quoted && (w.text == "-h" || strings.EqualFold(w.text, "--help"))
	})
}

// help reads what help is asked about, from the word at on; nothing means everything.
func (p Parser) help(typed []word, at int) (Parsed, error) {
	out := Parsed{Runbook: helpWord}
	if len(typed) == at {
		return out, nil
	}
	name, _ := p.verb(typed[at:])
	if name == "" {
		return Parsed{}, p.unknownVerb(typed, at)
	}
	if p.book(name).Name != "" {
		out.Args = algesta.Args{aboutArg: name}
	}
	return out, nil
}

// canI reads the command that someone asks about, from the word at on. Its arguments may be left out.
func (p Parser) canI(typed []word, at int) (Parsed, error) {
	if len(typed) == at {
		return Parsed{}, p.usage(algesta.Say("Which command do you mean?"), canIWord+" <command> "+serviceSlot+" "+environmentSlot)
	}
	name, n := p.verb(typed[at:])
	if name == "" && p.notYet(typed[at:]) != nil { // "auth can-i create deployments"
		return Parsed{}, p.usage(
			algesta.Say("No command of mine does that, so nobody may do it through me."), canIWord+" <command> "+serviceSlot+" "+environmentSlot,
		)
	}
	if name == "" {
		return Parsed{}, p.unknownVerb(typed, at)
	}
	book := p.book(name)
	if book.Name == "" {
		return Parsed{}, p.usage(algesta.Say("Everybody may use {}.", name), name)
	}
	out, err := p.command(book, typed, at+n, true)
	if err != nil {
		return Parsed{}, err
	}
	if out.Args == nil {
		out.Args = algesta.Args{}
	}
	out.Runbook, out.Args[verbArg] = canIWord, name
	return out, nil
}

// unknownVerb says which command was probably meant by the words at and after.
func (p Parser) unknownVerb(typed []word, at int) error {
	rest := typed[at:]
	if err := p.notYet(rest); err != nil {
		return err
	}
	known := slices.Sorted(maps.Keys(p.verbs))
	if len(rest) > 1 { // "rollout undu"
		two := slices.DeleteFunc(slices.Clone(known), func(k string) bool { return !strings.HasPrefix(k, joined(rest[:1])+" ") })
		if near := words.Nearest(joined(rest[:2]), two); near != "" {
			said := algesta.Say("I don't know the command \"{}\". Did you mean {}?", clip(rest[0].bare()+" "+rest[1].bare()), near)
			return p.didYouMean(said, typed, at, 2, near)
		}
	}
	if near := p.written(rest); near != "" {
		return p.didYouMean(
			algesta.Say("I don't know the command \"{}\". Did you mean {}?", clip(rest[0].bare()+" "+rest[1].bare()), near),
			typed,
			at,
			2,
			near,
		)
	}
	if len(rest) > 1 { // "crt check"
		same := slices.DeleteFunc(slices.Sorted(maps.Keys(p.verbs)), func(k string) bool { return !strings.HasSuffix(k, " "+joined(rest[1:2])) })
		if near := words.Nearest(joined(rest[:2]), same); near != "" {
			said := algesta.Say("I don't know the command \"{}\". Did you mean {}?", clip(rest[0].bare()+" "+rest[1].bare()), near)
			return p.didYouMean(said, typed, at, 2, near)
		}
	}
	one := slices.DeleteFunc(known, func(k string) bool { return strings.Contains(k, " ") })
	if near := words.Nearest(rest[0].bare(), one); near != "" {
		return p.didYouMean(algesta.Say("I don't know the command \"{}\". Did you mean {}?", clip(rest[0].bare()), near), typed, at, 1, near)
	}
	return &algesta.Error{
		Kind: algesta.ErrUsage, Message: algesta.Say("I don't know the command \"{}\".", clip(rest[0].bare())),
		Hint: algesta.Say("{} lists what I know.", algesta.Name(p.bot.Typed(helpWord))),
	}
}

// written is the verb that two words are when they're written as one ("roll back"), or the command whose argument they set ("set
// replicas"), "" for neither.
func (p Parser) written(rest []word) string {
	if len(rest) < 2 {
		return ""
	}
	if name, ok := p.verbs[joined(rest[:1])+joined(rest[1:2])]; ok {
		return name
	}
	if joined(rest[:1]) != "set" {
		return ""
	}
	for _, b := range p.books {
		if slices.ContainsFunc(b.Args, func(a runbooks.Arg) bool { return a.Required && a.Name == joined(rest[1:2]) }) {
			return b.Name
		}
	}
	return ""
}

// usage is an error of how a command was typed, with an example to copy, "" for none.
func (p Parser) usage(message algesta.Text, example string) error {
	e := &algesta.Error{Kind: algesta.ErrUsage, Message: message}
	if example != "" {
		e.Hint = algesta.Say("{}", algesta.Name(p.bot.Typed(example)))
	}
	return e
}

// longestEcho bounds how much of what was typed an answer repeats, in characters.
const longestEcho = 40

// clip shortens what was typed to what an answer may repeat. Someone who typed a password gets no half of it back: it's redacted first.
func clip(s string) string {
	var forms *redact.Redactor
	return words.Clip(forms.String(s), longestEcho)
}
