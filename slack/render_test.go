package slack

import (
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	slackapi "github.com/slack-go/slack"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// mockups are the messages of messages.md.
func mockups() map[string]algesta.Report {
	dana := algesta.Actor{ID: algesta.PersonID{User: "U0DANA"}, Name: "Dana"}
	carla := algesta.Actor{ID: algesta.PersonID{User: "U0CARLA"}, Name: "Carla"}
	at := time.Date(2026, 11, 22, 14, 32, 0, 0, time.UTC)
	name := algesta.Name("api-gateway")
	return map[string]algesta.Report{
		"card-waiting": {
			Tone: algesta.Waiting, Title: algesta.Say("Rollback of {} in production is waiting for approval", name),
			Small: algesta.Say("requested by Dana · needs 1 approval from {} · expires {} · c-7f3a", "@platform", algesta.At(at)),
		},
		"card-good": {
			Tone: algesta.Good, Title: algesta.Say("{} in production is back on 12344 (revision 41)", name),
			Small: algesta.Say("requested by Dana, approved by Carla · 4 of 4 ready after 41 s · healthier"),
		},
		"plan": {
			Title: algesta.Say(
				"Roll back {} to revision 41", algesta.Name("api-gateway-production"),
			),
			Small: algesta.Say("aks-algesta-production / production"),
			Body: []algesta.Block{
				{Fields: []algesta.Field{
					{Label: "image", Value: algesta.Say("{} → {}", algesta.Name("…/api-gateway:12345"), algesta.Name("…/api-gateway:12344"))},
					{Label: "env", Value: algesta.Say("LOG_LEVEL removed")},
					{Label: "revision", Value: algesta.Say("41, made {}: \"deploy 12344 by Dana\"", algesta.AtDay(at.AddDate(0, 0, -3)))},
					{Label: "pods", Value: algesta.Say("4, autoscaled 2–10; one extra pod while it rolls")},
				}},
				{List: []algesta.Text{
					algesta.Say("⚠ 2 of 4 pods of the current revision crash (exit 1, 6 restarts in 10 min)"),
					algesta.Say("⚠ Argo CD (app {}, self-heal on) will put 12345 back within minutes", algesta.Name("algesta-prod")),
				}},
				{Text: algesta.Say("{}: one of you may approve.", algesta.MentionSubject("group:S0PLATFORM"))},
			},
			Buttons: []algesta.Button{
				{Label: "Approve", Action: algesta.Approve, ID: "c-7f3a9k", Style: "primary", Confirm: &algesta.Confirm{
					Title: "Roll back api-gateway?",
					Text:  "Roll back api-gateway in production to 12344? It runs at once.",
					Yes:   "Roll back",
					No:    "Not now",
				}},
				{Label: "Deny", Action: algesta.Deny, ID: "c-7f3a9k", Style: "danger", AskReason: true},
				{Label: "Cancel", Action: algesta.Cancel, ID: "c-7f3a9k"},
			},
		},
		"progress": {
			Body: []algesta.Block{
				{Bar: &algesta.Bar{Done: 2, Of: 4}},
				{Text: algesta.Say("2 of 4 ready · 2 old pods serving · none unavailable · 18 s of 10 min")},
				{List: []algesta.Text{algesta.Say("{} ready", algesta.Name("…-x2x9")), algesta.Say("{} pulling image", algesta.Name("…-p7k1"))}},
			},
		},
		"end-bad": {
			Tone:  algesta.Bad,
			Title: algesta.Say("The rollback did not come up. {} {}", algesta.Mention(dana), algesta.Mention(carla)),
			Body: []algesta.Block{
				{
					Text: algesta.Say(
						"Secret {} has no key {}, so no pod of revision 41 can start.", algesta.Name("mongodb-credentials"), algesta.Name("uri"),
					),
				},
				{
					Fields: []algesta.Field{
						{Label: "since", Value: algesta.Say("{}", algesta.At(at))},
						{Label: "in", Value: algesta.Say("{}", algesta.Span{Kind: algesta.Channel, ID: "C0OPS", Text: "#ops"})},
					},
				},
				{Text: algesta.Say("See the {}.", algesta.Span{Kind: algesta.Link, ID: "https://example.com/a?b=c&d=e", Text: "dashboard"})},
			},
			Buttons: []algesta.Button{
				{
					Label:  "Roll forward to 12345",
					Action: algesta.Run,
					ID:     "o-aaaabbbbcccc",
				},
				{Label: "Diagnosis", Action: algesta.Run, ID: "o-ddddeeeeffff"},
			},
		},
		"status": {
			Title: algesta.Say("{} in production: 4 of 4 ready on 12345 since 3 days", name),
			Body: []algesta.Block{
				{Table: &algesta.Table{
					Head: []string{"pod", "ready", "restarts", "node"},
					Rows: [][]algesta.Text{{algesta.Say("{}", algesta.Name("…-x2x9")), algesta.Say("yes"), algesta.Say("0"), nil}},
				}},
				{Pre: "GET /health 200\n<!channel> *not* <@U0DANA>\n"},
			},
		},
		"refusal": {Title: algesta.Say("There's no service \"api-gatewy\" in production. Did you mean {}?", name)},
		"hostile": {
			Tone:  algesta.Warning,
			Title: algesta.Say("<!channel> @here & <@U0DANA> \x1b[31mred\x1b[0m a\u202eb token=xoxb-123456789012-abcdefghijkl"),
			Body: []algesta.Block{
				{
					Text: algesta.Text{
						{Kind: algesta.Person, ID: "U0DANA> <!channel", Text: "@dana"},
						{Kind: algesta.Link, ID: "javascript:alert(1)", Text: "click"},
					},
				},
				{Pre: "```\n<!everyone>\nmongodb://admin:hunter2hunter2@db.example.com/x"},
			},
		},
	}
}

func TestMockups(t *testing.T) {
	t.Parallel()
	for name, report := range mockups() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := render(report, nil)
			require.Empty(t, problemsOf(r))
			file := filepath.Join("testdata", name+".txt")
			if *update {
				require.NoError(t, os.MkdirAll("testdata", 0o750))
				require.NoError(t, os.WriteFile(file, []byte(show(r)), 0o600))
			}
			want, err := os.ReadFile(file)
			require.NoError(t, err)
			require.Equal(t, string(want), show(r))
		})
	}
}

