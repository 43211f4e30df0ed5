package slack

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
	"go.uber.org/zap/zaptest/observer"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// grid is the demo's workspace in an organisation of several.
func grid() *slackd.Workspace {
	w := slackd.Demo()
	w.Team.Enterprise = "E0ORG"
	w.Users = append(
		w.Users,
		slackd.User{ID: "U0HOME", Name: "home", RealName: "At Home", Email: "home@example.com", Workspaces: []string{"T0ALGESTA"}},
		slackd.User{
			ID:         "U0AWAY",
			Name:       "away",
			RealName:   "From Elsewhere",
			Email:      "away@example.com",
			Team:       "T0SALES",
			Workspaces: []string{"T0SALES", "T0ALGESTA"},
		},
		slackd.User{ID: "U0BARE", Name: "bare", RealName: "Without A Team", Team: "none", Workspaces: []string{"T0ALGESTA"}},
		slackd.User{ID: "U0LOST", Name: "lost", RealName: "Without Any", Team: "none"},
		slackd.User{ID: "U0SALES", Name: "sales", RealName: "In Sales Only", Team: "T0SALES", Workspaces: []string{"T0SALES"}},
		slackd.User{ID: "U0PARTNER", Name: "partner", RealName: "Of A Partner", Team: "T0PARTNER"},
	)
	w.Channels[0].Members = append(w.Channels[0].Members, "U0AWAY", "U0SALES", "U0PARTNER")
	return &w
}

func TestMembersOnEnterpriseGrid(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{Workspace: grid()})
	for user, want := range map[string]algesta.Standing{
		"U0HOME": algesta.Member, "U0AWAY": algesta.Member, "U0BARE": algesta.Member,
		"U0LOST": algesta.Stranger, "U0SALES": algesta.Stranger, "U0PARTNER": algesta.Stranger, "U0GINA": algesta.Guest,
	} {
		a, err := r.Actor(t.Context(), person0(user), ask10)
		require.NoError(t, err)
		require.Equal(t, want, a.Standing, user)
	}
}

// Whatever workspace of the organisation somebody came from, they act in the one that the app is in.
func TestEveryWayOfAskingNamesOnePerson(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{Workspace: grid()})
	r.sockets(t, 2)
	_, err := r.server.Type("U0AWAY", "C0OPS", "/algesta help")
	require.NoError(t, err)
	require.Equal(t, person0("U0AWAY"), r.box.next(t).Person)
	_, err = r.server.Mention("U0AWAY", "C0OPS", "", "help")
	require.NoError(t, err)
	require.Equal(t, person0("U0AWAY"), r.box.next(t).Person)

	report := say("plan")
	report.Buttons = []algesta.Button{{Label: "Approve", Action: algesta.Approve, ID: "c-1"}}
	r.box.post(algesta.Post{Command: "c-1", Kind: algesta.CardPost, Channel: "C0OPS", Report: report})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.Says("plan"))
	require.NoError(t, err)
	for user, want := range map[string]algesta.Standing{"U0AWAY": algesta.Member, "U0SALES": algesta.Stranger, "U0PARTNER": algesta.Stranger} {
		_, err = r.server.Click(user, card, "approve")
		require.NoError(t, err)
		in := r.box.next(t)
		a, err := r.Actor(t.Context(), in.Person, ask10)
		require.NoError(t, err)
		require.Equal(t, want, a.Standing, user)
	}
}

func TestAnAppOfAWholeOrganisationIsRefused(t *testing.T) {
	t.Parallel()
	w := grid()
	w.Team.OrgInstall = true
	r := start(
		t, slackd.Options{Workspace: w}, func(s *Slack) { s.fatalWait = time.Minute; s.log = zap.NewNop(); s.listener.log = zap.NewNop() },
	)
	r.stats(t, func(s Stats) bool { return s.Problem != "" })
	require.Contains(t, r.Stats().Problem, "whole organisation")
	require.Zero(t, r.server.Sockets())
	_, err := r.Actor(t.Context(), person0("U0HOME"), ask10)
	require.ErrorIs(t, err, algesta.ErrUnreachable)
}

func TestASecondProcessWithTheSameTokenIsNoticed(t *testing.T) {
	t.Parallel()
	first := start(t, slackd.Options{})
	first.sockets(t, 2)
	first.stats(t, func(s Stats) bool { return s.Connected == 2 })
	require.Zero(t, first.Stats().Others)

	core, logged := observer.New(zapcore.WarnLevel)
	b := newBox()
	second, err := New(Config{
		BotToken: Secret(first.server.BotToken()), AppToken: Secret(first.server.AppToken()), APIURL: first.server.APIURL(), Command: "/algesta",
		Inbox: b, Outbox: b, Stagger: time.Millisecond, Log: zap.New(core),
	})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- second.Run(ctx) }()
	require.Eventually(t, func() bool { return second.Stats().Connected == 2 }, 10*time.Second, time.Millisecond)
	require.Positive(t, second.Stats().Others)
	require.NotZero(t, logged.FilterMessageSnippet("another process uses this app token").Len())
	cancel()
	require.NoError(t, <-done)
	first.sockets(t, 2)

	first.server.DropSockets()
	first.stats(t, func(s Stats) bool { return s.Reconnects+int64(s.Connected) >= 2 && s.Connected == 2 && s.Others == 0 })
}

func TestTooManySocketsIsTheReasonEvenBeforeTheHello(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{MaxSockets: 1}, func(s *Slack) {
		s.fatalWait = time.Hour
		s.log, s.listener.log = zap.NewNop(), zap.NewNop()
	})
	r.stats(t, func(s Stats) bool { return s.Problem != "" })
	require.Contains(t, r.Stats().Problem, "too_many_websockets")
	calls := len(r.server.Calls("apps.connections.open"))
	require.LessOrEqual(t, calls, 2, "it waits before it asks again")
	require.Equal(t, time.Hour, r.listener.waitAfter(hungUp("too_many_websockets"), nil))
}
