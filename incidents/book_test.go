package incidents

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
)

var (
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	place = algesta.Target{Cluster: "aks", Namespace: "production", Environment: "production"}
	quick = Config{Wait: 30 * time.Second, Settle: 30 * time.Second, Routes: []Route{{Channel: "C0INCIDENTS"}}}
)

func TestWhatHealsWithinTheWaitIsCountedAndNotTold(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	r.lasts(28*time.Second, []algesta.Signal{crash("ms-orders")}, broken)
	r.lasts(time.Minute, nil, well)
	r.lasts(28*time.Second, []algesta.Signal{crash("ms-orders")}, broken)
	require.Zero(t, r.cards)
	require.Empty(t, r.all)
	require.Equal(t, 1, r.healed)
	r.lasts(4*time.Second, []algesta.Signal{crash("ms-orders")}, broken)
	require.Equal(t, 1, r.cards)
	require.Equal(t, noon.Add(88*time.Second), r.only(t).Signals[0].Since)
}

func TestTwoServicesBrokenByOneSecretAreOneIncidentThatNamesBoth(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	both := []algesta.Signal{crash("ms-orders"), crash("ms-notifications")}
	r.lasts(time.Minute, both, broken)
	require.Equal(t, 1, r.cards)
	i := r.only(t)
	require.Len(t, i.Signals, 2)
	card := text(Card(i, Past{}))
	require.Contains(t, card, "ms-orders")
	require.Contains(t, card, "ms-notifications")
}

func TestAnIncidentEndsOnlyWhenTheClusterSaysSo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		signals   []algesta.Signal
		unchecked map[string]string
		look      func(algesta.Signal) Found
		ends      bool
		says      string
	}{
		"it is gone and healthy": {look: well, ends: true},
		"the signal is gone, and the cause isn't": {
			look: broken,
		},
		"the caches can't be trusted": {
			unchecked: map[string]string{CrashLoop: "Couldn't check pods: I don't have a complete view of this cluster right now."}, look: well,
			says: "I can't tell whether it's over. Couldn't check pods: I don't have a complete view of this cluster right now.",
		},
		"the diagnosis was refused": {
			look: func(algesta.Signal) Found {
				return Found{Unknown: "I don't have permission to list pods in production."}
			},
			says: "I can't tell whether it's over. I don't have permission to list pods in production.",
		},
		"the cluster doesn't answer": {
			look: func(algesta.Signal) Found { return Found{Unknown: "The cluster aks does not answer."} },
			says: "I can't tell whether it's over. The cluster aks does not answer.",
		},
		"the signal goes on, and a diagnosis finds nothing": {signals: []algesta.Signal{crash("ms-orders")}, look: well},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRun(quick)
			r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
			for range 300 {
				r.now = r.now.Add(2 * time.Second)
				r.check(c.signals, c.unchecked, c.look)
			}
			i := r.only(t)
			require.Equal(t, c.ends, i.State == algesta.IncidentResolved)
			if c.says != "" {
				require.Contains(t, text(Card(i, Past{})), c.says)
			}
			// When it can be checked again it ends, and the card says nothing of it any more.
			r.lasts(2*time.Minute, nil, well)
			i = r.only(t)
			require.Equal(t, algesta.IncidentResolved, i.State)
			require.NotContains(t, text(Card(i, Past{})), "Couldn't check")
			require.Equal(t, 1, r.cards)
		})
	}
}

func TestACauseThatComesBackSoonKeepsItsCard(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	r.lasts(2*time.Minute, nil, well)
	first := r.only(t)
	require.Equal(t, algesta.IncidentResolved, first.State)
	require.Equal(t, []string{"Resolved after 60 s: ms-orders in production is healthy again."}, r.said)
	first.Recent = "Deploy to ms-orders by Dana"
	r.Stored(first)
	r.lasts(25*time.Minute, nil, well)
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	again := r.only(t)
	require.Equal(t, algesta.IncidentOpen, again.State)
	require.Equal(t, 1, again.Reopened)
	require.Empty(t, again.Recent, "another change may be why it's back")
	require.Contains(t, text(Card(again, Past{})), "Came back 1 time on this card")
	require.Len(t, r.said, 2, "the thread's last word isn't that it's over")
	require.Regexp(t, `^It came back: .+\. If it goes and comes again, the card alone says so\.$`, r.said[1])

	// Later it is a new card, which names the last.
	r.lasts(2*time.Minute, nil, well)
	r.lasts(31*time.Minute, nil, well)
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Len(t, r.all, 2)
	next := r.Open()[0]
	require.Equal(t, first.ID, next.Previous)
	require.Equal(t, 2, next.Nth)
	card := Card(next, Past{Link: "https://slack.example.com/archives/C0/p1", Ended: "Rollback by Luis"})
	require.Contains(t, text(card), "2nd time this week; last time: Rollback by Luis")
	require.Equal(t, 2, r.cards)
}

