package diagnosis

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis/rules"
)

// TestEveryClassOfFailureIsToldOrLeftOutForAReason holds the rules to the catalogue, and the catalogue to the rules.
func TestEveryClassOfFailureIsToldOrLeftOutForAReason(t *testing.T) {
	t.Parallel()
	known := map[string]bool{}
	for _, rule := range rules.Rules() {
		known[rule.ID] = true
	}
	have, told := map[string]bool{}, map[string]bool{}
	for _, c := range rules.FailureClasses() {
		require.False(t, have[c.ID], "%s stands twice", c.ID)
		have[c.ID] = true
		require.NotEmpty(t, c.Title)
		require.True(t, len(c.Rules) > 0 || c.Otherwise != "", "%s has neither a rule nor a reason", c.ID)
		for _, rule := range c.Rules {
			require.True(t, known[rule], "%s names rule %s, which does not exist", c.ID, rule)
			told[rule] = true
		}
	}
	for rule := range known {
		require.True(t, told[rule], "rule %s belongs to no class", rule)
	}
	for letter, most := range map[string]int{
		"I": 9, "S": 26, "P": 10, "Q": 10, "R": 14, "J": 2, "A": 1, "E": 17, "G": 12, "T": 12, "H": 10, "N": 10, "B": 2, "V": 3, "K": 2, "X": 2,
	} {
		for n := range most {
			require.True(t, have[fmt.Sprintf("%s%d", letter, n+1)], "%s%d is missing", letter, n+1)
		}
	}
	for _, id := range []string{"S7a", "S7b", "S7c", "S7d"} {
		require.True(t, have[id], id)
	}
}
