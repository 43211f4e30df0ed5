package catalog_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/catalog"
)

// Someone who asks why a service doesn't answer, while its Deployment is deleted, isn't told that it never existed.
func TestAServiceThatWasThereIsStillFound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := platform(t)
		orders := algesta.Target{
			Service:     "ms-provider",
			Environment: "production",
			Cluster:     live,
			Namespace:   "production",
			Name:        "ms-provider-production",
		}
		until, gone := c.Gone(orders)
		require.False(t, gone)
		require.Zero(t, until)
		time.Sleep(time.Hour) // the bubble's clock
		deleted := time.Now()
		c.Update(live, "production", map[string]map[string]string{"api-gateway-production": {"app": "api-gateway"}})
		time.Sleep(time.Minute)
		c.Update(live, "production", map[string]map[string]string{"api-gateway-production": {"app": "api-gateway"}})
		for _, typed := range [][2]string{{"ms-provider", "production"}, {"ms-provider-production", "prod"}, {"ms-provider-production", ""}} {
			got, err := c.Resolve(t.Context(), typed[0], typed[1], everything)
			require.NoError(t, err, typed)
			require.Equal(t, orders, got)
		}
		require.Equal(t, []algesta.Lost{
			{Service: "ms-orders", Deployment: "ms-orders-production", Until: deleted},
		}, c.LostIn("production"), "what isn't configured may have been removed for good")
		require.Empty(t, c.LostIn("pruebas"))
		_, err := c.Resolve(t.Context(), "ms-provider", "", everything)
		require.ErrorContains(t, err, "Which environment do you mean: production or pruebas?")
		until, gone = c.Gone(orders)
		require.True(t, gone)
		require.Equal(t, deleted, until)
		for _, known := range c.Known(t.Context()) {
			require.False(t, known.Service == "ms-provider" && known.Environment == "production", "what is gone is not suggested")
		}
		_, err = c.Resolve(t.Context(), "ms-provide", "production", everything)
		require.ErrorContains(t, err, `There's no service "ms-provide" in production.`)
		require.NotContains(t, err.Error(), "mean", "what is gone is not suggested")
		c.Update(live, "production", map[string]map[string]string{"ms-provider-production": {"app": "ms-provider"}})
		until, gone = c.Gone(orders)
		require.False(t, gone)
		require.Zero(t, until)
		c.Update(live, "production", map[string]map[string]string{"ms-orders-production": {"app": "ms-orders"}})
		require.NotContains(t, fmt.Sprint(c.LostIn("production")), "ms-orders", "it came back")
	})
}

func TestAConfiguredServiceIsFoundAlthoughItWasNeverSeen(t *testing.T) {
	t.Parallel()
	c, err := catalog.New(environments(), aliases())
	require.NoError(t, err)
	c.Update(live, "production", map[string]map[string]string{"ms-users-production": {"app": "ms-users"}})
	got, err := c.Resolve(t.Context(), "orders", "production", everything)
	require.NoError(t, err)
	require.Equal(t, "ms-orders-production", got.Name)
	until, gone := c.Gone(got)
	require.True(t, gone)
	require.Zero(t, until)
	_, err = c.Resolve(t.Context(), "billing", "production", everything)
	require.ErrorIs(t, err, algesta.ErrUnknownName)
}

func TestOnlySoManyDeploymentsAreRememberedAfterTheyWent(t *testing.T) {
	t.Parallel()
	c, err := catalog.New(environments(), nil)
	require.NoError(t, err)
	synced := map[string]map[string]string{}
	for i := range 300 {
		synced[fmt.Sprintf("s%d-production", i)] = nil
	}
	c.Update(live, "production", synced)
	c.Update(live, "production", nil)
	found := 0
	for i := range 300 {
		if _, err := c.Resolve(t.Context(), fmt.Sprintf("s%d", i), "production", everything); err == nil {
			found++
		}
	}
	require.Equal(t, 200, found)
}