// TestAPodThatComesAndGoesForAWeekIsToldLittle simulates seven days for each of several rhythms.
func TestAPodThatComesAndGoesForAWeekIsToldLittle(t *testing.T) {
	t.Parallel()
	for _, rhythm := range []struct{ bad, good time.Duration }{
		{time.Minute, time.Minute},
		{5 * time.Minute, 5 * time.Minute},
		{2 * time.Minute, 33 * time.Minute},
		{10 * time.Minute, 50 * time.Minute},
		{time.Minute, 3 * time.Hour},
		{5 * time.Minute, 9 * time.Hour},
		{time.Hour, 23 * time.Hour},
	} {
		t.Run(fmt.Sprint(rhythm.bad, " of ", rhythm.bad+rhythm.good), func(t *testing.T) {
			t.Parallel()
			r := newRun(quick)
			for r.now.Before(noon.Add(week)) {
				r.lasts(rhythm.bad, []algesta.Signal{crash("ms-orders")}, broken)
				r.lasts(rhythm.good, nil, well)
			}
			require.LessOrEqual(t, r.cards+r.replies, 12, "%d cards, %d replies", r.cards, r.replies)
			require.Positive(t, r.cards)
			t.Attr("week_messages", fmt.Sprint(r.cards+r.replies)) // a figure of the benchmarks
		})
	}
}

// TestWhateverTheRhythmNobodyIsToldMoreThanTwelveTimesAWeek is the same for any rhythm, by steps of three minutes.
func TestWhateverTheRhythmNobodyIsToldMoreThanTwelveTimesAWeek(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		r := newRun(quick)
		for r.now.Before(noon.Add(week)) {
			bad := time.Duration(rapid.IntRange(1, 600).Draw(t, "bad")) * time.Minute
			good := time.Duration(rapid.IntRange(1, 1500).Draw(t, "good")) * time.Minute
			for _, half := range []struct {
				lasts   time.Duration
				signals []algesta.Signal
				look    func(algesta.Signal) Found
			}{{bad, []algesta.Signal{crash("ms-orders")}, broken}, {good, nil, well}} {
				for end := r.now.Add(half.lasts); r.now.Before(end); r.now = r.now.Add(3 * time.Minute) {
					r.check(half.signals, nil, half.look)
				}
			}
		}
		require.LessOrEqual(t, r.cards+r.replies, 12, "%d cards, %d replies", r.cards, r.replies)
	})
}

// TestAStormIsOneCardAMinute: fifty causes at once are fifty incidents, the worst first, and no minute has two new cards.
func TestAStormIsOneCardAMinute(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	var storm []algesta.Signal
	for n := range 50 {
		storm = append(storm, crash(fmt.Sprintf("service-%02d", n)))
	}
	look := func(s algesta.Signal) Found {
		f := secretLacksKey(s.Name)
		f.Key.Name = "secret-of-" + s.Name
		if f.Cause.Severity = algesta.Degraded; s.Name == "service-33" {
			f.Cause.Severity = algesta.Critical
		}
		return f
	}
	r.lasts(32*time.Second, storm, look)
	require.Equal(t, 1, r.cards)
	require.Equal(t, "service-33", r.only(t).About.Service)
	require.Equal(t, 49, r.heldBack().held)
	require.Contains(
		t, text(Card(r.only(t), Past{})), "49 more problems have no cards yet: service-00, service-01, service-02 and 46 more",
		"whoever reads the first card knows of the storm",
	)
	r.lasts(59*time.Second, storm, look)
	require.LessOrEqual(t, r.cards, 2)
	r.lasts(80*time.Minute, storm, look)
	require.Equal(t, 50, r.cards, "nothing is lost")
	for _, i := range r.all {
		require.Empty(t, i.Waiting)
	}
	require.Zero(t, r.replies)
}

func TestACauseThatIsFoundLaterIsToldAndMergesWhatHasIt(t *testing.T) {
	t.Parallel()
	r := newRun(Config{Wait: quick.Wait, Settle: quick.Settle, Routes: quick.Routes})
	orders, stock := crash("ms-orders"), crash("ms-stock")
	r.lasts(32*time.Second, []algesta.Signal{orders}, well)
	i := r.only(t)
	require.Equal(t, CrashLoop, i.Key.Class, "where no cause was found the rule is the class")
	require.Contains(t, text(Card(i, Past{})), "Cause: not found yet")
	r.lasts(100*time.Second, []algesta.Signal{orders, stock}, well)
	require.Len(t, r.Open(), 2)
	r.lasts(100*time.Second, []algesta.Signal{orders, stock}, broken)
	open := r.Open()
	require.Len(t, open, 1)
	require.Equal(t, i.ID, open[0].ID)
	require.Equal(t, "config", open[0].Key.Class)
	require.Len(t, open[0].Signals, 2)
	require.Equal(t, []string{"Found the cause: Secret mongodb-credentials has no key uri, so no pod of ms-orders can start."}, r.said)
	for _, other := range r.all {
		if other.ID != i.ID {
			require.Equal(t, algesta.IncidentMerged, other.State)
			require.Equal(t, i.ID, other.MergedInto)
		}
	}
	// One end ends both.
	r.lasts(2*time.Minute, nil, well)
	require.Empty(t, r.Open())
}

