package catalog_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
)

const (
	live = "aks-algesta-production"
	dev  = "aks-algesta-dev"
)

func environments() []catalog.Environment {
	return []catalog.Environment{
		{Name: "production", Aliases: []string{"prod", "prd"}, Cluster: live, Namespace: "production", Deployment: "{service}-production"},
		{Name: "pruebas", Aliases: []string{"test", "testing", "qa"}, Cluster: dev, Namespace: "pruebas", Deployment: "{service}-pruebas"},
		{Name: "development", Aliases: []string{"dev"}, Cluster: dev, Namespace: "development", Deployment: "{service}-development"},
	}
}

func aliases() []catalog.Service {
	return []catalog.Service{{Name: "api-gateway", Aliases: []string{"gateway", "api"}}, {Name: "ms-orders", Aliases: []string{"orders"}}}
}

// platform is the manual's platform; development has not been read yet.
func platform(tb testing.TB) *catalog.Catalog {
	tb.Helper()
	c, err := catalog.New(environments(), aliases())
	require.NoError(tb, err)
	for namespace, cluster := range map[string]string{"production": live, "pruebas": dev} {
		deployments := map[string]map[string]string{}
		for _, s := range []string{"api-gateway", "ms-orders", "ms-notifications", "ms-provider"} {
			deployments[s+"-"+namespace] = map[string]string{"app": s}
		}
		deployments["grafana"] = map[string]string{"app.kubernetes.io/name": "dashboards"}
		c.Update(cluster, namespace, deployments)
	}
	return c
}

func everything(algesta.Target) bool { return true }

func TestResolve(t *testing.T) {
	t.Parallel()
	gateway := algesta.Target{
		Service:     "api-gateway",
		Environment: "production",
		Cluster:     live,
		Namespace:   "production",
		Name:        "api-gateway-production",
	}
	inDev := func(service string) algesta.Target {
		return algesta.Target{
			Service:     service,
			Environment: "development",
			Cluster:     dev,
			Namespace:   "development",
			Name:        service + "-development",
		}
	}
	for name, tc := range map[string]struct {
		service, environment string
		want                 algesta.Target
	}{
		"the plain names":                  {"api-gateway", "production", gateway},
		"in capitals":                      {"API-Gateway", "Production", gateway},
		"a service's alias":                {"gateway", "production", gateway},
		"an environment's alias":           {"api", "prd", gateway},
		"the other way round":              {"production", "api-gateway", gateway},
		"the other way round with aliases": {"prod", "gateway", gateway},
		"the Deployment's own name":        {"api-gateway-production", "production", gateway},
		"deployment/":                      {"deployment/api-gateway-production", "production", gateway},
		"the Deployment's name alone":      {"api-gateway-production", "", gateway},
		"deployment/ alone":                {"deploy/api-gateway-production", "", gateway},
		"a Deployment that no template fits, by label": {
			"dashboards", "production",
			algesta.Target{Service: "dashboards", Environment: "production", Cluster: live, Namespace: "production", Name: "grafana"},
		},
		"the same by its own name": {
			"grafana", "production",
			algesta.Target{Service: "dashboards", Environment: "production", Cluster: live, Namespace: "production", Name: "grafana"},
		},
		"before the caches are synced, a known service": {"api-gateway", "dev", inDev("api-gateway")},
		"before the caches are synced, by alias":        {"api", "dev", inDev("api-gateway")},
		"before the caches are synced, any valid name":  {"something", "dev", inDev("something")},
		"before the caches are synced, the own name":    {"something-development", "dev", inDev("something")},
		"before the caches are synced, the name alone":  {"something-development", "", inDev("something")},
		"an environment alone, for other objects":       {"", "qa", algesta.Target{Environment: "pruebas", Cluster: dev, Namespace: "pruebas"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got, err := platform(t).Resolve(t.Context(), tc.service, tc.environment, everything)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
		})
	}
}

