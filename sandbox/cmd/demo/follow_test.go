package main

import (
	"context"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
	"github.com/3astronautas/algesta/sandbox/control"
	"github.com/3astronautas/algesta/sandbox/platform"
)

// A person pastes kubectl's watch, sees the message change while somebody else scales the service, and stops it: the real bot, the real
// control plane, Chromium.
func TestAFollowedAnswerChangesInPlace(t *testing.T) {
	t.Parallel()
	cluster := control.ForTest(t)
	site := platform.NewSite(t, cluster)
	begin, cancel := context.WithTimeout(t.Context(), 5*time.Minute)
	defer cancel()
	d, err := start(begin, cluster, site, t.TempDir(), "127.0.0.1:0", nil, "production")
	require.NoError(t, err)
	t.Cleanup(d.slack.Close)
	t.Cleanup(func() { d.bot.Kill() })
	ctx := browser.Open(t)
	browser.Do(
		t, ctx,
		chromedp.Navigate(d.slack.URL()+"/?as=U0LUIS#C0OPS"),
		chromedp.WaitVisible("#channel-composer textarea"),
		browser.Write("/algesta kubectl get pods -n production -w"+kb.Enter),
		browser.Shows("#messages", "pods ready"),
		chromedp.Click(".thread-link"),
		browser.Shows("#thread", "Following until"),
		browser.Shows("#thread", "Stop"),
	)
	said, err := exec.CommandContext(
		t.Context(), cluster.Kubectl, "--kubeconfig", cluster.Kubeconfig, "-n", site.Namespace("production"),
		"set", "image", "deployment/ms-orders-production", "*=acralgestaproduction.azurecr.io/ms-orders:12346-crash",
	).CombinedOutput()
	require.NoError(t, err, string(said))
	browser.Do(
		t, ctx,
		browser.Shows("#messages", "in trouble"),
		browser.Shows("#thread", "CrashLoopBackOff"),
		picture("follow"),
		chromedp.Click("#thread [data-action=stop]"),
		browser.Shows("#thread", "stopped it after"),
		browser.Until(`!document.querySelector("#thread [data-action=stop]")`),
	)
}
