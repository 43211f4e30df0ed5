package commands_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/runbooks"
)

// rulesWithAlerts let the rule alerts read in production.
var rulesWithAlerts = strings.NewReplacer(
	"\nbindings:", "\n  - {name: reader, allow: [read]}\nbindings:",
	"\napprovals:", "\n  - {name: alerts, subjects: [\"rule:alerts\"], role: reader, namespaces: [production]}\napprovals:",
).Replace(rules)

var gatewayInProduction = algesta.Target{
	Service: "api-gateway", Environment: "production", Cluster: "aks", Namespace: "production", Name: "api-gateway-production",
}

// byAlerts is what the rule alerts asks for in #ops.
func byAlerts(runbook string) commands.RuleCommand {
	return commands.RuleCommand{Rule: "alerts", Runbook: runbook, Target: gatewayInProduction, Channel: "C0OPS"}
}

// audited is the only line of the audit about this ID.
func (w *world) audited(id string) algesta.Entry {
	w.t.Helper()
	lines, err := w.store.Audit(w.t.Context(), id)
	require.NoError(w.t, err)
	require.Len(w.t, lines, 1)
	return lines[0]
}

// stored counts how often the source of a rule was told that its answer is stored.
func stored(n *int, err error) func(commands.Tx) error {
	return func(commands.Tx) error { *n++; return err }
}

// TestWhatARuleAsksForIsPostedAndAudited is about a rule on nobody's behalf, and about one on behalf of Luis.
func TestWhatARuleAsksForIsPostedAndAudited(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rules string
		on    algesta.Actor
		by    string
	}{
		"on nobody's behalf":          {rules: rulesWithAlerts, by: "requested by the rule alerts · "},
		"on behalf of one who may":    {rules: rules, on: luis, by: "requested by the rule alerts for Luis · "},
		"its own rights don't matter": {rules: rulesWithAlerts, on: luis, by: "requested by the rule alerts for Luis · "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(c.rules)
			told := 0
			asks := byAlerts("status")
			asks.For, asks.Stored = c.on.ID, stored(&told, nil)
			id, err := w.dispatcher.HandleRule(t.Context(), asks)
			require.NoError(t, err)
			require.Equal(t, 1, told)
			posts := w.posts()
			require.NotEmpty(t, posts)
			for _, p := range posts {
				require.Empty(t, p.OnlyFor)
				require.Equal(t, "C0OPS", p.Channel)
			}
			require.Equal(t, c.by+id, posts[0].Report.Small.String())
			line := w.audited(id)
			require.Equal(t, "read", line.Kind)
			require.Equal(t, "rule:alerts", line.Actor)
			require.Equal(t, "status", line.Data["runbook"])
			require.Equal(t, "C0OPS", line.Data["channel"])
			require.Equal(t, "aks/production/api-gateway-production", line.Data["target"])
			if c.on.ID.User == "" {
				require.NotContains(t, line.Data, "for")
			} else {
				require.Equal(t, luis.ID.String(), line.Data["for"])
			}
		})
	}
}

// TestWhatARuleMayNotIsRefused posts nothing, plans nothing, and is in the audit with the rule's name.
func TestWhatARuleMayNotIsRefused(t *testing.T) {
	t.Parallel()
	asks := func(change func(*commands.RuleCommand)) commands.RuleCommand {
		c := byAlerts("status")
		change(&c)
		return c
	}
	for name, c := range map[string]struct {
		asks  commands.RuleCommand
		world func(*world)
		kind  string
		says  string
	}{
		"a change": {
			asks: asks(func(c *commands.RuleCommand) { c.Runbook = "restart" }),
			kind: "refused", says: "The rule alerts may only read, so it can't restart in production.",
		},
		"a change on behalf of somebody who may": {
			asks: asks(func(c *commands.RuleCommand) { c.Runbook, c.For = "restart", luis.ID }),
			kind: "refused", says: "The rule alerts for Luis may only read, so it can't restart in production.",
		},
		"a read that no binding gives it": {
			asks: asks(func(c *commands.RuleCommand) { c.Target.Environment, c.Target.Namespace = "staging", "staging" }),
			kind: "refused", says: "The rule alerts can't see the status in staging: no binding of the policy gives that to rule:alerts.",
		},
		"another rule": {
			asks: asks(func(c *commands.RuleCommand) { c.Rule = "alert" }),
			kind: "refused", says: "The rule alert can't see the status in production: no binding of the policy gives that to rule:alert.",
		},
		"a read on behalf of somebody who may not": {
			asks: asks(func(c *commands.RuleCommand) { c.For = nico.ID }),
			kind: "refused",
			says: "The rule alerts for Nico can't see the status in production: no binding of the policy gives that to Nico.",
		},
		"a read on behalf of nobody knows whom": {
			asks:  asks(func(c *commands.RuleCommand) { c.For = luis.ID }),
			world: func(w *world) { w.people.set(func(d *fakeDirectory) { d.down = true }) },
			kind:  "failed", says: "Something went wrong on my side.",
		},
		"in a channel of another company": {
			asks:  byAlerts("status"),
			world: func(w *world) { w.people.set(func(d *fakeDirectory) { d.shared = true }) },
			kind:  "refused", says: "#ops is shared with another company, so nothing that a rule found is posted there.",
		},
		"where the bot is not": {
			asks:  byAlerts("status"),
			world: func(w *world) { w.people.set(func(d *fakeDirectory) { d.away = true }) },
			kind:  "refused", says: "I'm not in #ops, so nothing that a rule found can be posted there.",
		},
		"where nobody knows who reads": {
			asks:  byAlerts("status"),
			world: func(w *world) { w.people.set(func(d *fakeDirectory) { d.placeDown = true }) },
			kind:  "failed", says: "Something went wrong on my side.",
		},
		"what there is no command for": {
			asks: asks(func(c *commands.RuleCommand) { c.Runbook = "explode" }),
			kind: "failed", says: "Something went wrong on my side.",
		},
		"what panics": {
			asks: byAlerts("status"),
			world: func(w *world) {
				w.people.set(func(d *fakeDirectory) { d.onPlace = func() { panic("a mistake in the directory") } })
			},
			kind: "failed", says: "Something went wrong on my side.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(rulesWithAlerts)
			if c.world != nil {
				c.world(w)
			}
			told := 0
			c.asks.Stored = stored(&told, nil)
			id, err := w.dispatcher.HandleRule(t.Context(), c.asks)
			require.Error(t, err)
			require.Equal(t, c.kind == "refused", errors.Is(err, algesta.ErrRefused))
			require.Zero(t, told, "its source may ask again")
			require.Empty(t, w.posts())
			require.Zero(t, w.cluster.writes())
			line := w.audited(id)
			require.Equal(t, c.kind, line.Kind)
			require.Equal(t, "rule:"+c.asks.Rule, line.Actor)
			require.Equal(t, c.says, line.Data["reason"])
		})
	}
}

