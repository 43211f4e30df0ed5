package redact_test

import (
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/3astronautas/algesta/redact"
)

// The lines of testdata/forms.txt and forms-innocent.txt are written like those of strangers.txt: a form that a secret is said in, and
// what looks like it and is none.
func TestNoSecretOfAKnownFormIsReadable(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(11, 12))
	for _, line := range casesOf(t, "testdata/forms.txt") {
		text, secrets := expand(rng, line)
		for _, text := range []string{text, "2026-11-29T10:00:00Z ERROR " + text, "first line\n" + text + "\nnext line"} {
			got := redact.New().String(text)
			for _, secret := range secrets {
				if readable(got, secret) {
					t.Errorf("readable: %s\n     got: %s", line, got)
					break
				}
			}
			if strings.Contains(text, "next line") && !strings.Contains(got, "next line") {
				t.Errorf("too much: %s\n     got: %s", line, got)
			}
		}
	}
}

func TestWhatLooksLikeAKnownFormStays(t *testing.T) {
	t.Parallel()
	for _, line := range casesOf(t, "testdata/forms-innocent.txt") {
		line = strings.ReplaceAll(line, "⏎", "\n")
		for _, text := range []string{line, "2026-11-29T10:00:00Z ERROR " + line, "first line\n" + line + "\nnext line"} {
			if got := redact.New().String(text); got != text {
				t.Errorf("changed: %s\n    got: %s", text, got)
			}
		}
	}
}
