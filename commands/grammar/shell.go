package grammar

import (
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/runbooks"
)

// redirect is where a shell sends or takes what nobody wants to see: "2>/dev/null", "2>&1", "</dev/null". What else stands behind a "<" or
// ">" may be meant: a reason says "cpu > 80".
var redirect = regexp.MustCompile(`^(?:[12&]?>{1,2}(?:/dev/null|&[12])|<{1,3}/dev/null)$`)

// unshelled is a pasted line without what only a shell needs around the program: "echo | x", "watch -n 2 x", "sudo x", "x 2>/dev/null".
// watched says that it was to be repeated.
func (p Parser) unshelled(typed []word) (out []word, watched bool) {
	out = slices.Clone(typed)
	for i := 0; i < len(out); i++ {
		next := ""
		if i+1 < len(out) && !out[i+1].quoted {
			next = out[i+1].text
		}
		switch {
		case out[i].quoted:
		case redirect.MatchString(out[i].text):
			out = slices.Delete(out, i, i+1)
			i--
		case redirect.MatchString(out[i].text + next): // "2> /dev/null"
			out = slices.Delete(out, i, i+2)
			i--
		}
	}
	for len(out) > 0 {
		rest := out[1:]
		switch strings.ToLower(out[0].text) {
		case "echo", "printf": // what an openssl is given to end it
			at := slices.IndexFunc(out, func(w word) bool { return w.text == "|" && !w.quoted })
			if at < 0 {
				return out, watched
			}
			rest = out[at+1:]
		case "sudo", "time":
		case "watch":
			watched = true
			for len(rest) > 0 && strings.HasPrefix(rest[0].text, "-") {
				seconds := rest[0].text == "-n" || rest[0].text == "--interval"
				if rest = rest[1:]; seconds && len(rest) > 0 {
					rest = rest[1:]
				}
			}
		default:
			return out, watched
		}
		if _, n := p.verb(out); n > 0 || len(rest) == 0 { // a word of the bot's own
			return out, watched
		}
		out = p.withoutCall(rest)
	}
	return out, watched
}

// following is a line that was to be repeated, as the command that follows what it shows, where it can.
func (p Parser) following(typed []word, watched bool) []word {
	name, _ := p.verb(typed)
	follows := func(a runbooks.Arg) bool { return a.Name == "watch" }
	if !watched || !slices.ContainsFunc(p.book(name).Args, follows) {
		return typed
	}
	return append(slices.Clone(typed), word{text: "-w"})
}
