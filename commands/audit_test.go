package commands_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/store"
)

// TestEveryAnswerToOnePersonIsAudited goes through the ways in which somebody is refused or told something that nobody else sees.
func TestEveryAnswerToOnePersonIsAudited(t *testing.T) {
	t.Parallel()
	const target = "aks/production/api-gateway-production"
	asked := func(by algesta.Actor, text string) func(*world) {
		return func(w *world) { w.types(by, text) }
	}
	clicked := func(by algesta.Actor, action algesta.VoteAction) func(*world) {
		return func(w *world) {
			w.types(luis, "scale api-gateway production 6")
			w.votes(by, action, w.request(algesta.Pending).ID)
		}
	}
	away := func(text string) func(*world) {
		return func(w *world) {
			w.people.set(func(d *fakeDirectory) { d.away = true })
			w.types(luis, text)
		}
	}
	cases := map[string]struct {
		does func(*world)
		line algesta.Entry // its ID and time are checked apart
	}{
		"a command without the right": {
			asked(nico, "restart api-gateway production"),
			algesta.Entry{Kind: "refused", Actor: nico.ID.String(), Data: algesta.Args{
				"asked": "restart api-gateway production", "runbook": "restart", "target": target, "error": string(algesta.ErrRefused),
			}},
		},
		"reading without the right": {
			asked(nico, "status api-gateway production"),
			algesta.Entry{Kind: "refused", Actor: nico.ID.String(), Data: algesta.Args{
				"asked": "status api-gateway production", "runbook": "status", "target": target, "error": string(algesta.ErrRefused),
			}},
		},
		"an object that is not there": {
			asked(luis, "status api-gatewy production"),
			algesta.Entry{Kind: "refused", Actor: luis.ID.String(), Data: algesta.Args{
				"asked": "status api-gatewy production", "error": string(algesta.ErrUnknownName),
			}},
		},
		"a change where the bot is no member": {
			away("restart api-gateway production"),
			algesta.Entry{Kind: "refused", Actor: luis.ID.String(), Data: algesta.Args{
				"asked": "restart api-gateway production", "runbook": "restart", "target": target, "error": string(algesta.ErrRefused),
			}},
		},
		"an approval of the requester's own": {
			clicked(luis, algesta.Approve),
			algesta.Entry{Kind: "refused vote", Actor: luis.ID.String(), Data: algesta.Args{
				"vote": "approve", "runbook": "scale", "target": target, "error": string(algesta.ErrRefused),
			}},
		},
		"a denial of a stranger": {clicked(nico, algesta.Deny), algesta.Entry{Kind: "refused vote", Actor: nico.ID.String(), Data: algesta.Args{
			"vote": "deny", "runbook": "scale", "target": target, "error": string(algesta.ErrRefused),
		}}},
		"an old button": {
			func(w *world) { w.votes(luis, algesta.Run, "o-none") },
			algesta.Entry{Kind: "refused vote", Actor: luis.ID.String(), Data: algesta.Args{
				"vote": "run", "error": string(algesta.ErrStale),
			}},
		},
		"a read where the bot is no member": {
			away("status api-gateway production"),
			algesta.Entry{Kind: "read privately", Actor: luis.ID.String(), Data: algesta.Args{
				"runbook": "status", "target": target,
			}},
		},
		"a read of a pod": {
			asked(luis, "describe pod/api-gateway-1 production"),
			algesta.Entry{Kind: "refused", Actor: luis.ID.String(), Data: algesta.Args{
				"runbook": "describe", "object": "pod/api-gateway-1", "asked": "describe pod/api-gateway-1 production", "target": "aks/production/",
				"error": string(algesta.ErrNotFound),
			}},
		},
		"a change that changes nothing": {
			asked(luis, "scale api-gateway production 4"),
			algesta.Entry{Kind: "read privately", Actor: luis.ID.String(), Data: algesta.Args{
				"runbook": "scale", "target": target,
			}},
		},
		"a look at the incidents of every environment": {
			asked(luis, "incidents"),
			algesta.Entry{Kind: "read privately", Actor: luis.ID.String(), Data: algesta.Args{
				"runbook": "incidents", "places": "aks/production",
			}},
		},
		"what somebody may do": {
			asked(luis, "whoami"),
			algesta.Entry{Kind: "read privately", Actor: luis.ID.String(), Data: algesta.Args{"runbook": "whoami"}},
		},
		"a text that is far too long": {
			asked(luis, "restrat "+strings.Repeat("a", 5000)),
			algesta.Entry{Kind: "refused", Actor: luis.ID.String(), Data: algesta.Args{
				"asked": "restrat " + strings.Repeat("a", 292) + "…",
			}},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.does(w)
			var answers []algesta.Post
			for _, p := range w.posts() {
				if p.Kind == algesta.AnswerPost {
					answers = append(answers, p)
				}
			}
			require.Len(t, answers, 1)
			lines, err := w.store.Audit(t.Context(), answers[0].Command)
			require.NoError(t, err)
			require.Len(t, lines, 1)
			got := lines[0]
			require.Equal(t, c.line.Kind, got.Kind)
			require.Equal(t, c.line.Actor, got.Actor)
			require.Equal(t, "C0OPS", got.Data["channel"])
			for key, value := range c.line.Data {
				require.Equal(t, value, got.Data[key], key)
			}
			if strings.HasPrefix(got.Kind, "refused") {
				ids := strings.NewReplacer("@platform", "@S0PLATFORM", "@Carla", "@U0CARLA") // people read names; the audit keeps who it was
				require.Equal(t, got.Data["reason"], ids.Replace(answers[0].Report.Title.String()))
			}
			if _, has := c.line.Data["target"]; !has {
				require.NotContains(t, got.Data, "target")
			}
		})
	}
}

