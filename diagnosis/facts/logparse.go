package facts

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/3astronautas/algesta/words"
)

// severity is how bad a line says it is. Lines that say nothing are severityUnknown, above information: a program that
// prints plain text prints its error so too.
type severity int

const (
	severityDebug severity = iota
	severityInfo
	severityUnknown
	severityWarning
	severityError
	severityFatal
)

// diskAlarm is how RabbitMQ says that it blocks everyone who publishes, until there is disk space again (rabbit_disk_monitor.erl).
const diskAlarm = `[Ff]ree disk space is insufficient|disk resource limit alarm set`

// logEntry is one thing a program said: a line, with the stack trace that belongs to it left out.
type logEntry struct {
	text     string
	severity severity
	at       time.Time // zero where the line tells none
}

var (
	rfcTime     = regexp.MustCompile(`^\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z| ?[+-]\d\d:?\d\d)?\]?\s*`)
	klogLine    = regexp.MustCompile(`^([IWEF])\d{4} \d\d:\d\d:\d\d\.\d+\s+\d+ [^\]]+\] `)
	logfmtLevel = regexp.MustCompile(`\b(?:level|lvl|severity)="?([a-zA-Z]+)`)
	logfmtText  = regexp.MustCompile(`\b(?:msg|message|error|err)=("(?:[^"\\]|\\.)*"|\S+)`)
	levelInside = regexp.MustCompile(`\[(?:\d\d:\d\d:\d\d )?(?i:(dbg|inf|wrn|ftl|debug|info|notice|note|system|warn|warning|error|` +
		`err|crit|critical|alert|emerg|emergency|fatal|panic))\]`)
	// redisLine is how Redis, Valkey and their Sentinel begin a line: who says it, when, and a sign for how bad it is.
	redisLine = regexp.MustCompile(`^\d+:[XCSM] \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d\.\d+ ([.*#-]) `)
	levelWord = regexp.MustCompile(`^\W*(?i:(trace|debug|info|notice|warn|warning|error|err|fatal|critical|panic|severe|trce|dbug|fail|` +
		`crit))\b`)
	stackLine = regexp.MustCompile(
		`^(?:\s+\S|at |File "|goroutine \d|created by |\.\.\. \d+ more|Traceback |-{3,}|\^|\}|\)|node:internal|Node\.js v\d)`,
	)
	attempt = regexp.MustCompile(
		`^\s+\S.*(?:dial error|connection refused|no such host|timed out|FATAL:|must specify |must set )`,
	) // indented, and what matters all the same
	raisedLine = regexp.MustCompile(`^[A-Za-z_][\w.]*(?:: |$)`)
	causedBy   = regexp.MustCompile(`^\s*Caused by: `)
	// A "0 errors" and a "failover ok" are no errors.
	errorWords = regexp.MustCompile(
		`(?i)\b(?:[1-9]\d* errors?|error|exception|failed|failure|fatal|panic|refused|denied|cannot|could not|unable ` +
			`to|unhandled|uncaught|[A-Za-z]+(?:Error|Exception))\b`,
	)
	// What starts a program says that it ended, and never why.
	wrapperWords = regexp.MustCompile(
		`(?i)^(?:npm (?:ERR!|error|warn|notice)|error Command failed with exit code|info Visit https|\s*ELIFECYCLE|error: script "[^"]*" ` +
			`exited|make(?:\[\d+\])?: \*\*\*)|Worker \(pid:\s*\d+\) exited|Worker failed to boot|Shutting down: Master|Exception in worker ` +
			`process|SpringApplication\s+: Application run failed|^Traceback|ended with code|did not exit normally|exited with code \d+$|` +
			`aborting after fassert|^Fatal assertion$|\] Aborting$|Operating system error number \d+ in a file operation|` +
			`(?i:\b(?:initiali[sz]ation|start-?up|bootstrap) failed\.?$)|(?i:failed to initialize (?:\w+ ){0,3}engine\.?$)|` +
			`^\W*(?i:aborting|exiting|shutting down|terminated|bye)\W*$`,
	)
	harmlessWords = regexp.MustCompile(`(?i)\b(?:0|no|without|zero) (?:errors?|failures?|exceptions?)\b|\berrors?[=:] ?0\b|\bfailed[=:] ?0\b`)
	fatalWords    = regexp.MustCompile(
		`(?i)^(?:fatal|panic)\b|FATAL ERROR|\bpanic:|unhandled ?(?:promise ?)?rejection|(?:uncaught|unhandled) ?exception`,
	)
	// alarms are said as information by what stops working for them.
	alarms       = regexp.MustCompile(diskAlarm + `|memory resource limit alarm set`)
	troubleWords = regexp.MustCompile(
		`(?i)error|exception|fail|refused|denied|timeout|timed out|unable|cannot|missing|required|invalid|unauthori[sz]ed|(?-i:\bE[A-Z]{4,}\b)`,
	)
)

