package diagnosis

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

func TestACutLeavesCodesWhole(t *testing.T) {
	t.Parallel()
	const said = "Could not migrate up 20261119-add-order-index.js: Index build failed: E11000 duplicate key error collection: algesta.orders"
	require.Equal(t, "Index build failed: E11000 duplicate key error collection: algesta.orders", clipped(said, 89))
	require.Equal(t, said, clipped(said, 200))
}

func TestACutIsABeginningAndAnEndAndHardlyLonger(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		said := strings.Join(strings.Fields(rapid.StringMatching(`[a-zé:. ]{0,200}`).Draw(t, "said")), " ")
		room := rapid.IntRange(leastQuote, 150).Draw(t, "room")
		got := clipped(said, room)
		require.LessOrEqual(t, utf8.RuneCountInString(got), room)
		begins, ends, cut := strings.Cut(got, " … ")
		require.True(t, strings.HasPrefix(said, begins), "%q of %q", begins, said)
		if cut {
			require.True(t, strings.HasSuffix(said, ends), "%q of %q", ends, said)
		}
	})
}
