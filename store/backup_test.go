package store_test

import (
	"context"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestABackupOfARunningStoreIsRestored takes copies while lines are written, and works on with one of them.
func TestABackupOfARunningStoreIsRestored(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	address := "file:" + filepath.Join(dir, "algesta.db")
	s, err := store.Open(t.Context(), address, zap.NewNop())
	require.NoError(t, err)
	audited(t, s, "requested")
	stop, wrote := make(chan struct{}), make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Update(context.Background(), func(tx *store.Tx) error {
				return tx.Append(algesta.Entry{Request: "c-1", Kind: "voted", Actor: dana.ID.String(), At: noon})
			}); err != nil {
				panic(err)
			}
			select {
			case wrote <- struct{}{}: // somebody waits for it
			default:
			}
		}
	})
	var last store.Head
	for _, name := range []string{"first", "second", "third"} {
		<-wrote
		<-wrote // this write began after the copy before was made
		head, err := store.Backup(t.Context(), address, filepath.Join(dir, name))
		require.NoError(t, err)
		require.Greater(t, head.Seq, last.Seq, "the bot went on writing")
		last = head
	}
	close(stop)
	writing.Wait()
	// Every copy is a past of the audit that goes on.
	_, err = s.Verify(t.Context(), last)
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))

	info, err := os.Stat(filepath.Join(dir, "third"))
	require.NoError(t, err)
	require.EqualValues(t, 0o600, info.Mode().Perm())
	left, err := filepath.Glob(filepath.Join(dir, ".*"))
	require.NoError(t, err)
	require.Empty(t, left, "nothing half-made stays")

	restored, err := store.Open(t.Context(), "file:"+filepath.Join(dir, "third"), zap.NewNop())
	require.NoError(t, err)
	head, err := restored.Head(t.Context())
	require.NoError(t, err)
	require.Equal(t, last, head)
	require.Equal(t, last.Seq+1, audited(t, restored, "restored")[0].Seq, "it goes on where the copy ended")
	_, err = restored.Verify(t.Context(), last)
	require.NoError(t, err)
	require.NoError(t, restored.Close(t.Context()))
}

func TestABackupOverwritesNothingAndSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "algesta.db")
	s, err := store.Open(t.Context(), "file:"+path, zap.NewNop())
	require.NoError(t, err)
	heads := audited(t, s, "requested", "approved")
	require.NoError(t, s.Close(t.Context()))
	there := filepath.Join(dir, "there")
	require.NoError(t, os.WriteFile(there, []byte("keep me"), 0o600))

	_, err = store.Backup(t.Context(), "file:"+path, there)
	require.ErrorContains(t, err, "is there already")
	kept, err := os.ReadFile(there)
	require.NoError(t, err)
	require.Equal(t, "keep me", string(kept))
	_, err = store.Backup(t.Context(), "file:"+path, filepath.Join(dir, "no-folder", "copy"))
	require.ErrorContains(t, err, "making the file")
	_, err = store.Backup(t.Context(), "file:"+filepath.Join(dir, "nothing"), filepath.Join(dir, "copy"))
	require.ErrorContains(t, err, "opening the store")
	_, err = store.Backup(t.Context(), "file:"+there, filepath.Join(dir, "copy"))
	require.ErrorContains(t, err, "is not a SQLite database")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = store.Backup(ended, "file:"+path, filepath.Join(dir, "copy"))
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, filepath.Join(dir, "copy"))

	head, err := store.Backup(t.Context(), "file:"+path, filepath.Join(dir, "copy"))
	require.NoError(t, err)
	require.Equal(t, heads[1], head)
}
