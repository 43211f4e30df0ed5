package slack

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// ask10 is the age that commands asks for before a vote.
const ask10 = 10 * time.Minute

func asked(t *testing.T) (*Slack, *slackd.Server) {
	t.Helper()
	server := slackd.New(t, slackd.Options{})
	b := newBox()
	s, err := New(Config{
		BotToken: Secret(server.BotToken()), AppToken: Secret(server.AppToken()), APIURL: server.APIURL(), Command: "/algesta",
		Groups: []string{"S0PLATFORM", "S0BACKEND", "S0GONE"}, Inbox: b, Outbox: b,
	})
	require.NoError(t, err)
	t.Cleanup(s.http.CloseIdleConnections)
	return s, server
}

func person0(user string) algesta.PersonID { return algesta.PersonID{Team: "T0ALGESTA", User: user} }

func TestStandings(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	server.UpdateUser(slackd.User{ID: "U0FAR", Name: "far", RealName: "Far Away", Email: "far@example.com", Team: "T0OTHER"})
	tests := map[string]struct {
		id     algesta.PersonID
		want   algesta.Standing
		groups []string
		email  string
	}{
		"a full member has groups and an e-mail": {
			id:     person0("U0PABLO"),
			want:   algesta.Member,
			groups: []string{"S0PLATFORM"},
			email:  "pablo@example.com",
		},
		"a member in no group has none":                   {id: person0("U0NICO"), want: algesta.Member, email: "nico@example.com"},
		"a guest has no e-mail":                           {id: person0("U0GINA"), want: algesta.Guest},
		"a bot is a bot":                                  {id: person0("U0GRAFANA"), want: algesta.Bot},
		"the bot itself is a bot":                         {id: person0("U0ALGESTA"), want: algesta.Bot},
		"a deactivated person is that":                    {id: person0("U0OMAR"), want: algesta.Deactivated},
		"who is not in the workspace is a stranger":       {id: person0("U0NOBODY"), want: algesta.Stranger},
		"another workspace's person is a stranger":        {id: person0("U0FAR"), want: algesta.Stranger},
		"another workspace's ID is a stranger":            {id: algesta.PersonID{Team: "T0OTHER", User: "U0PABLO"}, want: algesta.Stranger},
		"an ID without a workspace is a stranger":         {id: algesta.PersonID{User: "U0PABLO"}, want: algesta.Stranger},
		"an ID without a user is a stranger, not a guess": {id: algesta.PersonID{Team: "T0ALGESTA"}, want: algesta.Stranger},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			a, err := s.Actor(t.Context(), test.id, ask10)
			require.NoError(t, err)
			require.Equal(t, test.id, a.ID)
			require.Equal(t, test.want, a.Standing)
			require.Equal(t, test.groups, a.Groups)
			require.Equal(t, test.email, a.Email)
			require.WithinDuration(t, time.Now(), a.AsOf, time.Minute)
		})
	}
}

func TestFactsAreAskedAgainWhenTheyAreOld(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	before, err := s.Actor(t.Context(), person0("U0PABLO"), ask10)
	require.NoError(t, err)
	server.SetGroup("S0PLATFORM", "U0ELENA")
	server.UpdateUser(slackd.User{ID: "U0PABLO", Name: "pablo", RealName: "Pablo Rincón", Guest: true})

	same, err := s.Actor(t.Context(), person0("U0PABLO"), ask10)
	require.NoError(t, err)
	require.Equal(t, before, same)
	require.Len(t, server.Calls("users.info"), 1)
	require.Len(t, server.Calls("usergroups.users.list"), 3)

	now, err := s.Actor(t.Context(), person0("U0PABLO"), 0)
	require.NoError(t, err)
	require.Equal(t, algesta.Guest, now.Standing)
	require.Empty(t, now.Groups)
	require.Empty(t, now.Email)
	require.True(t, now.AsOf.After(before.AsOf))
}

