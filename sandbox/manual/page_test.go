package manual_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/manual"
)

var update = flag.Bool("update", false, "rewrite docs/manual.md")

func TestThePageIsFresh(t *testing.T) {
	t.Parallel()
	lines, err := manual.Lines()
	require.NoError(t, err)
	const page = "../../docs/manual.md"
	want := manual.Page(lines, "/algesta")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(want), 0o644))
	}
	have, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, want, string(have), "run: go generate ./sandbox/manual")
}

func TestTheTableHasAllLinesOfTheManual(t *testing.T) {
	t.Parallel()
	lines, err := manual.Lines()
	require.NoError(t, err)
	require.Len(t, lines, 85)
	for i, l := range lines {
		require.Contains(t, []manual.Outcome{manual.Works, manual.Own, manual.Never}, l.Outcome, "line %d", i+1)
		require.NotEmpty(t, l.Instead, "line %d", i+1)
		require.NotEmpty(t, l.Says, "line %d", i+1)
	}
}
