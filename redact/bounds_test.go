package redact_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta/redact"
)

// crowds are what somebody who writes a log may put in front of a secret, as often as they like, to use up what the search may cost.
var crowds = []string{
	"curl ",
	"mysql ",
	"login ",
	"echo ",
	"http ",
	"mongo -p ",
	`sh -c "curl x" `,
	`sh -c "a curl b"" `,
	"a://b ",
	"a://b,",
	"http://a,",
	"://",
	"a://b:c,",
	"Authorization: none ",
	"Authorization: none\n",
	"authorization= ",
	"cookie: none; ",
	"Set-Cookie: none\n",
	"AUTH x ",
	"machine ",
	`password=["" `,
	`password=[" `,
	`password=["a`,
	"discord.com/api ",
	"discord.com/api,",
	"hooks.zapier.com/,",
	"kind: Secret\n",
	"kind: Secret data: ",
	`{"kind":"Secret","data":{`,
	"password: |\n",
	"password:\n",
	"token= ",
	`token=" `,
	"token='",
	`\"token\":\"`,
	"key ",
	"name: value: ",
	`"name":"value":`,
	"-----BEGIN PRIVATE KEY----- ",
	"-----END PRIVATE KEY-----",
	"BEGIN PRIVATE KEY ",
	"eyJh.",
	"xoxb-",
	"ghp_",
	"identified by ",
	"@tcp(",
	"oracle:thin:",
	"bearer ",
	"basic ",
	"a/b",
	"|",
	"<<",
	"password",
	"PASSWORD_",
	"A_",
	"unseal key ",
	"variable \"",
	"<key>",
	"code is ",
	"basic auth ",
	"basic-auth:",
	"x:*:",
	"пароль:",
	"set password ",
	"convertto-securestring ",
	"set(\"password\",\"",
	`{"token":{"value":`,
	"token[value]",
	"auth:",
	"?sig=",
	"sk-ant-",
	"value: ",
	"value:/",
	"aeh",
	"oracle:oci:",
	"eyJ/",
	"private-mac:<",
	"private-lines: ",
	"pw : ",
	"_mmk",
	"7Q~",
}

// ends are secrets behind a crowd; SECRET stands for the secret.
var ends = []string{
	"curl -u admin:SECRET https://x",
	"mysql -u root -pSECRET db",
	"redis-cli -a SECRET",
	"sshpass -p SECRET ssh h",
	"postgres://u:SECRET@db/x",
	"Authorization: Basic SECRET",
	"Authorization: Bearer SECRET",
	"Cookie: sid=SECRET",
	"password=SECRET",
	`"password":"SECRET"`,
	`password=["SECRET"]`,
	`password=["a","SECRET"]`,
	"machine h login u password SECRET",
	"AUTH SECRET",
	"https://discord.com/api/webhooks/1/SECRET",
	"kind: Secret\ndata:\n  a: SECRET\n",
	"password: |\n  SECRET\n",
	"--token SECRET",
	"u:SECRET@tcp(db:3306)/x",
	`{"name":"DB_PASSWORD","value":"SECRET"}`,
	"IDENTIFIED BY 'SECRET'",
	`sh -c "mysql -pSECRET db"`,
	"echo SECRET | docker login --password-stdin",
}

func TestNoCrowdOfBeginningsHidesASecretFromTheSearch(t *testing.T) {
	t.Parallel()
	r := redact.New()
	rapid.Check(t, func(rt *rapid.T) {
		secret := rapid.StringMatching(`[a-z]{3}[A-Z]{3}[0-9]{3}[a-zA-Z0-9]{12}`).Draw(rt, "secret")
		var text strings.Builder
		for range rapid.IntRange(1, 3).Draw(rt, "crowds") {
			crowd := rapid.SampledFrom(crowds).Draw(rt, "crowd")
			text.WriteString(strings.Repeat(crowd, rapid.SampledFrom([]int{1, 7, 8, 9, 17, 31, 32, 33, 34, 80, 700}).Draw(rt, "times")))
		}
		text.WriteString(rapid.SampledFrom([]string{" ", "\n", "\n\n", "; "}).Draw(rt, "between"))
		text.WriteString(strings.ReplaceAll(rapid.SampledFrom(ends).Draw(rt, "end"), "SECRET", secret))
		out := r.String(text.String())
		if strings.Contains(out, secret) {
			rt.Fatalf("%q is readable in\n%q", secret, out[max(0, len(out)-300):])
		}
		if again := r.String(out); again != out {
			rt.Fatalf("a second pass changes\n%q", out[max(0, len(out)-300):])
		}
	})
}