// parseLog cuts clean text into entries: JSON (pino, bunyan, zap, …), logfmt, klog and plain lines, with stack traces
// joined to the line before them.
func parseLog(clean string) []logEntry {
	lines := strings.Split(clean, "\n")
	if len(lines) > MaxLogLines {
		lines = lines[len(lines)-MaxLogLines:]
	}
	var entries []logEntry
	tracing := false // inside of a traceback of Python, whose last line is the error, whatever its name
	for _, line := range lines {
		line = cutLine(strings.TrimRight(line, " \t"))
		if line == "" {
			continue
		}
		tracing = tracing || strings.Contains(line, "Traceback (most recent call last)")
		if causedBy.MatchString(line) {
			entries = append(entries, logEntry{text: strings.TrimSpace(line), severity: severityError})
			continue
		}
		if len(entries) > 0 && strings.HasPrefix(line, "      ") && dotnetHead.MatchString(entries[len(entries)-1].text) {
			entries[len(entries)-1].text += ": " + words.ClipMiddle(strings.TrimSpace(line), maxLineBytes/4)
			continue
		}
		if len(entries) > 0 && stackLine.MatchString(line) && !strings.HasPrefix(strings.TrimSpace(line), "---> ") && !attempt.MatchString(line) {
			continue
		}
		if inner, ok := strings.CutPrefix(strings.TrimSpace(line), "---> "); ok && len(entries) > 0 { // .NET's inner exceptions
			entries[len(entries)-1].text = words.ClipMiddle(entries[len(entries)-1].text+" ---> "+inner, maxLineBytes/4)
			continue
		}
		if detail := continued(entries, line); detail != "" {
			entries[len(entries)-1].text += detail
			continue
		}
		if entry := parseLine(strings.TrimSpace(line)); entry.text != "" {
			entry.at = timeOf(line)
			if len(entries) > 0 && entries[len(entries)-1].text == "Description:" { // Spring Boot says here why it did not start
				entry.severity = severityFatal
			}
			if tracing && raisedLine.MatchString(entry.text) {
				entry.severity, tracing = max(entry.severity, severityError), false
			}
			entries = append(entries, entry)
		}
	}
	return entries
}

func cutLine(line string) string {
	if len(line) <= maxLineBytes {
		return line
	}
	cut := maxLineBytes
	for cut > 0 && !utf8.RuneStart(line[cut]) {
		cut--
	}
	return line[:cut]
}

func parseLine(line string) logEntry {
	entry := parseFormat(line)
	if entry.severity > severityUnknown && entry.severity < severityFatal && ofClients.MatchString(entry.text) {
		entry.severity = severityInfo
	}
	mayAlarm := strings.Contains(entry.text, "isk ") || strings.Contains(entry.text, "alarm")
	if entry.severity == severityInfo && mayAlarm && alarms.MatchString(entry.text) {
		entry.severity = severityWarning
	}
	if entry.severity > severityUnknown && wrapperWords.MatchString(entry.text) {
		entry.severity = severityUnknown
	}
	return entry
}

func parseFormat(line string) logEntry {
	line = withoutTime(line) // kubectl's own timestamps stand before JSON, too
	if strings.HasPrefix(line, "{") {
		if entry, ok := parseJSON(line); ok {
			return entry
		}
	}
	if m := klogLine.FindStringSubmatch(line); m != nil {
		level := map[string]severity{"I": severityInfo, "W": severityWarning, "E": severityError, "F": severityFatal}[m[1]]
		return logEntry{text: line[len(m[0]):], severity: level}
	}
	if entry, ok := parseRedis(line); ok {
		return entry
	}
	if level := levelOf(line); level != "" {
		if entry, ok := parseLogfmt(line, level); ok {
			return entry
		}
	}
	if m := levelWord.FindStringSubmatch(line); m != nil {
		return logEntry{text: line, severity: max(severityOf(m[1]), plainSeverity(line)-1)}
	}
	if level := bracketed(line); level != "" {
		return logEntry{text: line, severity: max(severityOf(level), plainSeverity(line)-1)}
	}
	return logEntry{text: line, severity: plainSeverity(line)}
}

