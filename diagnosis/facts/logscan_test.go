package facts

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// variable is what template replaces.
var variable = regexp.MustCompile(
	`[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}|\b[0-9a-fA-F]{24}\b|\b0x[0-9a-fA-F]+\b|\d{4}-\d\d-\d\d[T ` +
		`][\d:.,]+Z?|\b\d+(?:[.:,]\d+)*(?:ms|s|m|MB|KB|%)?\b|"[^"]{1,200}"|'[^']{1,200}'|\b[0-9a-f]{8,}\b`,
)

// linesOfLogs are lines made of the parts on which the fast answers and the expressions could differ.
func linesOfLogs() *rapid.Generator[string] {
	part := rapid.OneOf(
		rapid.SampledFrom([]string{
			"3f2b8c1e-77aa-4b0c-9d3e-0123456789ab", "507f1f77bcf86cd799439011", "0x7ffe", "0x", "deadbeef", "DEADBEEF", "cafe", "12ms", "3.5s",
			"80%",
			"10.244.1.7:8080", "2026-03-10T11:59:00.123Z", "2026-03-10 11:59", "2026/03/10T11:59:00+01:00 ",
			"1,024MB", "7m", "x9", "_", "-", ".", ":",
			",",
			`"`, "'", `"a b"`, "é", "\xff", "◌", " ", "[", "]", "[ERROR] ", "[warn]", "level=info ", `lvl="warn`, "severity=", "level", "ERROR",
			"FaIlEd",
			"could not", "unable to", "Unhandled", "TypeError", "fatal", "panic: ", "refused", "errors=0", "0 errors", "exceptional", "ſ", "K",
		}),
		rapid.StringOfN(rapid.RuneFrom([]rune("0123456789abcdefxmsKMB%.:,-TZ \"'_g")), 0, 30, -1),
		rapid.String(),
	)
	return rapid.Custom(func(t *rapid.T) string {
		line := ""
		for _, p := range rapid.SliceOfN(part, 0, 12).Draw(t, "parts") {
			line += p
		}
		return line
	})
}

// The fast answers about a line are those of the expressions.
func TestALineIsReadAsItsExpressionsReadIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) { readsAlike(t, linesOfLogs().Draw(t, "line")) })
}

func FuzzALineIsReadAsItsExpressionsReadIt(f *testing.F) {
	f.Add("2026-03-10T11:59:00.000Z ERROR cannot connect to postgres: dial tcp 10.0.4.7:5432: connect: connection refused")
	f.Add(`{"level":"info","msg":"request 0x1f took 12ms","id":"507f1f77bcf86cd799439011"} 3.5% of 1,024MB`)
	f.Fuzz(func(t *testing.T, line string) { readsAlike(t, line) })
}

func readsAlike(t require.TestingT, line string) {
	require.Equal(t, variable.ReplaceAllString(line, "◌"), template(line), "%q", line)
	require.Equal(t, rfcTime.ReplaceAllString(line, ""), withoutTime(line), "%q", line)
	require.Equal(t, groupOf(logfmtLevel, line), levelOf(line), "%q", line)
	require.Equal(t, groupOf(levelInside, line[:min(len(line), levelReach)]), bracketed(line), "%q", line)
	if errorWords.MatchString(line) || fatalWords.MatchString(line) {
		require.True(t, mayBeTrouble(line), "%q", line)
	}
}

func groupOf(expression *regexp.Regexp, line string) string {
	if m := expression.FindStringSubmatch(line); m != nil {
		return m[1]
	}
	return ""
}
