package store_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

func TestASecondOpenIsRefusedUntilTheFirstIsClosed(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	s := open(t, path)
	_, err := store.Open(context.Background(), "file:"+path, zap.NewNop())
	require.ErrorIs(t, err, store.ErrInUse)
	require.ErrorContains(t, err, "another algesta already works on this file; stop that one first, or give this one another store")
	closeStore(t, s)
	open(t, path)
}

func TestOpenSaysWhatIsWrongWithTheAddress(t *testing.T) {
	t.Parallel()
	for name, address := range map[string]string{
		"empty":       "",
		"no scheme":   "/var/lib/algesta.db",
		"no path":     "file:",
		"not built":   "postgres://localhost/algesta",
		"no such dir": "file:" + filepath.Join(t.TempDir(), "none", "algesta.db"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(context.Background(), address, zap.NewNop())
			require.ErrorContains(t, err, "opening the store")
		})
	}
}

func TestAFileThatIsNoDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	text := strings.Repeat("these are my notes\n", 100)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	_, err := store.Open(context.Background(), "file:"+path, zap.NewNop())
	require.ErrorContains(t, err, "opening the store")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, text, string(after))
}

func TestPathsThatAnAddressWouldMisread(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a b?mode=memory%20#.db")
	s := open(t, path)
	update(t, s, func(tx *store.Tx) error { return tx.Create(pending("c-1")) })
	require.FileExists(t, path)
}

func TestMigrationsRunOnAFileThatHasThem(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	for range 3 {
		s := open(t, path)
		require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM audit_head`))
		require.Positive(t, count(t, s, `SELECT COUNT(*) FROM river_migration`))
		closeStore(t, s)
	}
}

func TestTheFileIsDurableAndReadersCannotWrite(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	var mode string
	var synchronous, foreignKeys int
	require.NoError(t, s.WriterDB().QueryRowContext(t.Context(), `PRAGMA journal_mode`).Scan(&mode))
	require.NoError(t, s.WriterDB().QueryRowContext(t.Context(), `PRAGMA synchronous`).Scan(&synchronous))
	require.NoError(t, s.WriterDB().QueryRowContext(t.Context(), `PRAGMA foreign_keys`).Scan(&foreignKeys))
	require.Equal(t, "wal", mode)
	require.Equal(t, 2, synchronous, "FULL: what was acknowledged survives a power cut")
	require.Equal(t, 1, foreignKeys)
	_, err := s.Reader().ExecContext(t.Context(), `DELETE FROM inbox`)
	require.ErrorContains(t, err, "readonly")
}

func TestTheSweepFreesWhatAKilledProcessLeft(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	s := open(t, path)
	schedule(t, s, algesta.ExecuteJob, "c-1", time.Now())
	schedule(t, s, algesta.ExpireJob, "c-2", time.Now().Add(time.Hour))
	for _, query := range []string{
		`UPDATE river_job SET state = 'running', attempted_at = CURRENT_TIMESTAMP, attempt = 1 WHERE args ->> 'request' = 'c-1'`,
		`INSERT INTO river_leader (elected_at, expires_at, leader_id) VALUES ('2026-11-22 12:00:00', '2126-11-22 12:00:15', 'the dead')`,
	} {
		_, err := s.WriterDB().ExecContext(t.Context(), query)
		require.NoError(t, err)
	}
	closeStore(t, s)

	s = open(t, path)
	require.Equal(t, 0, count(t, s, `SELECT COUNT(*) FROM river_leader`))
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM river_job WHERE state = 'available' AND args ->> 'request' = 'c-1'
		AND scheduled_at <= strftime('%Y-%m-%d %H:%M:%f', 'now') AND scheduled_at > strftime('%Y-%m-%d %H:%M:%f', 'now', '-10 seconds')`))
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM river_job WHERE state = 'scheduled' AND args ->> 'request' = 'c-2'`))
}

func TestOnlyItsOwnerMayReadTheFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	s := open(t, path)
	update(t, s, func(tx *store.Tx) error { return tx.Create(pending("c-1")) })
	for _, file := range []string{path, path + "-wal", path + "-shm", path + ".lock"} {
		info, err := os.Stat(file)
		require.NoError(t, err)
		require.Equal(t, os.FileMode(0o600), info.Mode().Perm(), file)
	}
}

func TestAReadOnlyFolderIsSaid(t *testing.T) {
	t.Parallel()
	if os.Getuid() == 0 {
		// root may write everywhere; the address of a file under a file is used instead
		file := filepath.Join(t.TempDir(), "file")
		require.NoError(t, os.WriteFile(file, nil, 0o600))
		_, err := store.Open(context.Background(), "file:"+filepath.Join(file, "algesta.db"), zap.NewNop())
		require.ErrorContains(t, err, "opening the lock file")
		return
	}
	dir := t.TempDir()
	require.NoError(t, os.Chmod(dir, 0o500))
	_, err := store.Open(context.Background(), "file:"+filepath.Join(dir, "algesta.db"), zap.NewNop())
	require.ErrorContains(t, err, "opening the lock file")
}

func TestAPlanIsStoredOnlyAsGiven(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	s := open(t, path)
	const secret = "invented-literal-value"
	r := pending("c-1")
	r.Plan.Changes[0].Swaps = []algesta.Swap{{Path: "/spec/template", From: []byte(`"` + secret + `"`), To: []byte(`"` + secret + `2"`)}}
	r.Plan = r.Plan.Redacted()
	update(t, s, func(tx *store.Tx) error { return tx.Create(r) })
	stored, err := s.Request(context.Background(), "c-1")
	require.NoError(t, err)
	require.Equal(t, r.Plan, stored.Plan)
	for _, file := range []string{path, path + "-wal"} {
		b, err := os.ReadFile(file)
		require.NoError(t, err)
		require.NotContains(t, string(b), secret)
	}
}