func TestSlackTakesTheMockups(t *testing.T) {
	t.Parallel()
	server := slackd.New(t, slackd.Options{Limits: slackd.Limits{Off: true}})
	for name, report := range mockups() {
		r := render(report, nil)
		postTest(t, server, name, r)
	}
}

func postTest(t interface {
	require.TestingT
	Helper()
}, server *slackd.Server, name string, r rendered,
) {
	t.Helper()
	api := apiOf(server)
	_, ts, err := api.PostMessage("C0OPS", slackapi.MsgOptionText(r.text, false), slackapi.MsgOptionBlocks(r.blocks...))
	require.NoError(t, err, "%s: %v", name, details(err))
	_, _, _, err = api.UpdateMessage("C0OPS", ts, slackapi.MsgOptionText(r.plain(), false), slackapi.MsgOptionBlocks())
	require.NoError(t, err, name)
}

func apiOf(server *slackd.Server) *slackapi.Client {
	return slackapi.New(server.BotToken(), slackapi.OptionAPIURL(server.APIURL()))
}

func TestOnlyExplicitMentionsNotify(t *testing.T) {
	t.Parallel()
	r := render(mockups()["hostile"], nil)
	raw, err := json.Marshal(r.blocks)
	require.NoError(t, err)
	for _, active := range []string{`"user"`, `"usergroup"`, `"broadcast"`, `"mrkdwn"`, `"link"`} {
		require.NotContains(t, string(raw), `"type":`+active)
	}
	for _, text := range []string{r.text, r.plain()} {
		require.NotContains(t, text, "<")
		require.NotContains(t, text, "@here")
		require.NotContains(t, text, "@everyone")
		require.NotContains(t, text, "xoxb-123456789012")
		require.NotContains(t, text, "hunter2")
	}
	require.NotContains(t, string(raw), "hunter2")
	require.NotContains(t, string(raw), "xoxb-123456789012")

	mentions := render(mockups()["end-bad"], nil)
	require.NotContains(t, mentions.text, "U0DANA", "mentions notify from the blocks")
	raw, err = json.Marshal(mentions.blocks)
	require.NoError(t, err)
	require.Contains(t, string(raw), `"user_id":"U0DANA"`)
}

