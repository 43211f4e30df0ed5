package catalog_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/catalog"
)

func TestNewRefusesWhatCannotBeRight(t *testing.T) {
	t.Parallel()
	with := func(change func([]catalog.Environment)) []catalog.Environment {
		e := environments()
		change(e)
		return e
	}
	for name, tc := range map[string]struct {
		envs     []catalog.Environment
		services []catalog.Service
		want     string
	}{
		"no environment": {nil, nil, "no environment is configured: name at least one"},
		"a name twice": {
			with(func(e []catalog.Environment) { e[1].Name = "Prod" }), nil, `environment Prod: the name "Prod" is taken by production`,
		},
		"no namespace": {
			with(func(e []catalog.Environment) { e[0].Namespace = "" }), nil, `environment 1 "production" needs a name, a cluster and a namespace`,
		},
		"a namespace that is none": {
			with(func(e []catalog.Environment) { e[0].Namespace = "Pro Duction" }), nil,
			`environment production: "Pro Duction" cannot be a namespace`,
		},
		"a template without service": {
			with(func(e []catalog.Environment) { e[0].Deployment = "api" }), nil,
			`environment production: deployment is "api" and has to contain {service} once, as in "{service}-production"`,
		},
		"a template that is no name": {
			with(func(e []catalog.Environment) { e[0].Deployment = "{service}_x" }), nil,
			`environment production: deployment "{service}_x" cannot be the name of a Deployment`,
		},
		"one thing twice": {with(func(e []catalog.Environment) {
			e[1].Cluster, e[1].Namespace, e[1].Deployment = e[0].Cluster, e[0].Namespace, e[0].Deployment
		}), nil, "environment pruebas is the same as production: make its name an alias"},
		"a name with a blank at its end": {
			with(func(e []catalog.Environment) { e[1].Name = "staging " }), nil,
			`environment 2: the name "staging " has a blank at an end, or a control character`,
		},
		"an alias that nobody sees all of": {
			environments(),
			[]catalog.Service{{Name: "api", Aliases: []string{"a\x00"}}},
			`service api: the alias "a\x00" has a blank at an end, or a control character`,
		},
		"a service twice": {environments(), []catalog.Service{{Name: "api"}, {Name: "api"}}, "service api is there twice"},
		"an alias twice": {
			environments(),
			[]catalog.Service{{Name: "api", Aliases: []string{"a"}}, {Name: "web", Aliases: []string{"A"}}},
			`service web: the alias "A" is taken already by api`,
		},
		"an alias of a service": {
			environments(),
			[]catalog.Service{{Name: "api", Aliases: []string{"web"}}, {Name: "web"}},
			`service api: the alias "web" is taken already`,
		},
		"an alias of a place": {
			environments(), []catalog.Service{{Name: "api", Aliases: []string{"qa"}}}, `service api: the alias "qa" is taken already`,
		},
		"a service as a place":   {environments(), []catalog.Service{{Name: "production"}}, "service production has the name of an environment"},
		"a service without name": {environments(), []catalog.Service{{}}, `service "" cannot be the name of a service`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := catalog.New(tc.envs, tc.services)
			require.EqualError(t, err, tc.want)
		})
	}
}

// TestAnObjectIsOfTheEnvironmentWhoseTemplateSaysMost, whatever its kind is; what is no workload only where a template says anything.
func TestAnObjectIsOfTheEnvironmentWhoseTemplateSaysMost(t *testing.T) {
	t.Parallel()
	c, err := catalog.New([]catalog.Environment{
		{Name: "shop", Cluster: live, Namespace: "shared", Deployment: "{service}"},
		{Name: "finance", Cluster: live, Namespace: "shared", Deployment: "{service}-finance"},
		{Name: "blue", Cluster: live, Namespace: "colours", Deployment: "{service}-blue"},
		{Name: "green", Cluster: live, Namespace: "colours", Deployment: "{service}-green"},
		{Name: "alone", Cluster: live, Namespace: "alone", Deployment: "{service}-alone"},
	}, nil)
	require.NoError(t, err)
	for _, one := range []struct {
		namespace, name string
		exactly         bool
		want            string
	}{
		{"shared", "ledger-finance", false, "finance"},
		{"shared", "ledger-finance", true, "finance"},
		{"shared", "mongodb", false, "shop"},
		{"shared", "mongodb", true, ""},
		{"colours", "mongodb", false, ""},
		{"colours", "api-blue", true, "blue"},
		{"alone", "mongodb", true, "alone"},
		{"elsewhere", "api-blue", false, ""},
	} {
		require.Equal(t, one.want, c.EnvironmentOf(live, one.namespace, one.name, one.exactly), "%+v", one)
	}
}
