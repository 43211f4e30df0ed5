package runbooks_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

func TestCapacitySaysHowManyMoreAndWhatTheNextLacks(t *testing.T) {
	t.Parallel()
	book, ok := runbooks.Find("capacity")
	require.True(t, ok)
	tell := func(s *still, args algesta.Args) (algesta.Report, []string) {
		t.Helper()
		report, err := book.Answer(t.Context(), whole(s), input("capacity", args))
		require.NoError(t, err)
		requireNoSecret(t, report)
		return report, lines(report)
	}
	s := gateway() // each pod asks for 0.25 cpu and 512Mi, a node has 64 cpu and 256Gi
	s.hpa()
	s.quota(amounts("requests.cpu", "2"), amounts("requests.cpu", "1"))
	report, got := tell(s, nil)
	require.Equal(t, algesta.Good, report.Tone)
	require.Equal(t, "api-gateway in production: room for 4 more pods", got[0])
	require.Contains(t, got, "by the quotas: 4 more")
	require.Contains(t, got, "Quota production-quota has no room: 1 of 2 requests.cpu are used and 1.25 more would be needed for 5 more pods.")
	require.Contains(t, got, "Each pod asks for 0.25 cpu and 512Mi memory.")
	require.Contains(t, got, "A rollout needs 1 extra pod for a while, and there's room for that.")

	_, got = tell(s, algesta.Args{"replicas": int64(8)})
	require.Equal(t, "api-gateway in production: 8 pods fit, 4 more than now", got[0])
	report, got = tell(s, algesta.Args{"replicas": int64(20)})
	require.Equal(t, algesta.Bad, report.Tone)
	require.Equal(t, "api-gateway in production: 20 pods don't fit, there's room for 8 pods", got[0])
	require.Contains(t, got, "The autoscaler allows at most 10 pods.")
	_, got = tell(s, algesta.Args{"replicas": int64(2)})
	require.Equal(t, "api-gateway in production: 2 pods fit, 4 run now", got[0])

	s.nodes(node("small", "600m", "4Gi"))
	_, got = tell(s, nil)
	require.Equal(t, "api-gateway in production: room for 2 more pods", got[0], "the nodes have less than the quota")
	require.Contains(t, got, "After 2 more pods no node has room for another: cpu.")

	s.forbidden["NodeList"] = true
	report, got = tell(s, algesta.Args{"replicas": int64(8)})
	require.Equal(t, algesta.Warning, report.Tone)
	require.Equal(t, "api-gateway in production: 8 pods fit, as far as I could check", got[0])
	require.Contains(t, got, "on the nodes: not checked")
	require.Contains(t, got, "Couldn't check room on the nodes (no permission to read them).")

	s.quota(amounts("requests.cpu", "1"), amounts("requests.cpu", "1"))
	_, got = tell(s, nil)
	require.Equal(t, "api-gateway in production: no room for another pod", got[0])
	require.Contains(t, got, "A rollout needs 1 extra pod for a while, and there isn't room for that: it would wait.")
}
