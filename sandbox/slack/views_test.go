package slackd_test

import (
	"testing"
	"time"

	"github.com/slack-go/slack"
	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func reasonView() slack.ModalViewRequest {
	return slack.ModalViewRequest{
		Type:            slack.VTModal,
		CallbackID:      "reason",
		Title:           plainObject("Why?"),
		Submit:          plainObject("Send"),
		Close:           plainObject("Back"),
		PrivateMetadata: "c-1",
		Blocks: slack.Blocks{
			BlockSet: []slack.Block{slack.NewInputBlock("why", plainObject("Reason"), nil, slack.NewPlainTextInputBlockElement(nil, "reason"))},
		},
	}
}

func TestAModalIsOpenedFilledInRefusedAndClosed(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	triggers := make(chan string, 2)
	api := script{
		slash: func(c slack.SlashCommand) any { triggers <- c.TriggerID; return nil },
		click: func(c slack.InteractionCallback) any {
			require.Equal(t, slack.InteractionTypeViewSubmission, c.Type)
			require.Equal(t, "c-1", c.View.PrivateMetadata)
			if c.View.State.Values["why"]["reason"].Value == "no" {
				return slack.NewErrorsViewSubmissionResponse(map[string]string{"why": "Say more."})
			}
			return nil
		},
	}.run(t, s)
	_, err := s.Type("U0LUIS", "C0OPS", "/algesta rollback")
	require.NoError(t, err)
	trigger := <-triggers
	opened, err := api.OpenView(trigger, reasonView())
	require.NoError(t, err)
	_, err = api.OpenView(trigger, reasonView())
	require.ErrorContains(t, err, "exchanged_trigger_id")
	_, err = api.OpenView("1.2", reasonView())
	require.ErrorContains(t, err, "invalid_trigger_id")
	_, err = api.UpdateView(reasonView(), "", "old", opened.ID)
	require.ErrorContains(t, err, "hash_conflict")
	_, err = api.UpdateView(reasonView(), "", opened.Hash, opened.ID)
	require.NoError(t, err)

	require.Equal(t, "Why?", s.Views("U0LUIS")[0].Title)
	require.Empty(t, s.Views("U0MARTA"))
	problems, err := s.Submit("U0LUIS", opened.ID)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"why": "Please complete this required field."}, problems, "Slack does not send an empty form")
	in := slackd.Input{BlockID: "why", ActionID: "reason", Value: "no"}
	problems, err = s.Submit("U0LUIS", opened.ID, in)
	require.NoError(t, err)
	require.Equal(t, map[string]string{"why": "Say more."}, problems)
	in.Value = "because it crashes"
	problems, err = s.Submit("U0LUIS", opened.ID, in)
	require.NoError(t, err)
	require.Empty(t, problems)
	require.Empty(t, s.Views("U0LUIS"))
}

func TestATriggerExpires(t *testing.T) {
	t.Parallel()
	opts := fast()
	opts.TriggerLife = time.Nanosecond
	s := slackd.New(t, opts)
	triggers := make(chan string, 1)
	api := script{slash: func(c slack.SlashCommand) any { triggers <- c.TriggerID; return nil }}.run(t, s)
	_, err := s.Type("U0LUIS", "C0OPS", "/algesta rollback")
	require.NoError(t, err)
	_, err = api.OpenView(<-triggers, reasonView())
	require.ErrorContains(t, err, "expired_trigger_id")
}

func TestViewsThatSlackRefusesAreRefused(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	for name, tt := range map[string]struct{ view, says string }{
		"a title of 25": {
			`{"type":"modal","title":{"type":"plain_text","text":"` + long(25) + `"},"blocks":[]}`,
			"[ERROR] must be less than 25 characters [json-pointer:/view/title/text]",
		},
		"no title": {`{"type":"modal","blocks":[]}`, "[ERROR] missing required field: title [json-pointer:/view]"},
		"a table in a modal": {
			`{"type":"modal","title":{"type":"plain_text","text":"x"},"blocks":[{"type":"table","rows":[]}]}`,
			"[ERROR] unsupported type: table [json-pointer:/view/blocks/0/type]",
		},
		"input without submit": {
			`{"type":"modal","title":{"type":"plain_text","text":"x"},"blocks":[{"type":"input","label":{"type":"plain_text","text":"x"},` +
				`"element":{"type":"plain_text_input"}}]}`,
			"[ERROR] missing required field: submit [json-pointer:/view]",
		},
		"a first choice that is none": {
			`{"type":"modal","title":{"type":"plain_text","text":"x"},"submit":{"type":"plain_text","text":"x"},"blocks":[{"type":"input",` +
				`"label":{"type":"plain_text","text":"x"},"element":{"type":"static_select","action_id":"x",` +
				`"options":[{"text":{"type":"plain_text","text":"a"},"value":"a"}],` +
				`"initial_option":{"text":{"type":"plain_text","text":"b"},"value":"a"}}}]}`,
			"[ERROR] must be one of the options [json-pointer:/view/blocks/0/element/initial_option]",
		},
		"a table and a title on a Home tab": {
			`{"type":"home","title":{"type":"plain_text","text":"x"},"blocks":[{"type":"table","rows":[[{"type":"raw_text","text":"x"}]]}]}`,
			"[ERROR] invalid additional property: title [json-pointer:/view]",
		},
		"101 blocks": {
			`{"type":"modal","title":{"type":"plain_text","text":"x"},"blocks":` + many(101, `{"type":"divider"}`) + `}`,
			"[ERROR] no more than 100 items allowed [json-pointer:/view/blocks]",
		},
	} {
		err := postRaw(t, s, "views.open", map[string]string{"trigger_id": "1", "view": tt.view})
		require.Equal(t, "invalid_arguments", err.Err, name)
		require.Contains(t, err.ResponseMetadata.Messages, tt.says, name)
	}
	require.Equal(
		t, "view_too_large", postRaw(t, s, "views.open", map[string]string{"trigger_id": "1", "view": `{"x":"` + long(130_000) + `"}`}).Err,
	)
}

