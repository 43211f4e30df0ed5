package commands_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// answered is the newest answer that its reader alone saw, as lines of text.
func (w *world) answered() []string {
	w.t.Helper()
	var last *algesta.Post
	for _, p := range w.posts() {
		if p.Kind == algesta.AnswerPost {
			last = &p
		}
	}
	require.NotNil(w.t, last)
	out := []string{last.Report.Title.String()}
	for _, b := range last.Report.Body {
		if len(b.Text) > 0 {
			out = append(out, b.Text.String())
		}
		for _, l := range b.List {
			out = append(out, l.String())
		}
		if b.Table == nil {
			continue
		}
		for _, row := range b.Table.Rows {
			cells := make([]string, 0, len(row))
			for _, cell := range row[1:] { // the moment is another every time
				cells = append(cells, cell.String())
			}
			out = append(out, strings.Join(cells, " | "))
		}
	}
	return out
}

func TestApprovalsListsWhatWaitsForWhoMayDecideIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(pablo, "approvals")
	require.Equal(t, []string{"Nothing waits for your approval."}, w.answered())
	w.types(luis, "restart api-gateway production")
	r := w.request(algesta.Pending)

	w.types(pablo, "aprobaciones")
	said := w.answered()
	require.Equal(t, "1 request waits for your approval.", said[0])
	require.Contains(t, said[1], "Restart of api-gateway in production: requested by Luis · needs 1 approval from")
	require.Contains(t, said[1], "its thread")
	w.types(luis, "approvals")
	said = w.answered()
	require.Equal(t, []string{"Nothing waits for your approval.", "Waiting for others:"}, said[:2])
	require.Contains(t, said[2], "requested by Luis")
	w.types(nico, "approvals")
	require.Equal(t, []string{"Nothing waits for your approval."}, w.answered(), "whoever may not read it doesn't learn of it")

	w.votes(pablo, algesta.Approve, r.ID)
	w.types(carla, "approvals")
	require.Equal(t, []string{"Nothing waits for your approval."}, w.answered())
}

func TestTheAuditTellsEverybodyWhatTheyMayKnowAndNothingElse(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "bindings:", `bindings:
  - {name: staging alone, subjects: ["user:U0MARTA"], role: operator, namespaces: [staging]}
  - {name: everything, subjects: ["user:U0CARLA"], role: operator, namespaces: ["*"]}`, 1))
	w.types(nico, "restart api-gateway production")
	w.types(luis, "restart api-gateway production because the cache is full")
	r := w.request(algesta.Pending)
	w.votes(pablo, algesta.Deny, r.ID)
	w.request(algesta.Rejected)

	w.types(luis, "audit api-gateway production")
	said := strings.Join(w.answered(), "\n")
	require.Contains(t, said, "about api-gateway in production in the last")
	require.Contains(t, said, "Pablo | denied | Restart of api-gateway in production · its thread")
	require.Contains(t, said, "Luis | requested | Restart of api-gateway in production · its thread | the cache is full")
	require.Contains(t, said, "Nico | refused |")
	require.Contains(t, said, "restart api-gateway production · You can't restart in production")

	w.types(luis, "audit production since=2h")
	require.Contains(t, strings.Join(w.answered(), "\n"), " about production in the last 2 h", "an environment isn't everything")
	w.types(luis, "audit <@U0PABLO|pablo> since=2h")
	said = strings.Join(w.answered(), "\n")
	require.Contains(t, said, "1 line about what Pablo did in the last 2 h")
	require.NotContains(t, said, "Nico")

	w.types(marta, "audit since=1h")
	require.Equal(t, []string{"The audit has nothing that you can read about everything in the last 60 min."}, w.answered(), "of production")
	w.types(marta, "audit api-gateway production")
	require.Contains(t, w.answered()[0], "You can't use audit in production")
	w.types(nico, "audit")
	require.Contains(t, w.answered()[0], "You can't use audit")
	w.types(luis, "audit since=soon")
	require.Contains(t, w.answered()[0], "since is a length of time such as 2h or 7d, not “soon”.")

	w.people.set(func(d *fakeDirectory) { d.private = true; d.knownPlaces = nil })
	w.types(carla, "audit api-gateway production")
	require.Contains(t, w.answered()[0], "has nothing that you can read", "what was asked for in a private channel is nobody else's business")
	w.types(luis, "audit api-gateway production")
	require.Contains(t, strings.Join(w.answered(), "\n"), "Luis | requested")
}

// TestTheAuditTellsOfNoOtherPlaceAndOfNothingHalfKnown adds lines that are about another place, about none, and of unknown channels.
func TestTheAuditTellsOfNoOtherPlaceAndOfNothingHalfKnown(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "bindings:", `bindings:
  - {name: staging alone, subjects: ["user:U0MARTA"], role: operator, namespaces: [staging]}
  - {name: everything, subjects: ["user:U0CARLA"], role: operator, namespaces: ["*"]}`, 1))
	line := func(said, target, channel string) {
		data := algesta.Args{"runbook": "pods", "asked": said, "target": target, "channel": channel}
		require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
			return tx.Append(algesta.Entry{Kind: "refused", Actor: nico.ID.String(), At: time.Now(), Data: data})
		}))
	}
	line("words of here", "aks/production/api-gateway-production", "C0OPS")
	line("words of staging", "aks/staging/api-gateway-production", "C0OPS")
	line("words of another cluster", "gke/production/api-gateway-production", "C0OPS")
	line("words about nothing", "", "C0OPS")
	line("words about a cluster", "aks//", "C0OPS")
	line("words without a channel", "aks/production/api-gateway-production", "")
	told := func(by algesta.Actor, typed string) string {
		w.types(by, typed)
		return strings.Join(w.answered(), "\n")
	}

	said := told(carla, "audit api-gateway production")
	require.Contains(t, said, "words of here")
	for _, other := range []string{"staging", "another cluster", "about nothing", "about a cluster", "without a channel"} {
		require.NotContains(t, said, "words "+other)
		require.NotContains(t, said, "words of "+other)
	}
	said = told(carla, "audit")
	require.Contains(t, said, "words of another cluster")
	require.Contains(t, said, "words about nothing", "who may read it everywhere may read what is of no place")
	require.Contains(t, said, "words about a cluster")
	require.NotContains(t, said, "words without a channel")
	said = told(marta, "audit")
	require.Contains(t, said, "words of staging")
	require.Contains(t, said, "1 line about everything")

	w.people.set(func(d *fakeDirectory) { d.placeDown = true; d.knownPlaces = nil })
	require.NotContains(t, told(carla, "audit"), "words of", "what Slack doesn't tell of is no public channel")
}
