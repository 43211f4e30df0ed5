package store_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

func TestWhatWasAnsweredIsForgotten(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	v := typed("a")
	v.Text = "marker-of-the-text"
	receive(t, s, v)
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM inbox WHERE envelope LIKE '%marker-of-the-text%'`))
	update(t, s, func(tx *store.Tx) error { return tx.Answered("a") })
	require.Equal(t, 1, count(t, s, `SELECT COUNT(*) FROM inbox WHERE envelope IS NULL AND done_at > 0`))
}

func TestThePointsOfTheCrashMatrixAreReported(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	points := make(chan string, 10)
	s.Observe = func(point string) { points <- point }
	receive(t, s, typed("a"))
	require.Equal(t, "inbox-committed", next(t, points))
	update(t, s, func(tx *store.Tx) error { return tx.Post(algesta.Post{Command: "c-1", Kind: algesta.CardPost}) })
	require.Equal(t, "update-committed", next(t, points))
	require.NoError(t, s.Delivered(context.Background(), []algesta.Delivery{{ID: 1, Rev: 1, TS: "1.0"}}))
	require.Equal(t, "delivered", next(t, points))
	require.Empty(t, points)
}

func TestTheDatabaseItselfRefusesASecondUndecidedWrite(t *testing.T) {
	t.Parallel()
	s := fresh(t)
	first, second := execution("c-1"), execution("c-2")
	for _, e := range []algesta.Execution{first, second} {
		update(t, s, func(tx *store.Tx) error { return tx.Create(pending(e.Request)) })
	}
	update(t, s, func(tx *store.Tx) error { _, err := tx.Intend(first); return err })
	first.State = algesta.NotDoneX
	update(t, s, func(tx *store.Tx) error { _, err := tx.Settle(first, algesta.Intended); return err })
	update(t, s, func(tx *store.Tx) error { _, err := tx.Intend(second); return err })
	first.State = algesta.Doubtful
	err := s.Update(context.Background(), func(tx *store.Tx) error {
		_, err := tx.Settle(first, algesta.NotDoneX)
		return err
	})
	require.ErrorContains(t, err, "UNIQUE")
}

func TestAFileOfAnEarlierVersionKeepsWhatIsOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations/sqlite"))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 3)
	require.NoError(t, err)
	envelope, err := json.Marshal(typed("a"))
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO inbox (key, envelope, received_at) VALUES ('a', ?, 1)`, string(envelope))
	require.NoError(t, err)
	require.NoError(t, db.Close())

	s := open(t, path)
	left, err := s.Unanswered(t.Context())
	require.NoError(t, err)
	require.Len(t, left, 1)
	require.Equal(t, typed("a").Text, left[0].Text)
	require.False(t, receive(t, s, typed("a")), "its key is known")
	require.True(t, receive(t, s, typed("b")))
}

func TestAFileWithOneDeploymentForEachRequestIsReadAsObjects(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations/sqlite"))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 5)
	require.NoError(t, err)
	r := pending("c-1")
	command, err := json.Marshal(r.Command)
	require.NoError(t, err)
	const big = `{"n":9007199254740993,"s":"a\\u00e9\\\"b"}`
	_, err = db.ExecContext(
		t.Context(),
		`INSERT INTO requests (id, key, workload, command, plan, fingerprint, needs, status, version, previous, decided_by, note,
		expires_at, start_by, created_at, updated_at) VALUES ('c-1', 'k', 'aks-algesta-production/production/api-gateway-production', ?,
		'{"summary":[{"text":"Roll back"}],"changes":[{"workload":{"cluster":"aks-algesta-production","namespace":"production",
		"name":"api-gateway-production"},
		"uid":"u1","verb":"patch","resource":"deployments.apps","swaps":[{"label":"template",
		"path":"/spec/template","from":"sha256:1","to":`+big+`}]}]}',
		'f1', 'null', 'executing', 3, '', 'null', '', 0, 0, 1, 1)`,
		string(command),
	)
	require.NoError(t, err)
	_, err = db.ExecContext(
		t.Context(),
		`INSERT INTO executions VALUES ('c-1', 'op-c-1', 'aks-algesta-production/production/api-gateway-production',
		'aks-algesta-production', 'production', 'api-gateway-production', 'u1', '100', 7, 'h1', 'intended', 1, '', 0, 1, 0, 0, NULL,
		CAST('{"soak":1}' AS BLOB))`,
	)
	require.NoError(t, err)
	require.NoError(t, db.Close())

	s := open(t, path)
	got, err := s.Request(t.Context(), "c-1")
	require.NoError(t, err)
	gateway := algesta.Deployment("aks-algesta-production", "production", "api-gateway-production")
	require.Equal(t, []algesta.Change{{
		Object: gateway, Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1", UID: "u1",
		Swaps: []algesta.Swap{{Label: "template", Path: "/spec/template", From: json.RawMessage(`"sha256:1"`), To: json.RawMessage(big)}},
	}}, got.Plan.Changes)
	require.Equal(t, "Roll back", got.Plan.Summary.String())
	records, err := s.Executions(t.Context(), "c-1")
	require.NoError(t, err)
	require.Len(t, records, 1)
	require.Equal(t, gateway, records[0].Object)
	require.Equal(t, algesta.Operation("c-1", 0), records[0].Operation)
	require.Equal(t, algesta.Patch, records[0].Verb)
	require.JSONEq(t, `{"soak":1}`, string(records[0].Watch))
	blocker, err := s.Blocker(t.Context(), []algesta.Object{gateway}, "c-2")
	require.NoError(t, err)
	require.Equal(t, "c-1", blocker, "its write is in doubt as it was")
	update(t, s, func(tx *store.Tx) error {
		open, err := tx.Unwritten(gateway, nil)
		require.Len(t, open, 1)
		return err
	})
}

