package podspec

import (
	"regexp"
	"strings"
)

// quotedCommand is what stands in front of a whole command that a message quotes: exec: "mysql -psecret": executable file not found (runc),
// exec lifecycle hook ([mysql -psecret]) failed (kubelet), command "mysql -psecret" timed out (CRI), probe errored, command '…' exited
// with 1. Where the message was put into another, backslashes stand before the mark.
var quotedCommand = regexp.MustCompile(`\b(?:exec:? \\*"|lifecycle hook \(\[|command:? (?:\\*["']|\[))`)

// What stands behind a command that ends with a mark which its arguments may hold as well: [ -f x ], echo 'a'. The kubelet escapes neither.
const follows = ` (?:exited|timed out|terminated|failed|returned|requires|is|was|not|in container)\b|: |[,.;)]*\s*$`

var (
	afterHook = regexp.MustCompile(`\]\)(?: for Container\b|` + follows + `)`)
	afterOne  = regexp.MustCompile(`'(?:` + follows + `)`)
	afterAll  = regexp.MustCompile(`\](?:` + follows + `)`)
)

// OnlyExecutables leaves of every command that a message of a runtime or a kubelet quotes whole the program alone. Its arguments are none
// of the reader's business: where a command's end can't be told, what follows is left out.
func OnlyExecutables(text string) string {
	if !strings.Contains(text, "exec") && !strings.Contains(text, "hook") && !strings.Contains(text, "command") {
		return text
	}
	var out strings.Builder
	for {
		at := quotedCommand.FindStringIndex(text)
		if at == nil {
			out.WriteString(text)
			return out.String()
		}
		opening, inside := text[at[0]:at[1]], text[at[1]:]
		command, closed := commandIn(opening, inside)
		out.WriteString(text[:at[1]])
		out.WriteString(onlyProgram(command))
		text = inside[len(command):]
		if !closed {
			out.WriteString(closingOf(opening))
		}
	}
}

// onlyProgram is a command without its arguments.
func onlyProgram(command string) string {
	program, _, more := strings.Cut(strings.ReplaceAll(strings.ReplaceAll(command, "\n", " "), "\t", " "), " ")
	switch {
	case !more:
		return command
	case !IsPath(program): // a variable in front of it, or a script
		return "…"
	}
	return program + " …"
}

// commandIn is the command that begins behind an opening; closed says that its end was found.
func commandIn(opening, inside string) (command string, closed bool) {
	mark := opening[len(opening)-1]
	first, _, _ := strings.Cut(inside, " ")
	switch alone := strings.IndexByte(first, closingOf(opening)[0]); {
	case alone >= 0 && mark != '"':
		return inside[:alone], true
	case strings.HasSuffix(opening, "(["):
		return before(inside, afterHook)
	case mark == '[':
		return before(inside, afterAll)
	case mark == '\'':
		return before(inside, afterOne)
	default:
		depth := strings.Count(opening, `\`)
		for at := 0; ; at++ {
			next := strings.IndexByte(inside[at:], '"')
			if next < 0 {
				break
			}
			at += next
			escapes := len(inside[:at]) - len(strings.TrimRight(inside[:at], `\`))
			if escapes <= depth { // what is escaped deeper is a mark in the command
				return inside[:at-escapes], true
			}
		}
	}
	return inside, false
}

// before is what comes before an end.
func before(inside string, end *regexp.Regexp) (command string, closed bool) {
	if at := end.FindStringIndex(inside); at != nil {
		return inside[:at[0]], true
	}
	return inside, false
}

// closingOf closes what an opening opened.
func closingOf(opening string) string {
	switch {
	case strings.HasSuffix(opening, "(["):
		return "])"
	case strings.HasSuffix(opening, "["):
		return "]"
	}
	return opening[len(opening)-1:]
}
