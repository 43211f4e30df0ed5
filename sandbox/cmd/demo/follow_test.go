package main

import (
	"os/exec"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/sandbox/browser"
)

// A person pastes kubectl's watch, sees the message change while somebody else scales the service, and stops it: the real bot, the real
// control plane, Chromium.
func TestAFollowedAnswerChangesInPlace(t *testing.T) {
	t.Parallel()
	d := runDemo(t, "production")
	ctx := browser.Open(t)
	d.show(ctx, t, "U0LUIS")
	browser.Do(
		t, ctx,
		browser.Write("/algesta kubectl get pods -l app=ms-orders -n production -w"+kb.Enter),
		browser.Shows("#messages", "pods ready"),
		chromedp.Click(".thread-link"),
		browser.Shows("#thread", "Following until"),
		browser.Shows("#thread", "Stop"),
	)
	said, err := exec.CommandContext(
		t.Context(), d.cluster.Kubectl, "--kubeconfig", d.cluster.Kubeconfig, "-n", d.site.Namespace("production"),
		"set", "image", "deployment/ms-orders-production", "*=acralgestaproduction.azurecr.io/ms-orders:12346-crash",
	).CombinedOutput()
	require.NoError(t, err, string(said))
	browser.Do(
		t, ctx,
		browser.Shows("#messages", "in trouble"),
		browser.Shows("#thread", "CrashLoopBackOff"),
		chromedp.EmulateViewport(2200, 800), // all columns beside the channel
		picture("follow"),
		chromedp.Click("#thread [data-action=stop]"),
		browser.Shows("#thread", "stopped it after"),
		browser.Until(`!document.querySelector("#thread [data-action=stop]")`),
	)
}
