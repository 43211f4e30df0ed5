package runbooks

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/rollout"
	wordsof "github.com/3astronautas/algesta/words"
)

// logLine is a line of a log, clean and without secrets. Its time is zero where it isn't known.
type logLine struct {
	text string
	at   time.Time
}

// notTheProgram is what a kubelet writes into its answer, with the status 200, where it no longer has the log (kubernetes
// pkg/kubelet/kuberuntime/logs).
var notTheProgram = regexp.MustCompile(
	`^(?:unable to retrieve container logs for [a-z-]+://|failed to try resolving symlinks in path "/var/log/)`,
)

// cleanLines takes the times off the lines, and secrets out of them. It reads the lines together, because a key has several. lost says
// that the node no longer has the log.
func cleanLines(raw []string, hide func(string) string) (lines []logLine, lost bool) {
	var texts []string
	var times []time.Time
	for _, line := range raw {
		stamp, text, _ := strings.Cut(line, " ")
		at, err := time.Parse(time.RFC3339Nano, stamp)
		if err != nil {
			text = line
		}
		if err != nil && notTheProgram.MatchString(line) {
			lost = true
			continue
		}
		texts, times = append(texts, strings.ReplaceAll(text, "\n", " ")), append(times, at)
	}
	if len(texts) == 0 {
		return nil, lost
	}
	clean := strings.Split(hide(strings.Join(texts, "\n")), "\n")
	for i, text := range clean {
		line := logLine{text: strings.TrimRight(text, " \t")}
		if len(clean) == len(times) { // else several lines are one now, and nobody knows which
			line.at = times[i]
		}
		lines = append(lines, line)
	}
	return lines, lost
}

// said is one thing that a program said: a line, with the stack trace under it, and how often it said so.
type said struct {
	lines []string
	count int
	last  time.Time
}

// foldLines makes one of what a program said several times, where it said it last. JSON is reduced to its level and its words, and cleaned
// again: what it escaped was not to be seen before.
func foldLines(lines []logLine, hide func(string) string) []said {
	var all []said
	for _, line := range lines {
		switch {
		case strings.TrimSpace(line.text) == "":
		case len(all) > 0 && facts.Continues(line.text):
			all[len(all)-1].lines = append(all[len(all)-1].lines, line.text)
		default:
			text := facts.Reduced(line.text)
			if strings.HasPrefix(line.text, "{") && text != line.text {
				text = strings.ReplaceAll(hide(text), "\n", " ")
			}
			all = append(all, said{lines: []string{text}, count: 1, last: line.at})
		}
	}
	seen := map[string]int{}
	var out []said
	for _, s := range slices.Backward(all) {
		key := strings.Join(s.lines, "\n")
		if i, again := seen[key]; again {
			out[i].count++
			continue
		}
		seen[key] = len(out)
		out = append(out, s)
	}
	slices.Reverse(out)
	return out
}

// The bounds of what is shown of one entry.
const (
	lineBytes  = 300
	traceLines = 6
)

func (s said) contains(text string) bool {
	return slices.ContainsFunc(s.lines, func(line string) bool { return strings.Contains(strings.ToLower(line), strings.ToLower(text)) })
}

// number is how many lines of the log it covers.
func (s said) number() int { return s.count * len(s.lines) }

// shown are the lines that people see.
func (s said) shown(now time.Time) []string {
	var out []string
	for i, line := range s.lines {
		if i == traceLines {
			out = append(out, fmt.Sprintf("    … %s", count(len(s.lines)-i, "more line")))
			break
		}
		line = redact.Cut(strings.ReplaceAll(line, "\t", "    "), lineBytes)
		if i == 0 {
			line += s.again(now)
		}
		out = append(out, line)
	}
	return out
}

// again says how often it was said, "" where it was once.
func (s said) again(now time.Time) string {
	switch {
	case s.count == 1:
		return ""
	case s.last.IsZero():
		return fmt.Sprintf("  ×%d", s.count)
	}
	return fmt.Sprintf("  ×%d, last %s ago", s.count, span(now.Sub(s.last)))
}

