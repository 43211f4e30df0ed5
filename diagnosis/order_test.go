package diagnosis

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Of causes that hurt as much, the one that hits what was asked about comes first; one that hurts more stays before it.
func TestAtEqualImpactWhatHitsTheAskedObjectComesFirst(t *testing.T) {
	t.Parallel()
	asked, other := Ref{KindDeployment, "production", "ms-provider"}, Ref{KindDeployment, "production", "ms-orders"}
	cause := func(key string, level ImpactLevel, hits Ref, explains ...*finding) *root {
		return &root{finding: &finding{key: key, subject: Ref{Kind: KindNode, Name: key}, hits: []Ref{hits}}, impact: Impact{Level: level}, explains: explains}
	}
	order := func(about Ref, roots ...*root) []string {
		sortForSubject(roots, about)
		var keys []string
		for _, r := range roots {
			keys = append(keys, r.key)
		}
		return keys
	}
	require.Equal(t, []string{"mine", "theirs"}, order(asked, cause("theirs", Outage, other), cause("mine", Outage, asked)))
	require.Equal(t, []string{"theirs", "mine"}, order(asked, cause("theirs", Outage, other), cause("mine", Degraded, asked)))
	require.Equal(t, []string{"shared", "theirs"}, order(asked, cause("theirs", Outage, other), cause("shared", Outage, other, &finding{hits: []Ref{asked}})))
	require.Equal(t, []string{"mine", "theirs", "again"}, order(asked, cause("theirs", Outage, other), cause("mine", Outage, asked), cause("again", Outage, other)))
	for _, broad := range []Ref{{}, {Kind: KindNamespace, Name: "production"}} {
		require.Equal(t, []string{"theirs", "mine"}, order(broad, cause("theirs", Outage, other), cause("mine", Outage, asked)), "nothing was asked about more than the rest")
	}
}
