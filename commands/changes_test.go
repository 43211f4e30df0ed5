package commands_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands/grammar"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/store"
)

// moving is a plan of three changes: it creates a ConfigMap, patches the Deployment and deletes another ConfigMap.
func moving() []algesta.Change {
	of := func(kind, name string) algesta.Object {
		return algesta.Object{Cluster: "aks", Kind: kind, Namespace: "production", Name: name}
	}
	return []algesta.Change{
		{
			Object: of("ConfigMap", "settings"), Verb: algesta.Create, Resource: "configmaps", Version: "v1",
			Content: json.RawMessage(`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"settings","namespace":"production"}}`),
		},
		{
			Object: algesta.Deployment(
				"aks",
				"production",
				"api-gateway-production",
			),
			Verb:     algesta.Patch,
			Resource: "deployments.apps",
			Version:  "v1",
			UID:      "uid-1",
			Swaps:    []algesta.Swap{{Label: "settings", Path: "/metadata/labels/settings", To: json.RawMessage(`"new"`)}},
		},
		{
			Object: of(
				"ConfigMap",
				"settings-old",
			),
			Verb:        algesta.Delete,
			Resource:    "configmaps",
			Version:     "v1",
			UID:         "uid-2",
			Propagation: "Background",
		},
	}
}

// withSeveral is a world whose `move` makes the changes that plan gives it.
func withSeveral(t *testing.T, plan func() []algesta.Change) *world {
	t.Helper()
	w := newWorld(t)
	books := append(runbooks.All(), runbooks.Runbook{
		Name: "move", Verb: "autoscale", Summary: "Move the settings.", Example: "move api-gateway production",
		About:  runbooks.About{Service: true},
		Writes: []string{"create configmaps", "patch deployments.apps", "delete configmaps"},
		Plan: func(context.Context, runbooks.Cluster, runbooks.Input) (algesta.Plan, error) {
			return algesta.Plan{
				Title: algesta.Say(
					"Move of api-gateway in production",
				),
				Summary: algesta.Say("Move"),
				Doing:   algesta.Say("Moving"),
				Done:    algesta.Say("Moved"),
				Changes: plan(),
			}, nil
		},
	})
	w.dispatcher.Books, w.dispatcher.Parser = books, grammar.NewParser("algesta", books)
	w.setRules(strings.Replace(rules, "restart, scale", "restart, scale, autoscale", 1))
	return w
}

// asksToMove has the move asked for and approved.
func (w *world) asksToMove() algesta.Request {
	w.types(luis, "move api-gateway production")
	r := w.request(algesta.Pending)
	w.votes(carla, algesta.Approve, r.ID)
	return r
}

// states are those of the records of a request.
func (w *world) states(id string) (out []algesta.ExecutionState) {
	w.t.Helper()
	all, err := w.store.Executions(w.t.Context(), id)
	require.NoError(w.t, err)
	for _, e := range all {
		out = append(out, e.State)
	}
	return out
}

// operations are the writes that reached the cluster.
func (w *world) operations() (out []string) {
	w.cluster.set(func(c *fakeCluster) { out = append(out, c.operations...) })
	return out
}

func TestAPlanOfSeveralChangesIsMadeInItsOrder(t *testing.T) {
	t.Parallel()
	w := withSeveral(t, moving)
	id := w.asksToMove().ID
	w.request(algesta.Succeeded)
	require.Equal(
		t,
		[]string{"op-" + id + " create configmaps", "op-" + id + "-2 patch deployments.apps", "op-" + id + "-3 delete configmaps"},
		w.operations(),
	)
	require.Equal(t, []algesta.ExecutionState{algesta.Confirmed, algesta.Confirmed, algesta.Confirmed}, w.states(id))
	require.Len(t, w.said(algesta.EndPost), 1)
	lines, err := w.store.Audit(t.Context(), id)
	require.NoError(t, err)
	var kinds []string
	for _, l := range lines {
		kinds = append(kinds, l.Kind)
	}
	require.Equal(t, "requested approved intended made intended made intended applied succeeded", strings.Join(kinds, " "))
}

// failing has the n-th write that reaches the cluster answered by an error, once.
func failing(n int, err *algesta.Error) func(*fakeCluster) {
	return func(c *fakeCluster) {
		c.apply = func(reached int) error {
			if reached == n {
				return err
			}
			return nil
		}
	}
}

// refusing has the n-th write refused before it reaches the cluster, as often as it is tried.
func refusing(n int, err *algesta.Error) func(*fakeCluster) {
	return func(c *fakeCluster) {
		c.send = func() error {
			c.mu.Lock()
			defer c.mu.Unlock()
			if c.applied == n-1 {
				return err
			}
			return nil
		}
	}
}

