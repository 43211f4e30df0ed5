package store_test

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
	"github.com/3astronautas/algesta/store/storetest"
)

// audited appends a line for each kind and returns the head after each of them.
func audited(t *testing.T, s *store.Store, kinds ...string) (heads []store.Head) {
	t.Helper()
	for _, kind := range kinds {
		update(t, s, func(tx *store.Tx) error {
			return tx.Append(algesta.Entry{Request: "c-1", Kind: kind, Actor: dana.ID.String(), At: noon, Data: algesta.Args{"revision": int64(41)}})
		})
		head, err := s.Head(context.Background())
		require.NoError(t, err)
		heads = append(heads, head)
	}
	return heads
}

// withoutTriggers is what somebody with the file in their hands would do first.
func withoutTriggers(t *testing.T, db *sql.DB) {
	t.Helper()
	for _, name := range []string{"audit_is_never_changed", "audit_is_never_deleted"} {
		_, err := db.ExecContext(t.Context(), `DROP TRIGGER `+name)
		require.NoError(t, err)
	}
}

func TestTheAuditIsAChain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct{ damage, says string }{
		"a line changed": {`UPDATE audit SET actor = 'T0ALGESTA/U0ELI' WHERE seq = 2`, "line 2 is not what was written"},
		"a line's data changed": {
			`UPDATE audit SET data = '{}' WHERE seq = 4`, "line 4 is not what was written",
		},
		"a line's data moved into its kind": {
			`UPDATE audit SET kind = kind || data, data = '' WHERE seq = 3`, "line 3 is not what was written",
		},
		"a line in between deleted": {`DELETE FROM audit WHERE seq = 2`, "line 2 is missing: line 3 comes after line 1"},
		"the first line deleted":    {`DELETE FROM audit WHERE seq = 1`, "line 1 is missing: line 2 comes after line 0"},
		"the last line deleted":     {`DELETE FROM audit WHERE seq = 4`, "its last line is 3:"},
		"every line deleted":        {`DELETE FROM audit`, "its last line is 0:, and the file says that it is 4:"},
		"two lines in each other's place": {
			`UPDATE audit SET seq = 9 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 9`,
			"line 2 is not what was written",
		},
		"a line inserted": {
			`UPDATE audit SET seq = -seq WHERE seq > 2; UPDATE audit SET seq = 1 - seq WHERE seq < 0;
			 INSERT INTO audit SELECT 3, request, 'approved', actor, at, data, hash, hash FROM audit WHERE seq = 2`,
			"line 3 is not what was written",
		},
		"a line added at the end": {
			`INSERT INTO audit SELECT 5, request, kind, actor, at, data, hash, hash FROM audit WHERE seq = 4`, "line 5 is not what was written",
		},
		"a line of another audit": {
			`UPDATE audit SET prev = (SELECT hash FROM audit WHERE seq = 1), hash = (SELECT hash FROM audit WHERE seq = 3) WHERE seq = 3`,
			"line 3 is not what was written",
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			heads := audited(t, s, "requested", "approved", "intended", "applied")
			head, err := s.Verify(context.Background(), heads...)
			require.NoError(t, err)
			require.Equal(t, heads[3], head)
			if first, _, _ := strings.Cut(c.damage, ";"); !strings.HasPrefix(first, "INSERT") {
				_, err = s.WriterDB().ExecContext(t.Context(), first)
				require.ErrorContains(t, err, "the audit is append-only")
			}
			withoutTriggers(t, s.WriterDB())
			_, err = s.WriterDB().ExecContext(t.Context(), c.damage)
			require.NoError(t, err)
			_, err = s.Verify(context.Background())
			require.ErrorIs(t, err, store.ErrAuditBroken)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// TestOnlyAnAnchorShowsAnAuditThatWasWrittenAnew does what anyone who may write the file can do: change the lines and then recompute the
// chain, the end that the file names included.
func TestOnlyAnAnchorShowsAnAuditThatWasWrittenAnew(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		damage string
		says   string // with the heads of lines 2 and 4 as anchors
	}{
		"a line changed": {
			`UPDATE audit SET actor = 'T0ALGESTA/U0ELI' WHERE seq = 3`, "the audit was rewritten somewhere after line 2",
		},
		"the first line changed": {
			`UPDATE audit SET kind = 'read' WHERE seq = 1`, "the audit was rewritten somewhere after line 0",
		},
		"a line deleted": {`DELETE FROM audit WHERE seq = 3`, "it ends at line 3, and once had a line 4: its end was cut off"},
		"a line deleted and another added": {
			`DELETE FROM audit WHERE seq = 3; INSERT INTO audit SELECT 5, request, kind, actor, at, data, prev, hash FROM audit WHERE seq = 4`,
			"the audit was rewritten somewhere after line 2",
		},
		"the end cut off": {`DELETE FROM audit WHERE seq > 2`, "it ends at line 2, and once had a line 4: its end was cut off"},
		"everything gone": {`DELETE FROM audit`, "it ends at line 0, and once had a line 4: its end was cut off"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := fresh(t)
			heads := audited(t, s, "requested", "approved", "intended", "applied")
			withoutTriggers(t, s.WriterDB())
			_, err := s.WriterDB().ExecContext(t.Context(), c.damage)
			require.NoError(t, err)
			require.NoError(t, s.Rechain(t.Context()))
			_, err = s.Verify(context.Background())
			require.NoError(t, err, "the file alone cannot show it")
			_, err = s.Verify(context.Background(), heads[3], heads[1])
			require.ErrorIs(t, err, store.ErrAuditBroken)
			require.ErrorContains(t, err, c.says)
		})
	}
}

