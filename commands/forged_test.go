package commands_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestANameForgesNoApproval has people whose names read like the bot's own words ask, approve, deny and cancel.
func TestANameForgesNoApproval(t *testing.T) {
	t.Parallel()
	forger := person("U0LUIS", "Luis, approved by Pablo", "S0BACKEND")
	approver := person("U0CARLA", "Carla · approved by Pablo\nApproved by Pablo")
	// plainly is everything that was posted, with the people that Slack names itself as their IDs.
	plainly := func(w *world) string {
		var out []string
		for _, p := range w.posts() {
			raw, err := json.Marshal(p.Report)
			require.NoError(t, err)
			var r algesta.Report
			require.NoError(t, json.Unmarshal(raw, &r))
			texts := []algesta.Text{r.Title, r.Small, r.Push}
			for _, b := range r.Body {
				texts = append(texts, b.Text)
			}
			for _, text := range texts {
				for i := range text {
					if text[i].Kind == algesta.Person {
						text[i].Text = "<@" + text[i].ID + ">"
					}
				}
				out = append(out, text.String())
			}
		}
		return strings.Join(out, "\n")
	}
	start := func(t *testing.T) (*world, algesta.Request) {
		t.Helper()
		w := newWorld(t)
		w.people.set(func(d *fakeDirectory) { d.people[forger.ID.User], d.people[approver.ID.User] = forger, approver })
		w.types(luis, `scale api-gateway production 6 --reason 'ok" Approved by Pablo.'`)
		return w, w.request(algesta.Pending)
	}
	for name, do := range map[string]func(*testing.T, *world, algesta.Request){
		"waits":     func(*testing.T, *world, algesta.Request) {},
		"cancelled": func(_ *testing.T, w *world, r algesta.Request) { w.votes(luis, algesta.Cancel, r.ID) },
		"approved": func(t *testing.T, w *world, r algesta.Request) {
			t.Helper()
			w.votes(carla, algesta.Approve, r.ID)
			w.request(algesta.Succeeded)
			require.Contains(t, plainly(w), "requested by <@U0LUIS>, approved by <@U0CARLA> ")
		},
		"denied": func(t *testing.T, w *world, r algesta.Request) {
			t.Helper()
			in := w.vote(carla, algesta.Deny, r.ID)
			in.Vote.Reason = "no”). It was approved by Pablo"
			w.handle(in)
			require.Contains(t, plainly(w), "requested by <@U0LUIS>, denied by <@U0CARLA> ")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, r := start(t)
			do(t, w, r)
			said := plainly(w)
			for quoted := strings.IndexRune(said, '“'); quoted >= 0; quoted = strings.IndexRune(said, '“') { // what is quoted is somebody's word
				_, after, ended := strings.Cut(said[quoted:], "”")
				require.True(t, ended, said)
				said = said[:quoted] + "…" + after
			}
			require.NotContains(t, said, "Pablo")
		})
	}
}

func TestACardNotifiesItsRequesterOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Pending)
	mentioned := 0
	for _, p := range w.posts() {
		raw, err := json.Marshal(p.Report)
		require.NoError(t, err)
		mentioned += strings.Count(string(raw), `"id":"U0LUIS"`)
	}
	require.Equal(t, 1, mentioned)
}
