package redact_test

import (
	"encoding/base64"
	"math/rand/v2"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
)

// The lines of testdata/strangers.txt and strangers-innocent.txt were written from public formats, by somebody who had not read the
// redactor. They hold no secret: {A24} and the like stand for values made when the test runs, «» encloses what must be hidden, and
// ⏎ and ⇥ stand for a line's end and a tab.
var (
	slot       = regexp.MustCompile(`\{(WN|W|U|JWT|BASIC|[ACDHB]\d+U?)\}`)
	encoded    = regexp.MustCompile(`\{B64OF:(.*)\}»`)
	secretPart = regexp.MustCompile(`«([^»]*)»`)
)

const (
	letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	digits  = "0123456789"
)

func draw(rng *rand.Rand, from string, n int) string {
	made := make([]byte, n)
	for i := range made {
		made[i] = from[rng.IntN(len(from))]
	}
	return string(made)
}

// fill makes the value that a slot stands for.
func fill(rng *rand.Rand, name string) string {
	words := strings.Fields("sunshine dragonfly trustno letmein football princess starwars whatever mustang shadow charlie bananas")
	switch name {
	case "W":
		return words[rng.IntN(len(words))]
	case "WN":
		return words[rng.IntN(len(words))] + draw(rng, digits, 3)
	case "U":
		h := func(n int) string { return draw(rng, "0123456789abcdef", n) }
		return h(8) + "-" + h(4) + "-4" + h(3) + "-a" + h(3) + "-" + h(12)
	case "BASIC":
		return base64.StdEncoding.EncodeToString([]byte("shop:" + draw(rng, letters+digits, 14)))
	case "JWT":
		b := base64.RawURLEncoding
		return b.EncodeToString([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + b.EncodeToString([]byte(`{"sub":"`+draw(rng, letters, 12)+`"}`)) +
			"." + draw(rng, letters+digits, 43)
	}
	n, _ := strconv.Atoi(strings.TrimRight(name[1:], "U"))
	switch name[0] {
	case 'A':
		return draw(rng, letters, min(n, 2)) + draw(rng, digits, min(max(n-2, 0), 2)) + draw(rng, letters+digits, max(n-4, 0))
	case 'C':
		return draw(rng, "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", n)
	case 'D':
		return draw(rng, digits[1:], n)
	case 'H':
		return draw(rng, "0123456789abcdef", n)
	}
	made := base64.StdEncoding.EncodeToString([]byte(draw(rng, letters+digits+"\x80\xfe\x01", n)))
	if n <= 24 {
		made = base64.StdEncoding.EncodeToString([]byte(draw(rng, letters+digits, n)))
	}
	if strings.HasSuffix(name, "U") {
		return url.QueryEscape(made)
	}
	return made
}

// expand makes a case's text, and the secrets in it.
func expand(rng *rand.Rand, template string) (text string, secrets []string) {
	text = slot.ReplaceAllStringFunc(template, func(p string) string { return fill(rng, strings.Trim(p, "{}")) })
	text = encoded.ReplaceAllStringFunc(text, func(p string) string {
		return base64.StdEncoding.EncodeToString([]byte(encoded.FindStringSubmatch(p)[1])) + "»"
	})
	for _, m := range secretPart.FindAllStringSubmatch(text, -1) {
		secrets = append(secrets, m[1])
	}
	return strings.NewReplacer("«", "", "»", "", "⏎", "\n", "⇥", "\t").Replace(text), secrets
}

// readable is whether a person can read the secret, or a third of it, in the text.
func readable(text, secret string) bool {
	window := min(len(secret), max(8, len(secret)/3))
	for at := 0; at+window <= len(secret); at++ {
		if strings.Contains(text, secret[at:at+window]) {
			return true
		}
	}
	return false
}

func casesOf(t *testing.T, path string) []string {
	t.Helper()
	body, err := os.ReadFile(path)
	require.NoError(t, err)
	return strings.Split(strings.TrimRight(string(body), "\n"), "\n")
}

func TestNoSecretOfAStrangersLinesIsReadable(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, line := range casesOf(t, "testdata/strangers.txt") {
		text, secrets := expand(rng, line)
		got := redact.New().String(text)
		for _, secret := range secrets {
			if readable(got, secret) {
				t.Errorf("readable: %s\n     got: %s", line, got)
				break
			}
		}
	}
}

// A vendor's word says that a UUID or what a machine made is a key, a name of a password that any word is one; a sentence stays.
func TestWhatANameSaysOfItsValue(t *testing.T) {
	t.Parallel()
	r := redact.New()
	rng := rand.New(rand.NewPCG(5, 6))
	for _, line := range []string{
		"heroku = «{U}»", "HEROKU_API: «{U}»", `"snyk":"«{U}»"`, "password: «{WN}»xyz", "password: «{WN}xyz» is wrong", "password=«{W}»",
		"password=«secret»",
		`"password": "«default»"`, "DB_PASS=«password»", "--password «secret»", "password: «secret»",
	} {
		text, secrets := expand(rng, line)
		out := r.String(text)
		require.NotContains(t, strings.Replace(strings.ToLower(out), "password", "", 1), secrets[0], line)
		if strings.HasSuffix(line, " is wrong") {
			require.Contains(t, out, " is wrong", line)
		}
	}
	for _, line := range []string{
		"heroku = up", "heroku_app_id = " + fill(rng, "U"), "datadog: agent 7.52.1", "password: plainword is wrong", "password: secret not " +
			"found", "password=required",
		"password is required", "token=expired", "image: heroku/builder:22", "password: password is too short",
	} {
		require.Equal(t, line, r.String(line))
	}
}

func TestAStrangersInnocentLinesStayAsTheyAre(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(3, 4))
	for _, line := range casesOf(t, "testdata/strangers-innocent.txt") {
		text, _ := expand(rng, line)
		if got := redact.New().String(text); got != text {
			t.Errorf("changed: %s\n    got: %s", line, got)
		}
	}
}
