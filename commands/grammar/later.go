package grammar

import (
	"errors"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// later are words of kubectl and its neighbours that no runbook understands, with what they would do. The answer to
// them is honest; a near-sounding command that does something else would not be.
var later = map[string]string{
	"describe":      "describe objects",
	"cert":          "check certificates",
	"api-resources": "list kinds",
	"delete":        "delete objects", "create": "create objects", "patch": "patch objects",
	"edit": "edit objects", "replace": "replace objects", "label": "change labels", "annotate": "change annotations",
	"cordon": "cordon nodes", "uncordon": "uncordon nodes", "drain": "drain nodes", "taint": "taint nodes",
	"expose": "create Services", "set env": "change variables", "set resources": "change resources",
}

// never are words for what a chat must not do, whatever is built later.
var never = map[string]string{
	"cp":           "copy files out of pods",
	"port-forward": "forward ports",
	"proxy":        "forward ports",
	"helm":         "run helm",
	"ssh":          "open shells",
}

// clicked are words for what is done by clicking, so that the person who does it has seen the plan.
var clicked = map[string]string{
	"approve": "Approving", "aprobar": "Approving", "lgtm": "Approving", "deny": "Denying", "reject": "Denying", "cancel": "Cancelling",
}

// notYet is the honest answer to a verb that kubectl's users know and no runbook has; nil where the words begin with none.
func (p Parser) notYet(rest []word) error {
	if err := p.trap(rest); err != nil {
		return err
	}
	for n := min(2, len(rest)); n > 0; n-- {
		verb := joined(rest[:n])
		if what, ok := clicked[verb]; ok {
			return &algesta.Error{
				Kind: algesta.ErrUsage, Message: algesta.Say("{} is done with the button in the thread of the request, never by typing.", what),
				Hint: algesta.Say("Type its ID, and I link its thread: {}", algesta.Name(p.bot.Typed("c-…"))),
			}
		}
		if what, ok := never[verb]; ok {
			return p.refuse(algesta.Say("I don't {}.", what), p.insteadOf(verb, rest[n:]))
		}
		if what, ok := later[verb]; ok {
			return p.refuse(algesta.Say("I can't {} yet.", what), p.insteadOf(verb, rest[n:]))
		}
	}
	return nil
}

// refuse is the answer to what nobody can ask for, with what to do instead, or else with what there is.
func (p Parser) refuse(no, instead algesta.Text) error {
	if len(instead) == 0 {
		instead = algesta.Say("{} lists what I can do.", algesta.Name(p.bot.Typed(helpWord)))
	}
	return &algesta.Error{Kind: algesta.ErrUsage, Message: no, Hint: instead}
}

// cannotList is the answer to a kind without a name: "status deployments -n production".
func (r *reading) cannotList(kind algesta.Kind) error {
	r.readPlace()
	if lists, ok := r.verbs["get "+kind.Resource]; ok {
		environment := r.out.Environment
		if environment == "" {
			environment = environmentSlot
		}
		return &algesta.Error{
			Kind: algesta.ErrUsage, Message: algesta.Say("{} doesn't list {}.", r.book.Name, kind.Plural),
			Hint: algesta.Say("{}", algesta.Name(r.bot.Typed(lists, environment))),
		}
	}
	e := &algesta.Error{Kind: algesta.ErrUsage, Message: algesta.Say("I can't list {} yet.", kind.Plural)}
	if book, ok := r.looking(); ok {
		look := Parsed{Runbook: book.Name, Environment: r.out.Environment}
		text := look.Retype("", environmentSlot)
		if look.Environment != "" {
			text = look.Retype("", look.Environment)
			e.Err = CorrectedError{Text: text, Parsed: look}
		}
		e.Hint = algesta.Say("{} looks at everything there.", algesta.Name(r.bot.Typed(text)))
	}
	return e
}

// looking is the command that shows many kinds of objects, and at an environment as a whole.
func (p Parser) looking() (runbooks.Runbook, bool) {
	i := slices.IndexFunc(p.books, func(b runbooks.Runbook) bool { return b.About.Environment && len(b.About.Kinds) > 1 })
	if i < 0 {
		return runbooks.Runbook{}, false
	}
	return p.books[i], true
}

// elsewhereOn is the answer to an object that the command doesn't take. kubectl's get takes any kind: where another command shows this
// one, it's named ("get ingress web production").
func (r *reading) elsewhereOn(kind algesta.Kind, name string) error {
	typed := strings.ToLower(kind.Name) + "/" + name
	err := r.worksOn(typed)
	book, ok := r.looking()
	if known := (*algesta.Error)(nil); ok && joined(r.typed[:1]) == "get" && book.About.Takes(kind.Name) && errors.As(err, &known) {
		r.readPlace()
		if r.out.Environment == "" && len(r.rest) > 0 && validName(r.rest[0].bare()) {
			r.out.Environment = r.rest[0].bare()
		}
		look := Parsed{Runbook: book.Name, Object: typed, Environment: r.out.Environment}
		text := look.Retype("", look.Environment)
		if look.Environment == "" {
			text = look.Retype("", environmentSlot)
		} else {
			known.Err = CorrectedError{Text: text, Parsed: look}
		}
		known.Hint = algesta.Say("{}", algesta.Name(r.bot.Typed(text)))
	}
	return err
}

// readPlace reads the environment from what is left, where an option or "in" names it.
func (r *reading) readPlace() {
	for i, w := range r.rest {
		name, value, hasValue := strings.Cut(strings.TrimLeft(w.text, "-"), "=")
		named := strings.HasPrefix(w.text, "-") && isEnvironment(strings.ToLower(name)) || !hasValue && isIn(strings.ToLower(w.bare()))
		if named && !hasValue && i+1 < len(r.rest) {
			value = r.rest[i+1].bare()
		}
		if named && validName(value) && r.out.Environment == "" {
			r.out.Environment = value
		}
	}
}
