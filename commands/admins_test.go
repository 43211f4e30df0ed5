package commands_test

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestWhatAdminsAreTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	require.NoError(t, w.dispatcher.AboutPolicy(t.Context(), "C0ADMINS", "policy-c-1", errors.New("line 3: there is no role \"x\"")))
	card := w.followed(algesta.CardPost)
	require.Equal(t, "C0ADMINS", card.Channel)
	require.Equal(t, "The policy file can't be loaded. The policy before it stays in force.", card.Report.Title.String())
	require.Equal(t, "line 3: there is no role \"x\"", card.Report.Body[0].Pre)
	require.NoError(t, w.dispatcher.AboutPolicy(t.Context(), "C0ADMINS", "policy-c-1", nil))
	require.Contains(t, w.followed(algesta.EndPost).Report.Title.String(), "The policy file was loaded again")

	unpostable := &algesta.Error{
		Kind: algesta.ErrRefused, Message: algesta.Say("I'm not in #incidents, so nothing that a rule found can be posted there."),
	}
	require.NoError(t, w.dispatcher.AboutIncidents(t.Context(), "C0ADMINS", "unposted-c-1", "C0INCIDENTS", unpostable))
	card = w.followed(algesta.CardPost)
	require.Equal(t, "C0ADMINS", card.Channel)
	require.Equal(t, "I can't post incidents in #C0INCIDENTS, so nobody is told about them there.", card.Report.Title.String())
	require.Equal(t, unpostable.Message, card.Report.Body[0].Text)
	require.NoError(t, w.dispatcher.AboutIncidents(t.Context(), "C0ADMINS", "unposted-c-1", "C0INCIDENTS", nil))
	require.Equal(t, "Incidents are posted in #C0INCIDENTS again.", w.followed(algesta.EndPost).Report.Title.String())

	for name, happens := range map[string]func(*fakeDirectory){
		"another company reads along":    func(d *fakeDirectory) { d.sharedAs = "C0ADMINS" },
		"the bot isn't there":            func(d *fakeDirectory) { d.away = true },
		"Slack doesn't say who is there": func(d *fakeDirectory) { d.placeDown = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.people.set(happens)
			require.Error(t, w.dispatcher.AboutPolicy(t.Context(), "C0ADMINS", "policy-c-1", errors.New("x")))
			require.Error(t, w.dispatcher.AboutIncidents(t.Context(), "C0ADMINS", "unposted-c-1", "C0INCIDENTS", errors.New("x")))
			require.Empty(t, w.posts())
		})
	}
}