func TestTheAuditIsVerifiedWhileTheBotWritesAndAfterItStopped(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	storetest.WriteEmpty(t, path)
	s, err := store.Open(context.Background(), "file:"+path, zapNop())
	require.NoError(t, err)
	heads := audited(t, s, "requested", "approved")
	head, err := store.VerifyAudit(t.Context(), "file:"+path, heads...)
	require.NoError(t, err)
	require.Equal(t, heads[1], head)
	heads = append(heads, audited(t, s, "intended")...)
	closeStore(t, s)
	before, err := os.ReadFile(path)
	require.NoError(t, err)
	head, err = store.VerifyAudit(t.Context(), "file:"+path, heads...)
	require.NoError(t, err)
	require.Equal(t, heads[2], head)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, sha256.Sum256(before), sha256.Sum256(after), "it was only read")

	closeStore(t, open(t, path)) // the bot can keep using the file
}

func TestVerifyAuditSaysWhatItCannotRead(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	text := filepath.Join(dir, "text.db")
	require.NoError(t, os.WriteFile(text, []byte("this is a text and no database"), 0o600))
	nothing := filepath.Join(dir, "nothing.db")
	require.NoError(t, os.WriteFile(nothing, nil, 0o600))
	other := filepath.Join(dir, "other.db")
	db, err := sql.Open("sqlite", "file:"+other)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `CREATE TABLE notes (text TEXT)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	for address, says := range map[string]string{
		"postgres://algesta":                 "does not look like file:/var/lib/algesta/algesta.db",
		"file:" + filepath.Join(dir, "gone"): "no such file",
		"file:" + text:                       "is not a SQLite database",
		"file:" + nothing:                    "is not a SQLite database",
		"file:" + other:                      "no such table: audit",
	} {
		_, err := store.VerifyAudit(t.Context(), address)
		require.ErrorContains(t, err, says)
		require.NotErrorIs(t, err, store.ErrAuditBroken)
	}
	require.NoFileExists(t, filepath.Join(dir, "gone"), "looking makes nothing")
}

func TestAHeadIsReadAsItIsWritten(t *testing.T) {
	t.Parallel()
	for _, h := range audited(t, fresh(t), "requested", "approved") {
		read, err := store.ParseHead(h.String())
		require.NoError(t, err)
		require.Equal(t, h, read)
		read, err = store.ParseHead(strings.ToUpper(h.String()))
		require.NoError(t, err)
		require.Equal(t, h, read)
	}
	read, err := store.ParseHead("0:")
	require.NoError(t, err)
	require.Equal(t, store.Head{}, read)
	for _, wrong := range []string{
		"", ":", "12", "12:", "12:abc", "-1:" + strings.Repeat("a", 64), "0:" + strings.Repeat("a", 64), "x:" + strings.Repeat("a", 64),
		"12:" + strings.Repeat("z", 64),
	} {
		_, err := store.ParseHead(wrong)
		require.Error(t, err, wrong)
	}
}