func TestResolveSaysWhatIsNotThere(t *testing.T) {
	t.Parallel()
	only := func(namespaces ...string) func(algesta.Target) bool {
		return func(t algesta.Target) bool { return strings.Contains(strings.Join(namespaces, " "), t.Namespace) }
	}
	const all = "I see api-gateway, dashboards, ms-notifications, ms-orders and ms-provider there."
	for name, tc := range map[string]struct {
		service, environment string
		visible              func(algesta.Target) bool
		kind                 algesta.ErrorKind
		message, hint, meant string
	}{
		"a misspelt service": {
			"api-gatewy", "production", everything, algesta.ErrUnknownName,
			`There's no service "api-gatewy" in production. Did you mean api-gateway?`, "", "api-gateway production",
		},
		"letters swapped": {
			"ms-odrers", "production", everything, algesta.ErrUnknownName, `There's no service "ms-odrers" in production. Did you mean ms-orders?`,
			"", "ms-orders production",
		},
		"a misspelt alias": {
			"gatewai", "production", everything, algesta.ErrUnknownName, `There's no service "gatewai" in production. Did you mean api-gateway?`, "",
			"api-gateway production",
		},
		"a part of a name": {
			"notifications", "production", everything, algesta.ErrUnknownName,
			`There's no service "notifications" in production. Did you mean ms-notifications?`, "", "ms-notifications production",
		},
		"nothing near": {
			"billing", "production", everything, algesta.ErrUnknownName, `There's no service "billing" in production.`, all, "",
		},
		"a misspelt Deployment": {
			"api-gatewy-production", "", everything, algesta.ErrUnknownName,
			`There's no service "api-gatewy-production" in production. Did you mean api-gateway?`, "", "api-gateway production",
		},
		"a Deployment of another environment": {
			"api-gateway-production", "pruebas", everything, algesta.ErrUnknownName, "api-gateway-production belongs to production, not to pruebas.",
			"", "api-gateway pruebas",
		},
		"the same, which the person may not see": {
			"api-gateway-production", "pruebas", only("pruebas"), algesta.ErrUnknownName,
			`There's no service "api-gateway-production" in pruebas. Did you mean api-gateway?`, "", "api-gateway pruebas",
		},
		"a misspelt environment": {
			"api-gateway", "prodution", everything, algesta.ErrUnknownName, `There's no environment "prodution". Did you mean production?`, "",
			"api-gateway production",
		},
		"a misspelt alias of one": {
			"api-gateway", "testin", everything, algesta.ErrUnknownName, `There's no environment "testin". Did you mean pruebas?`, "",
			"api-gateway pruebas",
		},
		"an unknown environment": {
			"api-gateway", "mars", everything, algesta.ErrUnknownName, `There's no environment "mars".`,
			"You can name production, pruebas or development.", "",
		},
		"no environment that one may not see": {
			"api-gateway", "prodution", only("pruebas"), algesta.ErrUnknownName, `There's no environment "prodution".`, "You can name pruebas.", "",
		},
		"nothing at all that one may see": {
			"api-gateway", "prodution", only("none"), algesta.ErrUnknownName, `There's no environment "prodution".`, "", "",
		},
		"no environment": {
			"api-gateway", "", everything, algesta.ErrUsage, "Which environment do you mean: production or pruebas?", "", "api-gateway ",
		},
		"no environment, of a service not there": {
			"billing", "", everything, algesta.ErrUsage, "Which environment do you mean: production, pruebas or development?", "", "billing ",
		},
		"no environment, little to see": {
			"api-gateway", "", only("pruebas"), algesta.ErrUsage, "Which environment do you mean: pruebas?", "", "api-gateway ",
		},
		"an environment for a service": {
			"production", "", everything, algesta.ErrUsage, "Which service in production do you mean?", all, " production",
		},
		"a name that is none": {
			"a b", "dev", everything, algesta.ErrUnknownName, `There's no service "a b" in development.`, "", "",
		},
		"a very long name": {
			strings.Repeat("x", 250), "dev", everything, algesta.ErrUnknownName,
			`There's no service "` + strings.Repeat("x", 40) + `…" in development.`, "", "",
		},
		"the other way round, and misspelt": {
			"production", "api-gatewy", everything, algesta.ErrUnknownName,
			`There's no service "api-gatewy" in production. Did you mean api-gateway?`, "", "api-gateway production",
		},
		"markup stays text for the transport": {
			"<!channel>", "production", everything, algesta.ErrUnknownName, `There's no service "<!channel>" in production.`, all, "",
		},
		"an old name of the template with a typo": {
			"ms-provider-prodution", "production", everything, algesta.ErrUnknownName,
			`There's no service "ms-provider-prodution" in production. Did you mean ms-provider?`, "", "ms-provider production",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := platform(t).Resolve(t.Context(), tc.service, tc.environment, tc.visible)
			var told *algesta.Error
			require.ErrorAs(t, err, &told)
			require.Equal(t, tc.message, told.Message.String())
			require.Equal(t, tc.hint, told.Hint.String())
			require.ErrorIs(t, err, tc.kind)
			if meant, ok := errors.AsType[catalog.NameError](err); ok {
				service, environment := meant.Meant()
				require.Equal(t, tc.meant, service+" "+environment)
			} else {
				require.Empty(t, tc.meant)
			}
		})
	}
}

