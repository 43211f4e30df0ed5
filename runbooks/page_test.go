package runbooks_test

import (
	"flag"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/runbooks"
)

var update = flag.Bool("update", false, "rewrite RUNBOOKS.md")

func TestThePageIsFresh(t *testing.T) {
	t.Parallel()
	const page = "../RUNBOOKS.md"
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(runbooks.Page("algesta")), 0o644))
	}
	have, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, runbooks.Page("algesta"), string(have), "run: go generate ./runbooks")
}
