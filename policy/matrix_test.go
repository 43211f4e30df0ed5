package policy_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

var update = flag.Bool("update", false, "rewrite the golden file")

// TestTheMatrixOfTheSandboxsPolicy enumerates what each kind of person may do, verb by verb and namespace by namespace: so a change of the
// policy, or of a verb, shows in the golden file who gains or loses what.
func TestTheMatrixOfTheSandboxsPolicy(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../sandbox/platform/policy.yaml")
	require.NoError(t, err)
	p, err := policy.Load(text)
	require.NoError(t, err)
	member := func(user string, groups ...string) algesta.Requester {
		return algesta.AskedBy(algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: user}, Standing: algesta.Member, Groups: groups})
	}
	guest := member("U0GINA", "S0PLATFORM", "S0BACKEND")
	guest.Actor.Standing = algesta.Guest
	on := member("U0PABLO", "S0PLATFORM").Actor
	subjects := []struct {
		name string
		who  algesta.Requester
	}{
		{"operator: a member of S0BACKEND", member("U0LUIS", "S0BACKEND")},
		{"operator below production, viewer in it: U0DANA", member("U0DANA")},
		{"platform: a member of S0PLATFORM", member("U0PABLO", "S0PLATFORM")},
		{"an approver without a role: U0CARLA", member("U0CARLA")},
		{"a guest who is in every group", guest},
		{"somebody whom no rule names", member("U0NICO")},
		{"a rule on behalf of a member of S0PLATFORM", algesta.AskedByRule(algesta.Rule{Name: algesta.RolloutFailed, For: &on})},
		{"a rule on nobody's behalf", algesta.AskedByRule(algesta.Rule{Name: algesta.RolloutFailed})},
	}
	namespaces := []string{"ns/production", "ns/pruebas", "ns/development", "monitoring", "cert-manager", "connect-devops", "(the cluster)"}
	verbs := slices.Sorted(maps.Keys(algesta.Verbs()))
	var b strings.Builder
	b.WriteString("yes: allowed · asks: needs somebody's approval · –: refused\n")
	for _, s := range subjects {
		fmt.Fprintf(&b, "\n%s\n%-18s %s\n", s.name, "", strings.Join(namespaces, "  "))
		for _, verb := range verbs {
			line := fmt.Sprintf("%-18s", verb)
			for _, namespace := range namespaces {
				target := algesta.Target{
					Cluster:     "sandbox",
					Namespace:   namespace,
					Environment: strings.TrimPrefix(namespace, "ns/"),
					Object:      "namespace",
				}
				if namespace == "(the cluster)" {
					target = algesta.Target{Cluster: "sandbox"}
				}
				facts := policy.Facts{
					Command: algesta.Command{Requester: s.who, Target: target}, Verb: verb, Asking: true,
					At: time.Date(2026, 3, 10, 12, 0, 0, 0, time.UTC),
				}
				word := map[algesta.Effect]string{algesta.Refuse: "–", algesta.Allow: "yes", algesta.NeedsApproval: "asks"}[p.Decide(facts).Effect]
				line += fmt.Sprintf(" %-*s ", len(namespace), word)
			}
			b.WriteString(strings.TrimRight(line, " ") + "\n")
		}
	}
	const golden = "testdata/matrix.golden"
	if *update {
		require.NoError(t, os.WriteFile(golden, []byte(b.String()), 0o600))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	require.Equal(t, string(want), b.String(), "run: go test ./policy -run Matrix -update, and read what changed")
}
