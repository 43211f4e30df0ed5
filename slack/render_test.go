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
