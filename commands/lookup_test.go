package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// IDs stand in every message. Typing one, with any verb, says what it is about and where, and nothing else happens.
func TestAnIDIsLookedUpAndNeverDecidedByTyping(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	r := w.request(algesta.Pending)
	for _, text := range []string{r.ID, "approve " + r.ID, "deny `" + r.ID + "`", "cancel " + r.ID, "undo " + r.ID, "status " + r.ID + "."} {
		before := len(w.answers())
		w.types(luis, text)
		answers := w.answers()
		require.Len(t, answers, before+1, text)
		require.Contains(t, answers[before], "it's waiting for approval", text)
		require.Contains(t, answers[before], "never by typing", text)
	}
	w.types(carla, "approve "+r.ID)
	require.Contains(t, w.answers()[6], "it's waiting for approval", "an approver may look it up, and has to click")
	w.request(algesta.Pending)
	require.Zero(t, w.cluster.writes())
}

func TestAnIDTellsNothingToWhomMayNotReadThere(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	r := w.request(algesta.Pending)
	w.types(nico, "status "+r.ID)
	w.types(luis, "status c-000000000000")
	require.Equal(t, []string{
		"There's no request " + r.ID + " that you can read.", "There's no request c-000000000000 that you can read.",
	}, w.said(algesta.AnswerPost))
}

func TestAnEnvironmentInThePlaceOfAnObjectIsAskedAbout(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "diagnose ingress production")
	answers := w.answers()
	require.Len(t, answers, 1)
	require.Contains(t, answers[0], "Which ingress in production do you mean?")
	require.Contains(t, answers[0], "/algesta diagnose ingress/<name> production")
}