// clipped says that people see less of it than there is.
func (s said) clipped() bool {
	return len(s.lines) > traceLines || slices.ContainsFunc(s.lines, func(line string) bool { return len(line) > lineBytes })
}

// screen is the end of a log as far as it fits, and how many of its lines that covers. The last entry is always in it.
func screen(all []said, mostLines, mostBytes int, now time.Time) (text string, stands int) {
	var kept []string
	bytes := 0
	for _, s := range slices.Backward(all) {
		lines := s.shown(now)
		size := len(strings.Join(lines, "\n")) + 1
		if len(kept) > 0 && (len(kept)+len(lines) > mostLines || bytes+size > mostBytes) {
			break
		}
		slices.Reverse(lines)
		kept, bytes, stands = append(kept, lines...), bytes+size, stands+s.number()
	}
	slices.Reverse(kept)
	return strings.Join(kept, "\n"), stands
}

// maxLogFile bounds the file of an answer, below what Slack shows of one.
const maxLogFile = 768 << 10

// whole is the log as a file has it: every line to its end, and every stack trace. The oldest are left out of what is longer than maxBytes,
// which its first line says.
func whole(all []said, maxBytes int, now time.Time) string {
	var kept []string
	bytes, left := 0, 0
	for i, s := range slices.Backward(all) {
		lines := slices.Clone(s.lines)
		lines[0] += s.again(now)
		text := strings.Join(lines, "\n") + "\n"
		if bytes += len(text); bytes > maxBytes {
			for _, older := range all[:i+1] {
				left += older.number()
			}
			break
		}
		kept = append(kept, text)
	}
	if left > 0 {
		kept = append(kept, fmt.Sprintf("… %s\n", count(left, "earlier line")))
	}
	slices.Reverse(kept)
	return strings.Join(kept, "")
}

// logFile is all that was read for an answer, where the answer doesn't show all of it; nil where it does.
func logFile(parts []*logPart, in Input) *algesta.File {
	var text strings.Builder
	longer := false
	for _, p := range parts {
		longer = longer || p.longer
		if len(p.found) > 0 {
			fmt.Fprintf(&text, "%s:\n%s\n", p.head, whole(p.found, maxLogFile/len(parts), in.Command.At))
		}
	}
	if !longer {
		return nil
	}
	t := in.Command.Target
	name := strings.Join(strings.Fields(strings.ReplaceAll(orElse(t.Service, t.Object)+" "+orElse(t.Environment, t.Namespace), "/", " ")), "-")
	return &algesta.File{Name: logsName + "-" + name, Text: text.String()}
}

// logReport is the answer: whose log it is, then each log with how its instance ended.
func logReport(first *corev1.Pod, parts []*logPart, ask logAsk, in Input) algesta.Report {
	report := algesta.Report{Tone: algesta.Good, Title: algesta.Say("{}: the log of {}", logSubject(in), algesta.Name(first.Name))}
	state := rollout.StateOf(first)
	if strings.HasPrefix(in.Command.Target.Object, "pod/") {
		report.Title = algesta.Say("{}: its log", logSubject(in))
	}
	if state.Word != "ready" {
		report.Tone = algesta.Warning
		report.Title = algesta.Say("{} ({})", report.Title, state.Word)
	}
	read := 0
	for _, p := range parts {
		if p.none == nil {
			read++
		}
	}
	if ask.previous && read == 0 {
		report.Title = algesta.Say("{}: no earlier instance of {}", logSubject(in), algesta.Name(first.Name))
		if strings.HasPrefix(in.Command.Target.Object, "pod/") {
			report.Title = algesta.Say("{} has no earlier instance", logSubject(in))
		}
		if report.Tone == algesta.Good {
			report.Tone = algesta.Neutral
		}
	}
	lines, bytes := screenLines, screenBytes
	if tailArg.Given(in) {
		lines = int(min(ask.tail, screenBytes)) // as many as fit
	}
	if read > 1 {
		lines, bytes = max(leastLines, lines/read), max(leastBytes, bytes/read)
	}
	for _, p := range parts {
		report.Body = append(report.Body, p.blocks(ask, lines, bytes, in)...)
	}
	report.File = logFile(parts, in)
	if names := containerNames(first); len(names) > 1 && ask.container == "" && !ask.containers {
		report.Body = append(report.Body, algesta.Block{Text: algesta.Say(
			"{} has {}: {}. {} reads another.", algesta.Name(first.Name), count(len(names), "container"), wordsof.Few(names, mostNames),
			logCommand(in, "container=<name>"),
		)})
	}
	return report
}

