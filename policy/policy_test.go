package policy_test

import (
	"os"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// The people of the example policy.
var (
	dana    = member("U0DANA", "S0BACKEND")
	luis    = member("U0LUIS", "S0PLATFORM")
	petra   = member("U0PETRA", "S0PLATFORM")
	carla   = member("U0CARLA")
	nobody  = member("U0NOBODY")
	monday  = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)
	holiday = time.Date(2026, 12, 25, 12, 0, 0, 0, time.UTC)
)

func member(user string, groups ...string) algesta.Actor {
	return algesta.Actor{ID: algesta.PersonID{Team: "T0ALGESTA", User: user}, Name: user, Standing: algesta.Member, Groups: groups}
}

func in(namespace string) algesta.Target {
	cluster := "aks-algesta-dev"
	if namespace == "production" {
		cluster = "aks-algesta-production"
	}
	return algesta.Target{
		Service:     "api-gateway",
		Environment: namespace,
		Cluster:     cluster,
		Namespace:   namespace,
		Name:        "api-gateway-" + namespace,
	}
}

// asks are the facts of one command on a Monday.
func asks(actor algesta.Actor, verb, namespace string, args algesta.Args) policy.Facts {
	return policy.Facts{Command: algesta.Command{Requester: algesta.AskedBy(actor), Target: in(namespace), Args: args}, Verb: verb, At: monday}
}

func example(tb testing.TB) *policy.Policy {
	tb.Helper()
	b, err := os.ReadFile("testdata/policy-example.yaml")
	require.NoError(tb, err)
	p, err := policy.Load(b)
	require.NoError(tb, err)
	return p
}

func load(tb testing.TB, text string) *policy.Policy {
	tb.Helper()
	p, err := policy.Load([]byte(text))
	require.NoError(tb, err)
	return p
}