func TestWhatIsInvisibleLooksLikeWhatIsNotThere(t *testing.T) {
	t.Parallel()
	nothing := func(algesta.Target) bool { return false }
	c := platform(t)
	for _, service := range []string{"api-gateway", "api-gatewy"} {
		got, err := c.Resolve(t.Context(), service, "production", nothing)
		require.NoError(t, err)
		require.Equal(t, service+"-production", got.Name)
	}
}

// Of an environment that shares a namespace, too: its name isn't told because a Deployment's name fits its template.
func TestTheOwnerOfADeploymentIsNotToldToWhoeverMayNotSeeIt(t *testing.T) {
	t.Parallel()
	c, err := catalog.New([]catalog.Environment{
		{Name: "shop", Cluster: "one", Namespace: "shared", Deployment: "{service}"},
		{Name: "acquisition-x", Cluster: "one", Namespace: "shared", Deployment: "{service}-acq"},
	}, nil)
	require.NoError(t, err)
	got, err := c.Resolve(t.Context(), "api-acq", "shop", func(algesta.Target) bool { return false })
	require.NoError(t, err, "the policy refuses it")
	require.Equal(t, "shop", got.Environment)

	_, err = c.Resolve(t.Context(), "api-acq", "shop", func(to algesta.Target) bool { return to.Environment == "shop" })
	var told *algesta.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, algesta.ErrUnknownName, told.Kind)
	require.NotContains(t, told.Message.String()+told.Hint.String(), "acquisition")

	_, err = c.Resolve(t.Context(), "api-acq", "shop", func(algesta.Target) bool { return true })
	require.ErrorContains(t, err, "api-acq belongs to acquisition-x, not to shop.")
}

// Whatever is asked, an error never holds the name of a service or an environment that the person may not see.
func TestResolveNeverNamesTheInvisible(t *testing.T) {
	t.Parallel()
	c := platform(t)
	words := []string{
		"api-gatewy",
		"ms-order",
		"grafan",
		"api-gateway-productio",
		"prodution",
		"prod",
		"qa",
		"production",
		"",
		"orders",
		"dev",
		"pruebas",
		"ms-provider-pruebas",
	}
	visible := func(t algesta.Target) bool { return t.Namespace == "pruebas" }
	rapid.Check(t, func(t *rapid.T) {
		service, env := rapid.SampledFrom(words).Draw(t, "service"), rapid.SampledFrom(words).Draw(t, "environment")
		_, err := c.Resolve(t.Context(), service, env, visible)
		var told *algesta.Error
		if !errors.As(err, &told) {
			return
		}
		for _, secret := range []string{"production", "development"} {
			if typed := service == secret || env == secret || strings.Contains(service, secret) || env == "prod" || service == "prod" ||
				env == "dev" ||
				service == "dev"; !typed {
				require.NotContains(t, told.Message.String()+told.Hint.String(), secret)
			}
		}
	})
}

func TestDiscoveryNamesServices(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deployments map[string]map[string]string
		want        map[string]string
	}{
		"label and template agree": {
			map[string]map[string]string{"api-production": {"app": "api"}}, map[string]string{"api": "api-production"},
		},
		"the template wins over the label": {
			map[string]map[string]string{"api-production": {"app": "web"}}, map[string]string{"api": "api-production"},
		},
		"the label names what no template fits": {
			map[string]map[string]string{"x1": {"app": "web"}}, map[string]string{"web": "x1"},
		},
		"without a label the own name": {
			map[string]map[string]string{"x1": nil}, map[string]string{"x1": "x1"},
		},
		"two with one label keep their own names": {
			map[string]map[string]string{"x1": {"app": "web"}, "x2": {"app": "web"}}, map[string]string{"x1": "x1", "x2": "x2"},
		},
		"a label cannot take the name that a template gave": {
			map[string]map[string]string{"web-production": nil, "x1": {"app": "web"}}, map[string]string{"web": "web-production", "x1": "x1"},
		},
		"a label that is no name is passed over": {
			map[string]map[string]string{"x1": {"app": "<!here>"}}, map[string]string{"x1": "x1"},
		},
		"a Deployment that was deleted is gone": {nil, map[string]string{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := catalog.New(environments(), nil)
			require.NoError(t, err)
			c.Update(live, "production", map[string]map[string]string{"before-production": nil})
			c.Update(live, "production", tc.deployments)
			got := map[string]string{}
			for _, k := range c.Known(t.Context()) {
				got[k.Service] = k.Name
			}
			require.Equal(t, tc.want, got)
		})
	}
}

