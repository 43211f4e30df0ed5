package e2e

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestWhatCannotBeUnderstoodIsAnsweredToItsAuthorAlone(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	cases := map[string]struct{ user, channel, text, want string }{
		"an unknown verb": {
			luis,
			ops,
			"rolback api-gateway production",
			"I don't know the command \"rolback\". Did you mean rollback?\n/algesta rollback api-gateway production",
		},
		"an unknown service": {
			luis,
			ops,
			"rollback api-gatewy production",
			"There's no service \"api-gatewy\" in production. Did you mean api-gateway?\n/algesta rollback api-gateway production",
		},
		"an unknown environment": {
			luis,
			ops,
			"rollback api-gateway prodution",
			"There's no environment \"prodution\". Did you mean production?\n/algesta rollback api-gateway production",
		},
		"an unknown option": {
			luis,
			ops,
			"rollback api-gateway production --to-revison=2",
			"rollback has no option --to-revison. Did you mean --to-revision?\n/algesta rollback api-gateway production --to-revision=2",
		},
		"an unknown revision": {
			luis,
			ops,
			"rollback api-gateway production --to-revision=99",
			"api-gateway-production has no revision 99.\nThe revisions are 3 (now, 12345), 2 (12344) and 1 (12343). For example: /algesta " +
				"rollback " +
				"api-gateway production --to-revision=2",
		},
		"the revision of now": {
			luis,
			ops,
			"rollback api-gateway production --to-revision=3",
			"⚪ api-gateway in production already runs revision 3.",
		},
		"a number that is none": {
			luis,
			ops,
			"scale api-gateway production replicas=many",
			"replicas must be a number from 0 to 500, not \"many\".\n/algesta scale api-gateway production replicas=<number>",
		},
		"beyond a limit": {
			luis,
			ops,
			"scale api-gateway production replicas=11",
			"Production services run 2 to 10 pods. Change the limit in the policy if that is no longer right.\nThis is the limit \"production " +
				"stays between 2 and 10 pods\" of the policy.",
		},
		"10 kB of text": {
			luis,
			ops,
			"rollback " + strings.Repeat("a", 10_000) + " production",
			"That's too long for a command: the limit is 2,000 characters.",
		},
		"10 kB of words": {
			luis,
			ops,
			strings.Repeat("rollback ", 1200),
			"That's too long for a command: the limit is 2,000 characters.",
		},
		"a person for a service": {
			luis,
			ops,
			"rollback @carla production",
			"@U0CARLA is a person or a group. Type the name of a service instead.\n/algesta rollback <service> production",
		},
		"a channel": {
			luis,
			ops,
			"rollback #ops production",
			"#ops is a channel. Type the name of a service instead.\n/algesta rollback <service> production",
		},
		"a link": {
			luis,
			ops,
			"rollback https://example.com/api-gateway production",
			"https://example.com/api-gateway is a link. Type the plain name instead.\n/algesta rollback <service> production",
		},
		"a link for an image": {
			luis,
			ops,
			"deploy api-gateway production https://example.com/x",
			"https://example.com/x is a link. Type the plain name instead.\n/algesta deploy api-gateway production image=<image>",
		},
		"everybody": {
			luis,
			ops,
			"rollback @here production",
			"@here is a person or a group. Type the name of a service instead.\n/algesta rollback <service> production",
		},
		"markup": {
			luis,
			ops,
			"rollback <!channel>*bold* production",
			"@channel*bold is a person or a group. Type the name of a service instead.\n/algesta rollback <service> production",
		},
		"an open quote": {luis, ops, `rollback api-gateway production --reason "it burns`, "A quote is opened but not closed."},
		"nobody's rights": {
			nico,
			ops,
			"rollback api-gateway production",
			"You can't roll back in production: no policy rule names you or a group that you're in.\nSomeone in " +
				"<!subteam^S0BACKEND> or <!subteam^S0PLATFORM> can: ask there.",
		},
		"nobody's reading": {
			nico,
			ops,
			"status api-gateway production",
			"You can't see the status in production: no policy rule names you or a group that you're in.\nSomeone in " +
				"<!subteam^S0BACKEND> or <!subteam^S0PLATFORM> can: ask there.",
		},
		"a reader who changes": {
			dana,
			ops,
			"rollback api-gateway production",
			"You can't roll back in production (rule \"developers look at production\" gives you reading).\nSomeone in <!subteam^S0BACKEND> or " +
				"<!subteam^S0PLATFORM> can: ask there.",
		},
		"a guest": {
			gina,
			ops,
			"rollback api-gateway production",
			"Guests of this workspace can't use me.\nAsk a full member to do it.",
		},
		"a channel without the bot": {
			luis,
			random,
			"rollback api-gateway production",
			"I'm not in #random, so I can't post a thread here.\nInvite me first: /invite @algesta",
		},
		"a private channel": {
			luis,
			"C0WARROOM",
			"rollback api-gateway production",
			"I'm not in this channel, so I can't post a thread here.\nInvite me first: /invite @algesta",
		},
		"two people's conversation": {
			luis,
			"D0LUISMARTA",
			"rollback api-gateway production",
			"I'm not in this conversation, so I can't post a thread here.\nSlack doesn't let anyone add me to existing direct " +
				"messages. Ask in a channel that I'm in.",
		},
		"the bot's own DM": {
			luis,
			w.slack.BotDM(luis),
			"rollback api-gateway production",
			"This needs someone else's approval, and nobody else can see our direct messages.\nAsk in a channel that I'm in, where " +
				"the approvers are too.",
		},
	}
	// Until the caches are filled the bot reads live, and then it knows no names to compare a typo with.
	for !strings.Contains(w.answer(luis, ops, "status api-gatewy production"), "There's no service") {
		require.NoError(t, t.Context().Err())
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			require.Equal(t, c.want, w.answer(c.user, c.channel, c.text))
		})
	}
	require.Equal(t, "I don't know the command \"make\".\n/algesta help lists what I know.", w.answer(luis, ops, "make me a coffee"))
	require.Empty(t, w.slack.Messages(ops), "nobody else was bothered")
	w.requireUntouched()
}

