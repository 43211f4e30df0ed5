package diagnosis_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
)

// A rollout that came up and crashes a few minutes later is undone by going back, though no pod of the revision before is left to prove it.
// The same crash of a revision that has run for days is not.
func TestWhatCrashesSoonAfterItsRolloutOffersGoingBack(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		made string
		back bool
	}{
		"rolled out minutes ago": {"2026-03-10T11:35:00Z", true},
		"rolled out days ago":    {"2026-03-07T12:00:00Z", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			raw, err := os.ReadFile(filepath.Join("rules", "testdata", "out-of-memory", "fires.yaml"))
			require.NoError(t, err)
			documents := strings.Split(string(raw), "\n---\n")
			set := -1
			for i, d := range documents {
				if strings.Contains(d, "kind: ReplicaSet\nmetadata:") {
					set = i
				}
			}
			require.GreaterOrEqual(t, set, 0)
			before := strings.NewReplacer(
				"name: ms-orders-production-6d4cf56db6",
				"name: ms-orders-production-5c3be45ca5",
				"uid: rs-ms-orders-6d4cf56db6",
				"uid: rs-ms-orders-5c3be45ca5",
				"revision: '5'",
				"revision: '4'",
				"pod-template-hash: 6d4cf56db6",
				"pod-template-hash: 5c3be45ca5",
				"ms-orders:12345",
				"ms-orders:12344",
				"replicas: 2",
				"replicas: 0",
				"2026-03-07T12:00:00Z",
				"2026-03-01T12:00:00Z",
			).Replace(documents[set])
			documents[set] = strings.Replace(documents[set], "2026-03-07T12:00:00Z", tc.made, 1)
			s := snapshot(t, []byte(strings.Join(append(documents, before), "\n---\n")), nil)
			d := diagnosis.Diagnose(s, s.Subject("ms-orders", "production"))
			require.NotEmpty(t, d.Chains)
			require.Equal(t, "out-of-memory", d.Chains[0].Rule)
			require.Equal(t, tc.back, strings.HasPrefix(d.Chains[0].Remedy.Text, "Roll back to revision 4 (12344)."), d.Chains[0].Remedy.Text)
		})
	}
}
