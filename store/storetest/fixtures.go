package storetest

import (
	"time"

	"github.com/3astronautas/algesta"
)

var (
	dana  = algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0DANA"}, Name: "dana", Standing: algesta.Member}
	carla = algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0CARLA"}, Name: "carla", Standing: algesta.Member}
	eli   = algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: "U0ELI"}, Name: "eli", Standing: algesta.Member}
	noon  = time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
)

var gateway = algesta.Target{
	Service: "api-gateway", Environment: "production", Cluster: "aks-algesta-production",
	Namespace: "production", Name: "api-gateway-production",
}

// Pending is a request that waits for approval.
func Pending(id string) algesta.Request {
	return algesta.Request{
		ID: id, Key: "cmd:" + id, Fingerprint: "f1", Status: algesta.Pending, Version: 1,
		Command: algesta.Command{
			ID: id, Requester: algesta.AskedBy(dana), Runbook: "rollback", Target: gateway, At: noon, Channel: "C0OPS",
			Args: algesta.Args{"revision": int64(41), "force": true, "why": "<b>&"},
		},
		Plan: algesta.Plan{
			Summary: algesta.Say("Roll back {} to revision 41", algesta.Name("api-gateway-production")),
			Figures: map[string]int64{"pods": 4},
			Changes: []algesta.Change{{Object: gateway.Workload(), UID: "u1", Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1"}},
		},
		Needs:     []algesta.Requirement{{Rule: "production", Approvers: []algesta.Subject{"group:S0LEADS"}, Count: 2, ExpiresAfter: time.Hour}},
		ExpiresAt: noon.Add(time.Hour), CreatedAt: noon, UpdatedAt: noon,
	}
}

// Execution is the record of the write of a request.
func Execution(request string) algesta.Execution {
	return algesta.Execution{
		Request: request, Operation: algesta.Operation(request, 0), Verb: algesta.Patch, Object: gateway.Workload(), UID: "u1",
		ResourceVersion: "100", Generation: 7, PatchHash: "h1", State: algesta.Intended, Attempts: 1,
		StartedAt: noon, Deadline: noon.Add(10 * time.Minute), Before: []byte(`{"ready":4}`),
	}
}

// Typed is a slash command as Slack delivered it.
func Typed(key string) algesta.Invocation {
	return algesta.Invocation{
		Key: key, Kind: algesta.Typed, Person: dana.ID, Name: "dana", Channel: "C0OPS",
		Text: "rollback api-gateway production", Reply: "https://hooks.slack.example.com/1", At: noon,
	}
}