// TestIncidentsOfAnEarlierVersionAreOpenInTheirChannels: their keys had none, so a second one of the same cause could be opened beside
// them.
func TestIncidentsOfAnEarlierVersionAreOpenInTheirChannels(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, os.DirFS("migrations/sqlite"))
	require.NoError(t, err)
	_, err = provider.UpTo(t.Context(), 13)
	require.NoError(t, err)
	at := time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)
	incident := func(id, name, channel string) algesta.Incident {
		return algesta.Incident{
			ID: id, Key: algesta.IncidentKey{Cluster: "aks", Kind: "Node", Name: name, Class: "node"}, State: algesta.IncidentOpen,
			Channel: channel, OpenedAt: at, Nth: 1,
		}
	}
	stored := func(i algesta.Incident, key string) {
		body, err := json.Marshal(i)
		require.NoError(t, err)
		_, err = db.ExecContext(t.Context(), `INSERT INTO incidents VALUES (?, ?, 'open', ?, 1, ?, ?)`, i.ID, key, string(body),
			at.UnixMilli(), at.UnixMilli())
		require.NoError(t, err)
	}
	alone, twice, again := incident("i-alone", "n1", "C0OPS"), incident("i-twice", "n2", "C0OPS"), incident("i-again", "n2", "C0OPS")
	stored(alone, alone.Key.String())
	stored(twice, twice.Key.String())
	stored(again, again.Key.String()+"/C0OPS")
	require.NoError(t, db.Close())

	s := open(t, path)
	save := func(i algesta.Incident) (saved bool) {
		update(t, s, func(tx *store.Tx) (err error) {
			saved, err = tx.SaveIncident(i)
			return err
		})
		return saved
	}
	require.False(t, save(incident("i-new", "n1", "C0OPS")), "it's open there")
	require.True(t, save(incident("i-elsewhere", "n1", "C0OTHERS")))
	alone.Version = 1
	require.True(t, save(alone))
	merged, found, err := s.Incident(t.Context(), "i-twice")
	require.NoError(t, err)
	require.True(t, found)
	require.Equal(t, algesta.IncidentMerged, merged.State)
	require.Equal(t, "i-again", merged.MergedInto)
	require.Equal(t, at, merged.ResolvedAt)
	again.Version = 1
	require.True(t, save(again))
}

// TestAFileOfALaterVersionIsRefused: an older bot would write to tables that it doesn't know.
func TestAFileOfALaterVersionIsRefused(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "algesta.db")
	s, err := store.Open(t.Context(), "file:"+path, zap.NewNop())
	require.NoError(t, err)
	require.NoError(t, s.Close(t.Context()))
	db, err := sql.Open("sqlite", "file:"+path)
	require.NoError(t, err)
	_, err = db.ExecContext(t.Context(), `INSERT INTO goose_db_version (version_id, is_applied) VALUES (1000, 1)`)
	require.NoError(t, err)
	require.NoError(t, db.Close())
	_, err = store.Open(t.Context(), "file:"+path, zap.NewNop())
	require.ErrorContains(t, err, "written by a later version")
}
