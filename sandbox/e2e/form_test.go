package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// modal is the form that Luis has open, once it has a field with this label.
func (w *world) modal(label string) slackd.View {
	w.Helper()
	ctx, cancel := w.wait()
	defer cancel()
	var v slackd.View
	require.NoError(w, w.slack.WaitFor(ctx, func() bool {
		for _, v = range w.slack.Views(luis) {
			if _, ok := v.Input(label); ok {
				return true
			}
		}
		return false
	}), "no form with %s", label)
	return v
}

// fill is a field with what somebody put into it.
func (w *world) fill(v slackd.View, label, value string) slackd.Input {
	w.Helper()
	in, ok := v.Input(label)
	require.True(w, ok, label)
	in.Value = value
	return in
}

// A person on a phone types the command's name, chooses the rest, and gets what the typed command gives.
func TestAFormLeadsToTheRequestThatTheTypedCommandMakes(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for !strings.Contains(w.answer(luis, ops, "status api-gatewy production"), "There's no service") { // until the caches are filled
		require.NoError(t, t.Context().Err())
	}
	w.types(luis, ops, "")
	v := w.modal("Command")
	require.NotContains(t, v.Options("Command"), "freeze the moon")
	require.Contains(t, v.Options("Command"), "rollback")
	_, err := w.slack.Choose(luis, v.ID, w.fill(v, "Command", "rollback"))
	require.NoError(t, err)
	v = w.modal("Environment")
	require.Equal(t, map[string]string{"production": "production", "development": "development"}, v.Options("Environment"))
	_, err = w.slack.Choose(luis, v.ID, w.fill(v, "Environment", "production"))
	require.NoError(t, err)
	v = w.modal("Service")
	require.Contains(t, v.Options("Service"), "api-gateway")
	_, err = w.slack.Choose(luis, v.ID, w.fill(v, "Service", "api-gateway"))
	require.NoError(t, err)
	v = w.modal("To revision")
	require.Regexp(t, `^2: 12344, made \d+ (s|min) ago$`, v.Options("To revision")["2"])
	require.NotContains(t, v.Options("To revision"), "3", "it runs now")
	r := w.opens(func() {
		problems, err := w.slack.Submit(luis, v.ID, w.fill(v, "To revision", "1"), w.fill(v, "Reason", "12345 leaks"))
		require.NoError(t, err)
		require.Empty(t, problems)
	}, "is waiting for approval")
	require.Contains(t, r.plan().Plain(), "…/api-gateway:12345 → …/api-gateway:12343")
	require.Contains(t, r.plan().Plain(), "12345 leaks")
	r.click(luis, "cancel")
	require.Contains(t, r.end(luis), "was cancelled by Luis Pardo")
	w.requireUntouched()
}

func TestACommandWithSomethingMissingOpensItsForm(t *testing.T) {
	t.Parallel()
	w := newWorld(t, options{})
	for text, c := range map[string]struct{ label, title string }{
		"rollback":                     {"Environment", "Rollback"},
		"revertir api-gateway":         {"Environment", "Rollback"},
		"scale api-gateway production": {"Replicas", "Scale"},
	} {
		began := time.Now()
		w.types(luis, ops, text)
		v := w.modal(c.label)
		t.Logf("%s: the form is there after %s", text, time.Since(began).Round(time.Millisecond))
		require.Equal(t, c.title, v.Title)
		require.NoError(t, w.slack.CloseView(luis, v.ID))
	}
	w.types(nico, ops, "rollback")
	ctx, cancel := w.wait()
	defer cancel()
	require.NoError(t, w.slack.WaitFor(ctx, func() bool {
		open := w.slack.Views(nico)
		return len(open) == 1 && open[0].Plain() == "No policy rule lets you use a command. Ask the people who write the policy."
	}))
	require.Empty(t, w.slack.Messages(ops), "nobody else was bothered")
	w.requireUntouched()
}
