package storetest

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta/store"
)

// EmptyFile is the path of an empty store's file in a directory of the test, with every migration done: they take longer than most tests,
// so each process does them once.
func EmptyFile(tb testing.TB) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), "algesta.db")
	WriteEmpty(tb, path)
	return path
}

// WriteEmpty writes an empty store's file at path.
func WriteEmpty(tb testing.TB, path string) {
	tb.Helper()
	file, err := empty()
	require.NoError(tb, err)
	require.NoError(tb, os.WriteFile(path, file, 0o600))
}

// empty is what an empty store's file holds.
var empty = sync.OnceValues(func() (file []byte, err error) {
	dir, err := os.MkdirTemp("", "algesta")
	if err != nil {
		return nil, fmt.Errorf("making an empty store: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path := filepath.Join(dir, "algesta.db")
	s, err := store.Open(context.Background(), "file:"+path, zap.NewNop())
	if err != nil {
		return nil, err
	}
	if err := s.Close(context.Background()); err != nil {
		return nil, err
	}
	return os.ReadFile(path) //nolint:gosec // it was made a moment ago
})
