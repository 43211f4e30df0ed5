package main

import (
	"context"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// running is a demo that a test started: the real bot, the real control plane, the local Slack.
type running struct {
	demo
	cluster *control.Cluster
	site    platform.Site
}

// runDemo starts a demo of one environment, and ends it with the test.
func runDemo(t *testing.T, environment string) *running {
	t.Helper()
	cluster := control.ForTest(t)
	return runDemoIn(t, cluster, platform.NewSite(t, cluster), environment)
}

// runDemoIn starts a demo of one environment in a cluster that the test made ready for it.
func runDemoIn(t *testing.T, cluster *control.Cluster, site platform.Site, environment string) *running {
	t.Helper()
	r := &running{cluster: cluster, site: site}
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	t.Cleanup(cancel) // Slack lives as long as it
	var err error
	r.demo, err = start(ctx, r.cluster, r.site, t.TempDir(), "127.0.0.1:0", nil, environment)
	require.NoError(t, err)
	t.Cleanup(r.slack.Close)
	t.Cleanup(func() { r.bot.Kill() })
	return r
}

// show opens the channel #ops in the browser as a person.
func (r *running) show(ctx context.Context, t *testing.T, user string) {
	t.Helper()
	browser.Do(t, ctx, chromedp.Navigate(r.slack.URL()+"/?as="+user+"#C0OPS"), chromedp.WaitVisible("#channel-composer textarea"))
}

// requireOnePatch holds the cluster to one change of the gateway since a moment.
func (r *running) requireOnePatch(t *testing.T, since time.Time) {
	t.Helper()
	patches, err := r.cluster.PatchCount(t.Context(), since, r.site.Namespace("production"), "api-gateway-production")
	require.NoError(t, err)
	require.Equal(t, 1, patches, "the cluster really changed, once")
}
