package slackd

import (
	"regexp"
	"strings"
)

// typed finds what the composer turns into a token: links, addresses, @names, #channels.
var typed = regexp.MustCompile(`https?://[^\s<>|]+|[\w.+-]+@[\w-]+(?:\.[\w-]+)+|[@#][\p{L}\p{N}][\p{L}\p{N}._-]*`)

var control = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;")

// escape writes what a person typed as Slack sends it: & < > as entities and, with tokens, people as <@U…>, groups as
// <!subteam^S…|@handle>, channels as <#C…|name>, links as <https://…>. Names nobody has stay as typed. The caller holds mu.
func (s *Server) escape(text string, tokens bool) string {
	if !tokens {
		return control.Replace(text)
	}
	var out strings.Builder
	at := 0
	for _, span := range typed.FindAllStringIndex(text, -1) {
		out.WriteString(control.Replace(text[at:span[0]]))
		out.WriteString(s.token(text[span[0]:span[1]]))
		at = span[1]
	}
	out.WriteString(control.Replace(text[at:]))
	return out.String()
}

func (s *Server) token(word string) string {
	trimmed := strings.TrimRight(word[1:], ".-_")
	name, rest := strings.ToLower(trimmed), word[1+len(trimmed):]
	switch {
	case strings.HasPrefix(word, "http://"), strings.HasPrefix(word, "https://"):
		link := strings.TrimRight(word, ".,;:!?)")
		return "<" + control.Replace(link) + ">" + control.Replace(word[len(link):])
	case word[0] == '@':
		if token := s.mention(name); token != "" {
			return token + rest
		}
	case word[0] == '#':
		for _, id := range s.order {
			c := s.conversations[id]
			if c.name == name && c.private {
				return "<#" + c.id + "|>" + rest
			}
			if c.name == name {
				return "<#" + c.id + "|" + name + ">" + rest
			}
		}
	case strings.Contains(word, "@"):
		return "<mailto:" + word + "|" + word + ">"
	}
	return control.Replace(word)
}

func (s *Server) mention(name string) string {
	switch name {
	case "here", "channel", "everyone":
		return "<!" + name + ">"
	}
	for _, u := range s.users {
		if strings.EqualFold(u.Name, name) && !u.Deactivated {
			return "<@" + u.ID + ">"
		}
	}
	for _, g := range s.ws.Groups {
		if g.Handle == name {
			return "<!subteam^" + g.ID + "|@" + g.Handle + ">"
		}
	}
	return ""
}
