package algesta_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestIDsAreDrawnEvenly(t *testing.T) {
	t.Parallel()
	const ids = 20_000
	seen, letters := map[string]bool{}, map[rune]int{}
	for range ids {
		id := algesta.NewCommandID()
		require.Regexp(t, `^c-[0-9a-hjkmnp-tv-z]{12}$`, id)
		require.False(t, seen[id])
		seen[id] = true
		for _, r := range strings.TrimPrefix(id, "c-") {
			letters[r]++
		}
	}
	require.Regexp(t, `^o-[0-9a-hjkmnp-tv-z]{12}$`, algesta.NewOfferID())
	require.Len(t, letters, 32, "12 letters of 32 are 60 bits")
	for r, n := range letters {
		// 7,500 expected; the standard deviation is 85.
		require.InDelta(t, ids*12/32, n, 700, "%c", r)
	}
}