func TestWorseIsToldInTheThread(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	partly := func(s algesta.Signal) Found {
		f := broken(s)
		f.Cause.Severity, f.Cause.Impact = algesta.Degraded, "1 of 2 pods of ms-orders is ready."
		return f
	}
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, partly)
	r.lasts(2*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Equal(t, []string{"It got worse: 0 of 2 pods of ms-orders are ready."}, r.said)
	r.lasts(3*time.Minute, []algesta.Signal{crash("ms-orders")}, partly)
	require.Len(t, r.said, 1, "better is on the card")
}

func TestWhereNoRouteFitsNobodyIsTold(t *testing.T) {
	t.Parallel()
	r := newRun(Config{Wait: quick.Wait, Settle: quick.Settle, Routes: []Route{
		{Channel: "C0DEV", Environments: []string{"development"}}, {Channel: "C0INFO", Severities: []algesta.Severity{algesta.Latent}},
	}})
	r.lasts(3*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Zero(t, r.cards)
}

func TestARuleThatIsOffSeesNothingAndOneMayHaveItsOwnWait(t *testing.T) {
	t.Parallel()
	r := newRun(Config{Wait: quick.Wait, Settle: quick.Settle, Routes: quick.Routes, Rules: map[string]RuleSetting{CrashLoop: {Off: true}}})
	r.lasts(3*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Zero(t, r.cards)
	slow := map[string]RuleSetting{CrashLoop: {Wait: 10 * time.Minute}}
	r = newRun(Config{Wait: quick.Wait, Settle: quick.Settle, Routes: quick.Routes, Rules: slow})
	r.lasts(9*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Zero(t, r.cards)
	r.lasts(2*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Equal(t, 1, r.cards)
}

// TestARestartForgetsNothing makes a new book from what was stored, at any moment.
func TestARestartForgetsNothing(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	i := r.only(t)
	r.Book = NewBook(quick, []algesta.Incident{i})
	r.lasts(2*time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Equal(t, 1, r.cards)
	r.lasts(2*time.Minute, nil, well)
	require.Equal(t, algesta.IncidentResolved, r.only(t).State)
	r.Book = NewBook(quick, []algesta.Incident{r.only(t)})
	r.lasts(time.Minute, []algesta.Signal{crash("ms-orders")}, broken)
	require.Equal(t, i.ID, r.only(t).ID)
	require.Equal(t, 1, r.cards)
}

// Whoever sends alerts can't keep the bot from looking at what it sees itself, nor at what else waits: a part of them is looked at after
// each check, those first that waited longest.
func TestAFloodOfAlertsIsLookedAtInPartsAfterTheRest(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	var flood []algesta.Signal
	for n := range 2000 {
		flood = append(flood, algesta.Signal{Rule: Alertmanager, Kind: "Deployment", Namespace: place.Namespace, Name: fmt.Sprint("a-", n)})
	}
	own := crash("zz-own")
	all := append(slices.Clone(flood), own)
	r.See(r.now, Observation{Place: place, Signals: all})
	looked := map[string]bool{}
	for round := range 2000/mostReady + 2 {
		r.now = r.now.Add(time.Minute)
		w := r.See(r.now, Observation{Place: place, Signals: all})
		require.LessOrEqual(t, len(w.Ready), mostReady)
		require.True(t, round > 0 || slices.ContainsFunc(w.Ready, own.Same), "what the bot sees itself comes first")
		for _, s := range w.Ready {
			looked[s.Name] = true
		}
	}
	require.Len(t, looked, 2001, "everything has its turn")
}

// An alert about a node is sent for some namespace, and its incident may be told for another: what that place's check doesn't see isn't
// gone while the alert fires.
func TestAnAlertAboutANodeIsNotGoneBecauseAnotherPlaceIsLookedAt(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	alert := algesta.Signal{Rule: Alertmanager, Kind: "Node", Name: "aks-1"}
	i := algesta.Incident{
		ID: "i-1", State: algesta.IncidentOpen, Channel: "C0OPS", About: place, Signals: []algesta.Signal{crash("a"), alert},
		OpenedAt: noon, Nth: 1,
	}
	r.Stored(i)
	r.See(r.now, Observation{Place: place, Signals: []algesta.Signal{crash("a")}, Nodes: map[string]bool{"aks-1": true}})
	require.Zero(t, r.all["i-1"].Signals[1].Gone)
	r.See(r.now, Observation{Place: place, Signals: []algesta.Signal{crash("a")}, Nodes: map[string]bool{"aks-2": true}})
	require.NotZero(t, r.all["i-1"].Signals[1].Gone, "and once it's resolved it is gone")
}
