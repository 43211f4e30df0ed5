package redact

import (
	"math/bits"
	"strings"
)

// word is an argument of a command line, also as an element of a list of strings.
type word struct{ from, to int }

// commandLine is a line that is read as a command. Each program in it adds its flags to those that are looked for in what follows it,
// so that a line is read once, however many programs it names.
type commandLine struct {
	words    []word
	until    int    // where it ends
	next     int    // the word that is looked at next
	programs uint64 // those that were named so far
}

// at is the place of the word that a byte is in, or of the next one.
func (l *commandLine) at(at int) int {
	i := l.next
	for i < len(l.words) && l.words[i].to <= at {
		i++
	}
	return i
}

// command is called for each name of a program, in the order of the text. One that is hidden counts, too: its arguments may not be.
func (s *scan) command(at int) {
	if !begins(s.text, at) && !strings.HasPrefix(s.lower[at:], "my") {
		return
	}
	if at >= s.line.until {
		s.open(&s.line, at, s.itemsEnd(at, lineEnd(s.text, at)))
	}
	line := &s.line
	line.next = s.flagsUntil(line, at)
	if i := line.at(at); i < len(line.words) && at >= line.words[i].from && s.phrase(line.words[i]) { // mysql, in: sh -c "… mysql …"
		to := line.words[i].to
		line = &s.inner
		if at >= line.until {
			s.open(line, at, to)
		} else if i := line.at(at); i < len(line.words) && at >= line.words[i].from && s.phrase(line.words[i]) {
			until := line.until
			if !s.may(&s.inners, mostLooks, at, func() int { return until }) {
				return
			}
			s.open(line, at, until)
		}
	}
	line.next = s.flagsUntil(line, at)
	for name, bit := range commandPrograms {
		if strings.HasPrefix(s.lower[at:], name) {
			line.programs |= bit
		}
	}
	if line.next < len(line.words) {
		s.special(at, line.words[line.next:])
	}
}

// phrase says that a word is a quotation of several words.
func (s *scan) phrase(w word) bool { return strings.IndexByte(s.text[w.from:w.to], ' ') >= 0 }

func (s *scan) open(line *commandLine, at, end int) {
	s.finish(line)
	words, until := s.words(at, end, end)
	*line = commandLine{words: words, until: max(until, at+1)}
}

// finish looks at what is left of a line.
func (s *scan) finish(line *commandLine) { line.next = s.flagsUntil(line, len(s.text)) }

// flagsUntil looks for secrets in the words that end before a byte, and returns the place of the next one.
func (s *scan) flagsUntil(line *commandLine, at int) int {
	i := line.next
	for ; i < len(line.words) && line.words[i].to <= at; i++ {
		if w := line.words[i]; line.programs != 0 && w.to-w.from >= 2 && s.text[w.from] == '-' {
			next := word{}
			if i+1 < len(line.words) {
				next = line.words[i+1]
			}
			s.flagged(line.programs, w, next)
		}
	}
	return i
}

// The flags of the commands: which programs have them, as bits.
var (
	commandPrograms                     = map[string]uint64{}
	flagPrograms, gluedFlags, userFlags = flagsOf()
)

func flagsOf() (flags, glued, users map[string]uint64) {
	flags, glued, users = map[string]uint64{}, map[string]uint64{}, map[string]uint64{}
	bit := uint64(1)
	for name, c := range commands {
		commandPrograms[name] = bit
		for f := range strings.FieldsSeq(c.flags) {
			if begin, ok := strings.CutSuffix(f, "*"); ok {
				glued[begin] |= bit
			} else {
				flags[f] |= bit
			}
		}
		for f := range strings.FieldsSeq(c.users) {
			users[f] |= bit
		}
		bit = bits.RotateLeft64(bit, 1)
	}
	return flags, glued, users
}

