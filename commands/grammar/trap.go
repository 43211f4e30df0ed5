package grammar

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// trap answers a pasted command that would do harm with why, and with what to do instead; nil where the words are none.
func (p Parser) trap(typed []word) error {
	if len(typed) < 2 {
		return nil
	}
	kind, known := algesta.KindOf(strings.SplitN(typed[1].bare(), "/", 2)[0])
	if !known {
		return nil
	}
	if joined(typed[:1]) == "delete" && kind.Name == "Certificate" {
		return p.deleteCertificate(typed)
	}
	return nil
}

// deleteCertificate is about renewing by deleting. The Secret may go with its Certificate, and every new order counts against the limits of
// the certificate authority (letsencrypt.org/docs/rate-limits: five certificates for the same names in a week).
func (p Parser) deleteCertificate(typed []word) error {
	name, environment := "<certificate>", environmentSlot
	if read, ok := p.readAs("cert check", typed); ok {
		name, environment = strings.TrimPrefix(read.Object, "certificate/"), read.Environment
	}
	return &algesta.Error{
		Kind: algesta.ErrRefused,
		Message: algesta.Say("I don't delete certificates. Deleting one doesn't renew it safely: " +
			"users may be served a wrong certificate until a new one is issued, and each new order counts against the authority's limits."),
		Hint: algesta.Say(
			"To renew it now, while the old one stays in use: {}. {} says whether it needs that at all, and what blocks it.",
			algesta.Name(p.bot.Typed("cert renew", name, environment)), algesta.Name(p.bot.Typed("cert check", name, environment)),
		),
	}
}

// readAs reads "delete certificate x -n production" as if it were another command about the same object.
func (p Parser) readAs(command string, typed []word) (Parsed, bool) {
	book := p.book(command)
	if book.Name == "" {
		return Parsed{}, false
	}
	rest := slices.Clone(typed[1:])
	if !strings.Contains(rest[0].bare(), "/") {
		rest = rest[1:] // the kind
	}
	read, err := p.command(book, rest, 0, true)
	return read, err == nil && read.Object != "" && read.Environment != ""
}
