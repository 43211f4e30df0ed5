package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestWhereNoPodRanNothingIsProven has somebody scale to 0 while the bot follows a restart.
func TestWhereNoPodRanNothingIsProven(t *testing.T) {
	t.Parallel()
	for name, replicas := range map[string]int64{"no pods": 0, "pods": 4} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.cluster.set(func(f *fakeCluster) {
				f.apply = func(int) error { f.replicas = replicas; return nil }
			})
			w.types(luis, "restart api-gateway production")
			w.votes(carla, algesta.Approve, w.request(algesta.Pending).ID)
			r := w.request(algesta.Succeeded)
			past, ok := algesta.PastOf(r)
			require.True(t, ok)
			require.Equal(t, replicas == 0, past.NoPods, r.Note)
			said := w.said(algesta.EndPost)[0]
			for _, p := range w.posts() {
				if p.Kind == algesta.EndPost || p.Kind == algesta.CardPost || p.Kind == algesta.ProgressPost {
					require.Equal(t, map[bool]algesta.Tone{true: algesta.Neutral, false: algesta.Good}[replicas == 0], p.Report.Tone, p.Kind)
				}
				if p.Kind == algesta.ProgressPost {
					require.True(t, p.Final, "the last edit of the progress doesn't wait behind those of others")
				}
			}
			if replicas == 0 {
				require.Contains(t, said, "It's scaled to 0 pods, so none ran and I couldn't see whether this version comes up.")
			} else {
				require.Contains(t, said, "All 4 pods were ready")
			}
		})
	}
}
