package store_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestWhatIsForgottenIsNotInTheFile: SQLite leaves what was deleted in its pages, and in its log.
func TestWhatIsForgottenIsNotInTheFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, err := store.Open(t.Context(), "file:"+filepath.Join(dir, "algesta.db"), zapNop())
	require.NoError(t, err)
	const words = "kestrel over a quiet field"
	_, err = s.Receive(t.Context(), algesta.Invocation{Key: "k", Kind: algesta.Typed, Text: words})
	require.NoError(t, err)
	<-s.Arrivals()
	onDisk := func() (found bool) {
		files, err := filepath.Glob(filepath.Join(dir, "algesta.db*"))
		require.NoError(t, err)
		for _, file := range files {
			raw, err := os.ReadFile(file)
			require.NoError(t, err)
			found = found || bytes.Contains(raw, []byte(words))
		}
		return found
	}
	require.True(t, onDisk())
	_, err = s.Prune(t.Context(), time.Now().Add(-time.Hour)) // into the pages of the file itself
	require.NoError(t, err)
	require.True(t, onDisk())
	require.NoError(t, s.Update(t.Context(), func(tx *store.Tx) error { return tx.Answered("k") }))
	_, err = s.Prune(t.Context(), time.Now().Add(-time.Hour))
	require.NoError(t, err)
	require.False(t, onDisk(), "after a prune, while the bot runs")
	closeStore(t, s)
	require.False(t, onDisk())
}