// TestAnAnswerToARuleIsStoredWithWhatItAnswers has the source fail in the transaction of the answer.
func TestAnAnswerToARuleIsStoredWithWhatItAnswers(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(rulesWithAlerts)
	told := 0
	asks := byAlerts("status")
	asks.Stored = stored(&told, errors.New("the event is gone"))
	id, err := w.dispatcher.HandleRule(t.Context(), asks)
	require.ErrorContains(t, err, "the event is gone")
	require.Empty(t, w.posts())
	require.Equal(t, "failed", w.audited(id).Kind)
}

// TestWhoeverClicksWhatARuleProposesIsTheRequester has a rule's answer propose a change.
func TestWhoeverClicksWhatARuleProposesIsTheRequester(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(rulesWithAlerts)
	w.dispatcher.Books = append(runbooks.All(), runbooks.Runbook{
		Name: "propose", Verb: "status",
		Answer: func(_ context.Context, _ runbooks.Cluster, in runbooks.Input) (algesta.Report, error) {
			return algesta.Report{Title: algesta.Say("It needs more pods."), Buttons: []algesta.Button{
				{Label: "Scale", Offer: &algesta.Offer{Runbook: "scale", Target: in.Command.Target, Args: algesta.Args{"replicas": int64(6)}}},
			}}, nil
		},
	})
	id, err := w.dispatcher.HandleRule(t.Context(), byAlerts("propose"))
	require.NoError(t, err)
	offers := w.offers()
	require.Len(t, offers, 1)
	w.votes(nico, algesta.Run, offers[0])
	require.Len(t, w.said(algesta.AnswerPost), 1, "who may not ask for it may not click it")
	w.votes(luis, algesta.Run, offers[0])
	r := w.request(algesta.Pending)
	require.NotEqual(t, id, r.ID)
	require.Nil(t, r.Command.Rule)
	require.Equal(t, luis.ID, r.Command.Actor.ID)
	w.votes(luis, algesta.Approve, r.ID)
	require.Contains(t, w.said(algesta.AnswerPost)[1], "You can't approve your own request")
	w.votes(carla, algesta.Approve, r.ID)
	w.request(algesta.Succeeded)
}

// TestTheDiagnosisOfAFailedRolloutIsARules: the audit says which rule read, and on whose behalf.
func TestTheDiagnosisOfAFailedRolloutIsARules(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	cluster := &gatewayCluster{slowCluster: &slowCluster{fast: true}}
	id := w.failed(cluster.slowCluster)
	w.dispatcher.Clusters = commands.Clusters(cluster)
	_, err := w.dispatcher.Diagnose(t.Context(), id)
	require.NoError(t, err)
	require.Len(t, w.said(algesta.DiagnosePost), 1)
	lines, err := w.store.Audit(t.Context(), id)
	require.NoError(t, err)
	last := lines[len(lines)-1]
	require.Equal(t, "read", last.Kind)
	require.Equal(t, "rule:rollout-failed", last.Actor)
	require.Equal(t, "diagnose", last.Data["runbook"])
	require.Equal(t, luis.ID.String(), last.Data["for"])
}