// parseRedis reads a line of Redis and its like; ok is false of any other.
func parseRedis(line string) (entry logEntry, ok bool) {
	if line == "" || !isDigit(line[0]) {
		return logEntry{}, false
	}
	m := redisLine.FindStringSubmatch(line[:min(len(line), levelReach)])
	if m == nil {
		return logEntry{}, false
	}
	level := map[string]severity{".": severityDebug, "-": severityDebug, "*": severityInfo, "#": severityWarning}[m[1]]
	if level == severityWarning { // it is the highest that there is
		level = max(level, plainSeverity(line))
	}
	return logEntry{text: line, severity: level}, true
}

// levelReach is how far into a line nginx, gunicorn and others write their level in brackets.
const levelReach = 80

func plainSeverity(line string) severity {
	switch {
	case !mayBeTrouble(line):
		return severityUnknown
	case fatalWords.MatchString(line):
		return severityFatal
	case errorWords.MatchString(line) && !harmlessWords.MatchString(line):
		return severityError
	}
	return severityUnknown
}

func severityOf(word string) severity {
	switch strings.ToLower(word) {
	case "trace", "debug", "trce", "dbug", "dbg":
		return severityDebug
	case "info", "inf", "notice", "information", "note", "system": // the last two are MySQL's
		return severityInfo
	case "warn", "warning", "wrn":
		return severityWarning
	case "error", "err", "severe", "fail":
		return severityError
	case "d": // mongod's letters
		return severityDebug
	case "i":
		return severityInfo
	case "w":
		return severityWarning
	case "e":
		return severityError
	case "f", "fatal", "critical", "panic", "emerg", "emergency", "alert", "dpanic", "crit", "ftl":
		return severityFatal
	}
	return severityUnknown
}

func parseLogfmt(line, level string) (logEntry, bool) {
	var parts []string
	for _, m := range logfmtText.FindAllStringSubmatch(line, 3) {
		value := strings.ReplaceAll(strings.Trim(m[1], `"`), `\"`, `"`)
		parts = append(parts, value)
	}
	if len(parts) == 0 {
		return logEntry{}, false
	}
	return logEntry{text: strings.Join(parts, ": "), severity: severityOf(level)}, true
}

// The fields in which loggers keep a level, their words, and what they called: pino, bunyan, zap, zerolog, slog, structlog, logback,
// Serilog, Microsoft.Extensions.Logging, ECS and tracing. They are compared in lower case.
var (
	levelFields = []string{"level", "severity", "lvl", "log.level", "loglevel", "levelname", "@l", "s"}
	wordFields  = []string{
		"msg",
		"message",
		"@m",
		"@mt",
		"event",
		"err",
		"error",
		"error.message",
		"exception",
		"@x",
		"exc_info",
		"stack_trace",
		"stacktrace",
		"error.stack_trace",
	}
	placeFields = []string{"endpoint", "addr", "address", "host", "server", "url", "uri", "target", "broker", "upstream"}
)

// levelNames are the levels as Reduced writes them.
var levelNames = map[severity]string{
	severityDebug: "debug ", severityInfo: "info ", severityWarning: "warn ", severityError: "error ", severityFatal: "fatal ",
}

// Reduced is a clean line of a log as people read it: of JSON its level and its words, of any other line all but the time it begins with.
func Reduced(line string) string {
	line = withoutTime(line)
	if !strings.HasPrefix(line, "{") {
		return line
	}
	entry, level, ok := jsonEntry(line)
	if !ok {
		return line
	}
	return levelNames[level] + entry.text
}

// Continues says that a line belongs to the one before it, as a line of a stack trace does.
func Continues(line string) bool { return stackLine.MatchString(line) || causedBy.MatchString(line) }

func parseJSON(line string) (logEntry, bool) {
	entry, _, ok := jsonEntry(line)
	return entry, ok
}

