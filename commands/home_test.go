package commands_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// home is a person's home page, one line a part.
func (w *world) home(by algesta.Actor) (text string, parts []algesta.Report) {
	w.t.Helper()
	parts = w.dispatcher.Home(w.t.Context(), w.invocation(by))
	var lines []string
	for _, p := range parts {
		lines = append(lines, p.Title.String(), p.Small.String())
		for _, b := range p.Body {
			lines = append(lines, b.Text.String())
			for _, item := range b.List {
				lines = append(lines, item.String())
			}
		}
	}
	return strings.Join(lines, "\n"), parts
}

// TestTheHomePageTellsNoEndByItsBeginning: when what a request made was ended isn't known here.
func TestTheHomePageTellsNoEndByItsBeginning(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.freeze("freeze production until=2h because the import runs")
	w.types(luis, "unfreeze production")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 0 }, deadline, lookEvery)
	text, _ := w.home(luis)
	require.Regexp(t, `Freeze of production until [^\n]*: it's over( ·|\n|$)`, text)
}

func TestTheHomePageShowsWhatWaitsForItsReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	text, parts := w.home(carla)
	require.Contains(t, text, "Nothing waits for your approval.")
	require.Equal(t, algesta.Fill, parts[0].Buttons[0].Action, "the way to a form")

	w.types(luis, "scale api-gateway production 6 because it is slow")
	r := w.request(algesta.Pending)
	text, parts = w.home(carla)
	require.Contains(t, text, "1 request waits for your approval.")
	plan := parts[2]
	require.Equal(t, "Scale api-gateway-production: 4 → 6 pods", plan.Title.String(), "nobody approves what they can't see")
	require.Contains(t, plan.Small.String(), "requested by Luis")
	require.Contains(t, plan.Small.String(), "its thread")
	require.Equal(t, []string{"Approve", "Deny"}, []string{plan.Buttons[0].Label, plan.Buttons[1].Label})
	require.Len(t, plan.Buttons, 2)
	require.NotNil(t, plan.Buttons[0].Confirm, "it asks as the button of the thread does")

	text, _ = w.home(luis) // the requester approves nothing
	require.Contains(t, text, "Nothing waits for your approval.")
	require.Contains(t, text, "Scaling of api-gateway in production (4 → 6 pods): it's waiting for approval")

	vote := w.vote(carla, algesta.Approve, r.ID) // in the direct messages of the person who clicks
	vote.Channel, vote.Direct = "D0CARLA", true
	w.handle(vote)
	w.request(algesta.Succeeded)
	text, _ = w.home(carla)
	require.Contains(t, text, "Nothing waits for your approval.")
	require.Contains(t, text, "Recent changes:")
	require.Contains(t, text, "Scaling of api-gateway in production (4 → 6 pods): it's done")
	require.NotContains(t, text, "it is slow", "the reason is for the thread")
}

// Of others a person sees what the policy lets them read, and that only where it was asked for in public.
func TestTheHomePageTellsNothingThatIsNotForItsReader(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "restart api-gateway production")
	w.request(algesta.Pending)
	text, _ := w.home(nico)
	require.NotContains(t, text, "api-gateway", "Nico may read nothing")
	require.Contains(t, text, "Nothing that you may see is running.", "others may")
	require.Contains(t, text, "Nothing that you may see was changed lately.")

	w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
	w.request(algesta.Succeeded)
	text, _ = w.home(nico)
	require.NotContains(t, text, "api-gateway", "Nico may read nothing of what was changed, either")
	ana := person("U0ANA", "Ana", "S0BACKEND")
	w.people.set(func(d *fakeDirectory) { d.people["U0ANA"] = ana })
	text, _ = w.home(ana)
	require.Contains(t, text, "Restart of api-gateway in production")
	w.people.set(func(d *fakeDirectory) { d.private = true; d.knownPlaces = nil })
	text, _ = w.home(ana)
	require.NotContains(t, text, "api-gateway", "it was asked for in a private channel")
	w.people.set(func(d *fakeDirectory) { d.private = false; d.placeDown = true; d.knownPlaces = nil })
	text, _ = w.home(ana)
	require.NotContains(t, text, "api-gateway", "nobody tells whether the channel is public")
	text, _ = w.home(luis)
	require.Contains(t, text, "api-gateway", "what is one's own is told")

	w.people.set(func(d *fakeDirectory) { d.down = true; d.knownPeople = nil })
	text, _ = w.home(luis)
	require.NotContains(t, text, "api-gateway")
	require.Contains(t, text, "I couldn't look you up in Slack")
}

// A request that is opened or moved wakes the home pages, a rolled back transaction doesn't.
func TestEveryMoveOfARequestWakesTheHomePages(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	woken := func() bool {
		select {
		case <-w.dispatcher.Changes():
			return true
		default:
			return false
		}
	}
	w.types(luis, "status api-gateway production")
	require.False(t, woken(), "reading moves nothing")
	w.types(luis, "restart api-gateway production")
	require.True(t, woken())
	w.onPost = func(algesta.Post) error { return fmt.Errorf("the disk is full") }
	w.votes(luis, algesta.Cancel, w.request(algesta.Pending).ID)
	require.False(t, woken())
	w.onPost = nil
	w.votes(luis, algesta.Cancel, w.request(algesta.Pending).ID)
	require.True(t, woken())
}
