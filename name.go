package algesta

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// Called is the actor's name as it may stand in a sentence of the bot's own. People choose their names, so one that isn't plainly a
// name is put in quotation marks, on one line and without what can't be seen: “Carla · approved by Pablo”. A message that Slack
// renders mentions people by ID instead (Person). Without a name it is the user's ID.
func (a Actor) Called() string {
	name := strings.Join(strings.FieldsFunc(a.Name, func(c rune) bool { return unicode.IsSpace(c) || unicode.IsControl(c) }), " ")
	name = strings.Join(strings.Fields(strings.Map(shown, name)), " ")
	switch {
	case name == "":
		return a.ID.User
	case ordinary(name):
		return name
	}
	return "“" + name + "”"
}

// By is the actor as whoever did something: mentioned by ID where Slack renders it, so that no name is read as a part of the
// sentence, and by name in a terminal. It notifies the person in a new message, and nobody in an edit.
func By(a Actor) Span { return Span{Kind: Person, ID: a.ID.User, Text: a.Called()} }

// shown leaves out what can't be seen (Unicode's format characters turn the direction of what follows, among others), and what
// would end the quotation or be markup.
func shown(c rune) rune {
	if unicode.Is(unicode.Cf, c) || unicode.Is(unicode.Co, c) || strings.ContainsRune("“”„‟\"<>*_~`\u115f\u1160\u3164\uffa0", c) {
		return -1
	}
	return c
}

// nameForm is letters and digits with what may be between those of a name: Mary-Jane O'Neil, J. R. Ortega, dana.ortega.
var nameForm = regexp.MustCompile(`^[\p{L}\p{N}][\p{L}\p{M}\p{N}]*(?:(?:\.? |[.'’-])[\p{L}\p{N}][\p{L}\p{M}\p{N}]*)*\.?$`)

// sentenceWords are the words with which the bot's sentences say who did what: a name that holds one could be read as a part of them.
var sentenceWords = []string{
	"and",
	"or",
	"by",
	"you",
	"nobody",
	"everybody",
	"yes",
	"no",
	"approve",
	"approved",
	"approves",
	"approval",
	"denied",
	"deny",
	"denies",
	"cancel",
	"cancelled",
	"canceled",
	"asked",
	"asks",
	"requested",
	"requests",
	"expires",
	"expired",
	"needs",
	"happened",
	"changed",
	"nothing",
}

// ordinary reports whether a name is plainly one: letters of one script without the words of a sentence.
func ordinary(name string) bool {
	if !nameForm.MatchString(name) {
		return false
	}
	for word := range strings.FieldsFuncSeq(strings.ToLower(name), func(c rune) bool { return !unicode.IsLetter(c) }) {
		if slices.Contains(sentenceWords, word) {
			return false
		}
	}
	return oneScript(name)
}

// oneScript reports whether all letters are of the alphabet of the first: "аnd" with a Cyrillic а isn't found among words. The
// letters of Unicode's compatibility blocks (ａｎｄ, 𝐚𝐧𝐝) look like others and belong to no name.
func oneScript(name string) bool {
	alphabets := []*unicode.RangeTable{unicode.Latin, unicode.Cyrillic, unicode.Greek}
	var first *unicode.RangeTable
	started := false
	for _, c := range name {
		if !unicode.IsLetter(c) {
			continue
		}
		if c >= 0xff00 && c <= 0xffef || c >= 0x1d400 && c <= 0x1d7ff || c >= 0x2100 && c <= 0x214f {
			return false
		}
		var of *unicode.RangeTable // nil for every other script: their letters look like no Latin ones
		for _, a := range alphabets {
			if unicode.Is(a, c) {
				of = a
			}
		}
		if !started {
			first, started = of, true
		}
		if of != first {
			return false
		}
	}
	return true
}
