package slack

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestWhatDoesNotFitIsCounted(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("0123456789\n", 2000)
	tests := map[string]struct {
		block algesta.Block
		want  string
	}{
		"a long log":   {block: algesta.Block{Pre: long}, want: "more lines"},
		"a long line":  {block: algesta.Block{Pre: strings.Repeat("x", 30_000)}, want: "more characters"},
		"a long text":  {block: algesta.Block{Text: algesta.Say("{}", strings.Repeat("x", 30_000))}, want: "more characters"},
		"many items":   {block: algesta.Block{List: slicesOf(3000, algesta.Say("an item"))}, want: " more"},
		"many rows":    {block: algesta.Block{Table: &algesta.Table{Head: []string{"a"}, Rows: tableOf(300, 1)}}, want: "… 201 more rows"},
		"many columns": {block: algesta.Block{Table: &algesta.Table{Head: []string{"a"}, Rows: tableOf(3, 40)}}, want: "cell"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(algesta.Report{Title: algesta.Say("long"), Body: []algesta.Block{test.block, {Text: algesta.Say("after")}}}, nil)
			require.Empty(t, problemsOf(r))
			require.Contains(t, show(r), test.want)
		})
	}
}

func slicesOf(n int, t algesta.Text) []algesta.Text {
	out := make([]algesta.Text, n)
	for i := range out {
		out[i] = t
	}
	return out
}

func tableOf(rows, columns int) [][]algesta.Text {
	out := make([][]algesta.Text, rows)
	for i := range out {
		out[i] = slicesOf(columns, algesta.Say("cell"))
	}
	return out
}

// reports draws any report: long, empty, hostile.
func reports() *rapid.Generator[algesta.Report] {
	words := rapid.OneOf(
		rapid.String(), rapid.StringMatching(`[a-z<>&@!#*|\n ]{0,40}`),
		rapid.Map(rapid.IntRange(0, 20_000), func(n int) string { return strings.Repeat("ñ ", n) }),
	)
	short := rapid.OneOf(rapid.String(), rapid.StringMatching(`[a-zA-Z ]{0,120}`))
	kinds := rapid.SampledFrom(
		[]algesta.SpanKind{
			algesta.Plain,
			algesta.Bold,
			algesta.Code,
			algesta.Person,
			algesta.Group,
			algesta.Channel,
			algesta.Moment,
			algesta.Link,
			"other",
		},
	)
	ids := rapid.SampledFrom([]string{"U0DANA", "S0PLATFORM", "C0OPS", "https://example.com/" + strings.Repeat("x", 2000), "", "<!channel>"})
	span := rapid.Custom(func(t *rapid.T) algesta.Span {
		return algesta.Span{
			Kind: kinds.Draw(t, "kind"),
			Text: words.Draw(t, "text"),
			ID:   ids.Draw(t, "id"),
			At:   time.Unix(rapid.Int64Range(0, 1<<33).Draw(t, "at"), 0),
		}
	})
	text := rapid.Map(rapid.SliceOfN(span, 0, 6), func(s []algesta.Span) algesta.Text { return s })
	block := rapid.Custom(func(t *rapid.T) algesta.Block {
		switch rapid.IntRange(0, 5).Draw(t, "block") {
		case 0:
			return algesta.Block{Text: text.Draw(t, "text")}
		case 1:
			return algesta.Block{List: rapid.SliceOfN(text, 0, 30).Draw(t, "list")}
		case 2:
			field := rapid.Custom(func(t *rapid.T) algesta.Field {
				return algesta.Field{Label: short.Draw(t, "label"), Value: text.Draw(t, "value")}
			})
			return algesta.Block{Fields: rapid.SliceOfN(field, 0, 12).Draw(t, "fields")}
		case 3:
			return algesta.Block{Table: &algesta.Table{
				Head: rapid.SliceOfN(short, 0, 25).Draw(t, "head"), Rows: rapid.SliceOfN(rapid.SliceOfN(text, 0, 25), 0, 120).Draw(t, "rows"),
			}}
		case 4:
			return algesta.Block{Pre: words.Draw(t, "pre")}
		}
		return algesta.Block{Bar: &algesta.Bar{Done: rapid.IntRange(-5, 50).Draw(t, "done"), Of: rapid.IntRange(-5, 50).Draw(t, "of")}}
	})
	button := rapid.Custom(func(t *rapid.T) algesta.Button {
		b := algesta.Button{
			Label: short.Draw(
				t, "label",
			),
			Action:    rapid.SampledFrom(actions()).Draw(t, "action"),
			ID:        rapid.StringMatching(`[a-z0-9-]{0,20}`).Draw(t, "id"),
			Style:     rapid.SampledFrom([]string{"", "primary", "danger", "loud"}).Draw(t, "style"),
			AskReason: rapid.Bool().Draw(t, "ask"),
		}
		if rapid.Bool().Draw(t, "confirm") {
			b.Confirm = &algesta.Confirm{
				Title: words.Draw(t, "title"),
				Text:  words.Draw(t, "question"),
				Yes:   short.Draw(t, "yes"),
				No:    short.Draw(t, "no"),
			}
		}
		return b
	})
	return rapid.Custom(func(t *rapid.T) algesta.Report {
		return algesta.Report{
			Tone: rapid.SampledFrom(
				[]algesta.Tone{"", algesta.Waiting, algesta.Running, algesta.Good, algesta.Bad, algesta.Warning, algesta.Neutral, algesta.Down},
			).Draw(
				t, "tone",
			),
			Title:   text.Draw(t, "title"),
			Small:   text.Draw(t, "small"),
			Body:    rapid.SliceOfN(block, 0, 60).Draw(t, "body"),
			Buttons: rapid.SliceOfN(button, 0, 40).Draw(t, "buttons"),
		}
	})
}

func TestAnyReportFits(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := render(reports().Draw(t, "report"), nil)
		require.Empty(t, problemsOf(r))
	})
}

// The local Slack has limits of its own making; it takes the same reports.
func TestSlackTakesAnyReport(t *testing.T) {
	t.Parallel()
	server := slackd.New(t, slackd.Options{Limits: slackd.Limits{Off: true}})
	for seed := range 25 {
		postTest(t, server, "drawn", render(reports().Example(seed), nil))
	}
}

func FuzzRender(f *testing.F) {
	for _, report := range mockups() {
		raw, err := json.Marshal(report)
		require.NoError(f, err)
		f.Add(raw)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		var report algesta.Report
		if json.Unmarshal(raw, &report) != nil {
			return
		}
		require.Empty(t, problemsOf(render(report, nil)))
	})
}

func BenchmarkRenderPlan(b *testing.B) {
	report := mockups()["plan"]
	redactor := redact.New([]byte("correct horse battery"))
	b.ReportAllocs()
	for b.Loop() {
		render(report, redactor)
	}
}

func BenchmarkRenderLongLog(b *testing.B) {
	report := algesta.Report{
		Title: algesta.Say("logs"),
		Body:  []algesta.Block{{Pre: strings.Repeat("2026-11-22T12:00:00Z GET /health 200 in 3 ms\n", 2000)}},
	}
	b.ReportAllocs()
	for b.Loop() {
		render(report, nil)
	}
}
