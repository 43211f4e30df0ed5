package algesta

import "strings"

// Handle is what people call the bot, without any sign: "algesta". It comes from the configuration, and code that writes a command for
// people to type is handed it: no other part knows the word.
type Handle string

// Typed is a command as it's typed in a channel: "/algesta rollback api-gateway production". Empty words are left out, and without a
// handle there's only the command.
func (h Handle) Typed(words ...string) string {
	var out []string
	if h != "" {
		out = append(out, "/"+string(h))
	}
	for _, w := range words {
		if w != "" {
			out = append(out, w)
		}
	}
	return strings.Join(out, " ")
}

// Mentioned is a command as it's said in a thread: "@algesta logs api-gateway production".
func (h Handle) Mentioned(words ...string) string {
	return strings.Join(append([]string{"@" + string(h)}, words...), " ")
}

// Slash is the slash command: "/algesta".
func (h Handle) Slash() string { return "/" + string(h) }
