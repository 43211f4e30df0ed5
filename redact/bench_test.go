package redact_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/3astronautas/algesta/redact"
)

// logBytes is the size of the log that a diagnosis reads of one container.
const logBytes = 256 << 10

// logs are what the redactor is measured on: the time must not depend on what is in a log. Some are made to be expensive.
func logs(tb testing.TB) map[string]string {
	tb.Helper()
	m := newMaker(1)
	var secrets, innocents strings.Builder
	for _, template := range secretLines {
		line, _ := m.fill(template)
		secrets.WriteString(line + "\n")
	}
	innocents.WriteString(innocentText)
	pem, _ := m.pem("RSA PRIVATE KEY", 20)
	full := func(line string) string { return strings.Repeat(line, logBytes/len(line)+1)[:logBytes] }
	return map[string]string{
		"ordinary":      full(`{"level":30,"time":1763820000000,"msg":"request completed","path":"/orders/5f1e","status":200,"ms":12}` + "\n"),
		"innocents":     full(innocents.String()),
		"secrets":       full(secrets.String()),
		"keys":          full(pem + "\n"),
		"escapes":       full(`{"msg":"\u001b[31mconfig:\n api_key: x\n\tat main.go:17\n"}` + "\n"),
		"arrows":        full("password->"),
		"brackets":      full("password(x"),
		"many lists":    full(`passwords:["`),
		"CDATA":         full("<password><![CDATA["),
		"half keys":     full("-----BEGIN RSA PRIVATE KEY-----\n"),
		"one line":      full("password"),
		"assignments":   full("password="),
		"quotes":        full(`password="`),
		"odd quotes":    full(`password='x secret="`),
		"backslashes":   full(`\"password\":\"`),
		"colons":        full("token: "),
		"URLs":          full("a://b:c@"),
		"pairs":         full(`"name":"value":`),
		"manifests":     full("kind: Secret\ndata:\n a: b\n"),
		"commands":      full("curl -u mysql -p "),
		"base64":        full(base64.StdEncoding.EncodeToString([]byte(full("GET /orders/17 200 of 12 items\n")[:60000]))),
		"base64 lines":  full(base64.StdEncoding.EncodeToString([]byte("a line of text that is no secret of anybody here.")) + "\n"),
		"hexadecimal":   full("0123456789abcdef"),
		"dots and eyJ":  full("eyJhbGciOi."),
		"authorization": full("Authorization: Digest a, "),
		"cookies":       full("cookie: a; "),
		"dashes":        full("-"),
		"slashes":       full("a/b"),
		"machines":      full("machine "),
		"AUTH":          full("AUTH "),
		"open quotes":   full("token 'x password "),
		"separators":    full("secret="),
		"blocks":        full("password: |\n"),
		"lists":         full("password=[\"a\""),
		"webhooks":      full("discord.com/api"),
		"at signs":      full("://a:@"),
		"curls": full(
			"curl ",
		),
		"flags":        full("curl -u "),
		"phrases":      full(`curl "a mysql" `),
		"open phrases": full(`sh -c "a curl b" " `),
		"secrets of kubectl": full(
			"create secret --from-literal=a ",
		),
		"echoes":             full("echo a "),
		"webhooks in a word": full("discord.com/api/webhooks"),
		"URLs with commas": full(
			"a://b,",
		),
		"lists in lists": full(`password=["a`),
		"open lists":     full("password=["),
		"data":           full(`kind:Secret,data:{"`),
		"deep blocks": deep(
			"password: |\n",
		),
		"deep data":     "kind: Secret\n" + deep("data:\n"),
		"one long name": full("PASSWORD_"),
		"headers":       full("Authorization: none "),
		"headers in quotes": full(
			`Authorization: "`,
		),
		"cookies in quotes": full(`Cookie: 'a `),
		"nested quotes":     full(`\\\"token\\\":\"a`),
		"keys' ends":        full("a -----END PRIVATE KEY"),
		"pass files":        full("x:*:"),
		"basic auths":       full("basic-auth:"),
		"names in Russian":  full("пароль:"),
		"secure strings":    full("convertto-securestring "),
		"calls":             full(`set("password","`),
		"objects":           full(`{"token":{"value":`),
		"indexes":           full("token[value]"),
		"auths":             full("auth:"),
		"signatures":        full("?sig="),
		"tokens":            full("xoxb-"),
		"names of values":   full("value: "),
		"Azure's keys":      full("aeh"),
		"oracles":           full("oracle:oci:"),
		"JSON tokens":       full("eyJ/"),
		"PuTTY":             full("private-mac:<"),
		"PuTTY's lines":     full("private-lines: "),
		"wide colons":       full("pw : "),
	}
}

// deep is a line again and again, each time further to the right.
func deep(line string) string {
	var out strings.Builder
	for n := 0; out.Len() < logBytes; n++ {
		out.WriteString(strings.Repeat(" ", n) + line)
	}
	return out.String()[:logBytes]
}

// BenchmarkLog measures 256 KiB: the goal is 100 ms.
func BenchmarkLog(b *testing.B) {
	r := redact.New([]byte("Zq9 plain phrase"))
	for name, text := range logs(b) {
		b.Run(strings.ReplaceAll(name, " ", "-"), func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			for b.Loop() {
				r.String(text)
			}
		})
	}
}
