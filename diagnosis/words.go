package diagnosis

import (
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

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
