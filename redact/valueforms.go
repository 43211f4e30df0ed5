package redact

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"html"
	"net/url"
	"strconv"
	"strings"
)

// mostForm is the longest value that is looked for in all its encodings: a file is looked for as it is, and line by line.
const mostForm = 4 << 10

// formsOf lists the ways in which a secret value may show up in a log.
func formsOf(value string) []string {
	value = strings.TrimSpace(value)
	forms := []string{value}
	if len(value) >= minSecretBytes && len(value) <= mostForm {
		forms = append(forms, encodedForms(value)...)
	}
	if u, err := url.Parse(value); err == nil && u.User != nil {
		if password, ok := u.User.Password(); ok && len(password) >= minSecretBytes {
			forms = append(forms, password)
			forms = append(forms, encodedForms(password)...)
		}
	}
	lines := 0
	for line := range strings.SplitSeq(value, "\n") { // a PEM key or a JSON file is often logged line by line
		if lines++; lines > mostLines {
			break
		}
		forms = append(forms, strings.TrimSpace(line))
	}
	return forms
}

// encodedForms are a value as it is written in JSON, also inside a string of JSON, in HTML, in a URL, in base64 and in hexadecimal. Forms
// that come out the same are given twice; the caller keeps them by their hash.
func encodedForms(value string) []string {
	hexadecimal := hex.EncodeToString([]byte(value))
	forms := []string{
		url.QueryEscape(value), url.PathEscape(value), html.EscapeString(value),
		strings.ReplaceAll(html.EscapeString(value), "&#34;", "&quot;"), strings.ReplaceAll(html.EscapeString(value), "&#39;", "&apos;"),
		hexadecimal, strings.ToUpper(hexadecimal),
	}
	loose := strings.NewReplacer(`\u003c`, "<", `\u003e`, ">", `\u0026`, "&")
	for text, n := value, 0; n < 2; n++ {
		raw, err := json.Marshal(text)
		if err != nil {
			break
		}
		text = string(raw[1 : len(raw)-1])
		forms = append(forms, text, loose.Replace(text), strings.ReplaceAll(loose.Replace(text), "/", `\/`))
	}
	ascii := strconv.QuoteToASCII(value)
	forms = append(forms, ascii[1:len(ascii)-1])
	return append(forms, base64Forms(value)...)
}

// base64Forms are a value in base64 at each of the three places where it may begin inside of what was encoded ("user:password"), without
// the signs that its neighbours have a part in, in both alphabets.
func base64Forms(value string) []string {
	var forms []string
	for skip := range 3 {
		in := append(make([]byte, skip), value...)
		out := base64.RawStdEncoding.EncodeToString(in)
		from := [...]int{0, 2, 3}[skip]
		if whole := len(in) / 3 * 4; skip > 0 || len(in)%3 != 0 {
			if whole-from >= 8 {
				forms = append(forms, out[from:whole])
			}
		}
		if skip == 0 {
			forms = append(forms, out, base64.StdEncoding.EncodeToString(in))
		}
	}
	for _, form := range forms {
		forms = append(forms, strings.NewReplacer("+", "-", "/", "_").Replace(form))
	}
	return forms
}
