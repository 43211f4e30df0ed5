package words

import "strings"

// longestGuess bounds the words that are compared: what is longer is no typing slip.
const longestGuess = 64

// Nearest is the known word that somebody who typed word most likely meant, or "". Near is a few wrong, missing,
// doubled or swapped letters (one for about three letters, three at most), or the only known word that contains what was typed.
// Letters of either case are the same; of two equally near words the earlier one is taken.
func Nearest(word string, known []string) string {
	typed := []rune(strings.ToLower(word))
	if len(typed) < 2 || len(typed) > longestGuess {
		return ""
	}
	best, least := "", min(3, max(1, (len(typed)+1)/3))+1
	for _, k := range known {
		if len(k) > longestGuess {
			continue
		}
		if d := distance(typed, []rune(strings.ToLower(k))); d < least && d < len(typed) {
			best, least = k, d
		}
	}
	if best != "" || len(typed) < 3 {
		return best
	}
	for _, k := range known {
		if !strings.Contains(strings.ToLower(k), string(typed)) {
			continue
		}
		if best != "" {
			return ""
		}
		best = k
	}
	return best
}

// distance counts the letters to insert, drop, replace or swap with their neighbour (optimal string alignment).
func distance(a, b []rune) int {
	before, row, next := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		next[0] = i + 1
		for j := range b {
			cost := 1
			if a[i] == b[j] {
				cost = 0
			}
			next[j+1] = min(row[j]+cost, row[j+1]+1, next[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				next[j+1] = min(next[j+1], before[j-1]+1)
			}
		}
		before, row, next = row, next, before
	}
	return row[len(b)]
}
