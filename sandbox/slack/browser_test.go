package slackd_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/require"
)

// browser opens a page in Debian's Chromium. Without one the test is skipped, but not in CI.
func browser(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil {
		require.NotEqual(t, "true", os.Getenv("CI"), "CI has a chromium")
		t.Skip("no chromium here")
	}
	opts := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-background-networking", true), chromedp.Flag("disable-dev-shm-usage", true), chromedp.WindowSize(1440, 900))
	alloc, stop := chromedp.NewExecAllocator(context.Background(), opts...)
	t.Cleanup(stop)
	ctx, cancel := chromedp.NewContext(alloc)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx)) // the browser lives as long as this context, so the time limit comes after
	ctx, late := context.WithTimeout(ctx, 60*time.Second)
	t.Cleanup(late)
	return ctx
}

// step is one thing that happens in the browser.
type step = chromedp.Action[chromedp.Void]

func do(t *testing.T, ctx context.Context, steps ...step) { //nolint:revive // t comes first in tests
	t.Helper()
	for i, a := range steps {
		require.NoError(t, chromedp.Do(ctx, a), "step %d", i+1)
	}
}

// shot keeps a picture of the page when SLACKD_SHOTS names a folder for it.
func shot(name string) step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		dir := os.Getenv("SLACKD_SHOTS")
		if dir == "" {
			return chromedp.Void{}, nil
		}
		png, err := chromedp.CaptureScreenshot()(ctx, target)
		if err != nil {
			return chromedp.Void{}, err
		}
		return chromedp.Void{}, os.WriteFile(filepath.Join(dir, name+".png"), png, 0o600)
	}
}

// until waits for a JavaScript expression to be true.
func until(expression string) step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		_, err := chromedp.Poll[bool](expression, chromedp.WithPollingTimeout(10*time.Second))(ctx, target)
		if err != nil {
			there, _ := chromedp.Evaluate[string](`document.body.innerText + " | " + [...document.querySelectorAll("textarea")].map((t) => t.value).join(" | ") + " | " + document.activeElement.outerHTML.slice(0, 200)`)(ctx, target)
			return chromedp.Void{}, fmt.Errorf("%s: %w; the page shows: %s", expression, err, there)
		}
		return chromedp.Void{}, nil
	}
}

// shows waits until a part of the page holds the text.
func shows(part, text string) step {
	return until(fmt.Sprintf("!!document.querySelector(%q)?.innerText.includes(%q)", part, text))
}

// focused waits until the element with the focus matches.
func focused(selector string) step {
	return until(fmt.Sprintf("document.activeElement.matches(%q)", selector))
}

func actAs(user string) step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		for _, s := range []step{
			chromedp.Click(".me"), chromedp.WaitVisible("#people"), chromedp.Click(fmt.Sprintf("[data-user=%q]", user)),
			until(fmt.Sprintf("document.body.dataset.ready === %q", user)),
		} {
			if _, err := s(ctx, target); err != nil {
				return chromedp.Void{}, err
			}
		}
		return chromedp.Void{}, nil
	}
}

// press types keys wherever the focus is, as a keyboard does: one event goes down with its character, so that a page that
// handles the key gets no character after it. (chromedp's own KeyEvent sends the two apart.)
func press(keys string) step {
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

// write types into the channel's composer.
func write(text string) step {
	return func(ctx context.Context, target *chromedp.Target) (chromedp.Void, error) {
		if _, err := chromedp.Focus("#channel-composer textarea")(ctx, target); err != nil {
			return chromedp.Void{}, err
		}
		return press(text)(ctx, target)
	}
}
