package redact

// needles finds many short words in a text in one pass, whatever the case of their letters. A word has at least three bytes.
type needles[T any] struct {
	buckets [4096][]needle[T]
}

type needle[T any] struct {
	word string // lower case
	of   T
}

func (n *needles[T]) add(word string, of T) {
	at := bucket(word[0], word[1], word[2])
	n.buckets[at] = append(n.buckets[at], needle[T]{word, of})
}

func bucket(a, b, c byte) uint { return (uint(a)*31*31 + uint(b)*31 + uint(c)) & 4095 }

// each calls found for every word that begins at a byte of lower, in the order of the text.
func (n *needles[T]) each(lower string, found func(at int, word string, of T)) {
	for i := 0; i+2 < len(lower); i++ {
		list := n.buckets[bucket(lower[i], lower[i+1], lower[i+2])]
		for j := range list {
			if w := list[j].word; len(lower)-i >= len(w) && lower[i:i+len(w)] == w {
				found(i, w, list[j].of)
			}
		}
	}
}

// lowered is s with its ASCII letters in lower case: the same length, so that places in it are places in s.
func lowered(s string) string {
	b := []byte(s)
	for i, c := range b {
		if c >= 'A' && c <= 'Z' {
			b[i] = c + 'a' - 'A'
		}
	}
	return string(b)
}

// class is a set of bytes.
type class [256]bool

// newClass understands ranges: "A-Za-z0-9_-" (a dash at the end is a dash).
func newClass(ranges string) *class {
	c := &class{}
	for i := 0; i < len(ranges); i++ {
		if i+2 < len(ranges) && ranges[i+1] == '-' {
			for b := int(ranges[i]); b <= int(ranges[i+2]); b++ {
				c[b] = true
			}
			i += 2
			continue
		}
		c[ranges[i]] = true
	}
	return c
}

// run is the end of the bytes of the class from at on.
func (c *class) run(s string, at int) int {
	for at < len(s) && c[s[at]] {
		at++
	}
	return at
}

// back is the beginning of the bytes of the class that end at at, at most so many.
func (c *class) back(s string, at, most int) int {
	from := at
	for from > 0 && at-from < most && c[s[from-1]] {
		from--
	}
	return from
}

var (
	digits     = newClass("0-9")
	alnum      = newClass("A-Za-z0-9")
	wordBytes  = newClass("A-Za-z0-9_-")
	nameBytes  = newClass("A-Za-z0-9_.$-")
	base64URL  = newClass("A-Za-z0-9+/_-")
	hexBytes   = newClass("0-9A-Fa-f")
	blankBytes = newClass(" \t")
	schemeByte = newClass("A-Za-z0-9+.-")
)

func is(c *class, s string) bool { return s != "" && c.run(s, 0) == len(s) }

// begins says that a word may begin at at: what comes before is no letter, digit or underscore, or it's the end of an escape
// (%3D, \n, \u003d).
func begins(s string, at int) bool {
	if at == 0 || !alnum[s[at-1]] && s[at-1] != '_' {
		return true
	}
	if at >= 2 && s[at-2] == '\\' && (s[at-1] == 'n' || s[at-1] == 't' || s[at-1] == 'r') {
		return true
	}
	if at >= 3 && s[at-3] == '%' && hexBytes[s[at-2]] && hexBytes[s[at-1]] {
		return true
	}
	return at >= 6 && s[at-6] == '\\' && s[at-5] == 'u' && is(hexBytes, s[at-4:at])
}
