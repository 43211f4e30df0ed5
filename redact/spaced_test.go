package redact_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/redact/redacttest"
)

// blanks are ways of writing what separates words, lineFeeds what separates lines.
func blanks() []string {
	return strings.Fields(`\t \\t \b \f \v \a %20 %09 %2520 %00 %C2%A0 %1B[31m \u0020 \u0000 \u0009 \u00a0 \u200b \u{9} \x20 \x00 \xc2\xa0 \040
		&#x20; &nbsp; &amp;nbsp; &#32; \u001b[31m \\u001b[1;32m \x1b[31m \033[31m \e[1m ^[[31m #011 #033[0m`)
}

func lineFeeds() []string {
	return strings.Fields(`\n \r\n \r \\n \\\n %0A %0a %0D%0A %250A \u000a \u2028 \u{a} \x0a \012 &#10; =0A =0D=0A #012 _x000A_`)
}

// TestANameBehindAnEscapeIsStillAName: the last letter of the escape is no letter of the name, nor is one between name, sign and value.
func TestANameBehindAnEscapeIsStillAName(t *testing.T) {
	t.Parallel()
	r := redact.New()
	for name := range strings.FieldsSeq(`api_key apiKey API_KEY password secret token access_key secret_key private_key client_secret
		auth_token DB_PASSWORD x-api-key jwt psk otp signing_key pw`) {
		for _, sign := range []string{": ", "=", " = "} {
			value := "uvfl" + "xygd" + "6060"
			require.NotContains(t, r.String("config\n"+name+sign+value), value, "with a line feed: %s%s", name, sign)
			for n, escape := range append(blanks(), lineFeeds()...) {
				texts := []string{"config " + escape + name + sign + value, "config" + escape + name + sign + value + escape + "next"}
				if n < len(blanks()) {
					bare := strings.TrimSpace(sign)
					texts = append(texts, name+escape+bare+value, name+bare+escape+value, name+sign+value+escape+"next")
				}
				for _, text := range texts {
					require.NotContains(t, r.String(`{"msg":"`+text+`"}`), value, "%s", text)
					require.NotContains(t, r.String(text), value, "%s", text)
				}
			}
		}
	}
}

// TestATokenBehindAnEscapeIsStillAToken: what is found by its form alone, base64 and hexadecimal too.
func TestATokenBehindAnEscapeIsStillAToken(t *testing.T) {
	t.Parallel()
	r := redact.New()
	found := 0
	for _, s := range redacttest.Secrets(t) {
		for _, secret := range s.Secrets {
			if r.String("x "+secret+" y") != "x ‹redacted› y" {
				continue // not by its form alone
			}
			found++
			for _, escape := range slices.Concat(blanks(), lineFeeds(), []string{`\x3d`, `\075`, "=3D", "%3D", `\u003d`, "%253D"}) {
				require.NotContains(t, r.String("config "+escape+secret+" end"), secret, "%s behind %s", s.Kind, escape)
			}
		}
	}
	require.Greater(t, found, 20)
}

// TestWhatIsBehindAnEscapeIsNotHiddenForThat: what explains or names a file stays.
func TestWhatIsBehindAnEscapeIsNotHiddenForThat(t *testing.T) {
	t.Parallel()
	r := redact.New()
	for _, text := range []string{
		`{"msg":"cannot read C:\\new\\token.txt"}`, `{"stack":"Error: no\n    at token (/app/auth.js:17:3)\n    at password.js:2"}`,
		`GET /search?q=the%20token%20is%20expired 401`, `{"msg":"\u001b[31mpassword is required\u001b[0m"}`, `retry=0A`, `a\nonce: b`,
		`{"msg":"line one\nsecret: missing\nkey: none"}`, `#012 is no line of its own`, `\u{`, `\`, `%`, `&;`, `&#;`, `\x`, `\u00`, `%25`, `_x00`,
	} {
		require.Equal(t, text, r.String(text))
	}
}

func TestAValueOnTheNextLineMayHaveACommaBehindIt(t *testing.T) {
	t.Parallel()
	value := "oimg508" + "_LB5NU"
	require.Equal(t, "password=\n‹redacted›, next", redact.New().String("password=\n"+value+", next"))
}

func FuzzSpaced(f *testing.F) {
	for _, escape := range append(blanks(), lineFeeds()...) {
		f.Add(escape + "token=abc" + escape)
	}
	r := redact.New()
	f.Fuzz(func(t *testing.T, text string) {
		once := r.String(text)
		require.Equal(t, once, r.String(once))
	})
}
