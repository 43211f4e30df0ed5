package commands_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/store"
)

// freezing are rules in which Luis may change and freeze production without anybody's yes, but for a restart.
const freezing = `
apiVersion: algesta.io/v1
kind: Policy
roles: [{name: operator, allow: [read, change]}]
bindings: [{name: operators, subjects: ["group:S0BACKEND"], role: operator, namespaces: [production]}]
approvals:
  - {name: a second person, verbs: [restart, pod.delete], namespaces: ["*"], approvers: ["user:U0CARLA"], expiresAfter: 30m}
`

// freeze has Luis freeze something, and waits until it is.
func (w *world) freeze(typed string) algesta.Freeze {
	w.t.Helper()
	before := len(*w.store.Frozen())
	w.types(luis, typed)
	require.Eventually(w.t, func() bool { w.posts(); return len(*w.store.Frozen()) > before }, deadline, lookEvery, "%v", lastSaid{w})
	w.request(algesta.Succeeded)
	all := *w.store.Frozen()
	return all[len(all)-1]
}

// TestAFreezeStopsWhatIsAskedForWhatWaitsAndWhatIsApproved: at the request, at the vote and right before the write.
func TestAFreezeStopsWhatIsAskedForWhatWaitsAndWhatIsApproved(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.types(luis, "restart api-gateway production")
	waits := w.request(algesta.Pending)

	w.types(luis, "freeze production until=2h")
	require.Contains(t, w.answered()[0], "A freeze needs a reason")
	w.types(nico, "freeze production until=2h because I can")
	require.Contains(t, w.answered()[0], "You can't freeze in production")
	require.Empty(t, *w.store.Frozen())

	z := w.freeze("freeze production until=2h because the import runs")
	require.Equal(t, "the import runs", z.Reason)
	require.WithinDuration(t, time.Now().Add(2*time.Hour), z.Until, time.Minute)
	plans := ""
	for _, p := range w.posts() {
		if p.Kind == algesta.PlanPost && p.Command == waits.ID {
			plans += p.Report.Body[0].Text.String()
		}
	}
	require.Contains(t, plans, "Luis froze production until")

	w.types(luis, "scale api-gateway production replicas=5")
	require.Regexp(t, `^production can't be changed until .+: Luis froze it \(“the import runs”\)\.$`, w.answered()[0])
	w.votes(carla, algesta.Approve, waits.ID)
	require.Regexp(t, `^production can't be changed until .+: Luis froze it`, w.answered()[0], "that isn't about Carla")
	require.Equal(t, waits.ID, w.request(algesta.Pending).ID, "a vote that can't count burns nothing")
	require.Zero(t, w.cluster.writes())

	w.types(luis, "freezes")
	require.Contains(t, w.answered()[0], "Frozen now: production")
	require.Contains(t, w.answered()[1], "the import runs | Luis")
	w.types(nico, "freezes")
	require.Equal(t, []string{"Nothing that you can read is frozen."}, w.answered())
	w.types(luis, "status api-gateway production")
	require.Contains(t, w.detail(), "by Luis: “the import runs”")

	w.types(luis, "unfreeze production")
	require.Eventually(t, func() bool { w.posts(); return len(*w.store.Frozen()) == 0 }, deadline, lookEvery, "%v", lastSaid{w})
	w.votes(carla, algesta.Approve, waits.ID)
	require.Eventually(t, func() bool { w.posts(); return w.cluster.writes() == 1 }, deadline, lookEvery, "%v", lastSaid{w})
}

// detail is the text below the newest answer that everybody sees.
func (w *world) detail() string {
	w.t.Helper()
	out := ""
	for _, p := range w.posts() {
		if p.Kind == algesta.DetailPost {
			out = ""
			for _, b := range p.Report.Body {
				for _, l := range b.List {
					out += l.String() + "\n"
				}
			}
		}
	}
	return out
}

// TestAFreezeThatComesWhileAWriteIsPreparedStopsIt: it is committed after the policy was asked, and before the intent is.
func TestAFreezeThatComesWhileAWriteIsPreparedStopsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	once := false
	w.cluster.set(func(c *fakeCluster) {
		freeze := sync.OnceFunc(func() { // the policy was taken already, and Slack is being asked
			once = true
			alive, err := w.store.Alive(context.Background())
			require.NoError(t, err)
			require.NoError(t, w.store.Update(context.Background(), func(tx *store.Tx) error {
				return tx.Freeze(algesta.Freeze{
					ID: alive[0].ID, Target: algesta.Target{Environment: "production", Cluster: "aks", Namespace: "production"},
					By: carla, Reason: "stop", From: time.Now(), Until: time.Now().Add(time.Hour),
				})
			}))
		})
		c.beforeIntent = func() { w.people.set(func(d *fakeDirectory) { d.onPlace = freeze }) }
	})
	w.types(luis, "scale api-gateway production replicas=5")
	r := w.request(algesta.Rejected)
	require.Contains(t, r.Note, "was refused just before it ran")
	require.True(t, once)
	require.Zero(t, w.cluster.writes())
}

