package diagnosis

import (
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/words"
)

const (
	mostSentence = 199 // characters of a first line: it is read in one breath
	leastQuote   = 40  // characters of a quotation that are left in any case
)

var (
	quotation = regexp.MustCompile(`“[^”]+”`)
	// taintEffect is a taint, which can be told without its domain and its effect.
	taintEffect = regexp.MustCompile(`(?:[a-z0-9-]+\.)+[a-z]{2,}/([\w.-]+=[\w.-]*):(?:NoSchedule|NoExecute)`)
	// ceremony is what a line says before it says what is wrong: its level, and the full name of an exception.
	ceremony = regexp.MustCompile(
		`^(?:\d+:[A-Z] \d+ \w+ \d{4} [\d:.]+ [#*-] |\d+ \[\w+\] \[MY-\d+\] \[\w+\] |[A-Z]+ \d+ --- \[[^\]]*\] [\w.$]+\s*: |UTC |\[\d+\] |` +
			`Unhandled exception\. |Uncaught |\W*(?:(?i)error|fatal|critical|` +
			`panic)\b\W+)+|` +
			`^(?:[A-Za-z_]\w*\.)+\w*(?:Exception|Error): `,
	)
)

// fitted is a sentence of what is wrong and what that does, short enough for a first line: it is told with fewer words, and of its longest
// quotation only what says what is wrong is left. The whole stands in the evidence.
func fitted(what, does string) string {
	over := func() int { return utf8.RuneCountInString(what) + utf8.RuneCountInString(does) - mostSentence }
	for _, shorter := range []func(string) string{
		func(what string) string { return strings.Replace(what, "The program in container ", "Container ", 1) },
		func(what string) string { return strings.ReplaceAll(what, ".svc.cluster.local", "") },
		withoutCeremony,
	} {
		if over() <= 0 {
			return what + does
		}
		what = shorter(what)
	}
	quoted := longestQuotation(what)
	switch said := strings.Trim(quoted, "“”"); {
	case over() <= 0:
	case quoted != "":
		room := max(leastQuote, utf8.RuneCountInString(said)-over())
		what = strings.Replace(what, quoted, words.Cited(clipped(said, room)), 1)
	default:
		what = taintEffect.ReplaceAllString(what, "$1")
		for parts := strings.Split(what, ": "); over() > 0 && len(parts) > 2; what = strings.Join(parts, ": ") {
			parts = append(parts[:1:1], parts[2:]...) // the first says what is wrong, and the last why
		}
	}
	return what + does
}

func longestQuotation(what string) string {
	longest := ""
	for _, quoted := range quotation.FindAllString(what, -1) {
		if len(quoted) > len(longest) {
			longest = quoted
		}
	}
	return longest
}

// withoutCeremony leaves out of the longest quotation what its line says before it says what is wrong.
func withoutCeremony(what string) string {
	quoted := longestQuotation(what)
	short := strings.Trim(quoted, "“”")
	for range 2 { // the level, then the exception
		short = ceremony.ReplaceAllString(short, "")
	}
	if short == "" {
		return what
	}
	return strings.Replace(what, quoted, words.Cited(short), 1)
}

// clipped is the first clause of a line where that fits and says enough, else what facts.Short keeps of it. What follows a colon is no
// clause to leave out: the last one says why.
func clipped(said string, room int) string {
	if utf8.RuneCountInString(said) <= room {
		return said
	}
	if facts.Wraps(said) {
		return facts.Short(said, room)
	}
	for _, mark := range []string{". ", "; ", ", or ", ", and ", ", which "} {
		if first, _, ok := strings.Cut(said, mark); ok && utf8.RuneCountInString(first) <= room && utf8.RuneCountInString(first) > room/3 {
			return first
		}
	}
	return facts.Short(said, room)
}
