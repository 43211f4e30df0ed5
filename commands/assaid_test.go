package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestAnotherPlanNeverRunsByItself: where nobody approves, nobody has seen what it would do now.
func TestAnotherPlanNeverRunsByItself(t *testing.T) {
	t.Parallel()
	for name, rules := range map[string]string{"nobody approves": freezing, "under a broken glass": breaking} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.setRules(rules)
			if rules == breaking {
				w.breaks()
			}
			changed := false
			w.onCreate = func(*algesta.Request) { // somebody else scales it right after the plan
				if !changed {
					changed = true
					w.cluster.set(func(f *fakeCluster) { f.replicas = 9 })
				}
			}
			w.types(luis, "scale api-gateway production 6")
			old := w.request(algesta.Superseded)
			require.Contains(t, old.Note, "Nothing was changed. Now it would be: Scaling of api-gateway in production (9 → 6 pods).")
			alive, err := w.store.Alive(t.Context())
			require.NoError(t, err)
			require.Empty(t, alive)
			require.Zero(t, w.cluster.writes())

			var again algesta.Button
			for _, p := range w.posts() {
				if p.Command == old.ID && p.Kind == algesta.EndPost {
					require.Len(t, p.Report.Buttons, 1)
					again = p.Report.Buttons[0]
				}
			}
			require.Equal(t, "Ask again", again.Label)
			require.Contains(t, again.Confirm.Text, "Scaling of api-gateway in production (9 → 6 pods). ")
			w.votes(luis, algesta.Run, again.ID)
			require.Eventually(t, func() bool { w.posts(); return w.cluster.writes() == 1 }, deadline, lookEvery, "%v", lastSaid{w})
		})
	}
}

// TestAButtonDoesWhatItsDialogSaid, or nothing: what it takes back may have been changed without the bot.
func TestAButtonDoesWhatItsDialogSaid(t *testing.T) {
	t.Parallel()
	undo := func(w *world) (b algesta.Button) {
		w.types(luis, "scale api-gateway production 6")
		w.request(algesta.Succeeded)
		for _, p := range w.posts() {
			if p.Kind == algesta.EndPost && len(p.Report.Buttons) > 0 {
				b = p.Report.Buttons[0]
			}
		}
		require.Contains(w.t, b.Confirm.Text, "(6 → 4 pods)")
		return b
	}
	t.Run("nobody approves", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(freezing)
		b := undo(w)
		w.cluster.set(func(f *fakeCluster) { f.replicas = 12 }) // kubectl scale
		w.votes(luis, algesta.Run, b.ID)
		require.Regexp(
			t, `^api-gateway-production was changed after this button was made\. The button said 6 → 4 pods, and now it would be: `+
				`Scaling of api-gateway in production \(12 → 4 pods\)\. Nothing was run\.`, w.answered()[0],
		)
		require.Equal(t, 1, w.cluster.writes())
		w.cluster.set(func(f *fakeCluster) { f.replicas = 6 })
		w.votes(luis, algesta.Run, b.ID)
		require.Eventually(t, func() bool { w.posts(); return w.cluster.writes() == 2 }, deadline, lookEvery, "%v", lastSaid{w})
	})
	t.Run("others see what it would be before they approve", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.setRules(freezing)
		b := undo(w)
		w.setRules(rules)
		w.cluster.set(func(f *fakeCluster) { f.replicas = 12 })
		w.votes(luis, algesta.Run, b.ID)
		require.Contains(t, w.request(algesta.Pending).Plan.Title.String(), "(12 → 4 pods)")
	})
}
