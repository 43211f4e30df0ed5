package grammar

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
)

func TestParseIsQuickWithTenKilobytes(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		strings.Repeat("<", 10_000), strings.Repeat("\"a ", 3400), strings.Repeat("rollback ", 1200), strings.Repeat("—", 3400),
	} {
		begin := time.Now()
		_, err := parse(text)
		require.ErrorIs(t, err, algesta.ErrUsage)
		require.Less(t, time.Since(begin), 100*time.Millisecond)
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"rollback api-gateway production --to-revision=41", "scale <@U1|x> 6 to prod", "deploy a b c=d:e —reason “x", "can-i help",
		"<!subteam^S1|@p>",
		"rollback\u00a0x", "because", "in in in", "to to to", "--", "=", "\"\"", "a/b/c", "help ?", "-n", strings.Repeat("y", 2001), "\xff\xfe",
		"pod/ x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) { mustBeSound(t, text) })
}

// mustBeSound parses and checks what holds for every text: a bounded sentence or a bounded command.
func mustBeSound(t require.TestingT, text string) {
	got, err := NewParser("algesta", grammarBooks()).Parse(text)
	if err != nil {
		var usage *algesta.Error
		require.ErrorAs(t, err, &usage, text)
		require.NotEmpty(t, usage.Message, text)
		require.LessOrEqual(t, utf8.RuneCountInString(usage.Message.String()+usage.Hint.String()), 500, text)
		return
	}
	require.NotEmpty(t, got.Runbook, text)
	require.LessOrEqual(t, len(got.Service), longestName, text)
	require.LessOrEqual(t, len(got.Environment), longestName, text)
	require.LessOrEqual(t, utf8.RuneCountInString(got.Reason), maxText, text)
	for name, v := range got.Args {
		switch v := v.(type) {
		case int64, bool:
		case string:
			require.LessOrEqual(t, len(v), longestValue, text)
		default:
			require.Fail(t, "an argument of another type", "%s is %T in %q", name, v, text)
		}
	}
}

// Sentences made of the pieces that the grammar looks at.
func TestParseIsSoundWhateverIsTyped(t *testing.T) {
	t.Parallel()
	pieces := rapid.SampledFrom([]string{
		"rollback",
		"rollout",
		"undo",
		"set",
		"image",
		"scale",
		"deploy",
		"diagnose",
		"help",
		"can-i",
		"who",
		"am",
		"i",
		"?",
		"kubectl",
		"/algesta",
		"api-gateway",
		"production",
		"pod/x",
		"node",
		"deployment",
		"deploy/x",
		"ns",
		"/",
		"a/b/c",
		"in",
		"to",
		"because",
		"41",
		"-1",
		"+2",
		"1:2",
		"x=y:z",
		"--to-revision=3",
		"--to-revision",
		"-n",
		"—reason",
		"--",
		"-",
		"=",
		"=x",
		"x=",
		"replicas=6",
		"replicas",
		"-c",
		"-h",
		"--help",
		"--allow-other-repository",
		"\"a b\"",
		"'",
		"\"",
		"“",
		"<@U1|carla>",
		"<#C1>",
		"<!here>",
		"<http://a|b>",
		"<",
		"&lt;",
		"\u00a0",
		"\u200b",
		"…",
		".",
		"`x`",
		"\xff",
		strings.Repeat("y", 300),
	})
	rapid.Check(t, func(t *rapid.T) {
		words := rapid.SliceOfN(pieces, 0, 12).Draw(t, "words")
		mustBeSound(t, strings.Join(words, rapid.SampledFrom([]string{" ", " ", " ", "", "\u00a0"}).Draw(t, "between")))
	})
}

func BenchmarkParse(b *testing.B) {
	p := NewParser("algesta", grammarBooks())
	for b.Loop() {
		if _, err := p.Parse("rollback api-gateway production —to-revision=41 —reason “logins fail”"); err != nil {
			b.Fatal(err)
		}
	}
}

func TestALongWordIsNotRepeatedWhole(t *testing.T) {
	t.Parallel()
	mustBeSound(t, "--help rollback "+strings.Repeat("y", 480))
	mustBeSound(t, "rolback api-gateway production because "+strings.Repeat("y", 480))
}
