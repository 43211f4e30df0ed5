package runbooks

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

func TestWhatCouldNotBeCheckedIsALineThatPeopleRead(t *testing.T) {
	t.Parallel()
	const why = "I have no right to read them."
	var all []facts.NotChecked
	for _, kind := range []string{"jobs", "certificates", "certificaterequests", "orders", "challenges", "issuers", "clusterissuers"} {
		all = append(all, facts.NotChecked{Kind: kind, Namespace: "production", Reason: why})
	}
	all = append(all, facts.NotChecked{Kind: "pods", Namespace: "payments", Reason: why})
	require.Equal(t, []string{"jobs and what cert-manager keeps: " + why, "pods in payments: " + why}, unchecked(all, "production"))
	require.Equal(t, []string{"certificates and orders: " + why}, unchecked([]facts.NotChecked{
		{Kind: "certificates", Reason: why}, {Kind: "orders", Reason: why},
	}, "production"), "what is missing by itself is named by itself")
	all = nil
	for _, kind := range []string{"a", "b", "c", "d", "e", "f", "g"} {
		all = append(all, facts.NotChecked{Kind: kind, Reason: why})
	}
	require.Equal(t, []string{"a, b, c, d, e and 2 more: " + why}, unchecked(all, "production"))
}