// blocks are one log as people see it.
func (p *logPart) blocks(ask logAsk, mostLines, mostBytes int, in Input) []algesta.Block {
	text := func(format string, args ...any) algesta.Block {
		return algesta.Block{Text: algesta.Say(format, args...)}
	}
	switch {
	case p.none != nil:
		return []algesta.Block{{Text: p.none}}
	case errors.Is(p.err, algesta.ErrNotFound):
		return append([]algesta.Block{text("{}: the node has no log of it.", p.head)}, p.lastWords()...)
	case p.err != nil:
		return []algesta.Block{text("{}: I couldn't check. {}", p.head, sentenceOf(p.err, "I couldn't read its log."))}
	}
	all := foldLines(p.lines, p.hide)
	matching := all
	if ask.grep != "" {
		matching = slices.DeleteFunc(slices.Clone(all), func(s said) bool { return !s.contains(ask.grep) })
	}
	total, found := 0, 0
	for _, s := range all {
		total += s.number()
	}
	for _, s := range matching {
		found += s.number()
	}
	pre, stands := screen(matching, mostLines, mostBytes, in.Command.At)
	p.found, p.longer = matching, stands < found || slices.ContainsFunc(matching, said.clipped)
	head := text("{}:", p.head)
	if pre == "" {
		return p.nothing(ask, total)
	}
	out := []algesta.Block{head, {Pre: pre}}
	switch {
	case ask.grep != "" && stands < found:
		out = append(out, text("Last {} of {} that contain {}, of {} read.", stands, count(found, "line"), wordsof.Cited(quote(ask.grep)), total))
	case ask.grep != "":
		out = append(out, text(
			"{} of {} {} {}.", found, count(total, "line"), wordsof.Verb(found, "contains", "contain"), wordsof.Cited(quote(ask.grep)),
		))
	case stands < total:
		out = append(out, text("Last {} of {} read. grep=<text> or since=10m finds others.", stands, count(total, "line")))
	}
	if p.cut {
		out = append(
			out,
			text("The log is longer than I read at a time, so the newest lines may be missing. Ask for fewer: {}", logCommand(in, "tail=20")),
		)
	}
	return out
}

// nothing says that there are no lines, and why.
func (p *logPart) nothing(ask logAsk, total int) []algesta.Block {
	why := algesta.Say("{}: it has written nothing.", p.head)
	switch {
	case p.lost:
		why = algesta.Say("{}: the node no longer has its log.", p.head)
	case p.cut:
		why = algesta.Say("{}: its last line is longer than I read.", p.head)
	case ask.grep != "" && total > 0:
		why = algesta.Say("{}: none of the last {} contains {}.", p.head, count(total, "line"), wordsof.Cited(quote(ask.grep)))
	case ask.since > 0:
		why = algesta.Say("{}: it has written nothing in the last {}.", p.head, span(ask.since))
	}
	return append([]algesta.Block{{Text: why}}, p.lastWords()...)
}

// lastWords is what an instance left as the message of its end, where its log is gone or empty.
func (p *logPart) lastWords() []algesta.Block {
	if p.ended == nil || strings.TrimSpace(p.ended.Message) == "" {
		return nil
	}
	lines, _ := cleanLines(strings.Split(p.ended.Message, "\n"), p.hide)
	pre, _ := screen(foldLines(lines, p.hide), screenLines, screenBytes, time.Time{})
	return []algesta.Block{{Text: algesta.Say("{}", "What it left as the message of its end:")}, {Pre: pre}}
}
