package grammar

import (
	"errors"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/3astronautas/algesta/words"
)

// word is a piece of a command. What stood in quotes is never an option or a filler word.
type word struct {
	text   string
	quoted bool
}

// bare is the word without what people and Slack put around names: commas, code and bold marks, and accents.
func (w word) bare() string {
	if w.quoted {
		return w.text
	}
	return words.Unaccented(strings.TrimRight(strings.Trim(w.text, "`*,;¿¡"), ",;"))
}

// shortcode is how Slack writes an emoji: :pray:, :+1:, :wave::skin-tone-2:.
var shortcode = regexp.MustCompile(`^(:[a-z0-9_+'-]+:)+$`)

// isPicture reports whether a word is only emoji.
func isPicture(s string) bool {
	if shortcode.MatchString(s) {
		return true
	}
	return s != "" && strings.IndexFunc(s, func(r rune) bool {
		return r < utf8.RuneSelf || !unicode.In(r, unicode.So, unicode.Sk, unicode.Mn)
	}) < 0
}

// polite are words that ask nicely and say nothing else.
var polite = []string{"please", "pls", "plz", "porfa", "thanks", "thx", "gracias"}

// polished drops what says nothing from a command: emoji, "please" at either end, and the punctuation that ends a sentence,
// which phones add on their own.
func polished(typed []word) []word {
	out := slices.DeleteFunc(slices.Clone(typed), func(w word) bool { return !w.quoted && isPicture(w.text) })
	says := func(w word) string {
		if w.quoted {
			return ""
		}
		return joined([]word{w})
	}
	nicely := func(w ...word) bool {
		return len(w) == 1 && slices.Contains(polite, says(w[0])) || len(w) == 2 && says(w[0]) == "por" && says(w[1]) == "favor"
	}
	for n := 1; n <= min(2, len(out)); n++ {
		for len(out) >= n && nicely(out[:n]...) {
			out = out[n:]
		}
		for len(out) >= n && nicely(out[len(out)-n:]...) {
			out = out[:len(out)-n]
		}
	}
	if len(out) > 1 && !out[len(out)-1].quoted {
		last := &out[len(out)-1]
		if text := strings.TrimRight(last.text, ".!?…"); text != "" {
			last.text = text
		} else if last.text != "?" {
			out = out[:len(out)-1]
		}
	}
	return out
}

// entity is what Slack makes of mentions, channels and links: <@U0DANA|dana>, <#C0OPS|ops>, <!here>, <https://…|…>.
var entity = regexp.MustCompile(`<([@#!]|https?://|mailto:|tel:)([^<>|]*)(?:\|([^<>]*))?>`)

// entities are the three characters that Slack escapes in text, decoded once and at the same time.
var entities = strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">")

// tidy repairs what phones and Slack do to text, so that a command means what its typist saw.
func tidy(text string) string {
	text = strings.ToValidUTF8(text, "")
	text = entity.ReplaceAllStringFunc(text, unwrap)
	return dashes(strings.Map(plainRune, entities.Replace(text)))
}

// mentions are the people in a text, as Slack sends them: their IDs by what unwrap makes of them. Two people who are shown by one name are
// nobody: it couldn't be told who was meant.
func mentions(text string) map[string]string {
	var out map[string]string
	for _, m := range entity.FindAllStringSubmatch(strings.ToValidUTF8(text, ""), -1) {
		if m[1] != "@" {
			continue
		}
		if out == nil {
			out = map[string]string{}
		}
		shown := dashes(strings.Map(plainRune, entities.Replace(unwrap(m[0]))))
		if other, twice := out[shown]; twice && other != m[2] {
			out[shown] = "@"
			continue
		}
		out[shown] = m[2]
	}
	return out
}

// unwrap is the text that people see for an entity. A mention keeps its sign, so that it can be told from a name.
func unwrap(token string) string {
	m := entity.FindStringSubmatch(token)
	kind, id, label := m[1], m[2], m[3]
	shown := strings.Map(func(r rune) rune {
		if unicode.IsSpace(r) || strings.ContainsRune("\"'`", r) {
			return '_'
		}
		return r
	}, label)
	switch {
	case kind == "!":
		if shown == "" {
			shown, _, _ = strings.Cut(id, "^")
		}
		return "@" + strings.TrimPrefix(shown, "@")
	case shown == "" && (kind == "@" || kind == "#"):
		return kind + id
	case kind == "@" || kind == "#":
		return kind + strings.TrimLeft(shown, kind)
	case shown != "":
		return shown
	case kind == "mailto:" || kind == "tel:":
		return id
	}
	return kind + id
}

// plainRune maps typographic characters to those that a keyboard has; -1 drops the invisible ones.
func plainRune(r rune) rune {
	switch r {
	case '“', '”', '„', '‟', '«', '»', '″', '＂':
		return '"'
	case '‘', '’', '‚', '‛', '′', '´', '＇':
		return '\''
	case '‐', '‑', '−', '﹣', '－': // hyphens and the minus sign
		return '-'
	case '＝':
		return '='
	case '／':
		return '/'
	case '？', '؟':
		return '?'
	}
	switch {
	case unicode.IsSpace(r):
		return ' '
	case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // Cf: zero-width and direction marks
		return -1
	}
	return r
}

// dashes turns the long dashes that phones make of "--" back: two at the beginning of a word, one inside it.
func dashes(text string) string {
	var b strings.Builder
	start := true
	for _, r := range text {
		switch {
		case r != '—' && r != '–' && r != '―':
			b.WriteRune(r)
		case start:
			b.WriteString("--")
		default:
			b.WriteByte('-')
		}
		start = r == ' '
	}
	return b.String()
}

var errOpenQuote = errors.New("a quote is not closed")

// split cuts text into words as a shell does, with two differences that chat needs and shlex does not have: an
// apostrophe inside a word is a letter ("it's"), and # begins no comment. In double quotes a backslash keeps the next
// quote or backslash.
func split(text string) ([]word, error) {
	var (
		words   []word
		now     strings.Builder
		in      bool // inside a word
		quoted  bool // the word began with a quote
		closing rune // the quote that is open
		escaped bool
	)
	end := func() {
		if in {
			words = append(words, word{text: now.String(), quoted: quoted})
		}
		now.Reset()
		in, quoted = false, false
	}
	runes := []rune(strings.TrimRight(text, " …"))
	for i, r := range runes {
		begins := !in || i > 0 && runes[i-1] == '='
		switch {
		case escaped:
			now.WriteRune(r)
			escaped = false
		case closing == '"' && r == '\\' && i+1 < len(runes) && (runes[i+1] == '"' || runes[i+1] == '\\'):
			escaped = true
		case r == closing && closing != 0:
			closing = 0
		case closing != 0:
			now.WriteRune(r)
		case r == '"' || r == '\'' && begins:
			quoted = quoted || !in
			closing, in = r, true
		case r == ' ':
			end()
		default:
			now.WriteRune(r)
			in = true
		}
	}
	if closing != 0 {
		return nil, errOpenQuote
	}
	end()
	return words, nil
}
