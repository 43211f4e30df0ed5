package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// panicked checks what every panic leaves behind: it was counted, and the log has its words and the line of its mistake.
func (w *world) panicked(value string) {
	w.t.Helper()
	require.Positive(w.t, w.panics.Total())
	logged := w.logged.FilterMessage("panic").All()
	require.NotEmpty(w.t, logged)
	text, _ := logged[0].ContextMap()["error"].(string)
	require.Contains(w.t, text, value)
	require.Contains(w.t, text, "commands_test.(*", "the stack of the goroutine that panicked")
}

func TestPanicOfAnInvocationIsAnsweredOnce(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		prepare func(*world)
		value   string
	}{
		"asking who it is": {func(w *world) { w.people.set(func(d *fakeDirectory) { d.panics = true }) }, "a mistake in the directory"},
		"a goroutine of a runbook": {func(w *world) {
			w.cluster.set(func(c *fakeCluster) { c.panics = map[string]bool{"List": true} })
		}, "a mistake in List"},
		"the goroutines that try changes out": {func(w *world) {
			w.cluster.set(func(c *fakeCluster) { c.panics = map[string]bool{"Check": true} })
		}, "a mistake in Check"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			c.prepare(w)
			w.types(luis, "scale api-gateway production 6")
			answers := w.said(algesta.AnswerPost)
			require.Equal(t, []string{"Something went wrong on my side and nothing was changed."}, answers)
			require.Regexp(t, `^Reference: c-`, w.posts()[0].Report.Small.String())
			require.Zero(t, w.unanswered(), "the next start does not do it again")
			w.panicked(c.value)
		})
	}
}

func TestVoteThatPanicsIsNotReplayed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "scale api-gateway production 6")
	r := w.request(algesta.Pending)
	w.people.set(func(d *fakeDirectory) { d.panics = true })
	w.votes(carla, algesta.Approve, r.ID)
	require.Equal(t, []string{"Something went wrong on my side and nothing was changed."}, w.said(algesta.AnswerPost))
	require.Zero(t, w.unanswered())
	w.panicked("a mistake in the directory")
	w.people.set(func(d *fakeDirectory) { d.panics = false })
	w.votes(carla, algesta.Approve, r.ID)
	w.request(algesta.Succeeded)
}

func TestInvocationWhoseAnswerPanicsIsClosed(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.onPost = func(algesta.Post) error { panic("a mistake in the world_test.go: post") }
	w.types(luis, "help")
	require.Zero(t, w.unanswered())
	w.panicked("a mistake in the world_test.go: post")
}

func TestJobThatPanicsEndsItsRequest(t *testing.T) {
	t.Parallel()
	cases := map[string]struct {
		panics string
		status algesta.Status
		said   string
		writes int
	}{
		"before the write nothing is sent": {"List", algesta.Failed, "Something went wrong on my side. Reference: c-", 0},
		"where it may have been sent, people look": {
			"Apply Verify", algesta.Unknown,
			"Something went wrong on my side while I sent this change, so I can't tell whether it arrived (reference: c-", 0,
		},
		"after the write it is said that nobody watched": {
			"Workload", algesta.TimedOut,
			"was made, but something went wrong on my side while I watched it, so I don't know how it ended. Reference: c-", 1,
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(twoOf)
			w.types(luis, "scale api-gateway production 6")
			r := w.request(algesta.Pending)
			w.votes(pablo, algesta.Approve, r.ID)
			held := make(chan struct{})
			w.cluster.set(func(f *fakeCluster) {
				f.intended = held
				if c.panics == "List" {
					f.panics = map[string]bool{"List": true}
				}
			})
			w.votes(carla, algesta.Approve, r.ID)
			if c.panics != "List" {
				w.request(algesta.Executing)
				w.cluster.set(func(f *fakeCluster) {
					f.panics = map[string]bool{}
					for method := range strings.FieldsSeq(c.panics) {
						f.panics[method] = true
					}
				})
			}
			close(held)
			w.request(c.status)
			require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), c.said)
			require.Equal(t, c.writes, w.cluster.writes())
			w.panicked("a mistake in ")
		})
	}
}

// TestARequestEndsAlthoughItsEndCantBeTold has everything that is said of the end of a request panic, again and again: it would otherwise
// wait forever, and the same could not be asked for again.
func TestARequestEndsAlthoughItsEndCantBeTold(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "30m", "1s", 1))
	w.types(luis, "scale api-gateway production 6")
	r := w.newest()
	w.onPost = func(algesta.Post) error { panic("a mistake in the world_test.go: post") }
	require.Eventually(t, func() bool {
		now, err := w.store.Request(t.Context(), r.ID)
		return err == nil && now.Status == algesta.Expired
	}, deadline, lookEvery)
	lines, err := w.store.Audit(t.Context(), r.ID)
	require.NoError(t, err)
	require.Equal(t, "expired", lines[len(lines)-1].Kind)
	require.Zero(t, w.cluster.writes())
}

// TestARequestWhoseRemindersPanicStillEnds has both jobs that only help give up.
func TestARequestWhoseRemindersPanicStillEnds(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.setRules(strings.Replace(rules, "30m", "3s", 1))
	w.onPost = func(p algesta.Post) error {
		if p.Kind == algesta.AskedPost || p.Kind == algesta.RemindPost {
			panic("a mistake in the world_test.go: post")
		}
		return nil
	}
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Expired)
	require.Contains(t, strings.Join(w.said(algesta.EndPost), "\n"), "expired: nobody approved within 3 s. Nothing was changed.")
}