// TestAFreezeThatOnlyTheTransactionKnowsStopsTheWrite: it was committed, and what the policy is asked with isn't told of it yet.
func TestAFreezeThatOnlyTheTransactionKnowsStopsTheWrite(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	w.cluster.set(func(c *fakeCluster) {
		c.beforeIntent = sync.OnceFunc(func() {
			alive, err := w.store.Alive(context.Background())
			require.NoError(t, err)
			w.frozenLate.Store(true)
			require.NoError(t, w.store.Update(context.Background(), func(tx *store.Tx) error {
				return tx.Freeze(algesta.Freeze{
					ID: alive[0].ID, Target: algesta.Target{Environment: "production", Cluster: "aks", Namespace: "production"},
					By: carla, Reason: "stop", From: time.Now(), Until: time.Now().Add(time.Hour),
				})
			}))
		})
	})
	w.types(luis, "scale api-gateway production replicas=5")
	require.Contains(t, w.request(algesta.Rejected).Note, "was refused just before it ran")
	require.False(t, w.frozenLate.Load(), "the transaction that records the write read it")
	require.Zero(t, w.cluster.writes())
}

// TestAPolicyThatIsLoadedWhileAWriteIsPreparedStopsIt: it's there after the policy was asked, and before the intent is.
func TestAPolicyThatIsLoadedWhileAWriteIsPreparedStopsIt(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	load := sync.OnceFunc(func() { w.setRules(strings.Replace(freezing, "allow: [read, change]", "allow: [read]", 1)) })
	w.cluster.set(func(c *fakeCluster) {
		c.beforeIntent = func() { w.people.set(func(d *fakeDirectory) { d.onPlace = load }) }
	})
	w.types(luis, "scale api-gateway production replicas=5")
	require.Contains(t, w.request(algesta.Rejected).Note, "was refused just before it ran")
	require.Zero(t, w.cluster.writes())
}

// TestAFreezeSurvivesARestartEndsByItselfAndSaysSo.
func TestAFreezeSurvivesARestartEndsByItselfAndSaysSo(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(freezing)
	z := w.freeze("congelar api-gateway production until=2h because the import runs")
	again, err := w.dispatcher.Thaw(t.Context(), z.ID)
	require.NoError(t, err)
	require.Greater(t, again, time.Hour, "its time isn't up")

	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), deadline)
	defer cancel()
	require.NoError(t, w.store.Stop(ctx))
	require.NoError(t, w.store.Close(ctx))
	reopened, err := store.Open(t.Context(), "file:"+w.path, zap.NewNop())
	require.NoError(t, err)
	require.Equal(t, []algesta.Freeze{z}, *reopened.Frozen())
	require.NoError(t, reopened.Update(ctx, func(tx *store.Tx) error { _, err := tx.Thaw(z.ID, time.Now()); return err }))
	require.Empty(t, *reopened.Frozen())
	_, ended, found, err := reopened.FreezeOf(ctx, z.ID)
	require.NoError(t, err)
	require.True(t, ended && found, "it's part of what happened")
	require.NoError(t, reopened.Close(ctx))

	v := newWorld(t)
	v.setRules(freezing)
	v.types(luis, "scale api-gateway production replicas=5")
	r := v.request(algesta.Succeeded)
	over := algesta.Freeze{ID: r.ID, Target: r.Command.Target, By: luis, Reason: "x", From: time.Now().Add(-time.Hour), Until: time.Now()}
	require.NoError(t, v.store.Update(t.Context(), func(tx *store.Tx) error { return tx.Freeze(over) }))
	for range 2 { // a job may be done once too often
		again, err = v.dispatcher.Thaw(t.Context(), r.ID)
		require.NoError(t, err)
		require.Zero(t, again)
	}
	require.Empty(t, *v.store.Frozen())
	require.Equal(t, []string{
		"The freeze of api-gateway in production has ended after 60 min, as planned. What the policy allows can be changed again. @Luis",
	}, v.said(algesta.ThawPost))

	v.types(luis, "freeze production until=3h because the import runs")
	require.Eventually(t, func() bool { v.posts(); return len(*v.store.Frozen()) > 0 }, deadline, lookEvery)
	z = (*v.store.Frozen())[0]
	past := z
	past.Until = time.Now().Add(-time.Second)
	frozen := commands.Frozen(v.dispatcher, past)
	require.False(t, frozen, "its time is up: it forbids nothing, whether somebody ended it or not")
	require.True(t, commands.Frozen(v.dispatcher, z))
}

