package redact_test

import (
	"bufio"
	"compress/gzip"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

type sample struct {
	Kind    string   `json:"kind"`
	Line    string   `json:"line"`
	Secrets []string `json:"secrets"`
}

func corpus(t testing.TB, name string) []sample {
	t.Helper()
	f, err := os.Open("testdata/" + name)
	require.NoError(t, err)
	defer f.Close()
	z, err := gzip.NewReader(f)
	require.NoError(t, err)
	var out []sample
	for lines := bufio.NewScanner(z); lines.Scan(); {
		var s sample
		require.NoError(t, json.Unmarshal(lines.Bytes(), &s))
		out = append(out, s)
	}
	return out
}

func TestNoSecretOfTheCorpusIsReadable(t *testing.T) {
	t.Parallel()
	r := redact.New()
	for _, s := range corpus(t, "secrets.jsonl.gz") {
		for _, line := range []string{s.Line, "2026-11-29T10:00:00Z ERROR " + s.Line, s.Line + "\nnext line"} {
			out := r.String(line)
			for _, secret := range s.Secrets {
				if strings.Contains(out, secret) {
					t.Errorf("%s: %q of\n%q is readable in\n%q", s.Kind, secret, line, out)
				}
			}
			if again := r.String(out); again != out {
				t.Errorf("%s: %q is not left as it is:\n%q", s.Kind, out, again)
			}
		}
	}
}

func TestInnocentLinesOfTheCorpusStay(t *testing.T) {
	t.Parallel()
	r := redact.New()
	lines := corpus(t, "innocent.jsonl.gz")
	for _, s := range lines {
		if out := r.String(s.Line); out != s.Line {
			t.Errorf("%s: %q became %q", s.Kind, s.Line, out)
		}
	}
}
