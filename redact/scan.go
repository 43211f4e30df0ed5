package redact

import (
	"cmp"
	"slices"
	"strings"
)

// The bounds of one search. Where one is reached the rest is hidden and not shown, up to the end of the line.
const (
	mostName   = 80      // bytes of a name in front of the word that was found in it
	mostValue  = 8 << 10 // bytes of a value
	mostURL    = 2 << 10 // bytes of a URL
	mostNear   = 400     // bytes between a name and its value when each has a key of its own
	mostNested = 3       // how often encodings are opened inside each other; what holds one more is hidden unopened
)

// scan is one search for secrets in one text.
type scan struct {
	text    string
	lower   string // text with small letters, of the same length
	nested  int    // how many encodings were opened around it
	table   *table // values that are known; nil for none
	values  *Redactor
	found   []stretch
	nameEnd int // of the name that was looked at last: it may hold several of the words

	line, inner                            commandLine // the command line that is read, and the one inside of a quotation in it
	wordEnd                                int         // where the word without a blank ends that was looked at last
	listEnd, blockEnd, manifestEnd, dsnEnd int         // where what was looked at last ends: nothing is looked at twice
	inners, urls, headers, inside, data    allowance
	tokens, bares, pairs, lines            allowance // of what begins in one word, or in one line
}

// allowance bounds how often the same stretch of a text is looked at, so that no text costs more than its length times a constant.
type allowance struct{ until, left int }

// mostLooks is how many beginnings in one stretch are looked at, each with all that follows it there. Stretches are what can't
// be divided further: one word, one line of a header, one quotation in a command line.
const (
	mostLooks    = 32
	mostFarLooks = 8 // where each goes to the end of the text
)

// may says that one more beginning is looked at. Where there were too many, what is left of the stretch is hidden: someone who writes a
// log must not be able to hide a secret from the search among others. end finds the end of a stretch that begins.
func (s *scan) may(a *allowance, most, at int, end func() int) bool {
	if at >= a.until {
		a.until, a.left = end(), most
	}
	if a.left--; a.left < 0 {
		s.hide(at, a.until)
	}
	return a.left >= 0
}

// stretch is a part of a text, from and up to a byte.
type stretch struct{ from, to int }

func (s *scan) hide(from, to int) {
	if from >= to {
		return
	}
	if to-from >= mostValue-len(`\u0022`) && to < len(s.text) && quoteAt(s.text, to) == "" { // the bound, and no end of a value
		to = lineEnd(s.text, to)
	}
	s.found = append(s.found, stretch{from, to})
}

// hidden says that a byte was already found to belong to a secret, by what was found last.
func (s *scan) hidden(at int) bool {
	return len(s.found) > 0 && at >= s.found[len(s.found)-1].from && at < s.found[len(s.found)-1].to
}

// within says that a name needn't be looked at because it's a part of what is hidden. A few do: the value of `token=password=["a","b"]`
// goes on behind what was hidden for its first name. Where there are more, the rest of the line is hidden.
func (s *scan) within(at int) bool {
	if !s.hidden(at) {
		return false
	}
	end := s.found[len(s.found)-1].to
	if at >= s.inside.until {
		s.inside = allowance{end, mostFarLooks}
	}
	if s.inside.left--; s.inside.left == -1 {
		end = lineEnd(s.text, end)
		s.hide(at, end)
	}
	if s.inside.left >= 0 {
		return false
	}
	value := s.separator(nameBytes.run(s.text[:min(len(s.text), at+mostName)], at)).value
	return value < end-2 // the last name of a line may have its value in the next
}

// finder looks for a secret where its word was found.
type finder func(s *scan, at int)

// finders are made once, at the first use: a command that shows no text of a cluster needs none.
var finders = onceFinders()

func (s *scan) run() {
	if s.table != nil {
		s.values.findValues(s)
	}
	finders().each(s.lower, func(at int, _ string, find finder) { find(s, at) })
	s.finish(&s.line)
	s.finish(&s.inner)
	s.encodings()
	s.keyLines()
}

// covered are the stretches in their order, those that touch as one.
func covered(found []stretch) []stretch {
	slices.SortFunc(found, func(a, b stretch) int { return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to)) })
	out := found[:0]
	for _, f := range found {
		if n := len(out); n > 0 && f.from < out[n-1].to {
			out[n-1].to = max(out[n-1].to, f.to)
			continue
		}
		out = append(out, f)
	}
	return out
}

// mostRounds bounds how often a text is searched. Each round but the last hides something, and there are usually two: a secret is
// found, then nothing more.
const mostRounds = 8

// String returns s without secrets and without invisible characters (see Clean), at its full length. What it returns it leaves
// as it is: a mask is never a part of a secret, and what is around it was searched.
func (r *Redactor) String(s string) string {
	s = visible(s)
	for range mostRounds {
		next := r.round(s)
		if next == s {
			return s
		}
		s = next
	}
	return r.closed(s)
}

// closed is a text in which every round found more: its lines with masks are hidden whole, and all of it if that doesn't end it.
func (r *Redactor) closed(s string) string {
	lines := strings.Split(s, "\n")
	for i, line := range lines {
		if strings.Contains(line, Mask) {
			lines[i] = Mask
		}
	}
	if s = strings.Join(lines, "\n"); r.round(s) != s {
		return Mask
	}
	return s
}

// round hides what is found between the masks that are there.
func (r *Redactor) round(s string) string {
	if !strings.Contains(s, Mask) {
		return r.part(s)
	}
	parts := strings.Split(s, Mask)
	for i, part := range parts {
		parts[i] = r.part(part)
	}
	return strings.Join(parts, Mask)
}

func (r *Redactor) part(text string) string {
	found := r.search(text, 0)
	if plainer := unwrapped(text); plainer != text { // shown as it is written unless that hides something
		if in := r.search(plainer, 0); len(in) > len(found) {
			text, found = plainer, in
		}
	}
	if len(found) == 0 {
		return text
	}
	return withMasks(text, found)
}

// withMasks is the text with a mask in the place of each stretch.
func withMasks(text string, found []stretch) string {
	var out strings.Builder
	copied := 0
	for _, f := range found {
		out.WriteString(text[copied:f.from])
		out.WriteString(Mask)
		copied = f.to
	}
	out.WriteString(text[copied:])
	return out.String()
}

// search returns the secrets of a text that has no masks.
func (r *Redactor) search(text string, nested int) []stretch {
	if len(text) < 4 {
		return nil
	}
	found := r.scanned(text, nested)
	spaced(text, func(from int, plain string) {
		for _, f := range r.scanned(plain, nested) {
			found = append(found, stretch{from + f.from, from + f.to})
		}
	})
	return covered(found)
}

func (r *Redactor) scanned(text string, nested int) []stretch {
	s := &scan{text: text, lower: lowered(text), nested: nested, values: r}
	if r != nil {
		s.table = r.table.Load()
	}
	s.run()
	return s.found
}
