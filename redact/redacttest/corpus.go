// Package redacttest gives the tests of other rooms the lines that the redaction is tested on. It is never in the binary.
package redacttest

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Sample is a line, and the secrets in it; an innocent line has none.
type Sample struct {
	Kind    string   `json:"kind"`
	Line    string   `json:"line"`
	Secrets []string `json:"secrets"`
}

// Secrets are lines with an invented secret of every known kind.
func Secrets(tb testing.TB) []Sample {
	tb.Helper()
	return read(tb, "secrets.jsonl.gz")
}

// Innocents are look-alikes, which must stay as they are.
func Innocents(tb testing.TB) []Sample {
	tb.Helper()
	return read(tb, "innocent.jsonl.gz")
}

// RequireHidden fails the test where a secret of the sample is readable in text.
func (s Sample) RequireHidden(tb testing.TB, text string) {
	tb.Helper()
	for _, secret := range s.Secrets {
		if strings.Contains(text, secret) {
			tb.Errorf("%s: %q is readable in\n%s", s.Kind, secret, text)
		}
	}
}

// Texts are all strings of a value that was read from JSON.
func Texts(v any) []string {
	var out []string
	switch v := v.(type) {
	case string:
		out = append(out, v)
	case []any:
		for _, e := range v {
			out = append(out, Texts(e)...)
		}
	case map[string]any:
		for key, e := range v {
			out = append(append(out, key), Texts(e)...)
		}
	}
	return out
}

func read(tb testing.TB, name string) []Sample {
	tb.Helper()
	root, err := os.Getwd()
	require.NoError(tb, err)
	for range 8 { // a test runs in the folder of its package
		if _, err := os.Stat(filepath.Join(root, "go.mod")); err == nil {
			break
		}
		root = filepath.Dir(root)
	}
	f, err := os.Open(filepath.Join(root, "redact", "testdata", name)) //nolint:gosec // of this repository
	require.NoError(tb, err)
	defer func() { require.NoError(tb, f.Close()) }()
	z, err := gzip.NewReader(f)
	require.NoError(tb, err)
	var out []Sample
	lines := bufio.NewScanner(z)
	for lines.Scan() {
		var s Sample
		require.NoError(tb, json.Unmarshal(lines.Bytes(), &s))
		out = append(out, s)
	}
	require.NoError(tb, lines.Err())
	return out
}
