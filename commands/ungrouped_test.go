package commands_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// TestWhatNobodyCanApproveIsRefusedAtOnce asks for a change that only user groups may approve, in a workspace whose plan has none.
func TestWhatNobodyCanApproveIsRefusedAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	alone := luis
	alone.Groups, alone.Ungrouped = nil, true
	w.people.set(func(d *fakeDirectory) { d.people["U0LUIS"] = alone })
	byName := strings.Replace(rules, `"group:S0BACKEND"`, `"user:U0LUIS"`, 1)
	w.setRules(strings.Replace(byName, `"group:S0PLATFORM", "user:U0CARLA"`, `"group:S0PLATFORM"`, 1))
	w.types(luis, "scale api-gateway production 6")
	answers := w.answers()
	require.Len(t, answers, 1)
	require.Contains(
		t, answers[0], `Nobody can approve this: rule "a second person" names only user groups, and this Slack workspace has none`,
	)
	require.Contains(t, answers[0], "add people to that rule's approvers")
	require.Empty(t, w.said(algesta.CardPost))

	w.setRules(byName) // one of the approvers is a person
	w.types(luis, "scale api-gateway production 6")
	w.request(algesta.Pending)
}