func TestWhenSlackDoesNotAnswerNobodyIsAnybody(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]slackd.Fault{
		"a 500": {
			Status: 500,
		}, "a 429": {
			Status:     429,
			RetryAfter: time.Second,
		}, "a dropped connection": {Drop: true}, "a lost scope": {Error: "missing_scope"},
	} {
		for _, method := range []string{"auth.test", "users.info", "usergroups.users.list"} {
			t.Run(name+" of "+method, func(t *testing.T) {
				t.Parallel()
				s, server := asked(t)
				server.FailNext(method, fault, 100)
				a, err := s.Actor(t.Context(), person0("U0PABLO"), ask10)
				require.ErrorIs(t, err, algesta.ErrUnreachable)
				require.Equal(t, algesta.Actor{}, a)
				var said *algesta.Error
				require.ErrorAs(t, err, &said)
				require.Equal(t, "I couldn't look you up in Slack, so nothing was done.", said.Message.String())
			})
		}
	}
}

func TestOldFactsAreNoAnswerWhenSlackIsDown(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	_, err := s.Actor(t.Context(), person0("U0PABLO"), ask10)
	require.NoError(t, err)
	server.FailNext("*", slackd.Fault{Status: 503}, 100)
	_, err = s.Actor(t.Context(), person0("U0PABLO"), ask10)
	require.NoError(t, err, "what is young enough needs no question")
	_, err = s.Actor(t.Context(), person0("U0PABLO"), 0)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
}

func TestManyQuestionsAboutOnePersonAreOneCall(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	server.FailNext("users.info", slackd.Fault{Delay: 300 * time.Millisecond}, 1)
	var asking sync.WaitGroup
	errs := make(chan error, 50)
	for range 50 {
		asking.Go(func() {
			_, err := s.Actor(t.Context(), person0("U0PABLO"), ask10)
			errs <- err
		})
	}
	asking.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Len(t, server.Calls("users.info"), 1)
	require.Len(t, server.Calls("usergroups.users.list"), 3)
}

func TestManyGroupsAreOneCall(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	groups := []string{"S0PLATFORM", "S0BACKEND"}
	for i := range 30 {
		groups = append(groups, fmt.Sprintf("S0NOT%d", i))
	}
	s.SetGroups(groups)
	for range 3 {
		a, err := s.Actor(t.Context(), person0("U0PABLO"), ask10)
		require.NoError(t, err)
		require.Equal(t, []string{"S0PLATFORM"}, a.Groups)
	}
	require.Len(t, server.Calls("usergroups.list"), 1)
	require.Empty(t, server.Calls("usergroups.users.list"))

	server.SetGroup("S0PLATFORM", "U0ELENA")
	a, err := s.Actor(t.Context(), person0("U0PABLO"), 0)
	require.NoError(t, err)
	require.Empty(t, a.Groups)
	require.Len(t, server.Calls("usergroups.list"), 2)
	server.FailNext("usergroups.list", slackd.Fault{Status: 500}, 1)
	_, err = s.Actor(t.Context(), person0("U0PABLO"), 0)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
}

func TestACrowdIsKnownAtOnce(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	const crowd = 300
	for i := range crowd {
		server.UpdateUser(slackd.User{ID: fmt.Sprintf("U0N%d", i), Name: fmt.Sprintf("n%d", i), RealName: "N", Guest: i%2 == 0})
	}
	var asking sync.WaitGroup
	errs := make(chan error, crowd)
	for i := range crowd {
		asking.Go(func() {
			a, err := s.Actor(t.Context(), person0(fmt.Sprintf("U0N%d", i)), ask10)
			if err == nil && (a.Standing == algesta.Guest) != (i%2 == 0) {
				err = fmt.Errorf("%s is a %s", a.ID, a.Standing)
			}
			errs <- err
		})
	}
	asking.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	for _, call := range server.Calls() {
		require.NotEqual(t, "ratelimited", call.Error, call.Method)
	}
	require.LessOrEqual(t, len(server.Calls("users.list")), 4)
}

