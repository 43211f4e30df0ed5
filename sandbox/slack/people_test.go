package slackd_test

import (
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestACommandIsTypedApprovedByAClickAndEndsInItsThread(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	var api *slack.Client
	bot := script{
		slash: func(c slack.SlashCommand) any {
			_, ts, err := api.PostMessage(c.ChannelID, slack.MsgOptionText("Rollback is waiting for approval", false))
			require.NoError(t, err)
			approve := slack.NewButtonBlockElement("approve", "c-1", slack.NewTextBlockObject(slack.PlainTextType, "Approve", false, false))
			approve.Confirm = slack.NewConfirmationBlockObject(
				slack.NewTextBlockObject(
					slack.PlainTextType, "Roll back?", false, false,
				),
				slack.NewTextBlockObject(slack.PlainTextType, "It runs at once.", false, false),
				slack.NewTextBlockObject(
					slack.PlainTextType, "Approve", false, false,
				),
				slack.NewTextBlockObject(slack.PlainTextType, "Not now", false, false),
			)
			_, _, err = api.PostMessage(c.ChannelID, slack.MsgOptionTS(ts), slack.MsgOptionText("plan", false),
				slack.MsgOptionBlocks(slack.NewActionBlock("", approve)))
			require.NoError(t, err)
			return nil
		},
		click: func(c slack.InteractionCallback) any {
			_, _, _, err := api.UpdateMessage(c.Channel.ID, c.Message.Timestamp, slack.MsgOptionText("Approved by <@"+c.User.ID+">", false))
			require.NoError(t, err)
			_, _, err = api.PostMessage(
				c.Channel.ID, slack.MsgOptionTS(c.Message.ThreadTimestamp), slack.MsgOptionText("done: "+c.ActionCallback.BlockActions[0].Value, false),
			)
			require.NoError(t, err)
			return nil
		},
	}
	api = client(t, s)
	bot.run(t, s)

	d, err := s.Type("U0LUIS", "C0OPS", "/algesta rollback api-gateway production")
	require.NoError(t, err)
	require.True(t, d.Acked())
	card, err := s.WaitMessage(soon(t), "C0OPS", slackd.Says("is waiting for approval"))
	require.NoError(t, err)
	plan, err := s.WaitReply(soon(t), "C0OPS", card.TS, slackd.HasButton("approve"))
	require.NoError(t, err)
	b, _ := plan.Button("approve")
	require.Equal(t, &slackd.Confirm{Title: "Roll back?", Text: "It runs at once.", Yes: "Approve", No: "Not now"}, b.Confirm)

	_, err = s.Click("U0CARLA", plan, "approve")
	require.NoError(t, err)
	_, err = s.WaitReply(soon(t), "C0OPS", card.TS, slackd.Says("done: c-1"))
	require.NoError(t, err)
	closed, _ := s.Message("C0OPS", plan.TS)
	require.Empty(t, closed.Buttons(), "text without blocks removes the blocks")
	require.Equal(t, "Approved by <@U0CARLA>", closed.Plain())
	require.Len(t, closed.History, 1)
	_, err = s.Click("U0CARLA", plan, "approve")
	require.ErrorIs(t, err, slackd.ErrNotThere)
}

func TestAMentionReachesTheBotWithItsThread(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	got := make(chan *slackevents.AppMentionEvent, 1)
	script{event: func(e slackevents.EventsAPIEvent) { got <- e.InnerEvent.Data.(*slackevents.AppMentionEvent) }}.run(t, s)
	first, err := s.Say("U0LUIS", "C0OPS", "", "what is going on?")
	require.NoError(t, err)
	_, err = s.Mention("U0LUIS", "C0OPS", first.TS, "logs ms-orders & <more> for @marta")
	require.NoError(t, err)
	e := <-got
	require.Equal(t, "<@U0ALGESTA> logs ms-orders &amp; &lt;more&gt; for <@U0MARTA>", e.Text)
	require.Equal(t, first.TS, e.ThreadTimeStamp)
	require.Equal(t, "C0OPS", e.Channel)
}