func TestWhatAFreezeCovers(t *testing.T) {
	t.Parallel()
	at := algesta.Target{Environment: "production", Cluster: "aks", Namespace: "production"}
	service := at
	service.Service, service.Name = "api-gateway", "api-gateway-production"
	object := func(o string) algesta.Target { t := at; t.Object = o; return t }
	whole, one := algesta.Freeze{Target: at}, algesta.Freeze{Target: service}
	other := at
	other.Namespace = "staging"
	require.True(t, whole.Covers(service, nil))
	require.True(t, whole.Covers(object("certificate/x"), nil))
	require.False(t, whole.Covers(other, nil))
	require.True(t, one.Covers(service, nil))
	require.True(t, one.Covers(object("pod/api-gateway-production-76794f4cdb-f6plm"), nil))
	require.False(t, one.Covers(object("pod/ms-orders-production-1"), nil))
	writes := &algesta.Plan{
		Changes: []algesta.Change{{Object: algesta.Object{Cluster: "aks", Namespace: "production", Name: "api-gateway-production"}}},
	}
	require.True(t, one.Covers(object("horizontalpodautoscaler/gateway"), writes), "what is written counts, whatever it's called")
	require.True(t, one.Covers(object("pod/x-1"), &algesta.Plan{Of: service}), "and whose pods it is about")
	made := &algesta.Plan{Changes: []algesta.Change{{Object: algesta.Object{Cluster: "aks", Kind: "Namespace", Name: "production"}}}}
	cluster := algesta.Target{Cluster: "aks", Object: "namespace/production"}
	require.True(t, whole.Covers(cluster, made), "the namespace itself is a part of it")
	require.False(t, one.Covers(cluster, made))
	require.False(t, algesta.Freeze{}.Covers(algesta.Target{}, nil))
}

// TestAFreezeOfEveryChangeLeavesTheFreezesAlone: nobody could end a mistake, or freeze more.
func TestAFreezeOfEveryChangeLeavesTheFreezesAlone(t *testing.T) {
	t.Parallel()
	p, err := policy.Load([]byte(freezing + `
freezes:
  - {name: holidays, verbs: [change], namespaces: [production], from: 2020-01-01T00:00:00Z, to: 2099-01-01T00:00:00Z, reason: holidays}
`))
	require.NoError(t, err)
	at := algesta.Target{Environment: "production", Cluster: "aks", Namespace: "production"}
	for verb, want := range map[string]algesta.Effect{"freeze": algesta.Allow, "unfreeze": algesta.Allow, "scale": algesta.Refuse} {
		c := algesta.Command{Requester: algesta.AskedBy(luis), Target: at}
		require.Equal(t, want, p.Decide(policy.Facts{Command: c, Verb: verb, At: time.Now()}).Effect, verb)
	}
	named, err := policy.Load([]byte(strings.Replace(freezing, "approvals:", `freezes:
  - {name: holidays, verbs: [unfreeze], namespaces: [production], from: 2020-01-01T00:00:00Z, to: 2099-01-01T00:00:00Z, reason: holidays}
approvals:`, 1)))
	require.NoError(t, err)
	c := algesta.Command{Requester: algesta.AskedBy(luis), Target: at}
	require.Equal(t, algesta.Refuse, named.Decide(policy.Facts{Command: c, Verb: "unfreeze", At: time.Now()}).Effect)
}

// TestWhoeverApprovesSaysWhyWhereTheRuleWantsThat: of the requester, of approvers, or of both.
func TestWhoeverApprovesSaysWhyWhereTheRuleWantsThat(t *testing.T) {
	t.Parallel()
	for reason, want := range map[string]struct{ requester, approvers bool }{
		"optional": {}, "required": {requester: true}, "requester": {requester: true}, "approvers": {approvers: true}, "both": {true, true},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(strings.Replace(rules, "    expiresAfter: 30m", "    expiresAfter: 30m\n    reason: "+reason, 1))
			w.types(luis, "restart api-gateway production")
			if want.requester {
				require.Equal(t, `Rule "a second person" requires a reason.`, w.answered()[0])
				w.types(luis, "restart api-gateway production because the cache is full")
			}
			r := w.request(algesta.Pending)
			for _, p := range w.posts() {
				if p.Kind == algesta.PlanPost {
					require.Equal(t, want.approvers, p.Report.Buttons[0].AskReason)
				}
			}
			w.votes(carla, algesta.Approve, r.ID)
			if want.approvers {
				require.Equal(t, `Rule "a second person" requires a reason from everybody who approves.`, w.answered()[0])
				require.Equal(t, r.ID, w.request(algesta.Pending).ID, "it burns nothing")
				vote := w.vote(carla, algesta.Approve, r.ID)
				vote.Vote.Reason = "I looked at it"
				w.handle(vote)
			}
			require.Eventually(t, func() bool { w.posts(); return w.cluster.writes() == 1 }, deadline, lookEvery, "%v", lastSaid{w})
			lines, err := w.store.Audit(t.Context(), r.ID)
			require.NoError(t, err)
			said := ""
			for _, l := range lines {
				if l.Kind == "approved" && l.Actor == carla.ID.String() {
					said = l.Data.String("reason")
				}
			}
			require.Equal(t, want.approvers, said == "I looked at it")
		})
	}
}