func TestTwoEnvironmentsShareANamespace(t *testing.T) {
	t.Parallel()
	c, err := catalog.New([]catalog.Environment{
		{Name: "blue", Cluster: live, Namespace: "shared", Deployment: "{service}-blue"},
		{Name: "green", Cluster: live, Namespace: "shared", Deployment: "{service}-green"},
	}, nil)
	require.NoError(t, err)
	c.Update(live, "shared", map[string]map[string]string{"api-blue": {"app": "api"}, "api-green": {"app": "api"}})
	require.Equal(t, []string{"shared"}, c.Namespaces(live))
	for _, env := range []string{"blue", "green"} {
		got, err := c.Resolve(t.Context(), "api", env, everything)
		require.NoError(t, err)
		require.Equal(t, "api-"+env, got.Name)
	}
	_, err = c.Resolve(t.Context(), "api", "shared", everything)
	require.EqualError(t, err, `There's no environment "shared".`)
	require.Len(t, c.Known(t.Context()), 2)
}

// A template that fits every name, beside one that says more: each Deployment is of one environment, whether the namespace was read or not.
func TestADeploymentIsOfTheEnvironmentWhoseTemplateSaysMost(t *testing.T) {
	t.Parallel()
	for _, first := range []int{0, 1} {
		both := []catalog.Environment{
			{Name: "production", Cluster: live, Namespace: "shared", Deployment: "{service}"},
			{Name: "staging", Cluster: live, Namespace: "shared", Deployment: "{service}-staging"},
		}
		both[0], both[1] = both[first], both[1-first]
		c, err := catalog.New(both, nil)
		require.NoError(t, err)
		for _, read := range []bool{false, true} {
			if read {
				c.Update(live, "shared", map[string]map[string]string{"api": {"app": "api"}, "api-staging": {"app": "api"}})
			}
			for env, name := range map[string]string{"production": "api", "staging": "api-staging"} {
				got, err := c.Resolve(t.Context(), "api", env, everything)
				require.NoError(t, err)
				require.Equal(t, name, got.Name)
			}
			got, err := c.Resolve(t.Context(), "api-staging", "staging", everything)
			require.NoError(t, err)
			require.Equal(t, "api", got.Service)
			_, err = c.Resolve(t.Context(), "api-staging", "production", everything)
			require.ErrorContains(t, err, "api-staging belongs to staging, not to production.")
		}
		known := map[string]string{}
		for _, k := range c.Known(t.Context()) {
			require.Empty(t, known[k.Name], "%s is of two environments", k.Name)
			known[k.Name] = k.Environment
		}
		require.Equal(t, map[string]string{"api": "production", "api-staging": "staging"}, known)
	}
}

func ExampleCatalog_Resolve() {
	c, _ := catalog.New(environments(), aliases())
	c.Update(live, "production", map[string]map[string]string{"api-gateway-production": {"app": "api-gateway"}})
	t, _ := c.Resolve(nil, "gateway", "prod", everything) //nolint:staticcheck // no context is needed to show a name
	fmt.Println(t.Workload())
	_, err := c.Resolve(nil, "api-gatewy", "prod", everything) //nolint:staticcheck // as above
	fmt.Println(err.(*algesta.Error).Message)                  //nolint:errorlint,forcetypeassert // an example
	// Output:
	// aks-algesta-production/apps/Deployment/production/api-gateway-production
	// There's no service "api-gatewy" in production. Did you mean api-gateway?
}

// "diagnose pod/x" names no service: it is asked where, and not told that no service has no name.
func TestWhatNamesNoServiceIsAskedWhere(t *testing.T) {
	t.Parallel()
	c, err := catalog.New([]catalog.Environment{{Name: "production", Cluster: "one", Namespace: "production", Deployment: "{service}"}}, nil)
	require.NoError(t, err)
	c.Update("one", "production", map[string]map[string]string{"shop": nil})
	_, err = c.Resolve(t.Context(), "", "", everything)
	var told *algesta.Error
	require.ErrorAs(t, err, &told)
	require.Equal(t, "Which environment do you mean: production?", told.Message.String())
}