func TestPlaces(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	tests := map[string]struct {
		channel string
		want    commands.Place
	}{
		"a channel with the bot":         {channel: "C0OPS", want: commands.Place{Name: "ops", Member: true, Public: true}},
		"a public channel without it":    {channel: "C0RANDOM", want: commands.Place{Name: "random", Public: true}},
		"a private channel without it":   {channel: "C0WARROOM"},
		"its own direct message":         {channel: server.BotDM("U0LUIS"), want: commands.Place{Member: true, Direct: true}},
		"somebody else's direct message": {channel: "D0LUISMARTA"},
		"no channel at all":              {channel: "C0NOWHERE"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			p, err := s.Place(t.Context(), test.channel, time.Hour)
			require.NoError(t, err)
			require.Equal(t, test.want, p)
		})
	}
	require.NoError(t, server.Invite("U0LUIS", "C0RANDOM", "U0ALGESTA"))
	require.Eventually(t, func() bool {
		p, err := s.Place(t.Context(), "C0RANDOM", time.Hour)
		return err == nil && p.Member
	}, 10*time.Second, 50*time.Millisecond, "whoever has just invited the bot is believed")

	server.FailNext("conversations.info", slackd.Fault{Status: 500}, 1)
	_, err := s.Place(t.Context(), "C0INCIDENTS", time.Hour)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
}

func TestSubjectsHaveNames(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	for subject, want := range map[algesta.Subject]string{
		"user:U0CARLA": "Carla Mejía", "group:S0PLATFORM": "@platform", "email:dana@example.com": "dana@example.com",
		"dana@example.com": "dana@example.com", "group:S0NOBODY": "@S0NOBODY", "user:U0NOBODY": "U0NOBODY",
	} {
		require.Equal(t, want, s.Subject(t.Context(), subject), subject)
	}
	require.Len(t, server.Calls("usergroups.list"), 1)
	server.FailNext("*", slackd.Fault{Status: 500}, 10)
	require.Equal(t, "U0ELENA", s.Subject(t.Context(), "user:U0ELENA"))
}

func TestAnotherWorkspaceThanConfigured(t *testing.T) {
	t.Parallel()
	s, _ := asked(t)
	s.cfg.TeamID = "T0OTHER"
	_, err := s.Actor(t.Context(), person0("U0PABLO"), ask10)
	require.ErrorIs(t, err, errOtherTeam)
	require.ErrorIs(t, err, algesta.ErrUnreachable)

	ctx, cancel := context.WithCancel(t.Context())
	s.fatalWait = time.Millisecond
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	require.Eventually(t, func() bool { return s.Stats().Problem != "" }, 5*time.Second, time.Millisecond)
	require.Contains(t, s.Stats().Problem, "another workspace")
	cancel()
	require.NoError(t, <-done)
}

func TestQuestionsStayBelowSlacksRate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		d := newDirectory(web{}, nil, nil)
		asked := 0
		begin := time.Now()
		for time.Since(begin) < time.Minute {
			_, err := ask(t.Context(), d, "key", d.members, time.Time{}, func(context.Context) (int, error) { asked++; return 1, nil })
			if err != nil {
				pause(t.Context(), 100*time.Millisecond) // of made-up time
			}
		}
		require.LessOrEqual(t, asked, 20)
		require.Greater(t, asked, 15)
	})
}

func TestSecretsAreNeverPrinted(t *testing.T) {
	t.Parallel()
	s := Secret("xoxb-very-secret")
	raw, err := json.Marshal(map[string]any{"token": s})
	require.NoError(t, err)
	printed := fmt.Sprintf("%v %s %q %+v %#v %s", s, s, s, struct{ S Secret }{s}, s, raw)
	require.NotContains(t, printed, "very")
}

