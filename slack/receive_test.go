package slack

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// losesAcks lets the inbox keep what arrives while nobody is told, as where the disk takes longer than Slack waits.
func (r running) losesAcks(lost bool) {
	r.box.mu.Lock()
	defer r.box.mu.Unlock()
	r.box.late = nil
	if lost {
		r.box.late = context.DeadlineExceeded
	}
}

// kept is how many invocations the inbox has.
func (r running) kept() int {
	r.box.mu.Lock()
	defer r.box.mu.Unlock()
	return len(r.box.received)
}

// A form whose acknowledgement was lost stays open, so a person may correct it and send it again: the first runs, and the correction is
// neither taken beside it nor dropped silently.
func TestAFormThatIsCorrectedAfterItWasTakenSaysSo(t *testing.T) {
	t.Parallel()
	r := startForms(t, &answersOf{}, slackd.Options{AckTimeout: 300 * time.Millisecond})
	_, err := r.server.Type("U0LUIS", "C0OPS", "/algesta scale")
	require.NoError(t, err)
	v := r.modal(t, "Replicas")
	r.losesAcks(true)
	_, err = r.server.Submit("U0LUIS", v.ID, input(t, v, "Replicas", "6"))
	require.ErrorIs(t, err, slackd.ErrOperationTimeout)
	require.Contains(t, r.box.next(t).Text, "replicas=6")
	r.losesAcks(false)
	for range 2 {
		problems, err := r.server.Submit("U0LUIS", v.ID, input(t, v, "Replicas", "2"))
		require.NoError(t, err)
		require.Len(t, problems, 1)
		for _, said := range problems {
			require.Contains(t, said, "I already took this form as you sent it first, and I'm answering that. I didn't take what you changed since.")
		}
		require.Equal(t, 1, r.kept())
		require.Len(t, r.server.Views("U0LUIS"), 1, "it stays open")
	}
	_, err = r.server.Submit("U0LUIS", v.ID, input(t, v, "Replicas", "6")) // as it was first
	require.NoError(t, err)
	require.Empty(t, r.server.Views("U0LUIS"), "it closes")
	require.Equal(t, 1, r.kept())
}

// The same holds for the reason of a click.
func TestAReasonThatIsCorrectedAfterItWasTakenSaysSo(t *testing.T) {
	t.Parallel()
	r := start(t, slackd.Options{AckTimeout: 300 * time.Millisecond})
	r.sockets(t, 2)
	r.box.post(algesta.Post{Command: "c-abc234", Kind: algesta.CardPost, Channel: "C0OPS", Report: algesta.Report{
		Title: algesta.Say("Rollback waits"), Buttons: []algesta.Button{{Label: "Deny", Action: algesta.Deny, ID: "c-abc234", AskReason: true}},
	}})
	card, err := r.server.WaitMessage(t.Context(), "C0OPS", slackd.HasButton("deny"))
	require.NoError(t, err)
	_, err = r.server.Click("U0PABLO", card, "deny")
	require.NoError(t, err)
	r.until(t, "the dialog", func() bool { return len(r.server.Views("U0PABLO")) == 1 })
	view := r.server.Views("U0PABLO")[0]
	r.losesAcks(true)
	_, err = r.server.Submit("U0PABLO", view.ID, slackd.Input{ActionID: reasonInput, Value: "not on a Friday"})
	require.ErrorIs(t, err, slackd.ErrOperationTimeout)
	require.Equal(t, "not on a Friday", r.box.next(t).Vote.Reason)
	r.losesAcks(false)
	problems, err := r.server.Submit("U0PABLO", view.ID, slackd.Input{ActionID: reasonInput, Value: "not on a Monday"})
	require.NoError(t, err)
	require.Equal(t, map[string]string{
		reasonBlock: "I already took your click with the reason that you sent first, and not this one. You can close this.",
	}, problems)
	require.Equal(t, 1, r.kept())
}

// What identifies a form isn't a hash of a password that somebody typed into it: it's stored for as long as the form's key.
func TestTheDigestOfAFormHoldsNoSecret(t *testing.T) {
	t.Parallel()
	l := listener{}
	one, other := "because password="+strings.Repeat("one1", 3), "because password="+strings.Repeat("two2", 3)
	require.Equal(t, l.digest(algesta.Invocation{Text: one}), l.digest(algesta.Invocation{Text: other}))
	require.NotEqual(t, l.digest(algesta.Invocation{Text: one}), l.digest(algesta.Invocation{Text: "because"}))
}
