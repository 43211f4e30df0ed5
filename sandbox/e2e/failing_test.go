package e2e

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

func TestARolloutThatCannotComeUpIsJudgedWithinSeconds(t *testing.T) {
	t.Parallel()
	cases := map[string]string{
		"crash":       "exit 1",
		"notfound":    "12346-notfound",
		"configerror": "secret",
		"oom":         "memory",
		"neverready":  "readi",
	}
	for scenario, why := range cases {
		t.Run(scenario, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, options{})
			r := w.asks(luis, "deploy api-gateway production 12346-"+scenario)
			r.approve()
			r.becomes("🔵")
			applied := time.Now()
			end := r.end(luis)
			t.Logf("%s after %s:\n%s", scenario, time.Since(applied), r.thread())
			require.Contains(t, end, "❌ <@U0LUIS> <@U0CARLA> Deploy of 12346-"+scenario+" to api-gateway in production did not come up.")
			require.Contains(t, strings.ToLower(end), why)
			require.Contains(t, end, "The 2 old pods still serve users.")
			require.Contains(t, end, "[ Undo ]")
			require.Less(t, time.Since(applied), 25*time.Second)
			require.Equal(t, 1, w.patches(deployment))
		})
	}
}

func TestTenRolloutsAtOnceLoseNoEnd(t *testing.T) {
	t.Parallel()
	var services []service
	for i := range 10 {
		s := gateway()
		s.name, s.replicas = fmt.Sprintf("svc-%d", i), 1
		services = append(services, s)
	}
	w := newWorld(t, options{services: services})
	requests := make([]*request, len(services))
	for i, s := range services {
		requests[i] = w.opens(func() { w.types(luis, ops, "rollback "+s.name+" production") }, s.name)
		requests[i].plan()
	}
	var clicks sync.WaitGroup
	errs := make([]error, len(requests))
	for i, r := range requests {
		plan := r.plan()
		clicks.Go(func() { _, errs[i] = w.slack.Click(carla, plan, "approve") })
	}
	clicks.Wait()
	for i, r := range requests {
		require.NoError(t, errs[i])
		require.Contains(t, r.end(luis), "✅ <@U0LUIS> <@U0CARLA> "+services[i].name+" in production is back on 12344.")
		require.Equal(t, 1, w.patches(services[i].name+"-production"))
	}
	for _, c := range w.slack.Calls() {
		require.NotEqual(t, "ratelimited", c.Error, "Slack had to slow the bot down at %s", c.Method)
	}
	_ = slackd.Says
}