func TestConfigSaysWhatIsWrong(t *testing.T) {
	t.Parallel()
	b := newBox()
	good := Config{BotToken: "xoxb-1", AppToken: "xapp-1", Command: "/algesta", Inbox: b, Outbox: b}
	require.NoError(t, good.Validate())
	for want, change := range map[string]func(*Config){
		"bot token":     func(c *Config) { c.BotToken = "xapp-1" },
		"app token":     func(c *Config) { c.AppToken = "" },
		"command":       func(c *Config) { c.Command = "algesta" },
		"API address":   func(c *Config) { c.APIURL = "http://127.0.0.1/api" },
		"inbox and an ": func(c *Config) { c.Inbox = nil },
	} {
		c := good
		change(&c)
		_, err := New(c)
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "xapp-1")
	}
}

// TestAnArchivedChannelIsNoPlaceToReportTo: nothing can be posted there, whoever its members are.
func TestAnArchivedChannelIsNoPlaceToReportTo(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	server.Archive("C0OPS", true)
	p, err := s.Place(t.Context(), "C0OPS", time.Hour)
	require.NoError(t, err)
	require.False(t, p.Member)
}

// TestChannelMembershipDecidesNothing: what is known of a person, and so what they may do, is the same whatever channels they are in.
func TestChannelMembershipDecidesNothing(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	before, err := s.Actor(t.Context(), person0("U0NICO"), 0)
	require.NoError(t, err)
	require.NoError(t, server.Invite("U0LUIS", "C0OPS", "U0NICO"))
	inside, err := s.Actor(t.Context(), person0("U0NICO"), 0)
	require.NoError(t, err)
	server.Leave("C0OPS", "U0NICO")
	outside, err := s.Actor(t.Context(), person0("U0NICO"), 0)
	require.NoError(t, err)
	inside.AsOf, outside.AsOf = before.AsOf, before.AsOf
	require.Equal(t, before, inside)
	require.Equal(t, before, outside)
	require.Empty(t, server.Calls("conversations.members"))
}

// TestFactsOfEveryKindAreAskedAgainWhenTheyAreOld changes a person, a group and a place, one at a time.
func TestFactsOfEveryKindAreAskedAgainWhenTheyAreOld(t *testing.T) {
	t.Parallel()
	s, server := asked(t)
	ask := func() algesta.Actor {
		a, err := s.Actor(t.Context(), person0("U0PABLO"), 0)
		require.NoError(t, err)
		return a
	}
	require.Equal(t, []string{"S0PLATFORM"}, ask().Groups)
	server.SetGroup("S0PLATFORM", "U0ELENA")
	require.Empty(t, ask().Groups, "the group")
	server.UpdateUser(slackd.User{ID: "U0PABLO", Name: "pablo", RealName: "Pablo Rincón", Deactivated: true})
	require.Equal(t, algesta.Deactivated, ask().Standing, "the person")
	place, err := s.Place(t.Context(), "C0OPS", 0)
	require.NoError(t, err)
	require.True(t, place.Member)
	server.Archive("C0OPS", true)
	place, err = s.Place(t.Context(), "C0OPS", 0)
	require.NoError(t, err)
	require.False(t, place.Member, "the place")
}

// TestExecutionsOneAfterTheOtherKnowTheGroups asks freshly again and again, as executions do that have nothing in common: the groups of
// each are known, within what Slack takes in a minute.
func TestExecutionsOneAfterTheOtherKnowTheGroups(t *testing.T) {
	t.Parallel()
	s, server := asked(t) // with three groups
	for i := range 12 {
		a, err := s.Actor(t.Context(), person0("U0PABLO"), 0)
		require.NoError(t, err, i)
		require.Equal(t, []string{"S0PLATFORM"}, a.Groups)
	}
	require.LessOrEqual(t, len(server.Calls("usergroups.users.list")), 12)
	require.LessOrEqual(t, len(server.Calls("usergroups.list")), 12)
}
