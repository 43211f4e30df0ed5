package diagnosis

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// span is a length of time as people say it: "14 s", "6 min", "3 h", "2 days".
func span(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", int(d.Seconds()))
	case d < 2*time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	case d < 48*time.Hour:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
	return fmt.Sprintf("%d days", int(d.Hours())/24)
}

// count is "1 pod" or "3 pods".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// list is "a", "a and b", "a, b and c"; after four it says how many more there are.
func list(words []string) string {
	words = slices.Compact(slices.Clone(words))
	if len(words) > 4 {
		words = append(words[:3:3], fmt.Sprintf("%d more", len(words)-3))
	}
	switch len(words) {
	case 0:
		return ""
	case 1:
		return words[0]
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// shorten puts text on one line of at most limit bytes. The middle goes: the end of an error says what happened.
func shorten(text string, limit int) string {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) <= limit {
		return text
	}
	head, tail := limit*2/5, len(text)-limit*3/5
	for head > 0 && !utf8.RuneStart(text[head]) {
		head--
	}
	for tail < len(text) && !utf8.RuneStart(text[tail]) {
		tail++
	}
	return text[:head] + " … " + text[tail:]
}

func upperFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	if first == utf8.RuneError {
		return s
	}
	return string(unicode.ToUpper(first)) + s[size:]
}

// nearest finds the name that was probably meant: at most a third of it differs. Empty when none is near.
func nearest(name string, names []string) string {
	best, distance := "", len(name)/3+1
	for _, candidate := range names {
		if d := editDistance(name, candidate); d < distance && !otherWord(name, candidate, d) {
			best, distance = candidate, d
		}
	}
	return best
}

// otherWord says that two names only share a beginning or an end, such as “-credentials”, and differ in a word.
func otherWord(a, b string, distance int) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return distance > 2 && a != "" && b != "" && 2*distance > max(len(a), len(b))
}

func editDistance(a, b string) int {
	if len(a) > 253 || len(b) > 253 {
		return len(a) + len(b)
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(row[j+1]+1, row[j]+1, cost)
		}
	}
	return row[len(b)]
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