func TestTheAnswerToAFormChangesTheStackOfModals(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	triggers := make(chan string, 1)
	titled := func(title string) *slack.ModalViewRequest {
		v := reasonView()
		v.Title = plainObject(title)
		return &v
	}
	answers := map[string]any{
		"update": slack.NewUpdateViewSubmissionResponse(titled("Updated")),
		"push":   slack.NewPushViewSubmissionResponse(titled("Pushed")),
		"broken": slack.NewUpdateViewSubmissionResponse(
			&slack.ModalViewRequest{Type: slack.VTModal},
		),
		"clear": slack.NewClearViewSubmissionResponse(),
	}
	api := script{
		slash: func(c slack.SlashCommand) any { triggers <- c.TriggerID; return nil },
		click: func(c slack.InteractionCallback) any { return answers[c.View.State.Values["why"]["reason"].Value] },
	}.run(t, s)
	_, err := s.Type("U0LUIS", "C0OPS", "/algesta rollback")
	require.NoError(t, err)
	_, err = api.OpenView(<-triggers, reasonView())
	require.NoError(t, err)
	for _, step := range []struct {
		answer string
		titles []string
	}{
		{"update", []string{"Updated"}}, {"push", []string{"Updated", "Pushed"}}, {"clear", nil},
	} {
		open := s.Views("U0LUIS")
		if step.answer == "clear" {
			_, err := s.Submit("U0LUIS", open[0].ID, slackd.Input{ActionID: "reason", Value: "broken"})
			require.ErrorContains(t, err, "invalid_arguments", "a view in an answer is checked as any other")
		}
		_, err := s.Submit("U0LUIS", open[len(open)-1].ID, slackd.Input{ActionID: "reason", Value: step.answer})
		require.NoError(t, err)
		var titles []string
		for _, v := range s.Views("U0LUIS") {
			titles = append(titles, v.Title)
		}
		require.Equal(t, step.titles, titles)
	}
}

func choosing(selected string) slack.ModalViewRequest {
	v := reasonView()
	option := func(value string) *slack.OptionBlockObject {
		return slack.NewOptionBlockObject(value, plainObject(value), nil)
	}
	menu := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plainObject("Choose"), "which", option("a"), option("b"))
	if selected != "" {
		menu.InitialOption = option(selected)
	}
	first := slack.NewInputBlock("first", plainObject("First"), nil, menu)
	first.DispatchAction = true
	v.Blocks.BlockSet = append([]slack.Block{first}, v.Blocks.BlockSet...)
	return v
}

// What people fill in stays when the app updates a view in which the block and the action have the same IDs.
func TestAChoiceInAModalIsToldAtOnceAndKept(t *testing.T) {
	t.Parallel()
	s := slackd.New(t, fast())
	triggers, told := make(chan string, 1), make(chan slack.InteractionCallback, 5)
	api := script{
		slash: func(c slack.SlashCommand) any { triggers <- c.TriggerID; return nil },
		click: func(c slack.InteractionCallback) any { told <- c; return nil },
	}.run(t, s)
	_, err := s.Type("U0LUIS", "C0OPS", "/algesta rollback")
	require.NoError(t, err)
	opened, err := api.OpenView(<-triggers, choosing(""))
	require.NoError(t, err)
	why := slackd.Input{BlockID: "why", ActionID: "reason", Value: "it hangs"}
	_, err = s.Choose("U0LUIS", opened.ID, slackd.Input{BlockID: "first", ActionID: "which", Value: "b"}, why)
	require.NoError(t, err)
	got := <-told
	require.Equal(t, slack.InteractionTypeBlockActions, got.Type)
	require.Equal(t, "b", got.ActionCallback.BlockActions[0].SelectedOption.Value)
	require.Equal(t, "it hangs", got.View.State.Values["why"]["reason"].Value)
	require.Empty(t, got.Channel.ID, "a modal is in no channel")
	_, err = s.Choose("U0LUIS", opened.ID, why)
	require.ErrorIs(t, err, slackd.ErrNotThere, "this input isn't told at once")

	_, err = api.UpdateView(choosing("a"), "", opened.Hash, opened.ID)
	require.NoError(t, err)
	_, err = s.Submit("U0LUIS", opened.ID)
	require.NoError(t, err)
	got = <-told
	require.Equal(t, "b", got.View.State.Values["first"]["which"].SelectedOption.Value, "the choice counts, not the new first option")
	require.Equal(t, "it hangs", got.View.State.Values["why"]["reason"].Value)
}
