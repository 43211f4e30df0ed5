package redact_test

import (
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/3astronautas/algesta/redact"
)

// maker draws invented secrets; the same seed draws the same ones.
type maker struct{ *rand.Rand }

func newMaker(seed uint64) maker { return maker{rand.New(rand.NewPCG(seed, 7))} }

func (m maker) of(alphabet string, n int) string {
	b := make([]byte, n)
	for i := range b {
		b[i] = alphabet[m.IntN(len(alphabet))]
	}
	return string(b)
}

func (m maker) hex(n int) string { return m.of("0123456789abcdef", n) }

// token has letters of both cases and a digit in every draw.
func (m maker) token(n int) string { return m.of(mixedLetters, n-3) + "q7Z" }

// password is what a person or a generator chooses.
func (m maker) password() string {
	return m.of(lowerLetters, 4) + m.of(decimals, 3) + m.of("!*^%-_", 1) + m.of(mixedLetters, 5)
}

func (m maker) word() string { return m.of(lowerLetters, 11) }

func (m maker) pem(kind string, lines int) (string, []string) {
	var body []string
	for range lines {
		body = append(body, m.of(mixedLetters+"+/", 64))
	}
	return "-----BEGIN " + kind + "-----\n" + strings.Join(body, "\n") + "\n-----END " + kind + "-----", body
}

var placeholder = regexp.MustCompile(`«([A-Z]+)(\d*)»`)

// fill draws the secrets of a template.
func (m maker) fill(template string) (string, []string) {
	var secrets []string
	line := placeholder.ReplaceAllStringFunc(template, func(mark string) string {
		kind := placeholder.FindStringSubmatch(mark)
		size, err := strconv.Atoi(kind[2])
		if err != nil {
			size = 32
		}
		secret := ""
		switch kind[1] {
		case "S":
			secret = m.token(size)
		case "P":
			secret = m.password()
		case "W":
			secret = m.word()
		case "H":
			secret = m.hex(32)
		case "HH":
			secret = m.hex(64)
		case "U":
			secret = strings.Join([]string{m.hex(8), m.hex(4), m.hex(4), m.hex(4), m.hex(12)}, "-")
		case "N":
			secret = m.of("123456789", size)
		}
		secrets = append(secrets, secret)
		return secret
	})
	return line, secrets
}

func requireHidden(t *testing.T, r *redact.Redactor, line string, secrets []string) {
	t.Helper()
	out := r.String(line)
	for _, secret := range secrets {
		if strings.Contains(out, secret) {
			t.Errorf("%q of\n%q is readable in\n%q", secret, line, out)
		}
	}
	if again := r.String(out); again != out {
		t.Errorf("%q is not left as it is:\n%q", out, again)
	}
}
