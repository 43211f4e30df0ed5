package diagnosis

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// Of causes that hurt as much, the one that hits what was asked about comes first; one that hurts more stays before it.
func TestAtEqualImpactWhatHitsTheAskedObjectComesFirst(t *testing.T) {
	t.Parallel()
	asked, other := facts.Ref{
		Kind:      facts.KindDeployment,
		Namespace: "production",
		Name:      "ms-provider",
	}, facts.Ref{
		Kind:      facts.KindDeployment,
		Namespace: "production",
		Name:      "ms-orders",
	}
	cause := func(key string, level rules.ImpactLevel, hits facts.Ref, explains ...*rules.Finding) *root {
		return &root{
			Finding:  &rules.Finding{Key: key, Subject: facts.Ref{Kind: facts.KindNode, Name: key}, Hits: []facts.Ref{hits}},
			impact:   Impact{Level: level},
			explains: explains,
		}
	}
	order := func(about facts.Ref, roots ...*root) []string {
		sortForSubject(roots, about)
		var keys []string
		for _, r := range roots {
			keys = append(keys, r.Key)
		}
		return keys
	}
	require.Equal(t, []string{"mine", "theirs"}, order(asked, cause("theirs", rules.Outage, other), cause("mine", rules.Outage, asked)))
	require.Equal(t, []string{"theirs", "mine"}, order(asked, cause("theirs", rules.Outage, other), cause("mine", rules.Degraded, asked)))
	require.Equal(
		t,
		[]string{"shared", "theirs"},
		order(asked, cause("theirs", rules.Outage, other), cause("shared", rules.Outage, other, &rules.Finding{Hits: []facts.Ref{asked}})),
	)
	require.Equal(
		t,
		[]string{"mine", "theirs", "again"},
		order(asked, cause("theirs", rules.Outage, other), cause("mine", rules.Outage, asked), cause("again", rules.Outage, other)),
	)
	for _, broad := range []facts.Ref{{}, {Kind: facts.KindNamespace, Name: "production"}} {
		require.Equal(
			t,
			[]string{"theirs", "mine"},
			order(broad, cause("theirs", rules.Outage, other), cause("mine", rules.Outage, asked)),
			"nothing was asked about more than the rest",
		)
	}
}
