package e2e

import (
	"context"
	"database/sql"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	_ "modernc.org/sqlite" // to write what a later version would
)

// says runs the released binary beside the bot, and returns what it prints and whether it ended well.
func (w *world) says(args ...string) (said string, well bool) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), time.Minute)
	defer cancel()
	out, err := exec.CommandContext(ctx, binary, args...).CombinedOutput()
	return string(out), err == nil
}

// TestABackupIsRestoredAndALaterStoreIsRefused does what docs/install.md says of backups and upgrades with the released binary: a copy is
// made while a request waits, the store is lost, the copy takes its place, and the request that waited is approved and runs, once. A store
// that a later version has written is refused, by the start and by the doctor, and left alone.
func TestABackupIsRestoredAndALaterStoreIsRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{services: []service{gateway()}})
	config := filepath.Join(w.config.Dir, "config.yaml")
	file, copied := filepath.Join(w.config.Dir, "algesta.db"), filepath.Join(t.TempDir(), "backup.db")
	r := w.asks(luis, "rollback api-gateway production")
	r.plan()
	said, well := w.says("store", "backup", "--config", config, copied)
	require.True(t, well, said)
	require.Contains(t, said, "The copy is in "+copied)
	said, well = w.says("store", "backup", "--config", config, copied)
	require.False(t, well, "nothing is overwritten")
	require.Contains(t, said, copied)

	w.bot.Kill()
	for _, end := range []string{"", "-wal", "-shm"} {
		require.NoError(t, os.RemoveAll(file+end))
	}
	content, err := os.ReadFile(copied)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(file, content, 0o600))
	w.start()
	r.approve()
	require.Contains(t, r.end(luis), "is back on")
	require.Equal(t, 1, w.patches(deployment))

	w.bot.Kill()
	db, err := sql.Open("sqlite", "file:"+file)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1000, 1)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	said, well = w.says("serve", "--config", config)
	require.False(t, well)
	require.Contains(t, said, "written by a later version")
	said, well = w.says("doctor", "--config", config)
	require.False(t, well)
	require.Contains(t, said, "written by a later version")
}
