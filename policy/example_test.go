package policy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

func ExamplePolicy_Decide() {
	p, err := policy.Load([]byte(`
apiVersion: algesta.io/v1
kind: Policy
roles:
  - {name: operator, allow: [read, rollback]}
bindings:
  - {name: backend, subjects: ["group:S0BACKEND"], role: operator, namespaces: [production]}
approvals:
  - {name: second person, verbs: [change], namespaces: [production], approvers: ["group:S0PLATFORM"], expiresAfter: 30m}
`))
	if err != nil {
		fmt.Println(err)
		return
	}
	dana := algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0DANA"}, Standing: algesta.Member, Groups: []string{"S0BACKEND"}}
	target := algesta.Target{Service: "api-gateway", Environment: "production", Cluster: "aks-algesta-production", Namespace: "production"}
	for _, verb := range []string{"status", "rollback", "scale"} {
		d := p.Decide(policy.Facts{Command: algesta.Command{Requester: algesta.AskedBy(dana), Target: target}, Verb: verb, At: time.Now()})
		fmt.Printf("%s: %s. %s\n", verb, d.Effect, d.Reason)
	}
	// Output:
	// status: allowed. Rule "backend" allows it.
	// rollback: needs approval. It needs 1 approval from @S0PLATFORM (rule "second person").
	// scale: refused. You can't scale in production (rule "backend" gives you reading and rollback).
}

func BenchmarkDecide(b *testing.B) {
	p := example(b)
	for name, f := range map[string]policy.Facts{
		"reading":           asks(dana, "status", "development", nil),
		"an approval":       asks(dana, "rollback", "production", nil),
		"a limit":           asks(dana, "scale", "production", algesta.Args{"replicas": int64(6)}),
		"a refusal":         asks(nobody, "scale", "production", nil),
		"a limit not kept ": asks(dana, "scale", "production", algesta.Args{"replicas": int64(60)}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				p.Decide(f)
			}
		})
	}
}

func BenchmarkLoad(b *testing.B) {
	for b.Loop() {
		example(b)
	}
}
