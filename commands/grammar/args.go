package grammar

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/words"
)

// reading is a command while its words are read.
type reading struct {
	Parser
	book  runbooks.Runbook
	typed []word // the whole command
	rest  []word // what is still to be read
	free  []word // words that stand for themselves, in order
	out   Parsed
	// spanish says that the verb was typed in Spanish, and so the words between the names may be, too.
	spanish bool
}

// command reads what follows the verb of a runbook, from the word at on. partial lets required arguments be left out (can-i).
func (p Parser) command(book runbooks.Runbook, typed []word, at int, partial bool) (Parsed, error) {
	r := &reading{
		Parser: p, book: book, typed: typed, rest: typed[at:], out: Parsed{Runbook: book.Name}, spanish: p.spanishVerb(typed[:at]),
	}
	for len(r.rest) > 0 {
		w := r.rest[0]
		r.rest = r.rest[1:]
		if err := r.word(w); err != nil {
			return Parsed{}, err
		}
	}
	if err := r.place(); err != nil {
		return Parsed{}, err
	}
	if partial {
		return r.out, nil
	}
	for _, a := range book.Args {
		if _, given := r.out.Args[a.Name]; a.Required && !given {
			return Parsed{}, r.asks("{} needs {}: {}.", book.Name, a.Name, a.Summary)
		}
	}
	return r.out, nil
}

// wrong is a usage error with the form of the command, filled with what was understood so far.
func (r *reading) wrong(format string, args ...any) error {
	so := r.soFar()
	err := r.usage(algesta.Say(format, args...), r.form(so, so.Service, so.Environment))
	if known, ok := errors.AsType[*algesta.Error](err); ok && so.Service+so.Object != "" && so.Environment != "" {
		known.Err = FormError{Parsed: so}
	}
	return err
}

// soFar is what was understood until an error, with the free words in their usual places. What can't be a name keeps its
// place empty.
func (r *reading) soFar() Parsed {
	r.readPlace()
	out := r.out
	about := r.book.About
	thing, environment := r.found() || about.Slot() == "", out.Environment != "" || !about.Placed() && !about.Environment
	for i, w := range r.free {
		name := w.bare()
		valid := validName(name)
		switch {
		case i == 0 && r.out.Service != "" && strings.EqualFold(name, r.out.Service): // it was read
		case digits.MatchString(name):
		case !thing:
			thing = true
			switch {
			case !valid:
			case about.Service:
				out.Service = name
			case len(about.Kinds) == 1:
				out.Object = strings.ToLower(about.Kinds[0]) + "/" + name
			case about.Host && len(about.Kinds) == 0:
				out.Object = hostPrefix + name
			}
		case !environment:
			environment = true
			if valid {
				out.Environment = name
			}
		}
	}
	return out
}

// digits is what can only be the value of an argument.
var digits = regexp.MustCompile(`^[+-]?[0-9]+$`)

// word reads one word, and those that belong to it.
func (r *reading) word(w word) error {
	if w.quoted {
		r.free = append(r.free, w)
		return nil
	}
	if strings.HasPrefix(w.text, "-") {
		return r.option(w)
	}
	if name, value, ok := strings.Cut(w.text, "="); ok && name != "" && !strings.Contains(name, "://") {
		return r.named(words.Unaccented(strings.ToLower(name)), name, value)
	}
	if a, ok := r.person(w.text); ok {
		return r.set(a, w.text)
	}
	text := strings.ToLower(w.bare())
	if done, err := r.filler(text); done || err != nil {
		return err
	}
	word, name, isObject := strings.Cut(w.bare(), "/")
	if kind, known := algesta.KindOf(word); isObject && known {
		return r.object(kind, name)
	}
	r.free = append(r.free, w)
	return nil
}

// filler reads the words of a sentence that say what the next word is: "in production", "deployment api-gateway",
// "replicas 6", "to 6", "because …". done is false where the word is none of them.
func (r *reading) filler(text string) (done bool, err error) {
	if kind, known := algesta.KindOf(text); known && len(r.free) == 0 && !r.found() {
		if len(r.rest) == 0 || strings.HasPrefix(r.rest[0].text, "-") || isIn(strings.ToLower(r.rest[0].bare())) {
			return true, r.cannotList(kind)
		}
		if !r.book.About.Takes(kind.Name) && text == strings.ToLower(kind.Plural) { // "status nodes production"
			if len(r.rest) == 1 { // more words are names, and the place is elsewhere
				r.rest = append([]word{{text: "in"}}, r.rest...)
			}
			return true, r.cannotList(kind)
		}
		next := r.next()
		return true, r.object(kind, next.bare())
	}
	if len(r.rest) == 0 {
		return false, nil
	}
	switch {
	case text == "because" || text == "porque":
		r.out.Reason = reason(r.rest)
		r.rest = nil
		return true, nil
	case isIn(text):
		return true, r.environment(r.next().bare())
	case text == "to", text == "a" && r.spanish:
		return true, r.to()
	case r.spanish && slices.Contains(spanishFillers, text):
		return true, nil
	}
	if a, ok := r.arg(text); ok && !a.Hidden && a.Kind != runbooks.SwitchArg &&
		(len(r.free) > 0 || r.found() || r.subject.Service != "") {
		return true, r.set(a, r.next().bare())
	}
	return false, nil
}

