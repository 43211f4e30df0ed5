package facts

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Listening is a port on which a program says that it listens.
type Listening struct {
	Port int
	Self bool   // on the pod's own loopback alone: nobody else gets there
	Says string // the line, redacted
}

var (
	// listens are the words of servers that have begun to listen, with the address or the port behind them.
	listens = regexp.MustCompile(
		`(?i)\b(?:listening|listens|running|serving|started|available|bound|accepting connections|ready)\b[^|]{0,40}?(?:` +
			`(?:https?|tcp|grpc)://(\[[0-9a-f:]*\]|[\w.*-]*):(\d{2,5})|\bports?(?:\(s\))?[:= ]+(\d{2,5})|\b(?:on|at):? +(\d{2,5})|` +
			`(?:^|[\s"'=@(])(\[[0-9a-f:]*\]|0\.0\.0\.0|127\.0\.0\.1|localhost|\*)?:(\d{2,5}))(?:$|[\s/"',;)\]!]|\.\s|\.$)`,
	)
	// onTheSide are ports that no client of the service asks.
	onTheSide = regexp.MustCompile(`(?i)metric|admin|debug|health|pprof|prometheus|probe|management|inspector|actuator|jmx|internal|` +
		`websocket|gossip|` +
		`cluster bus|upstream|connect(?:ed|ing) to|proxy(?:ing)? to|dial|hot.?reload|hmr`)
)

// begins are parts of the words that listens looks for: most lines have none of them, and looking for these is cheap.
var begins = []string{"isten", "unning", "erving", "tarted", "vailable", "ound", "ccepting", "eady", "ISTEN", "UNNING", "TARTED", "EADY"}

func hasAny(text string, parts []string) bool {
	return slices.ContainsFunc(parts, func(part string) bool { return strings.Contains(text, part) })
}

// Listens are the ports on which a program says that it listens for its clients, each once; ports for metrics and such are left out.
func (v *Log) Listens() []Listening {
	if v == nil {
		return nil
	}
	return v.listening
}

// noteListening reads the port out of a line of a server that has begun to listen.
func (v *Log) noteListening(e logEntry) {
	if e.severity >= severityError || !hasAny(e.text, begins) || onTheSide.MatchString(e.text) {
		return
	}
	m := listens.FindStringSubmatch(e.text)
	if m == nil {
		return
	}
	port, err := strconv.Atoi(firstOf([]string{m[2], m[3], m[4], m[6]}))
	known := func(l Listening) bool { return l.Port == port }
	if err != nil || port == 0 || port > 65535 || slices.ContainsFunc(v.listening, known) {
		return
	}
	host := firstOf([]string{m[1], m[5]})
	self := host == "127.0.0.1" || host == "localhost" || host == "[::1]"
	v.listening = append(v.listening, Listening{Port: port, Self: self, Says: e.text})
}
