package redact

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryNameOfASecretIsLookedFor in every way in which a value may follow it: the search looks at a name only where one of its words
// begins a look, and the table of words grows.
func TestEveryNameOfASecretIsLookedFor(t *testing.T) {
	t.Parallel()
	r, value := New(), "uV7fLx"+"yGd60Q6z"+"rT2"
	forms := []string{
		"%s=%s", "%s: %s", `{"%s": "%s"}`, `{"%s":"%s"}`, "%s = %s", "%s : %s", "--%s %s", "--%s=%s", "%s => %s", "'%s' => '%s'",
		"<%[1]s>%[2]s</%[1]s>", `%s="%s"`, `%s := "%s"`, `{\"%s\":\"%s\"}`, `{\\\"%s\\\":\\\"%s\\\"}`, "MY_%s=%s", "my.%s=%s", "my-%s: %s",
		"%s:%s", "&quot;%s&quot;:&quot;%s&quot;", "%s%%3D%s", "x?%s=%s", "{'%s': '%s'}", "`%s`: `%s`", "%s\t%s", "%s=\n%s", "name: %s\nvalue: %s",
		`{"name":"%s","value":"%s"}`, "x['%s']='%s'", "%s2=%s",
	}
	for word, kind := range wordKinds {
		if kind&secretWord == 0 {
			continue
		}
		for _, name := range []string{word, strings.ToUpper(word)} {
			for _, form := range forms {
				text := fmt.Sprintf(form, name, value)
				require.NotContains(t, r.String(text), value, "%s", text)
			}
		}
	}
}
