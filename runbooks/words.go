package runbooks

import (
	"strings"
	"time"
	"unicode/utf8"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/redact/podspec"
	wordsof "github.com/3astronautas/algesta/words"
)

// subject is what a command is about, as people call it: "`api-gateway` in production".
func subject(in Input) algesta.Text {
	service, place := in.Command.Target.Service, in.Command.Target.Environment
	if service == "" {
		service = in.Workload.Name
	}
	if place == "" {
		place = in.Workload.Namespace
	}
	return algesta.Say("{} in {}", algesta.Name(service), place)
}

// command is the command line that does verb to the same target, for hints.
func command(in Input, verb, rest string) algesta.Span {
	service, place := in.Command.Target.Service, in.Command.Target.Environment
	if service == "" {
		service = in.Workload.Name
	}
	if kind := in.Workload.Kind; kind != "" && kind != deploymentKind { // no service's name stands for it
		service = strings.ToLower(kind) + "/" + in.Workload.Name
	}
	return algesta.Name(in.Bot.Typed(verb, service, place, rest))
}

// span is words.Span, under the name that every runbook uses.
func span(d time.Duration) string { return wordsof.Span(d) }

// count is words.Count: "1 pod" or "4 pods".
func count[N int | int32 | int64](n N, thing string) string { return wordsof.Count(n, thing) }

// list is words.List: "a", "a and b", "a, b and c".
func list(words []string) string { return wordsof.List(words) }

// quoteBytes is how much of a text that someone else wrote is quoted in one place.
const quoteBytes = 300

// quote is a text from the cluster as it may be shown: without secrets and the arguments of commands, without invisible characters, in one
// line and short.
func quote(s string) string { return forms.Line(podspec.OnlyExecutables(s), quoteBytes) }

// quoteAll are the texts, each as quote has it.
func quoteAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, text := range texts {
		out[i] = quote(text)
	}
	return out
}

var forms *redact.Redactor // the forms only: a runbook knows no secret values

func oneLine(s string) string {
	return strings.Join(strings.Fields(redact.Clean(forms.String(s))), " ")
}

// shorten cuts s to at most n bytes at the end of a character.
func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

// refusal is an error that says what is in the way and what to do about it.
func refusal(message, hint algesta.Text) error {
	return &algesta.Error{Kind: algesta.ErrRefused, Message: message, Hint: hint}
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
