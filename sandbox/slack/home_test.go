package slackd_test

import (
	"testing"

	"github.com/slack-go/slack"
	"github.com/slack-go/slack/slackevents"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestAHomeTabIsOpenedPublishedAndClicked(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	opened, clicked := make(chan slackevents.AppHomeOpenedEvent, 2), make(chan slack.InteractionCallback, 1)
	api := script{
		event: func(e slackevents.EventsAPIEvent) {
			if home, ok := e.InnerEvent.Data.(*slackevents.AppHomeOpenedEvent); ok {
				opened <- *home
			}
		},
		click: func(c slack.InteractionCallback) any { clicked <- c; return nil },
	}.run(t, s)
	require.NoError(t, s.OpenHome("U0LUIS"))
	e := <-opened
	require.Equal(t, "home", e.Tab)
	require.Equal(t, s.BotDM("U0LUIS"), e.Channel)

	button := slack.NewButtonBlockElement("go", "1", plainObject("Go"))
	view := slack.HomeTabViewRequest{
		Type: slack.VTHomeTab, PrivateMetadata: "mine", Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewActionBlock("row", button)}},
	}
	_, err := api.PublishView("U0LUIS", view, "")
	require.NoError(t, err)
	_, err = api.PublishView("U0NOBODY", view, "")
	require.ErrorContains(t, err, "user_not_found")
	_, err = api.PublishView("U0LUIS", view, "old")
	require.ErrorContains(t, err, "hash_conflict")
	_, there := s.Home("U0MARTA")
	require.False(t, there)

	_, err = s.ClickHome("U0LUIS", "", "Go")
	require.NoError(t, err)
	c := <-clicked
	require.Equal(t, slack.InteractionTypeBlockActions, c.Type)
	require.Equal(t, "mine", c.View.PrivateMetadata)
	require.Empty(t, c.ResponseURL, "there is no message to answer")
	require.NotEmpty(t, c.TriggerID)
}

func TestAnAppWithoutAHomeTabPublishesNone(t *testing.T) {
	t.Parallel()
	m := manifest(t)
	m.Features.AppHome.HomeTab = false
	opts := fast()
	opts.Manifest = &m
	s := slackd.New(t, opts)
	require.Error(t, s.OpenHome("U0LUIS"))
	err := postRaw(t, s, "views.publish", map[string]string{"user_id": "U0LUIS", "view": `{"type":"home","blocks":[]}`})
	require.Equal(t, "not_enabled", err.Err)
}
