// Package browser drives Debian's Chromium in tests: as people do, by what is to be seen.
package browser

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// waitFor bounds every wait for something to be seen: a rollout on a busy machine takes its time.
const waitFor = 90 * time.Second

// Open starts a browser in Debian's Chromium. Without one the test is skipped, but not in CI.
func Open(tb testing.TB) context.Context {
	tb.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		require.NotEqual(tb, "true", os.Getenv("CI"), "CI has a chromium")
		tb.Skip("no chromium here")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1500, 950))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	tb.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	tb.Cleanup(cancel)
	require.NoError(tb, chromedp.Do(ctx)) // the browser lives as long as this context, so the time limit comes after
	ctx, late := context.WithTimeout(ctx, 4*time.Minute)
	tb.Cleanup(late)
	return ctx
}

// Step is one thing that happens in the browser.
type Step = chromedp.Action[chromedp.Void]

// Do takes the steps one after the other; the first that does not come true fails the test.
func Do(tb testing.TB, ctx context.Context, steps ...Step) { //nolint:revive // tb comes first in tests
	tb.Helper()
	for i, a := range steps {
		require.NoError(tb, chromedp.Do(ctx, a), "step %d", i+1)
	}
}

// Shot keeps a picture of the page; an empty path keeps none.
func Shot(path string) Step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		if path == "" {
			return chromedp.Void{}, nil
		}
		png, err := chromedp.CaptureScreenshot()(ctx, target)
		if err != nil {
			return chromedp.Void{}, err
		}
		return chromedp.Void{}, os.WriteFile(path, png, 0o600)
	}
}

// Until waits for a JavaScript expression to be true.
func Until(expression string) Step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(waitFor))(ctx, target)
		if err != nil {
			there, _ := chromedp.Evaluate[string](
				`document.body.innerText + " | " + [...document.querySelectorAll("textarea")].map((t) => t.value).join(" | ") + " | " + `+
					`document.activeElement.outerHTML.slice(0, 200)`,
			)(
				ctx, target,
			)
			return chromedp.Void{}, fmt.Errorf("%s: %w; the page shows: %s", expression, err, there)
		}
		return chromedp.Void{}, nil
	}
}

// Shows waits until a part of the page holds the text.
func Shows(part, text string) Step {
	return Until(fmt.Sprintf("!!document.querySelector(%q)?.innerText.includes(%q)", part, text))
}

// Focused waits until the element with the focus matches.
func Focused(selector string) Step {
	return Until(fmt.Sprintf("document.activeElement.matches(%q)", selector))
}

// ActAs switches the person who looks at the page.
func ActAs(user string) Step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		for _, s := range []Step{
			chromedp.Click(".me"), chromedp.WaitVisible("#people"), chromedp.Click(fmt.Sprintf("[data-user=%q]", user)),
			Until(fmt.Sprintf("document.body.dataset.ready === %q", user)),
		} {
			if _, err := s(ctx, target); err != nil {
				return chromedp.Void{}, err
			}
		}
		return chromedp.Void{}, nil
	}
}

// Press types keys wherever the focus is, as a keyboard does: one event goes down with its character, so that a page that
// handles the key gets no character after it. (chromedp's own KeyEvent sends the two apart.)
func Press(keys string) Step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		for _, r := range keys {
			events := kb.Encode(r)
			if len(events) == 3 {
				events[0].Text, events[0].UnmodifiedText = events[1].Text, events[1].UnmodifiedText
				events = []*input.DispatchKeyEventParams{events[0], events[2]}
			}
			for _, e := range events {
				if _, err := cdp.Call(ctx, target, input.DispatchKeyEvent, *e); err != nil {
					return chromedp.Void{}, err
				}
			}
		}
		return chromedp.Void{}, nil
	}
}

// Write types into the channel's composer.
func Write(text string) Step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		if _, err := chromedp.Focus("#channel-composer textarea")(ctx, target); err != nil {
			return chromedp.Void{}, err
		}
		return Press(text)(ctx, target)
	}
}
