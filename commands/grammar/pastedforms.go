package grammar

import (
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// shapes are kubectl's options that say how a look is printed, and whether they take a value. An answer has its own order and columns.
var shapes = map[string]bool{
	"no-headers": false, "show-kind": false, "ignore-not-found": false, "sort-by": true, "timestamps": false, "prefix": false,
	"chunk-size": true, "server-print": false, "max-log-requests": true,
}

// shapeless is a look without the options that only say how it's printed, unless its command has them.
func (p Parser) shapeless(typed []word, line pastedLine) []word {
	if !slices.Contains([]string{"get", describes, "top", "logs"}, line.program) {
		return typed
	}
	name, _ := p.verb(typed)
	var out []word
	for i := 0; i < len(typed); i++ {
		option, _, hasValue := strings.Cut(strings.TrimLeft(typed[i].text, "-"), "=")
		takesValue, known := shapes[option]
		own := slices.ContainsFunc(p.book(name).Args, func(a runbooks.Arg) bool { return a.Name == option })
		if typed[i].quoted || !strings.HasPrefix(typed[i].text, "--") || !known || own {
			out = append(out, typed[i])
			continue
		}
		if takesValue && !hasValue {
			i++
		}
	}
	return out
}

// severalLines refuses what a shell takes for several commands: each is asked and answered on its own.
func (p Parser) severalLines(typed []word) error {
	before := beforeReason(typed)
	next := slices.IndexFunc(before, func(w word) bool {
		ends := strings.HasSuffix(w.text, ";") && !strings.HasPrefix(w.text, "-")
		return !w.quoted && (ends || slices.Contains([]string{"&&", "||"}, w.text))
	})
	if next < 0 || next == 0 {
		return nil
	}
	return &algesta.Error{
		Kind: algesta.ErrUsage, Message: algesta.Say("One command at a time: I read several here."),
		Hint: algesta.Say("Send each of them on its own. Nothing was done."),
	}
}

// severalKinds refuses "get po,svc", and names the list of each kind.
func (p Parser) severalKinds(line pastedLine) error {
	at := bareWords(line.rest)
	if line.program != "get" && line.program != describes || len(at) == 0 {
		return nil
	}
	parts := strings.Split(line.rest[at[0]].bare(), ",")
	if len(parts) < 2 {
		return nil
	}
	place := optionOf(line.rest, "n", "namespace")
	if place == "" {
		place = environmentSlot
	}
	var lists []algesta.Text
	for _, part := range parts {
		kind, known := algesta.KindOf(part)
		if list, ok := p.verbs["get "+kind.Resource]; known && ok {
			lists = append(lists, algesta.Say("{}", algesta.Name(p.bot.Typed(list, clip(place)))))
		}
	}
	if len(lists) == 0 {
		return nil
	}
	return &algesta.Error{
		Kind: algesta.ErrUsage, Message: algesta.Say("One kind at a time, each has a list of its own."),
		Hint: algesta.Say("{}", algesta.Or(lists)),
	}
}

// listOfKind reads "get deployment -n production", which names none, as the list of them.
func (p Parser) listOfKind(typed []word, line pastedLine) []word {
	at := bareWords(line.rest)
	if line.program != "get" || len(at) != 1 {
		return typed
	}
	called := line.rest[at[0]].bare()
	kind, known := algesta.KindOf(called)
	if list, ok := p.verbs["get "+kind.Resource]; !known || !ok || p.verbs["get "+strings.ToLower(called)] == list {
		return typed
	}
	out := slices.Clone(typed)
	for i := range out {
		if out[i] == line.rest[at[0]] {
			out[i].text = kind.Resource
			break
		}
	}
	return out
}

// pastedWait reads "wait --for=condition=available deployment/web" as its status, followed.
func (p Parser) pastedWait(typed []word, line pastedLine) ([]word, error) {
	at := bareWords(line.rest)
	condition := strings.ToLower(optionOf(line.rest, "for"))
	if len(at) == 0 || !p.has("status") || strings.Contains(condition, "delete") {
		return typed, nil
	}
	target := line.rest[at[0]].bare()
	if !strings.Contains(target, "/") && len(at) > 1 {
		target += "/" + line.rest[at[1]].bare()
	}
	return append(as(line.place(), "status", target), word{text: "-w"}), nil
}

// pastedPort reads "nc -zv host 27017": a port of a host that's asked from somewhere's own machine.
func (p Parser) pastedPort(line pastedLine) ([]word, error) {
	host, port := hostAndPort(line.rest)
	if host != "" && (port == "80" || port == "443") {
		return p.pastedHost(line, host, "I don't open connections by hand.")
	}
	place := optionOf(line.rest, "n", "namespace")
	if place == "" {
		place = environmentSlot
	}
	if host == "" {
		host, port = hostSlot, "<port>"
	}
	return nil, p.instead(algesta.Say("I don't open connections by hand."), []string{"connect"}, serviceSlot, clip(place), clip(host)+":"+port)
}