// jsonEntry reads a line of JSON. level is what it says itself, without what its words let one guess.
func jsonEntry(line string) (entry logEntry, level severity, ok bool) {
	var raw map[string]any
	if json.Unmarshal([]byte(line), &raw) != nil {
		return logEntry{}, severityUnknown, false
	}
	fields := make(map[string]any, len(raw))
	for _, key := range slices.Sorted(maps.Keys(raw)) {
		if inner, ok := raw[key].(map[string]any); ok && key == "fields" {
			for _, name := range slices.Sorted(maps.Keys(inner)) {
				fields[strings.ToLower(name)] = inner[name]
			}
			continue
		}
		fields[strings.ToLower(key)] = raw[key]
	}
	entry = logEntry{severity: severityUnknown}
	for _, key := range levelFields {
		switch level := fields[key].(type) {
		case string:
			entry.severity = severityOf(level)
		case float64: // pino: 10 trace, 20 debug, 30 info, 40 warn, 50 error, 60 fatal
			entry.severity = pinoSeverity(level)
		default:
			continue
		}
		break
	}
	level = entry.severity
	var parts []string
	for _, key := range wordFields {
		part := ""
		switch value := fields[key].(type) {
		case string:
			part = value
		case map[string]any:
			part = strings.TrimPrefix(fmt.Sprintf("%v: %v", orEmpty(value["type"], value["name"]), orEmpty(value["message"], value["msg"])), ": ")
		}
		part = firstLines(part)
		if part != "" && part != ":" && !strings.Contains(strings.Join(parts, ": "), part) {
			parts = append(parts, part)
		}
	}
	parts = append(parts, mongodSays(fields)...) // the reason comes last, as in other lines
	if len(parts) == 0 {
		return logEntry{}, level, false
	}
	entry.text = strings.Join(parts, ": ")
	if entry.severity == severityUnknown {
		entry.severity = plainSeverity(entry.text)
	}
	if place := placeOf(fields); place != "" && entry.severity >= severityWarning {
		if host, _ := addressIn(entry.text); host == "" {
			entry.text += " at " + place
		}
	}
	return entry, level, true
}

// mongodSays are the error and its place in the attributes of MongoDB's structured log (fields t, s, c, attr): msg says only of what
// part of the program.
func mongodSays(fields map[string]any) []string {
	attr, ok := fields["attr"].(map[string]any)
	if _, component := fields["c"].(string); !ok || !component {
		return nil
	}
	var parts []string
	for _, key := range []string{"error", "message", "reason", "errmsg"} {
		switch value := attr[key].(type) {
		case string:
			parts = append(parts, firstLines(value))
		case map[string]any:
			for _, inner := range []string{"msg", "errmsg", "error_str"} {
				if text, ok := value[inner].(string); ok && text != "" {
					if code, _ := value["codeName"].(string); code != "" && !strings.Contains(text, code) {
						text = code + ": " + text
					}
					parts = append(parts, firstLines(text))
				}
			}
		}
	}
	return parts
}

var hostAndPort = regexp.MustCompile(`(?:[a-zA-Z0-9][\w-]*(?:\.[\w-]+)*|\d{1,3}(?:\.\d{1,3}){3}):\d{2,5}\b|://`)

// placeOf is the address that a logger keeps in a field of its own.
func placeOf(fields map[string]any) string {
	for _, key := range placeFields {
		if value, ok := fields[key].(string); ok && hostAndPort.MatchString(value) && !strings.ContainsAny(value, " \n") {
			return value
		}
	}
	return ""
}

// firstLines are the lines of a message before its stack trace, three at most.
func firstLines(message string) string {
	var kept []string
	for line := range strings.SplitSeq(strings.TrimSpace(message), "\n") {
		if len(kept) == 3 || len(kept) > 0 && stackLine.MatchString(line) {
			break
		}
		if line = strings.TrimSpace(line); line != "" {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, ": ")
}

func orEmpty(values ...any) string {
	for _, v := range values {
		if text, ok := v.(string); ok && text != "" {
			return text
		}
	}
	return ""
}

func pinoSeverity(level float64) severity {
	switch {
	case level >= 60:
		return severityFatal
	case level >= 50:
		return severityError
	case level >= 40:
		return severityWarning
	case level >= 30:
		return severityInfo
	}
	return severityDebug
}