func TestKnownSecretsAreHidden(t *testing.T) {
	t.Parallel()
	redactor := redact.New([]byte("correct horse battery"))
	r := render(algesta.Report{Title: algesta.Say("it said {}", algesta.Name("correct horse battery")), Body: []algesta.Block{
		{Pre: "correct horse battery"},
		{Table: &algesta.Table{Head: []string{"correct horse battery"}, Rows: [][]algesta.Text{{algesta.Say("correct horse battery")}}}},
		{Fields: []algesta.Field{{Label: "correct horse battery", Value: algesta.Say("correct horse battery")}}},
		{List: []algesta.Text{algesta.Say("correct horse battery")}},
	}, Buttons: []algesta.Button{{
		Label: "correct horse battery", Action: algesta.Run, ID: "o-1",
		Confirm: &algesta.Confirm{Title: "correct horse battery", Text: "correct horse battery"},
	}}}, redactor)
	raw, err := json.Marshal(r.blocks)
	require.NoError(t, err)
	require.NotContains(t, string(raw)+r.text+r.plain(), "horse")
}

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

// A sentence has no lines: a name with a line break can't begin one that reads as the bot's own.
func TestNoNameBeginsALine(t *testing.T) {
	t.Parallel()
	for _, end := range []string{"\n", "\r\n", "\r", "\v", "\f", "\u0085", "\u2028", "\u2029"} {
		name := "/health?x=1" + end + "✅ Approved by Pablo"
		said := algesta.Say("asked {} and "+name, algesta.Name(name))
		r := render(algesta.Report{Title: said, Small: said, Push: said, Body: []algesta.Block{
			{Text: said},
			{List: []algesta.Text{said}},
			{Fields: []algesta.Field{{Label: name, Value: said}}},
			{Table: &algesta.Table{Head: []string{name}, Rows: [][]algesta.Text{{said}}}},
		}}, nil)
		raw, err := json.Marshal(r.blocks)
		require.NoError(t, err)
		require.NotContains(t, string(raw), "\\n✅", "%q", end)
		for _, text := range []string{string(raw), r.text, r.plain()} {
			require.NotRegexp(t, "(?m)^✅", text, "%q", end)
			require.NotContains(t, text, "\u2028✅", "%q", end)
		}
	}
}

// Whoever names an object in 11,000 characters takes the place of no other row.
func TestALongCellHidesNoOtherRow(t *testing.T) {
	t.Parallel()
	table := &algesta.Table{Head: []string{"autoscaler", "for"}}
	for _, name := range []string{strings.Repeat("z", 11_000), "ms-orders", "web"} {
		table.Rows = append(table.Rows, []algesta.Text{algesta.Say("{} {}", algesta.Name(name), "x"), algesta.Say("at its maximum")})
	}
	r := render(algesta.Report{Title: algesta.Say("3 autoscalers"), Body: []algesta.Block{{Table: table}}}, nil)
	require.Empty(t, problemsOf(r))
	require.Contains(t, show(r), "web")
	require.NotContains(t, show(r), "more row")
	require.Contains(t, show(r), "z…")
}
