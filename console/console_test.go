package console_test

import (
	"bytes"
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/console"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const people = `
team: T0ALGESTA
people:
  - {id: U0DANA, name: dana, realName: Dana Ortega, email: Dana@example.com}
  - {id: U0CARLA, name: carla}
  - {id: U0GINA, name: gina, guest: true}
  - {id: U0OMAR, name: omar, deactivated: true}
groups:
  - {id: S0PLATFORM, handle: platform, users: [U0CARLA]}
places:
  - {id: C0OPS, name: ops}
  - {id: C0RANDOM, name: random, without: true}
`

// echo answers every command with a card that has a button, and every vote with a sentence for its voter.
type echo struct {
	due  []algesta.Outgoing
	seen []algesta.Invocation
	wake chan struct{}
}

func (e *echo) Receive(_ context.Context, in algesta.Invocation) (bool, error) {
	e.seen = append(e.seen, in)
	p := algesta.Post{Kind: algesta.CardPost, Report: algesta.Report{
		Tone: algesta.Waiting, Title: algesta.Say("You said {}", in.Text), Small: algesta.Say("c-7f3a9k"),
		Buttons: []algesta.Button{{
			Label: "Approve", Action: algesta.Approve, ID: "c-7f3a9k",
			Confirm: &algesta.Confirm{Title: "Approve this change?", Text: "Rollback of api-gateway (12345 → 12344)."},
		}, {Label: "Deny", Action: algesta.Deny, ID: "c-7f3a9k", AskReason: true, ReasonOptional: true}},
	}}
	if in.Vote != nil {
		p = algesta.Post{
			Kind:    algesta.AnswerPost,
			OnlyFor: in.Person.User,
			Report:  algesta.Report{Title: algesta.Say("{} {}", in.Vote.Action, in.Vote.ID)},
		}
	}
	e.due = append(e.due, algesta.Outgoing{ID: int64(len(e.seen)), Post: p, Rev: 1})
	return true, nil
}

func (e *echo) Due(context.Context, int) ([]algesta.Outgoing, error) { return e.due, nil }
func (e *echo) Delivered(_ context.Context, d []algesta.Delivery) error {
	e.due = e.due[len(d):]
	return nil
}
func (e *echo) OutboxWake() <-chan struct{} { return e.wake }

func TestAConversation(t *testing.T) {
	t.Parallel()
	who, err := console.ParsePeople([]byte(people))
	require.NoError(t, err)
	e := &echo{}
	var out bytes.Buffer
	in := strings.NewReader(
		"dana> rollback api-gateway production\n\n# a remark\ncarla> approve c1 looks right\nbob> help\nhelp\ndana in #random> help\ndana in " +
			"#nowhere> help\ncarla> approve everything\n",
	)
	require.NoError(t, console.Run(t.Context(), in, &out, console.Config{People: who, Inbox: e, Outbox: e, Short: true}))
	require.Equal(t, `bot> 🟡 You said rollback api-gateway production
        c1
       [Approve] approve c1   [Deny] deny c1 [why]
console> Approve this change? Rollback of api-gateway (12345 → 12344).
bot to carla> approve c1
console> There is no "bob" in the file of people.
console> Write who speaks and what, like "dana> help" or "dana in #random> help".
bot> 🟡 You said help
        c1
       [Approve] approve c1   [Deny] deny c1 [why]
console> There's no #nowhere in the file of people.
bot> 🟡 You said approve everything
        c1
       [Approve] approve c1   [Deny] deny c1 [why]
`, out.String())
	require.Equal(t, &algesta.Vote{Action: algesta.Approve, ID: "c-7f3a9k", Reason: "looks right"}, e.seen[1].Vote)
	require.Equal(t, "C0OPS", e.seen[0].Channel)
	require.Equal(t, "C0RANDOM", e.seen[2].Channel)
	require.Nil(t, e.seen[3].Vote)
}

func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	who, err := console.ParsePeople([]byte(people))
	require.NoError(t, err)
	in, typing := io.Pipe()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	e := &echo{}
	go func() { done <- console.Run(ctx, in, io.Discard, console.Config{People: who, Inbox: e, Outbox: e}) }()
	_, err = typing.Write([]byte("dana> help\n"))
	require.NoError(t, err)
	cancel()
	require.NoError(t, <-done)
	require.NoError(t, typing.Close())
}

func TestThePeopleAreADirectory(t *testing.T) {
	t.Parallel()
	who, err := console.ParsePeople([]byte(people))
	require.NoError(t, err)
	actor := func(team, user string) algesta.Actor {
		a, err := who.Actor(t.Context(), algesta.PersonID{Team: team, User: user}, time.Minute)
		require.NoError(t, err)
		return a
	}
	require.Equal(t, "dana@example.com", actor("T0ALGESTA", "U0DANA").Email)
	require.Equal(t, []string{"S0PLATFORM"}, actor("T0ALGESTA", "U0CARLA").Groups)
	require.Equal(t, algesta.Guest, actor("T0ALGESTA", "U0GINA").Standing)
	require.Equal(t, algesta.Deactivated, actor("T0ALGESTA", "U0OMAR").Standing)
	require.Equal(t, algesta.Stranger, actor("T0ALGESTA", "U0NOBODY").Standing)
	require.Equal(t, algesta.Stranger, actor("T0OTHER", "U0DANA").Standing)
	place, err := who.Place(t.Context(), "C0RANDOM", 0)
	require.NoError(t, err)
	require.Equal(t, commands.Place{Name: "random"}, place)
	require.Equal(t, "@platform", who.Subject(t.Context(), "group:S0PLATFORM"))
	require.Equal(t, "Dana Ortega", who.Subject(t.Context(), "user:U0DANA"))
	require.Equal(t, "dana@example.com", who.Subject(t.Context(), "email:dana@example.com"))
}

func TestPeopleAreReadStrictly(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"an unknown key":          "team: T0\npeople: [{id: U0A, name: a, age: 7}]",
		"no team":                 "people: [{id: U0A, name: a}]",
		"nobody":                  "team: T0",
		"a name that is twice":    "team: T0\npeople: [{id: U0A, name: a}, {id: U0B, name: a}]",
		"an ID that is missing":   "team: T0\npeople: [{name: a}]",
		"something else entirely": "- 1",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := console.ParsePeople([]byte(text))
			require.ErrorContains(t, err, "reading people")
		})
	}
}

func TestFormat(t *testing.T) {
	t.Parallel()
	got := console.Format(algesta.Report{
		Tone: algesta.Bad, Title: algesta.Say("{} stopped", algesta.Name("api-gateway")), Small: algesta.Say("requested by Dana"),
		Body: []algesta.Block{
			{Text: algesta.Say("a sentence\x1b[31m with colour")},
			{List: []algesta.Text{algesta.Say("one"), algesta.Say("two")}},
			{Fields: []algesta.Field{{Label: "image", Value: algesta.Say("a → b")}, {Label: "id", Value: algesta.Say("7")}}},
			{Table: &algesta.Table{Head: []string{"pod", "ready"}, Rows: [][]algesta.Text{{algesta.Say("x2x9"), algesta.Say("yes")}}}},
			{Bar: &algesta.Bar{Done: 2, Of: 4}},
			{Pre: "password=hunter2hunter2\nline two\n"},
		},
		Buttons: []algesta.Button{{Label: "Undo", Action: algesta.Run, ID: "o-aaaabbbbcccc"}},
	})
	require.Equal(t, `❌ api-gateway stopped
   requested by Dana
  a sentence with colour
  • one
  • two
  image  a → b
  id     7
  pod   ready
  x2x9  yes
  ▓▓▓▓▓░░░░░ 2 of 4
  password=‹redacted›
  line two
  [Undo] run o-aaaabbbbcccc`, got)
}
