package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestEveryWayIn(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)

	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta rollback api-gateway production reason=\"a <b> & c\"")
	require.NoError(t, err)
	typed := r.box.next(t)
	require.Equal(t, algesta.Typed, typed.Kind)
	require.Equal(t, algesta.PersonID{Team: "T0ALGESTA", User: "U0LUIS"}, typed.Person)
	require.Equal(t, "C0OPS", typed.Channel)
	require.Equal(t, `rollback api-gateway production reason="a <b> & c"`, typed.Text)
	require.NotEmpty(t, typed.Reply)
	require.False(t, typed.Direct)
	require.False(t, typed.Private)

	_, err = r.server.Type("U0LUIS", r.server.BotDM("U0LUIS"), "/algesta help")
	require.NoError(t, err)
	require.True(t, r.box.next(t).Direct)

	_, err = r.server.Type("U0LUIS", "C0WARROOM", "/algesta help")
	require.NoError(t, err)
	require.True(t, r.box.next(t).Private)

	root, err := r.server.Say("U0LUIS", "C0OPS", "", "anybody there?")
	require.NoError(t, err)
	_, err = r.server.Mention("U0LUIS", "C0OPS", root.TS, "logs api-gateway production")
	require.NoError(t, err)
	mention := r.box.next(t)
	require.Equal(t, algesta.Mentioned, mention.Kind)
	require.Equal(t, "logs api-gateway production", mention.Text)
	require.Equal(t, root.TS, mention.Thread)
	require.Empty(t, mention.Reply)

	_, err = r.server.Say("U0LUIS", r.server.BotDM("U0LUIS"), "", "status api-gateway production")
	require.NoError(t, err)
	direct := r.box.next(t)
	require.Equal(t, algesta.Mentioned, direct.Kind)
	require.True(t, direct.Direct)
	require.Equal(t, "status api-gateway production", direct.Text)
}

func TestClickIsAVote(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	r.box.post(algesta.Post{Command: "c-abc234", Kind: algesta.CardPost, Channel: "C0OPS", Report: algesta.Report{
		Tone: algesta.Waiting, Title: algesta.Say("Rollback waits"), Buttons: []algesta.Button{
			{
				Label:   "Approve",
				Action:  algesta.Approve,
				ID:      "c-abc234",
				Style:   "primary",
				Confirm: &algesta.Confirm{Title: "Sure?", Text: "It runs at once.", Yes: "Run", No: "Back"},
			},
			{Label: "Deny", Action: algesta.Deny, ID: "c-abc234", AskReason: true},
		},
	}})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.HasButton("approve"))
	require.NoError(t, err)

	_, err = r.server.Click("U0CARLA", card, "approve")
	require.NoError(t, err)
	vote := r.box.next(t)
	require.Equal(t, algesta.Voted, vote.Kind)
	require.Equal(t, &algesta.Vote{Action: algesta.Approve, ID: "c-abc234"}, vote.Vote)
	require.Equal(t, "U0CARLA", vote.Person.User)
	require.Contains(t, vote.Key, "act:U0CARLA:"+card.TS+":")
	require.NotEmpty(t, vote.Reply)

	// Deny asks why; the vote comes with the answer, and an empty answer is asked again.
	_, err = r.server.Click("U0PABLO", card, "deny")
	require.NoError(t, err)
	r.until(t, "the dialog", func() bool { return len(r.server.Views("U0PABLO")) == 1 })
	view := r.server.Views("U0PABLO")[0]
	complaints, _ := r.server.Submit("U0PABLO", view.ID, slackd.Input{ActionID: reasonInput, Value: "  "})
	require.Equal(t, map[string]string{reasonBlock: "Please say why."}, complaints)
	_, err = r.server.Submit("U0PABLO", view.ID, slackd.Input{ActionID: reasonInput, Value: "not on a Friday"})
	require.NoError(t, err)
	denied := r.box.next(t)
	require.Equal(t, &algesta.Vote{Action: algesta.Deny, ID: "c-abc234", Reason: "not on a Friday"}, denied.Vote)
	require.Equal(t, "C0OPS", denied.Channel)
	require.NotEmpty(t, denied.Reply)
	require.Empty(t, r.server.Views("U0PABLO"))
}

// A denial's dialog asks its question, and its reason may be left out where the policy wants none: one dialog, not two.
func TestADialogAsksTheQuestionAndTheReason(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	r.box.post(algesta.Post{Command: "c-abc234", Kind: algesta.CardPost, Channel: "C0OPS", Report: algesta.Report{
		Title: algesta.Say("Rollback waits"), Buttons: []algesta.Button{
			{
				Label:          "Deny",
				Action:         algesta.Deny,
				ID:             "c-abc234",
				AskReason:      true,
				ReasonOptional: true,
				Confirm: &algesta.Confirm{
					Title: "Deny this change?",
					Text:  "Rollback of api-gateway in production (12345 → 12344).",
					Yes:   "Deny",
					No:    "Not now",
				},
			},
		},
	}})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.HasButton("deny"))
	require.NoError(t, err)
	require.Nil(t, card.Buttons()[0].Confirm, "Slack would ask before the dialog does")
	for _, why := range []string{"", "not on a Friday"} {
		_, err = r.server.Click("U0PABLO", card, "deny")
		require.NoError(t, err)
		r.until(t, "the dialog", func() bool { return len(r.server.Views("U0PABLO")) == 1 })
		view := r.server.Views("U0PABLO")[0]
		raw, err := json.Marshal(view)
		require.NoError(t, err)
		for _, text := range []string{"Deny this change?", "Rollback of api-gateway in production (12345 → 12344).", "Not now"} {
			require.Contains(t, string(raw), text)
		}
		complaints, err := r.server.Submit("U0PABLO", view.ID, slackd.Input{ActionID: reasonInput, Value: why})
		require.NoError(t, err)
		require.Empty(t, complaints)
		require.Equal(t, &algesta.Vote{Action: algesta.Deny, ID: "c-abc234", Reason: why}, r.box.next(t).Vote)
	}
}