// isIn reports whether the word after this one is an environment.
func isIn(text string) bool { return text == "in" || text == "en" }

// next takes the next word.
func (r *reading) next() word {
	w := r.rest[0]
	r.rest = r.rest[1:]
	return w
}

// to reads what follows "to": an argument by its name ("to revision 3"), a value, or an environment.
func (r *reading) to() error {
	if a, ok := r.arg(strings.ToLower(r.rest[0].bare())); ok && !a.Hidden && len(r.rest) > 1 {
		return nil // the name is read next
	}
	next := r.next()
	bare, ok := r.bareArg(next.bare())
	switch {
	case r.out.Environment == "" && (!ok || !valueLike(next.bare())):
		return r.environment(next.bare())
	case ok:
		return r.set(bare, next.bare())
	}
	r.free = append(r.free, next)
	return nil
}

// option reads a word that begins with a dash.
func (r *reading) option(w word) error {
	typed := strings.TrimLeft(w.text, "-")
	if typed == "" { // a dash between words, or the shell's end of options
		return nil
	}
	name, value, hasValue := strings.Cut(typed, "=")
	lower := strings.ToLower(name)
	if a, ok := r.arg(lower); ok && a.Kind == runbooks.SwitchArg {
		if !hasValue {
			value = "true"
		}
		return r.set(a, value)
	}
	if hasValue {
		return r.named(lower, w.text[:strings.Index(w.text, "=")], value)
	}
	if !r.knows(lower) {
		return r.unknownOption(lower, w.text)
	}
	if len(r.rest) == 0 {
		return r.wrong("{} needs a value.", clip(w.text))
	}
	next := r.rest[0]
	r.rest = r.rest[1:]
	if isReason(lower) && !next.quoted {
		return r.looseReason(next)
	}
	return r.named(lower, w.text, next.text)
}

// looseReason takes an unquoted reason up to the next option: phones make quotes tedious.
func (r *reading) looseReason(first word) error {
	words := []word{first}
	for len(r.rest) > 0 && !strings.HasPrefix(r.rest[0].text, "-") {
		words = append(words, r.rest[0])
		r.rest = r.rest[1:]
	}
	r.out.Reason = reason(words)
	return nil
}

func reason(words []word) string {
	parts := make([]string, len(words))
	for i, w := range words {
		parts[i] = w.text
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

func isReason(name string) bool { return slices.Contains([]string{"reason", "because", "m"}, name) }

func isEnvironment(name string) bool {
	return slices.Contains([]string{"n", "namespace", "ns", "e", "env", "environment", "entorno"}, name)
}

func isService(name string) bool {
	return slices.Contains([]string{"service", "deployment", "svc"}, name)
}

// selects reports whether an option is kubectl's selector, and a service may be named by it.
func (r *reading) selects(name string) bool {
	return r.book.About.Service && (name == "l" || name == "selector")
}

// knows reports whether an option of this name takes a value here.
func (r *reading) knows(name string) bool {
	_, ok := r.arg(name)
	return ok || isReason(name) || isEnvironment(name) || isService(name) || r.selects(name)
}

// named sets what an option or name=value says.
func (r *reading) named(name, typed, value string) error {
	a, isArg := r.arg(name)
	switch {
	case isReason(name):
		r.out.Reason = strings.TrimSpace(value)
		return nil
	case value == "":
		return r.wrong("{} needs a value.", clip(typed))
	case isArg:
		return r.set(a, value)
	case isEnvironment(name):
		return r.environment(value)
	case isService(name):
		return r.service(value)
	case strings.HasPrefix(typed, "-") && r.selects(name):
		return r.selector(value)
	}
	// kubectl writes "set image deployment/x container=image".
	container, hasContainer := r.arg("container")
	image, hasImage := r.arg("image")
	setImage := len(r.typed) > 1 && joined(r.typed[:2]) == "set image"
	if hasContainer && hasImage && !strings.HasPrefix(typed, "-") && (setImage || strings.ContainsAny(value, ":/@")) {
		if err := r.set(container, name); err != nil {
			return err
		}
		return r.set(image, value)
	}
	return r.unknownOption(name, typed)
}

// unknownOption names the option that was probably meant.
func (r *reading) unknownOption(name, typed string) error {
	known := []string{"reason", "namespace"}
	for _, a := range r.book.Args {
		if !a.Hidden {
			known = append(known, append([]string{a.Name}, a.Aliases...)...)
		}
	}
	if near := words.Nearest(name, known); near != "" {
		right := near
		if strings.HasPrefix(typed, "-") {
			right = "--" + near
		}
		said := algesta.Say("{} has no option {}. Did you mean {}?", r.book.Name, clip(typed), right)
		at := len(r.typed) - len(r.rest) - 1
		if at > 0 && !strings.HasPrefix(r.typed[at].text, typed) { // its value was a word of its own
			at--
		}
		return r.didYouMean(said, r.typed, at, 1, right+strings.TrimPrefix(r.typed[at].text, typed))
	}
	slices.Sort(known)
	return r.wrong("{} has no option {}. It knows {}.", r.book.Name, clip(typed), words.List(known))
}
