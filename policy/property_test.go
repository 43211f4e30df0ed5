package policy_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// Facts that no rule was written for.
func anyFacts() *rapid.Generator[policy.Facts] {
	verbs := []string{"explode", ""}
	for v := range algesta.Verbs() {
		verbs = append(verbs, v)
	}
	slices.Sort(verbs)
	return rapid.Custom(func(t *rapid.T) policy.Facts {
		actor := algesta.Actor{
			ID: algesta.PersonID{Team: "T0ALGESTA", User: rapid.SampledFrom([]string{"U0DANA", "U0CARLA", "U0X", ""}).Draw(t, "user")},
			Standing: algesta.Standing(
				rapid.SampledFrom([]string{"member", "member", "member", "guest", "bot", "deactivated", "", "admin"}).Draw(t, "standing"),
			),
			Groups: rapid.SliceOfN(rapid.SampledFrom([]string{"S0BACKEND", "S0PLATFORM", "S0OTHER"}), 0, 3).Draw(t, "groups"),
		}
		f := policy.Facts{
			Command: algesta.Command{
				Requester: algesta.AskedBy(actor),
				Target: in(
					rapid.SampledFrom([]string{"development", "pruebas", "production", "monitoring", "kube-system", "*", ""}).Draw(t, "namespace"),
				),
			},
			Verb: rapid.SampledFrom(verbs).Draw(t, "verb"),
			At:   monday.Add(time.Duration(rapid.Int64Range(0, 60*24).Draw(t, "hours")) * time.Hour),
		}
		if rapid.Bool().Draw(t, "given") {
			f.Command.Args = algesta.Args{"replicas": rapid.Int64Range(-1, 12).Draw(t, "replicas")}
		}
		if rapid.Bool().Draw(t, "planned") {
			f.Plan = &algesta.Plan{}
		}
		return f
	})
}

// permitted is what the example policy grants, written a second time and straight.
func permitted(f policy.Facts) bool {
	a, n := f.Command.Actor, f.Command.Target.Namespace
	family := algesta.Verbs()[f.Verb]
	if a.Standing != algesta.Member || family == "" || family == algesta.Operating || // no rule of the example names the doctor
		f.Verb == algesta.BreakGlassVerb || f.Verb == algesta.ExecVerb { // and it has no breakGlass, and lists no commands
		return false
	}
	operates := family == algesta.Read || slices.Contains([]string{"rollback", "restart", "scale", "deploy"}, f.Verb)
	switch {
	case a.In("S0PLATFORM"):
	case (a.In("S0BACKEND") || a.ID.User == "U0DANA") && operates && (n == "development" || n == "pruebas"):
	case a.In("S0BACKEND") && operates && n == "production":
	default:
		return false
	}
	if f.Verb == "scale" && n == "production" {
		if r, given := f.Command.Args.Int("replicas"); !given || r < 2 || r > 10 {
			return false
		}
	}
	zone := time.FixedZone("", -5*3600)
	frozen := family == algesta.Changes && n == "production" &&
		!f.At.Before(time.Date(2026, 12, 24, 0, 0, 0, 0, zone)) && f.At.Before(time.Date(2027, 1, 2, 0, 0, 0, 0, zone))
	return !frozen
}

func TestDecideAgreesWithThePolicyReadByHand(t *testing.T) {
	t.Parallel()
	p := example(t)
	facts := anyFacts()
	rapid.Check(t, func(t *rapid.T) {
		f := facts.Draw(t, "facts")
		d := p.Decide(f)
		if got := d.Effect != algesta.Refuse; got != permitted(f) {
			t.Fatalf("%+v: %s", f, d.Reason)
		}
		if len(d.Reason) == 0 {
			t.Fatal("a decision without its sentence")
		}
		if (d.Effect == algesta.NeedsApproval) != (len(d.Needs) > 0) {
			t.Fatalf("%s with %d needs", d.Effect, len(d.Needs))
		}
		n := f.Command.Target.Namespace
		guarded := algesta.Verbs()[f.Verb] == algesta.Changes &&
			(n == "production" || n == "monitoring" || f.Verb == "cert.renew" || f.Verb == "namespace.create")
		if d.Effect == algesta.Allow && guarded {
			t.Fatalf("%s in %s ran without an approval", f.Verb, n)
		}
	})
}

// However people vote, the requester's own vote never approves a request, and no person counts for two.
func TestNobodyApprovesAlone(t *testing.T) {
	t.Parallel()
	p := example(t)
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.IntRange(1, 4).Draw(t, "count")
		needs := []algesta.Requirement{need("rule", count, false, "group:S0PLATFORM")}
		people := map[string]bool{}
		var approvals []algesta.Approval
		for range rapid.IntRange(0, 12).Draw(t, "votes") {
			voter := member(fmt.Sprintf("U0V%d", rapid.IntRange(0, 5).Draw(t, "voter")))
			if rapid.Bool().Draw(t, "in the group") {
				voter.Groups = []string{"S0PLATFORM"}
				if voter.ID.User != "U0V0" {
					people[voter.ID.User] = true
				}
			}
			approvals = append(approvals, algesta.Approval{Approver: voter})
		}
		missing := p.Missing(needs, member("U0V0", "S0PLATFORM"), approvals)
		if (len(missing) == 0) != (len(people) >= count) {
			t.Fatalf("%d of %d people, missing %v", len(people), count, missing)
		}
		if len(missing) == 1 && missing[0].Lacks != count-len(people) {
			t.Fatalf("lacks %d with %d of %d", missing[0].Lacks, len(people), count)
		}
	})
}