// flagged hides the value of a flag, in its own word or in the next one.
func (s *scan) flagged(programs uint64, w, next word) {
	arg := s.text[w.from:min(w.to, w.from+mostName)]
	short := arg[:2]
	if len(arg) > 2 && gluedFlags[short]&programs != 0 && arg[1] != '-' && !strings.HasPrefix(arg, "-port") {
		if !explains(s.text[w.from+2 : w.to]) {
			s.hide(w.from+2, w.to)
		}
	}
	if flagPrograms[arg]&programs != 0 && next.to > next.from && s.text[next.from] != '-' {
		value := s.text[next.from:next.to]
		if kind, _, ok := strings.Cut(value, ":"); ok && (kind == "env" || kind == "file") { // of openssl
			return
		} else if ok && kind == "pass" {
			next.from += len("pass:")
		}
		if !explains(s.text[next.from:next.to]) {
			s.hide(next.from, next.to)
		}
	}
	flag, _, assigned := strings.Cut(arg, "=")
	if flag == "--from-literal" && commandPrograms["create secret"]&programs != 0 { // whatever its key is
		value := s.text[w.from:w.to]
		if sign := strings.IndexByte(value[min(len(value), len(flag)+1):], '='); sign >= 0 {
			s.hide(w.from+len(flag)+1+sign+1, w.to)
		}
		return
	}
	switch {
	case assigned && userFlags[flag]&programs != 0:
		s.userPassword(w.from+len(flag)+1, w.to)
	case userFlags[arg]&programs != 0, severalFlags(arg) && userFlags["-"+arg[len(arg)-1:]]&programs != 0:
		s.userPassword(next.from, next.to)
	case len(arg) > 2 && userFlags[short]&programs != 0:
		s.userPassword(w.from+2, w.to) // -uadmin:x
	}
}

// severalFlags says that an argument is several flags in one: -sSu.
func severalFlags(arg string) bool {
	return len(arg) > 2 && len(arg) < 8 && arg[0] == '-' && strings.Trim(arg[1:], mixedLetters) == ""
}

const mixedLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

// itemsEnd is where the list in YAML ends that a program is an item of, each argument in a line of its own; end, which is where its line
// ends, for any other.
func (s *scan) itemsEnd(at, end int) int {
	before, ok := s.itemBefore(at)
	if !ok {
		return end
	}
	for range mostItems {
		if !strings.HasPrefix(s.text[end:], before) {
			break
		}
		end = lineEnd(s.text, end+len(before))
	}
	return end
}

// mostItems bounds how many arguments of a program are read, each in a line of its own.
const mostItems = 64

// itemBefore is what begins an item of a list in YAML in front of at, with the end of the line before: "\n  - ". False where nothing such
// stands there.
func (s *scan) itemBefore(at int) (string, bool) {
	t := s.text
	from := at
	if from > 0 && strings.IndexByte("\"'", t[from-1]) >= 0 {
		from--
	}
	if from < 2 || t[from-2:from] != "- " {
		return "", false
	}
	margin := blankBytes.back(t, from-2, mostName)
	if margin > 0 && t[margin-1] != '\n' {
		return "", false
	}
	return "\n" + t[margin:from-2] + "- ", true
}

// words splits the command line that begins at at into at most so many words. until is where it ends: at its end or a pipe. It has
// several lines where each is an item of a list.
func (s *scan) words(at, end, most int) (out []word, until int) {
	t := s.text[:end]
	i := at
	for i < len(t) && t[i] != '|' && !strings.HasPrefix(t[i:], "&&") && len(out) < most {
		if t[i] == '\n' {
			i = blankBytes.run(t, i+1) + len("- ")
			continue
		}
		if t[i] == ' ' || t[i] == '\t' || t[i] == ',' || t[i] == '[' || t[i] == ']' {
			i++
			continue
		}
		if q := quoteAt(t, i); q != "" {
			from := i + len(q)
			to := closing(t, from, q)
			if len(out) == 1 && to > from && (t[from] == ',' || t[from] == ' ') { // the mark that closes the program's own name
				i = from
				continue
			}
			out = append(out, word{from, to})
			i = max(to+len(quoteAt(t, to)), i+1)
			continue
		}
		to := i
		for to < len(t) && strings.IndexByte(" \t\n\"'`", t[to]) < 0 && (t[to] != ',' || to+1 >= len(t) || strings.IndexByte(" \"'",
			t[to+1]) < 0) {
			to++
		}
		if to == i {
			to++
		}
		out = append(out, word{i, to})
		i = to
	}
	return out, i
}
