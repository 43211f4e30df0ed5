package slack

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestWhoDoesNotSeeAChannel(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	server.Leave("C0OPS", "U0PABLO")
	server.Leave("C0OPS", "U0ELENA")
	server.Leave("C0OPS", "U0CARLA")
	subjects := []algesta.Subject{"group:S0PLATFORM", "group:S0BACKEND", "email:carla@example.com", "user:U0DANA", "email:nobody@example.com"}
	people, more, err := s.Absent(t.Context(), "C0OPS", subjects, 2)
	require.NoError(t, err)
	require.Equal(
		t, []algesta.PersonID{person0("U0CARLA"), person0("U0ELENA")}, people, "who is named comes first; Dana and the backend are there",
	)
	require.Equal(t, 1, more)

	server.FailNext("conversations.members", slackd.Fault{Status: 500}, 1)
	_, _, err = s.Absent(t.Context(), "C0OPS", subjects, 2)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
}

func TestAnApproverKnownByEmailIsAPerson(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	for range 2 {
		require.Equal(t, "U0CARLA", s.Person(t.Context(), "email:Carla@example.com"))
		require.Empty(t, s.Person(t.Context(), "nobody@example.com"))
	}
	require.Len(t, server.Calls("users.lookupByEmail"), 2, "asked once each")
	require.Equal(t, "U0DANA", s.Person(t.Context(), "user:U0DANA"))
	require.Empty(t, s.Person(t.Context(), "group:S0PLATFORM"))
}

func TestWhatAPhoneShows(t *testing.T) {
	t.Parallel()
	carla := algesta.Span{Kind: algesta.Person, ID: "U0CARLA", Text: "@Carla"}
	team := algesta.Span{Kind: algesta.Group, ID: "S0PLATFORM", Text: "@platform"}
	tests := map[string]struct {
		report algesta.Report
		want   string
	}{
		"mentions at the end are left out": {
			algesta.Report{Tone: algesta.Good, Title: algesta.Say("It is back on 12344. {} {}", carla, team)},
			"✅ It is back on 12344.",
		},
		"a mention inside is a name": {algesta.Report{Title: algesta.Say("{} may approve", carla)}, "@Carla may approve"},
		"a sentence of its own": {
			algesta.Report{Title: algesta.Say("Roll back"), Push: algesta.Say("Luis asks to roll back. Approve?")},
			"Luis asks to roll back. Approve?",
		},
		"a list stands for itself": {
			algesta.Report{Body: []algesta.Block{{List: []algesta.Text{algesta.Say("one"), algesta.Say("two")}}}},
			"one",
		},
		"fields": {
			algesta.Report{Body: []algesta.Block{{Fields: []algesta.Field{{Label: "image", Value: algesta.Say("12344")}}}}},
			"image 12344",
		},
		"a table shows its head": {
			algesta.Report{Body: []algesta.Block{{Table: &algesta.Table{Head: []string{"pod"}, Rows: [][]algesta.Text{{algesta.Say("x")}}}}}},
			"pod",
		},
		"a log shows its first line":        {algesta.Report{Body: []algesta.Block{{Pre: "first\nsecond"}}}, "first"},
		"what is small is better than none": {algesta.Report{Small: algesta.Say("requested by Luis")}, "requested by Luis"},
		"nothing at all is said in words":   {algesta.Report{}, "A message without text"},
		"a group that nobody is told of":    {algesta.Report{Title: algesta.Say("{}", team), Small: algesta.Say("small")}, "small"},
		"no markup comes from a person here": {
			algesta.Report{Title: algesta.Say("{} done", algesta.Span{Kind: algesta.Person, ID: "U0EVE", Text: "<!channel>"})},
			"&lt;!channel&gt; done",
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, render(test.report, nil).text)
		})
	}
}

func TestTablesWrap(t *testing.T) {
	t.Parallel()
	table := algesta.Table{Head: []string{"pod", "restarts", "cpu"}, Rows: [][]algesta.Text{
		{
			algesta.Say("api-gateway-production-7d9f-x2x9"),
			algesta.Say("0"),
			algesta.Say("120m"),
		},
		{algesta.Say("api"), algesta.Say("16"), algesta.Say("–")},
	}}
	r := render(algesta.Report{Body: []algesta.Block{{Table: &table}}}, nil)
	require.Empty(t, problemsOf(r))
	settings := columns(table)
	require.True(t, settings[0].IsWrapped)
	require.Equal(t, "left", string(settings[0].Align))
	require.Equal(t, "right", string(settings[1].Align))
	require.Equal(t, "right", string(settings[2].Align))
}