// What an audit is asked about is what it answers about, and a mistyped name is said.
func TestAnAuditOfOneThingIsNoneOfEverything(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "status api-gateway production")
	for _, typed := range []string{"audit staging", "audit in staging", "audit api-gateway", "audit api-gatway"} {
		w.types(luis, typed)
		require.NotContains(t, strings.Join(w.answered(), "\n"), "about everything", typed)
	}
	w.types(luis, "audit")
	require.Contains(t, strings.Join(w.answered(), "\n"), "about everything")
}

// A line is told of what was asked for alone, and of others only where Slack says that it was asked for in a public channel.
func TestAnAuditTellsNothingOfOtherPlacesAndOfChannelsThatNobodyKnows(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "bindings:", `bindings:
  - {name: everything, subjects: ["user:U0CARLA"], role: operator, namespaces: ["*"]}`, 1))
	said := func(target, channel, note string) {
		require.NoError(t, w.store.Update(t.Context(), func(tx *store.Tx) error {
			return tx.Append(algesta.Entry{
				Kind: "refused", Actor: nico.ID.String(), At: time.Now(), Data: algesta.Args{"target": target, "channel": channel, "reason": note},
			})
		}))
	}
	said("aks/production/api-gateway-production", "C0OPS", "the one that was meant")
	said("aks/production/api-gateway-production", "", "nobody knows where")
	said("other/production/api-gateway-production", "C0OPS", "another cluster")
	said("aks/staging/api-gateway-production", "C0OPS", "another namespace")
	said("aks/production/payments-production", "C0OPS", "another service")
	w.types(carla, "audit api-gateway production")
	got := strings.Join(w.answered(), "\n")
	require.Contains(t, got, "the one that was meant")
	require.NotContains(t, got, "another")
	require.NotContains(t, got, "nobody knows where")
	w.people.set(func(d *fakeDirectory) { d.placeDown = true; d.knownPlaces = nil })
	w.types(carla, "audit api-gateway production")
	require.NotContains(t, strings.Join(w.answered(), "\n"), "the one that was meant", "Slack doesn't say that it's public")
}

// TestTheAuditOfALookAtEverythingNamesWhatWasRead: in a channel, where it's followed, and where its author alone reads it.
func TestTheAuditOfALookAtEverythingNamesWhatWasRead(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"sitrep":            "read aks/production, aks/staging",
		"sitrep production": "read ",
		"incidents":         "read privately aks/production, aks/staging",
		"namespaces":        "read aks/production, aks/staging",
		"pods -A":           "read aks/production, aks/staging",
		"pods -A -w":        "read aks/production, aks/staging",
	} {
		t.Run(typed, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(strings.Replace(rules, "namespaces: [production]", "namespaces: [production, staging]", 1))
			w.types(luis, typed)
			var read []string
			lines, err := w.store.AuditBefore(t.Context(), 0, time.Time{}, 100)
			require.NoError(t, err)
			for _, l := range lines {
				read = append(read, l.Kind+" "+l.Data.String("places"))
			}
			require.Equal(t, []string{want}, read)
		})
	}
}
