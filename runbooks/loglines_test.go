package runbooks

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
)

// Whatever a container writes: what is shown is bounded, valid, and free of what turns or hides text.
func FuzzLogLines(f *testing.F) {
	for _, text := range []string{
		"", "\x00\x01", "\xff\xfe", "a\rb", "\x1b[31mred\x1b]8;;http://x\x07", `{"level":50,"msg":"\u001b[2J\u0000 x"}`, "{\"msg\":\"a\\nb\"}",
		"    at x", "2026-11-30T12:00:00.5Z x\n2026-11-30T12:00:00.5Z x", strings.Repeat("x", 5000),
		"-----BEGIN PRIVATE KEY-----\nabc\n-----END PRIVATE KEY-----",
		"\u202egnp\u2066", "unable to retrieve container logs for containerd://1",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		lines, _ := cleanLines(strings.Split(text, "\n"), forms.String)
		all := foldLines(lines, forms.String)
		pre, stands := screen(all, screenLines, screenBytes, time.Time{})
		require.True(t, utf8.ValidString(pre))
		require.LessOrEqual(t, len(pre), screenBytes+(traceLines+1)*(lineBytes+80))
		require.LessOrEqual(t, stands, len(lines))
		file := whole(all, 1000, time.Time{})
		require.LessOrEqual(t, len(file), 1000+40)
		for _, c := range pre {
			require.False(t, c < 0x20 && c != '\n' || c >= 0x7f && c < 0xa0 || c >= 0x202a && c <= 0x202e || c >= 0x2066 && c <= 0x2069, "%q", pre)
		}
	})
}