func TestStrangersAndBotsAreRefused(t *testing.T) {
	t.Parallel()
	ws := slackd.Demo()
	ws.Users = append(ws.Users, slackd.User{ID: "U0XENIA", Name: "xenia", RealName: "Xenia of another company", Team: "T0OTHER"})
	ws.Channels[0].Members = append(ws.Channels[0].Members, "U0XENIA", "U0GRAFANA")
	w := newWorld(t, options{slack: slackd.Options{Workspace: &ws}})
	const stranger = "You aren't a member of my workspace, so I can't do anything for you."
	const robot = "I only take commands from people, not from bots and workflows."
	require.Equal(t, stranger, w.answer("U0XENIA", ops, "rollback api-gateway production"))
	require.Equal(t, robot, w.answer("U0GRAFANA", ops, "rollback api-gateway production"))
	r := w.asks(luis, "rollback api-gateway production")
	require.Equal(t, stranger, w.next("U0XENIA", func() { r.click("U0XENIA", "approve") }))
	require.Equal(t, robot, w.next("U0GRAFANA", func() { r.click("U0GRAFANA", "approve") }))
	require.Equal(
		t, "Guests of this workspace can't use me.\nAsk a full member to do it.", w.next(gina, func() { r.click(gina, "approve") }),
	)
	w.requireUntouched()
}

func TestReadingWorksWhereTheBotIsNoMember(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for _, channel := range []string{random, "C0WARROOM", "D0LUISMARTA"} {
		require.Contains(t, w.answer(luis, channel, "status api-gateway production"), "2 of 2 ready")
		require.Empty(t, w.slack.Messages(channel))
	}
	dm := w.slack.BotDM(luis)
	w.types(luis, dm, "status api-gateway production")
	ctx, cancel := w.wait()
	defer cancel()
	_, err := w.slack.WaitMessage(ctx, dm, slackd.Says("2 of 2 ready"))
	require.NoError(t, err)
	w.requireUntouched()
}

func TestWhatPhonesMakeOfACommandIsUnderstood(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for _, text := range []string{
		"Rollback api‑gateway production —to-revision=1", // a no-break hyphen and an em dash
		"rollback “api-gateway” production –to-revision 1",
		"rollback api-gateway production to-revision=1.",
		"Rollout undo deployment/api-gateway -n production --to-revision=1",
		"kubectl rollout undo deployment/api-gateway-production -n production --to-revision=1",
	} {
		r := w.asks(luis, text)
		require.Contains(t, r.plan().Plain(), "image  …/api-gateway:12345 → …/api-gateway:12343", text)
		r.click(luis, "cancel") // the same is asked for once
		require.Contains(t, r.end(luis), "was cancelled by Luis Pardo", text)
	}
	w.requireUntouched()
}
