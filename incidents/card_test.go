package incidents

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// text is a card as a terminal prints it, a line for each line.
func text(r algesta.Report) string {
	lines := []string{r.Title.String(), r.Small.String()}
	for _, b := range r.Body {
		lines = append(lines, b.Text.String())
	}
	return strings.Join(slices.DeleteFunc(lines, func(s string) bool { return s == "" }), "\n")
}

// TestACardHasAtMostEightLinesAndMentionsNobody holds for whatever an incident is made of.
func TestACardHasAtMostEightLinesAndMentionsNobody(t *testing.T) {
	t.Parallel()
	states := []algesta.IncidentState{algesta.IncidentOpen, algesta.IncidentResolved, algesta.IncidentMerged}
	rapid.Check(t, func(t *rapid.T) {
		word := rapid.SampledFrom([]string{"", "<!channel> @here <@U0LUIS>", "/algesta rollback api-gateway production", "a: b"})
		f := secretLacksKey("ms-orders")
		f.Cause.What, f.Cause.Change, f.Cause.Next = word.Draw(t, "what"), word.Draw(t, "change"), word.Draw(t, "next")
		i := algesta.Incident{
			ID: "i-1", Key: f.Key, About: f.About, Cause: f.Cause, Signals: []algesta.Signal{crash("ms-orders")}, OpenedAt: noon, ResolvedAt: noon,
			State:     rapid.SampledFrom(states).Draw(t, "state"),
			Unchecked: word.Draw(t, "unchecked"), Recent: word.Draw(t, "recent"), Ended: word.Draw(t, "ended"),
			Nth: rapid.IntRange(1, 120).Draw(t, "nth"), Reopened: rapid.IntRange(0, 3).Draw(t, "reopened"),
		}
		i.Cause.Severity = rapid.SampledFrom(algesta.Severities()).Draw(t, "severity")
		card := Card(i, Past{Ended: word.Draw(t, "past")})
		require.LessOrEqual(t, 2+len(card.Body), 8)
		for _, b := range append(card.Body, algesta.Block{Text: card.Title}, algesta.Block{Text: card.Small}) {
			require.Nil(t, b.List)
			for _, span := range b.Text {
				require.NotContains(t, []algesta.SpanKind{algesta.Person, algesta.Group}, span.Kind)
				require.NotContains(t, span.Text, "\n")
			}
		}
	})
}

// A card about something that is no service doesn't say that this also affects itself.
func TestACardOfAStatefulSetDoesNotSayThatItAffectsItself(t *testing.T) {
	t.Parallel()
	i := algesta.Incident{
		ID: "i-7f3a9k2mq4x8", State: algesta.IncidentOpen, About: algesta.Target{Environment: "development"}, OpenedAt: noon,
		Signals: []algesta.Signal{{Rule: "crash-loop", Kind: "StatefulSet", Name: "loki", Since: noon}},
		Cause: algesta.IncidentCause{What: "StatefulSet loki needs X", Severity: algesta.Degraded, Pods: []algesta.ReadyPods{
			{Kind: "Deployment", Name: "loki", Ready: 0, Of: 1}, {Kind: "StatefulSet", Name: "loki", Ready: 2, Of: 3},
		}},
	}
	card := text(Card(i, Past{}))
	require.Contains(t, card, "2 of 3 pods ready · since")
	require.Contains(t, card, "also affects loki (0 of 1)", "a Deployment of that name is another one")
	require.NotContains(t, card, "loki (2 of 3)")
}

// What has to be done first isn't offered by a button: the plan behind it would advise against it.
func TestNoButtonOffersWhatHelpsOnlyAfterwards(t *testing.T) {
	t.Parallel()
	about := secretLacksKey("ms-orders").About
	require.True(t, proposed(rules.Remedy{Verb: "restart"}, about))
	require.False(t, proposed(rules.Remedy{Verb: "restart", Afterwards: true}, about))
}

func TestACardReadsAsASentence(t *testing.T) {
	t.Parallel()
	i := algesta.Incident{
		ID: "i-7f3a9k2mq4x8", State: algesta.IncidentOpen, About: secretLacksKey("ms-orders").About, Cause: secretLacksKey("ms-orders").Cause,
		Signals: []algesta.Signal{crash("ms-orders")}, OpenedAt: noon, Nth: 3, Recent: "Deploy to ms-orders by Dana, 2026-11-22 11:59 UTC",
	}
	require.Equal(t, `ms-orders in production is down: Secret mongodb-credentials has no key uri
i-7f3a9k2mq4x8 · seen by the rule crash-loop
0 of 2 pods ready · since 2026-11-22 12:00 UTC · also affects ms-notifications (0 of 1)
Cause: as above, so no pod of ms-orders can start (certain)
Shortly before: Deploy to ms-orders by Dana, 2026-11-22 11:59 UTC
Next: Create the key, or roll back to 12344. /algesta rollback ms-orders production
3rd time this week; last time: Rollback by Luis`, text(Card(i, Past{Ended: "Rollback by Luis"})))
	i.State, i.ResolvedAt, i.Ended = algesta.IncidentResolved, noon.Add(11*time.Minute), "Rollback by Luis, approved by Carla"
	require.Equal(t, `ms-orders in production is healthy again (it was: Secret mongodb-credentials has no key uri)
i-7f3a9k2mq4x8 · seen by the rule crash-loop
Resolved after 11 min, 2026-11-22 12:11 UTC (Rollback by Luis, approved by Carla)
3rd time this week`, text(Card(i, Past{})))
}

// At the end of what a full quota did to a service, nothing is known of the service but that this is over.
func TestACardSaysNoMoreThanWasSeen(t *testing.T) {
	t.Parallel()
	i := algesta.Incident{
		ID: "i-7f3a9k2mq4x8", State: algesta.IncidentResolved, OpenedAt: noon, ResolvedAt: noon.Add(time.Minute),
		About:   algesta.Target{Service: "ms-orders", Environment: "production", Name: "ms-orders-production"},
		Signals: []algesta.Signal{{Rule: QuotaFull, Kind: "ResourceQuota", Namespace: "production", Name: "production-quota"}},
		Cause:   algesta.IncidentCause{What: "ResourceQuota production-quota is used up", Severity: algesta.Degraded},
	}
	require.Equal(t, "ms-orders in production: this is over (ResourceQuota production-quota is used up)", title(i).String())
	i.Signals[0] = algesta.Signal{Rule: CrashLoop, Kind: "Deployment", Namespace: "production", Name: "ms-orders-production"}
	require.Contains(t, title(i).String(), "ms-orders in production is healthy again")

	i.State, i.About = algesta.IncidentOpen, algesta.Target{Environment: "production"}
	i.Signals = []algesta.Signal{{Rule: NodeNotReady, Kind: "Node", Name: "aks-1"}}
	i.Cause.What, i.Unchecked = "Node aks-1 does not answer", "Couldn't check nodes: the cluster doesn't answer."
	i.Cause.Change = "Revision 4 of ms-orders was rolled out 2026-11-22 12:01 UTC."
	require.Equal(t, "Node aks-1 does not answer (production)", title(i).String())
	card := text(Card(i, Past{}))
	require.Contains(t, card, "⚠ I can't tell whether it's over. Couldn't check nodes: the cluster doesn't answer.")
	require.Contains(t, card, "Nearest change: Revision 4", "it came after the beginning, so not shortly before")
}