func TestAPlanThatStopsSaysWhatWasDoneAndWhatWasNot(t *testing.T) {
	t.Parallel()
	no := func(kind algesta.ErrorKind) *algesta.Error {
		return &algesta.Error{Kind: kind, Message: algesta.Say("The cluster says no.")}
	}
	const (
		created, changed, deleted = "ConfigMap settings in production was created.", "Deployment api-gateway-production in production was " +
			"changed.", "ConfigMap settings-old in production was deleted."
	)
	not := func(s string) string { return strings.Replace(s, " was ", " was not ", 1) }
	confirmed, out := algesta.Confirmed, algesta.NotDoneX
	cases := map[string]struct {
		fault  func(*fakeCluster)
		made   int
		said   string
		states []algesta.ExecutionState
	}{
		"a conflict on the second": {
			refusing(2, no(algesta.ErrConflict)),
			1,
			created + " " + not(changed) + " " + not(deleted),
			[]algesta.ExecutionState{confirmed, out, out},
		},
		"no right on the second": {
			refusing(2, no(algesta.ErrForbidden)),
			1,
			created + " " + not(changed) + " " + not(deleted),
			[]algesta.ExecutionState{confirmed, out, out},
		},
		"the third is invalid": {
			refusing(3, no(algesta.ErrInvalid)),
			2,
			created + " " + changed + " " + not(deleted),
			[]algesta.ExecutionState{confirmed, confirmed, out},
		},
		"the third is gone": {
			refusing(3, no(algesta.ErrNotFound)),
			2,
			created + " " + changed + " " + not(deleted),
			[]algesta.ExecutionState{confirmed, confirmed, out},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := withSeveral(t, moving)
			w.cluster.set(c.fault)
			id := w.asksToMove().ID
			r := w.request(algesta.Failed)
			require.Contains(t, r.Note, "stopped after")
			require.NotContains(t, r.Note, "Nothing was changed")
			require.Equal(t, c.made, w.cluster.writes())
			require.Equal(t, c.states, w.states(id))
			end := strings.Join(w.said(algesta.EndPost), "\n")
			require.Contains(t, end, "The cluster says no. "+c.said+" The rest doesn't run on its own.")
			w.cluster.set(func(f *fakeCluster) { f.send = nil })
			w.types(luis, "scale api-gateway production 6") // the objects are free
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			w.request(algesta.Succeeded)
		})
	}
}

func TestADoubtInTheMiddleOfAPlanIsSettledByLooking(t *testing.T) {
	t.Parallel()
	lost := &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("No answer.")}
	for name, c := range map[string]struct {
		fault  func(*fakeCluster)
		yes    bool
		writes int
	}{
		"it happened: the next one follows":                {failing(2, lost), true, 3},
		"it did not happen: it is sent, and then the next": {failing(2, lost), false, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := withSeveral(t, moving)
			w.cluster.set(func(f *fakeCluster) {
				c.fault(f)
				f.verify = func(*fakeCluster) (algesta.Verified, error) {
					return algesta.Verified{Yes: c.yes, Written: algesta.Written{ResourceVersion: "8", Generation: 4}}, nil
				}
			})
			id := w.asksToMove().ID
			w.request(algesta.Succeeded)
			require.Equal(t, c.writes, w.cluster.writes())
			require.Equal(t, []algesta.ExecutionState{algesta.Confirmed, algesta.Confirmed, algesta.Confirmed}, w.states(id))
		})
	}
}

func TestADoubtInTheMiddleOfAPlanIsAnsweredAndTheRestIsNotDone(t *testing.T) {
	t.Parallel()
	uncertain := &algesta.Error{Kind: algesta.ErrUncertain, Message: algesta.Say("It cannot be told.")}
	for action, want := range map[algesta.VoteAction]struct {
		states []algesta.ExecutionState
		note   string
	}{
		algesta.Done: {[]algesta.ExecutionState{algesta.Confirmed, algesta.Confirmed, algesta.NotDoneX}, "stopped after 2 of 3 changes, " +
			"according to Carla."},
		algesta.NotDone: {[]algesta.ExecutionState{algesta.Confirmed, algesta.NotDoneX, algesta.NotDoneX}, "stopped after 1 of 3 changes, " +
			"according to Carla."},
	} {
		t.Run(string(action), func(t *testing.T) {
			t.Parallel()
			w := withSeveral(t, moving)
			w.cluster.set(failing(2, uncertain))
			w.cluster.set(func(f *fakeCluster) {
				f.verify = func(*fakeCluster) (algesta.Verified, error) { return algesta.Verified{}, uncertain }
			})
			id := w.asksToMove().ID
			w.request(algesta.Unknown)
			end := w.said(algesta.EndPost)[0]
			require.Contains(
				t,
				end,
				"ConfigMap settings in production was created. Deployment api-gateway-production in production may or may not have been changed. "+
					"ConfigMap settings-old in production was not deleted.",
			)
			require.Contains(t, end, "nothing else is written to settings, settings-old and api-gateway-production until someone answers")
			for _, p := range w.posts() {
				for _, b := range p.Report.Buttons {
					if b.Action == algesta.Done {
						require.Contains(t, b.Confirm.Text, "Deployment api-gateway-production in production was changed.")
					}
				}
			}
			w.types(luis, "scale api-gateway production 6")
			waiting := w.request(algesta.Pending)
			w.votes(carla, algesta.Approve, waiting.ID)
			w.request(algesta.Approved)
			w.votes(carla, action, id)
			require.Equal(t, waiting.ID, w.request(algesta.Succeeded).ID, "its objects are free")
			require.Equal(t, want.states, w.states(id))
			r, err := w.store.Request(t.Context(), id)
			require.NoError(t, err)
			require.Equal(t, algesta.Failed, r.Status)
			require.Contains(t, r.Note, want.note)
			require.Equal(t, 3, w.cluster.writes(), "two of the plan, and the scale")
		})
	}
}

