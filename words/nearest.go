package words

import "strings"

// longestGuess bounds the words that are compared: what is longer is no typing slip.
const longestGuess = 64

// Nearest is the known word that somebody who typed word most likely meant, or "". Near means a few wrong, missing,
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

// longestName is how long a name of Kubernetes may be.
const longestName = 253

// NearestName is the one of names that somebody who wrote name most likely meant, or "". It is for names that programs and files hold, such
// as those of Secrets and their keys: at most a third of the letters differ, and names that only share a beginning or an end
// ("api-credentials" and "web-credentials") are not near. Of two equally near names the earlier one is taken.
func NearestName(name string, names []string) string {
	best, least := "", len(name)/3+1
	for _, candidate := range names {
		if len(name) > longestName || len(candidate) > longestName {
			continue
		}
		if d := distance([]rune(name), []rune(candidate)); d < least && !otherWord(name, candidate, d) {
			best, least = candidate, d
		}
	}
	return best
}

// otherWord says that two names only share a beginning or an end, and differ in a word.
func otherWord(a, b string, distance int) bool {
	for a != "" && b != "" && a[0] == b[0] {
		a, b = a[1:], b[1:]
	}
	for a != "" && b != "" && a[len(a)-1] == b[len(b)-1] {
		a, b = a[:len(a)-1], b[:len(b)-1]
	}
	return distance > 2 && a != "" && b != "" && 2*distance > max(len(a), len(b))
}
