package control

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestTheKeyOfABuildIsItsSources(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	write := func(name, text string) {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	key := func() string {
		k, err := versionKey(dir, "cmd/official")
		require.NoError(t, err)
		return k
	}
	write("go.mod", "module m")
	write("main.go", "package main")
	first := key()
	require.Len(t, first, 16)
	require.Equal(t, first, key())

	require.NoError(t, os.MkdirAll(filepath.Join(dir, "cmd", "official"), 0o700))
	write("cmd/official/main.go", "package main")
	require.Equal(t, first, key(), "what runs released binaries isn't built then")

	write("main_test.go", "package main")
	require.Equal(t, first, key(), "a test is not built")
	write("stage.tmpl", "x")
	second := key()
	require.NotEqual(t, first, second, "embedded files count")
	write("go.mod", "module m // a newer version")
	require.NotEqual(t, second, key())
}

func TestOnlyTheNewestBuildsAndThoseInUseAreKept(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	now := time.Now()
	for i, name := range []string{"current", "newest", "newer", "new", "old", "used"} {
		dir := filepath.Join(root, name)
		require.NoError(t, os.Mkdir(dir, 0o700))
		if name == "used" {
			require.NoError(t, os.WriteFile(filepath.Join(dir, socketName), nil, 0o600))
		}
		require.NoError(t, os.Chtimes(dir, now, now.Add(-time.Duration(i)*time.Hour)))
	}
	removeOldBuilds(root, "current")
	left, err := filepath.Glob(filepath.Join(root, "*"))
	require.NoError(t, err)
	for i := range left {
		left[i] = filepath.Base(left[i])
	}
	require.ElementsMatch(t, []string{"current", "newest", "newer", "new", "used"}, left)
}

func TestTheAuditLogIsReadWithItsEndsAndWithoutOthersNamespaces(t *testing.T) {
	t.Parallel()
	text := `{"auditID":"1","stage":"RequestReceived","requestURI":"/x?dryRun=All","verb":"patch","user":{"username":"u"},"userAgent":"a","objectRef":{"apiGroup":"apps","resource":"deployments","namespace":"mine","name":"d"},"requestReceivedTimestamp":"2026-11-22T10:00:00.000001Z","stageTimestamp":"2026-11-22T10:00:00.000001Z"}
{"auditID":"2","stage":"RequestReceived","requestURI":"/x","verb":"patch","objectRef":{"resource":"deployments","namespace":"mine","name":"d"},"requestReceivedTimestamp":"2026-11-22T10:00:01Z","stageTimestamp":"2026-11-22T10:00:01Z"}
{"auditID":"3","stage":"RequestReceived","requestURI":"/x","verb":"patch","objectRef":{"resource":"deployments","namespace":"theirs","name":"mine"},"requestReceivedTimestamp":"2026-11-22T10:00:01Z","stageTimestamp":"2026-11-22T10:00:01Z"}
{"auditID":"1","stage":"ResponseComplete","verb":"patch","objectRef":{"resource":"deployments","namespace":"mine","name":"d"},"responseStatus":{"code":200},"requestReceivedTimestamp":"2026-11-22T10:00:00.000001Z","stageTimestamp":"2026-11-22T10:00:00.5Z"}
{"auditID":"4","stage":"RequestRec`
	path := filepath.Join(t.TempDir(), "audit.log")
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	f, err := os.Open(path)
	require.NoError(t, err)
	t.Cleanup(func() { _ = f.Close() })

	look, err := lookFrom(f, time.Time{}, "mine")
	require.NoError(t, err)
	require.NoError(t, look.on())
	requests := look.requests
	require.Equal(t, 1, look.open(), "the second has no end as yet")
	require.Len(t, requests, 2)
	require.True(t, requests[0].DryRun)
	require.Equal(t, "apps", requests[0].Group)
	require.False(t, requests[0].Change(), "a dry run changes nothing")
	require.Equal(t, 200, requests[0].Code)
	require.Equal(t, 499999*time.Microsecond, requests[0].Completed.Sub(requests[0].Received))
	require.True(t, requests[1].Change())

	look, err = lookFrom(f, time.Date(2026, 11, 22, 10, 0, 1, 0, time.UTC), "")
	require.NoError(t, err)
	require.NoError(t, look.on())
	require.Len(t, look.requests, 2, "everything since a moment, whatever its namespace")
}