func TestDialogThatDoesNotOpenIsSaid(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	r.box.post(algesta.Post{Command: "c-abc234", Kind: algesta.CardPost, Channel: "C0OPS", Report: algesta.Report{
		Title: algesta.Say("Rollback waits"), Buttons: []algesta.Button{{Label: "Deny", Action: algesta.Deny, ID: "c-abc234", AskReason: true}},
	}})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.HasButton("deny"))
	require.NoError(t, err)
	r.server.FailNext("views.open", slackd.Fault{Status: 500}, 1)
	_, err = r.server.Click("U0PABLO", card, "deny")
	require.NoError(t, err)
	_, err = r.server.WaitEphemeral(t.Context(), "U0PABLO", slackd.Says("Please click again."))
	require.NoError(t, err)
}

func TestAnErrorOfTheInboxIsNotAcknowledged(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{AckTimeout: 300 * time.Millisecond})
	r.sockets(t, 2)
	r.box.mu.Lock()
	r.box.refuse = errors.New("disk full")
	r.box.mu.Unlock()
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta help")
	require.ErrorIs(t, err, slackd.ErrOperationTimeout)
	require.EqualValues(t, 1, r.Stats().Dropped)
}

func TestRedeliveryIsStoredOnce(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	d, err := r.server.Type("U0LUIS", "C0OPS", "/algesta help")
	require.NoError(t, err)
	again, err := r.server.Redeliver(d.EnvelopeID)
	require.NoError(t, err)
	require.True(t, again.Acked())
	require.Len(t, r.box.received, 1)
	require.EqualValues(t, 1, r.Stats().Repeated)
}

func TestSocketsAreReplacedBeforeTheyEnd(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	r.server.Disconnect("warning")
	// After a warning the old sockets still work, and new ones are open beside them.
	r.sockets(t, 4)
	for i := range 8 {
		_, err := r.server.Type("U0LUIS", "C0OPS", fmt.Sprintf("/algesta help %d", i))
		require.NoError(t, err)
	}
	r.server.Disconnect("refresh_requested")
	r.sockets(t, 2)
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta help")
	require.NoError(t, err)
	require.Len(t, r.box.received, 9)
}

func TestDroppedSocketsComeBack(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	for i := range int64(3) {
		r.stats(t, func(s Stats) bool { return s.Connected == 2 && s.Reconnects == 2*i })
		require.Equal(t, 2, r.server.DropSockets())
	}
	r.stats(t, func(s Stats) bool { return s.Connected == 2 && s.Reconnects == 6 })
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta help")
	require.NoError(t, err)
}

func TestRefusedTokenIsToldAndTriedAgain(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{}, func(s *Slack) {
		s.fatalWait = 20 * time.Millisecond
		s.listener.fatalWait = 20 * time.Millisecond
	})
	r.sockets(t, 2)
	r.server.FailNext("apps.connections.open", slackd.Fault{Error: "invalid_auth"}, 4)
	r.server.DropSockets()
	r.until(t, "the refusals", func() bool { return len(r.server.Calls("apps.connections.open")) >= 6 })
	r.stats(t, func(s Stats) bool { return s.Connected == 2 && s.Problem == "" })
}

func TestManyCommandsAtOnce(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{})
	r.sockets(t, 2)
	r.box.mu.Lock()
	r.box.slow = 20 * time.Millisecond // a commit; one after the other this would take 4 s
	r.box.mu.Unlock()
	var typing sync.WaitGroup
	errs := make(chan error, 200)
	begin := time.Now()
	for range 200 {
		typing.Go(func() {
			_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta help")
			errs <- err
		})
	}
	typing.Wait()
	close(errs)
	for err := range errs {
		require.NoError(t, err)
	}
	require.Less(t, time.Since(begin), 2*time.Second)
	require.Len(t, r.box.received, 200)
}

// Whatever happens to the sockets: what was acknowledged is in the inbox.
func TestAcknowledgedMeansReceived(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{AckTimeout: 500 * time.Millisecond})
	r.sockets(t, 2)
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
	defer cancel()
	var chaos sync.WaitGroup
	chaos.Go(func() {
		for i := 0; pause(ctx, 150*time.Millisecond); i++ {
			switch i % 3 {
			case 0:
				r.server.DropSockets()
			case 1:
				r.server.Disconnect("warning")
			case 2:
				r.server.Disconnect("refresh_requested")
			}
		}
	})
	var acked sync.Map
	for n := range 8 {
		chaos.Go(func() {
			for i := 0; pause(ctx, 5*time.Millisecond); i++ {
				text := fmt.Sprintf("help %d-%d", n, i)
				if d, err := r.server.Type("U0LUIS", "C0OPS", "/algesta "+text); err == nil && d.Acked() {
					acked.Store(text, true)
				}
			}
		})
	}
	chaos.Wait()
	r.box.mu.Lock()
	defer r.box.mu.Unlock()
	stored := map[string]bool{}
	for _, in := range r.box.received {
		stored[in.Text] = true
	}
	n := 0
	acked.Range(func(text, _ any) bool {
		n++
		require.True(t, stored[text.(string)], text) //nolint:forcetypeassert // stored above
		return true
	})
	require.Greater(t, n, 50)
}
