package grammar

import (
	"errors"
	"regexp"
	"strings"

	"github.com/3astronautas/algesta"
)

// Subject is what a conversation is about: what a command means that names no target. It comes from the bot's own record, never from what
// people wrote. The zero value says nothing.
type Subject struct {
	Service     string
	Environment string
	Object      string // "pod/x", "host/x", or "namespace" for the environment as a whole
}

// In reads commands in a conversation about this.
func (p Parser) In(s Subject) Parser {
	p.subject = s
	return p
}

// AsMissing is the command that said too little, as far as it was understood.
func AsMissing(err error) (Parsed, bool) {
	form, ok := errors.AsType[FormError](err)
	return form.Parsed, ok && form.Lacks
}

// asks is wrong for something that is missing.
func (r *reading) asks(format string, args ...any) error {
	so := r.soFar()
	return &algesta.Error{
		Kind: algesta.ErrUsage, Message: algesta.Say(format, args...), Err: FormError{Parsed: so, Lacks: true},
		Hint: algesta.Say("{}", algesta.Name(r.bot.Typed(r.form(so, so.Service, so.Environment)))),
	}
}

// fromSubject takes what the conversation is about for what the command doesn't name. A word that can only be a value names nothing:
// "scale 6". What names an environment of its own is about another one.
func (r *reading) fromSubject() {
	s, about := r.subject, r.book.About
	if r.found() || about.Nothing() || r.out.Environment != "" && !strings.EqualFold(r.out.Environment, s.Environment) {
		return
	}
	if len(r.free) > 0 {
		word := r.free[0].bare()
		if _, ok := r.bareArg(word); !ok || len(r.free) > 1 || !valueLike(word) && !version.MatchString(word) {
			return
		}
	}
	kind, _, isObject := strings.Cut(s.Object, "/")
	switch {
	case s.Service != "" && about.Service:
		r.out.Service, r.out.Implied = s.Service, true
	case isObject && r.takesObject(kind):
		r.out.Object, r.out.Implied = s.Object, true
	}
	if s.Environment != "" && (about.Placed() || about.Environment) {
		r.out.Environment = s.Environment
	}
}

// version is how versions are called: 1.2.3, v2, 2026.11.2-rc1.
var version = regexp.MustCompile(`^v?[0-9][\w.+-]*$`)

// takesObject reports whether the command may be about an object of this kind, "pod" or "host".
func (r *reading) takesObject(kind string) bool {
	if kind+"/" == hostPrefix {
		return r.book.About.Host
	}
	known, ok := algesta.KindOf(kind)
	return ok && r.book.About.Takes(known.Name)
}
