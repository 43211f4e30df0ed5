package facts

import (
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

var (
	// before is what a line of a log says before it says what is wrong, one piece at a time: when, how bad, who, in which thread, for which
	// request, and where in the program.
	before = []*regexp.Regexp{
		regexp.MustCompile(`^\d+:[XCSM] \d\d [A-Z][a-z]{2} \d{4} [\d:.]+ [.*#-] `),                                 // Redis
		regexp.MustCompile(`^\[?\d{4}[-/](?:\d\d|[A-Z][a-z]{2})[-/]\d\d[T ][\d:.,]+(?:Z| ?[+-]\d\d:?\d\d)?\]?\s*`), // a moment
		regexp.MustCompile(`^\[?\d\d:\d\d:\d\d(?:[.,]\d+)?\]?\s+`),
		regexp.MustCompile(`^UTC (?:\[\d+\] )?(?:\S+@\S+ )?`),             // PostgreSQL
		regexp.MustCompile(`^\d+ \[\w+\] \[MY-\d+\] \[\w+\] `),            // MySQL
		regexp.MustCompile(`^\d+ --- (?:\[[^\]]*\] )*[\w.$\[\]/-]+\s*: `), // Spring Boot
		regexp.MustCompile(`^[\[<(]?(?:DEBUG|INFO|NOTICE|LOG|WARN(?:ING)?|ERROR|ERR|FATAL|CRIT(?:ICAL)?|PANIC|SEVERE)[\]>)]?(?:\s*[:|-]\s*|\s+)`),
		regexp.MustCompile(`^(?:[\[<(](?i:debug|info|notice|warn(?:ing)?|error|err|fatal|crit(?:ical)?|panic|severe)[\]>)]:?\s*|` +
			`(?i:debug|info|notice|warn(?:ing)?|error|err|fail|fatal|crit(?:ical)?|panic|severe): )`),
		regexp.MustCompile(`^<\d+\.\d+\.\d+> `),                                                                     // a process of Erlang
		regexp.MustCompile(`^in [\w.]+: `),                                                                          // Flask
		regexp.MustCompile(`^\([\w./-]+\.\w{1,4}:\d+(?::\w+)?\)\s*`),                                                // (Handler.h:128:Store)
		regexp.MustCompile(`^\[?[\w./-]+\.(?:go|py|[cm]?[jt]sx?|java|rb|cs|cc|cpp|h|rs|php|scala|kt):\d+[\]:]*\s+`), // main.go:88:
		regexp.MustCompile(`^plugin/errors: \d+ `),                                                                  // CoreDNS
		regexp.MustCompile(`^(?:[a-zA-Z_][\w-]*\.)*[A-Za-z_][\w$]*(?:\[\d+\]:|\s+:|\s+-) `),                         // a logger
		regexp.MustCompile(`^(?:(?:Unhandled|Uncaught) (?:exception|error)[.:]? |Uncaught |Exception in thread "[^"]*" )`),
		regexp.MustCompile(`^- `),
	}
	// aside is what stands in brackets at the beginning: a thread, a request, a client. It is told only where it has words of trouble.
	aside = regexp.MustCompile(`^\[([^\]\n]{1,120})\]:?\s*`)
	// after is what follows what is wrong.
	after = regexp.MustCompile(`(?:\]? with root cause|\s+\((?:[a-z][\w-]*\.){2,}[A-Z][\w$]*\)|\s+(?:level|lvl|logger|thread|` +
		`trace_?[iI]d|span_?[iI]d|request_?[iI]d|caller)=\S+|` +
		`\s+\{"[^{}]*\}|\s*\(?https?://\S*(?:docs|aka\.ms|troubleshoot|redis\.io|github)\S*|` +
		`\s*(?:\bSee\b|For more|\bRefer to\b|\bRead more\b)[^.]*(?:\.|$)|\s+at [\w.$<>]+\([^)]*\))\s*$`)
	// nested begin what an error was caused by.
	nested = regexp.MustCompile(`(?:\s*-{2,}> ?|\bCaused by: |\bcaused by: |\bnested exception is |\bwith root cause:? |\(details: )`)
	// packageOf is the package in front of the name of an exception.
	packageOf = regexp.MustCompile(`\b(?:(?:[a-z_][\w-]*\.){2,}([A-Z]\w*)|(?:[A-Za-z_]\w*\.)+([A-Z]\w*(?:Error|Exception)))(:)`)
	// plainError are names that say no more than that it is an error.
	plainError = regexp.MustCompile(`^(?:(?:Error|Exception|RuntimeError|RuntimeException|ReplyError|ResponseError|OperationalError|` +
		`DatabaseError|InternalError|IllegalStateException|ServiceException|RpcException|StatusCode|panic): )+`)
	// explained is a code with what it means in brackets.
	explained = regexp.MustCompile(`^([A-Z][A-Z0-9]*_[A-Z0-9_]+) \((.{20,})\)$`)
	// newSentence is a full stop behind which another sentence begins.
	newSentence = regexp.MustCompile(`[.!] +[A-Z]`)
	// decides are the parts of a clause that tell whom or what it is about: a URL, a host with its port, a code, what stands in quotes.
	decides = regexp.MustCompile(`://|\b[a-zA-Z][\w-]*(?:\.[\w-]+)+:\d{2,5}\b|\b[A-Z][A-Z0-9]*_[A-Z0-9_]+\b|["'\x60][^"'\x60]{2,}["'\x60]`)
)

// Wraps says that a line names what its error was caused by.
func Wraps(line string) bool { return nested.MatchString(line) }

// Gist is what a line of a log says is wrong, without what it says before and after that.
func Gist(line string) string {
	said := strings.TrimSpace(line)
	for range 12 {
		shorter := withoutBefore(said)
		if shorter == said || !enoughLeft(shorter) {
			break
		}
		said = shorter
	}
	for range 4 {
		at := after.FindStringIndex(said)
		if at == nil || !enoughLeft(said[:at[0]]) {
			break
		}
		said = said[:at[0]]
	}
	return strings.TrimRight(said, " \t:;,-")
}

// leastLeft is how many letters of a line have to be left to say anything.
const leastLeft = 12

func enoughLeft(said string) bool {
	letters := 0
	for _, r := range said {
		if unicode.IsLetter(r) {
			letters++
		}
	}
	return letters >= leastLeft
}

func withoutBefore(said string) string {
	for _, piece := range before {
		if at := piece.FindStringIndex(said); at != nil {
			return said[at[1]:]
		}
	}
	if m := aside.FindStringSubmatch(said); m != nil && !troubleWords.MatchString(m[1]) {
		return said[len(m[0]):]
	}
	return said
}

// Short is the gist of a line in at most limit characters. It keeps the reason at the bottom of what is wrapped and the clauses that name
// an address, a code or something in quotes, and leaves out whole clauses before it cuts between words.
func Short(line string, limit int) string {
	said := strings.TrimSuffix(short(line, limit), ".")
	if strings.HasSuffix(said, ")") && !strings.Contains(said, "(") {
		said = strings.TrimSuffix(said, ")")
	}
	return said
}

func short(line string, limit int) string {
	said := strings.Join(strings.Fields(Gist(line)), " ")
	fits := func(text string) bool { return utf8.RuneCountInString(text) <= limit }
	if fits(said) {
		return said
	}
	if parts := nested.Split(said, -1); len(parts) > 1 {
		if last := Gist(parts[len(parts)-1]); enoughLeft(last) {
			said = last
		}
	}
	said = plainError.ReplaceAllString(packageOf.ReplaceAllString(said, "$1$2$3"), "")
	for !fits(said) {
		at := newSentence.FindAllStringIndex(said, -1)
		if at == nil {
			break
		}
		cut := said[:at[len(at)-1][0]]
		if !enoughLeft(cut) {
			break
		}
		said = cut
	}
	if fits(said) {
		return said
	}
	return betweenWords(clauses(said, fits), limit)
}

// clauses keeps the last ones and, of those before, the one that names whom or what. What doesn't fit even so is the last one, in full.
func clauses(said string, fits func(string) bool) string {
	parts := splitClauses(said)
	last := len(parts) - 1
	for last > 0 && !enoughLeft(strings.Join(parts[last:], ": ")) {
		last-- // "code 13" alone is no reason
	}
	if last == 1 && !troubleWords.MatchString(strings.Join(parts[last:], ": ")) && troubleWords.MatchString(parts[last-1]) {
		return said // it's a detail
	}
	var tries []string
	names := ""
	for from := 1; from <= last; from++ {
		reason := strings.Join(parts[from:], ": ")
		if names != "" && from > 1 {
			tries = append(tries, names+": "+reason)
		}
		if decides.MatchString(parts[from-1]) {
			names = parts[from-1]
			if from > 1 {
				continue // it's whole in the try before
			}
		}
		if names == "" || from == last {
			tries = append(tries, reason)
		}
	}
	if m := explained.FindStringSubmatch(parts[last]); m != nil { // a code, and in brackets what it means
		tries = append(tries, m[1]+": "+m[2])
		inner := splitClauses(m[2])
		for from := 1; from < len(inner); from++ {
			tries = append(tries, m[1]+": "+strings.Join(inner[from:], ": "), strings.Join(inner[from:], ": "))
		}
	}
	for _, said := range tries {
		if fits(said) {
			return said
		}
	}
	return strings.Join(parts[last:], ": ")
}

// splitClauses cuts a text at its colons, but for those inside of brackets: a command of MongoDB is one thing.
func splitClauses(said string) []string {
	var parts []string
	depth, begin := 0, 0
	for i := 0; i < len(said); i++ {
		switch said[i] {
		case '{', '(', '[':
			depth++
		case '}', ')', ']':
			depth = max(0, depth-1)
		case ':':
			if depth == 0 && strings.HasPrefix(said[i:], ": ") {
				parts = append(parts, said[begin:i])
				begin = i + len(": ")
			}
		}
	}
	return append(parts, said[begin:])
}

// betweenWords is the beginning and, a bit longer, the end of a text. What is cut is whole words; a word as long as the half of the room
// is cut inside.
func betweenWords(said string, limit int) string {
	const cut = " … "
	runes := []rune(said)
	if len(runes) <= limit {
		return said
	}
	room := max(limit-utf8.RuneCountInString(cut), 2)
	ends := len(runes) - room*3/5
	at := ends
	for at > 1 && ends-at < room/5 && runes[at-1] != ' ' {
		at--
	}
	for runes[at-1] != ' ' && at < len(runes)-1 && at-ends < room/2 { // a longer word is left out, too
		at++
	}
	if runes[at-1] == ' ' {
		ends = at
	}
	begins := room - (len(runes) - ends)
	for n := 0; n < room/2 && begins-n > 0; n++ {
		if runes[begins-n] == ' ' {
			begins -= n
			break
		}
	}
	return strings.TrimRight(string(runes[:begins]), " ,;:(") + cut + strings.TrimLeft(string(runes[ends:]), " ")
}