// What begins again and again in one word, each time without being a secret, isn't looked at forever: after so many beginnings the rest
// of the word is hidden, so a text costs no more than its length times a constant.
func TestACrowdInOneWordEndsItsSearch(t *testing.T) {
	t.Parallel()
	r := redact.New()
	for _, beginning := range []string{
		"auth:", "auth=", "?sig=", "salt:", "code=/", "xoxb-", "sk-ant-", "pypi-", "$y$", "value:/", "oracle:oci:", "eyJ/", "_mmk",
		"private-mac:<",
	} {
		out := r.String("before " + strings.Repeat(beginning, 400) + "end after")
		require.Less(t, len(out), 60*len(beginning)+30, beginning)
		require.Contains(t, out, "before ", beginning)
		require.NotContains(t, out, "end", beginning)
		require.Regexp(t, "‹redacted›(?: after)?$", out, beginning)
	}
}

// What is longer than a bound is hidden whole, up to the end of its line at most.
func TestALongSecretIsHiddenToItsEnd(t *testing.T) {
	t.Parallel()
	r := redact.New()
	m := newMaker(5)
	for _, size := range []int{500, 2047, 2100, 8190, 8192, 8300, 20_000, 70_000} {
		for _, end := range ends {
			if strings.Contains(end, "AUTH ") || strings.Contains(end, "machine ") { // neither has such passwords
				continue
			}
			secret := m.token(size)
			out := r.String("first line\n" + strings.ReplaceAll(end, "SECRET", secret) + "\nnext line")
			require.NotContains(t, out, secret[size-20:], "%d bytes: %s", size, end)
			require.NotContains(t, out, secret[size/2:size/2+20], "%d bytes: %s", size, end)
			require.Contains(t, out, "first line")
			require.Contains(t, out, "next line", "%d bytes: %s", size, end)
		}
	}
}

func TestALongNameALongBlockAndALongListEndNoSearch(t *testing.T) {
	t.Parallel()
	r := redact.New()
	m := newMaker(6)
	filler := strings.Repeat("  xxxxxxxx yyyyyyyy\n", 900)
	for name, text := range map[string]string{
		"a name of many words":             "PASSWORD" + strings.Repeat("_A", 40) + "=SECRET",
		"a name that goes on":              "password_" + strings.Repeat("x", 100) + ".password=SECRET",
		"a block":                          "password: |\n" + filler + "  SECRET\n",
		"a list":                           "passwords: x\npassword=[" + strings.Repeat(`"abcdefgh",`, 900) + `"SECRET"]`,
		"a Secret, its data behind":        "kind: Secret\ndata:\n" + strings.Repeat("  a: bbbbbbbb\n", 900) + "  z: SECRET\n",
		"a Secret, its data before":        "data:\n  a: SECRET\n" + strings.Repeat("  b: bbbbbbbb\n", 900) + "kind: Secret\n",
		"a command of many arguments":      "curl " + strings.Repeat("-H 'Accept: x' ", 300) + "-u u:SECRET https://x",
		"a list of many hosts":             strings.Repeat("mongodb://a.example.com ", 40) + "mongodb://u:SECRET@db",
		"base64 of it, five times":         fiveTimes("password=SECRET"),
		"a key in one line, its end alone": strings.Repeat("SECRET", 300) + " -----END PRIVATE KEY-----",
		"base64 of 100 KB with it near end": "x " +
			base64.StdEncoding.EncodeToString([]byte(strings.Repeat("GET /orders 200 ok\n", 4000)+"password=SECRET")) + " end",
	} {
		secret := m.token(24)
		text = strings.ReplaceAll(text, "SECRET", secret)
		if strings.HasPrefix(name, "base64") {
			secret = text[len(text)-40 : len(text)-8]
		}
		require.NotContains(t, r.String(text), secret, name)
	}
}

func fiveTimes(s string) string {
	for range 5 {
		s = base64.StdEncoding.EncodeToString([]byte(s))
	}
	return s
}