// between has the connection fail before the second change is sent, does something, and lets the next try through.
func between(w *world, do func()) {
	first := true
	w.cluster.set(func(c *fakeCluster) {
		c.send = func() error {
			c.mu.Lock()
			second := c.applied == 1 && first
			if second {
				first = false
			}
			c.mu.Unlock()
			if second {
				do()
				return &algesta.Error{Kind: algesta.ErrUnreachable, Message: algesta.Say("The cluster does not answer.")}
			}
			return nil
		}
	})
}

func TestWhatIsLeftOfAPlanPassesEveryCheckAgain(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		do     func(w *world, id string, plan *[]algesta.Change)
		status algesta.Status
		said   string
	}{
		"nothing happened":                    {func(*world, string, *[]algesta.Change) {}, algesta.Succeeded, ""},
		"what is done isn't planned any more": {func(_ *world, _ string, plan *[]algesta.Change) { *plan = moving()[1:] }, algesta.Succeeded, ""},
		"a freeze": {func(w *world, _ string, _ *[]algesta.Change) {
			w.setRules(strings.Replace(rules, "restart, scale", "restart, scale, autoscale", 1) + frozenNow)
		}, algesta.Failed, "freeze \"holidays\""},
		"the requester left the group": {func(w *world, _ string, _ *[]algesta.Change) {
			w.people.set(func(d *fakeDirectory) { d.people["U0LUIS"] = person("U0LUIS", "Luis") })
		}, algesta.Failed, "You can't use autoscale in production"},
		"another plan": {func(_ *world, _ string, plan *[]algesta.Change) {
			*plan = moving()
			(*plan)[2].UID = "another"
		}, algesta.Failed, "What's left is no longer what was approved."},
		"nothing is planned any more": {
			func(_ *world, _ string, plan *[]algesta.Change) { *plan = nil },
			algesta.Failed,
			"What's left is no longer what was approved.",
		},
		"it was cancelled": {func(w *world, id string, _ *[]algesta.Change) {
			require.NoError(w.t, w.store.Update(context.Background(), func(tx *store.Tx) error {
				_, _, err := tx.Move(algesta.Move{
					ID: id, From: []algesta.Status{algesta.Executing}, To: algesta.Executing, StartBy: time.Now(), Note: "was cancelled by Luis.",
				})
				return err
			}))
		}, algesta.Failed, "It was cancelled by Luis."},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plan := moving()
			w := withSeveral(t, func() []algesta.Change { return plan })
			w.types(luis, "move api-gateway production")
			id := w.request(algesta.Pending).ID
			between(w, func() { c.do(w, id, &plan) })
			w.votes(carla, algesta.Approve, id)
			r := w.request(c.status)
			if c.status == algesta.Succeeded {
				require.Equal(t, 3, w.cluster.writes())
				return
			}
			require.Equal(t, 1, w.cluster.writes())
			require.Equal(t, []algesta.ExecutionState{algesta.Confirmed, algesta.NotDoneX, algesta.NotDoneX}, w.states(id))
			require.Contains(t, r.Note, "stopped after 1 of 3 changes: ")
			require.Contains(t, r.Note, c.said)
			require.Contains(
				t,
				strings.Join(w.said(algesta.EndPost), "\n"),
				"ConfigMap settings in production was created. Deployment api-gateway-production in production was not changed.",
			)
		})
	}
}

// TestAPlanIsTriedOutAsFarAsItCanBe: what an earlier change makes possible can't be tried out before it.
func TestAPlanIsTriedOutAsFarAsItCanBe(t *testing.T) {
	t.Parallel()
	w := withSeveral(t, func() []algesta.Change {
		all := moving()
		all[0].Object = algesta.Object{Cluster: "aks", Kind: "Namespace", Name: "production"}
		all[0].Resource = "namespaces"
		return all[:2]
	})
	w.types(luis, "move api-gateway production")
	r := w.request(algesta.Pending)
	require.Equal(
		t,
		"I couldn't check Deployment api-gateway-production in production by a dry run: it comes after Namespace production.",
		r.Plan.Warnings[0].String(),
	)
}
