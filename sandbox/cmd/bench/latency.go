package main

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"time"

	"github.com/3astronautas/algesta/sandbox/control"
	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

const (
	rounds     = 9
	namespace  = "production"
	deployment = "ms-orders-production"
	roundTakes = 2 * time.Minute
)

// latency compares the bot with kubectl, one after the other in every round.
func (w *world) latency(ctx context.Context, r *results) error {
	var bot, kubectl, click, undo []float64
	var statusCalls, planCalls, runCalls float64
	for range rounds {
		ctx, cancel := context.WithTimeout(ctx, roundTakes)
		b, calls, err := w.status(ctx)
		if err == nil {
			statusCalls = float64(calls)
			bot = append(bot, b)
			var k float64
			k, err = w.kubectl(ctx, "rollout", "status", "deployment/"+deployment)
			kubectl = append(kubectl, k)
		}
		if err == nil {
			var c float64
			var plan, run int
			c, plan, run, err = w.approve(ctx)
			click, planCalls, runCalls = append(click, c), float64(plan), float64(run)
		}
		if err == nil {
			var u float64
			u, err = w.undo(ctx)
			undo = append(undo, u)
		}
		cancel()
		if err != nil {
			return err
		}
	}
	mb, mk, mc, mu := median(bot), median(kubectl), median(click), median(undo)
	r.add(
		figure{
			Key:   "status_vs_kubectl",
			What:  "status typed → card posted, against kubectl rollout status",
			Value: mb / mk,
			Goal:  0.25,
			Note:  fmt.Sprintf("%.0f ms against %.0f ms", 1000*mb, 1000*mk),
		},
		figure{
			Key:   "approve_vs_kubectl",
			What:  "last click → PATCH complete, against kubectl rollout undo",
			Value: mc / mu,
			Goal:  0.5,
			Note:  fmt.Sprintf("%.0f ms against %.0f ms", 1000*mc, 1000*mu),
		},
		figure{
			Key:   "api_calls",
			What:  "API calls of a rollback: plan, dry run, execution",
			Value: planCalls + runCalls,
			Free:  true,
			Note:  fmt.Sprintf("plan %.0f, run %.0f, status %.0f", planCalls, runCalls, statusCalls),
		},
	)
	return nil
}

// status types the command and waits for its card.
func (w *world) status(ctx context.Context) (seconds float64, calls int, err error) {
	seen := len(w.slack.Messages(channel))
	began := time.Now()
	if _, err := w.slack.Type(operator, channel, "/algesta status ms-orders production"); err != nil {
		return 0, 0, err
	}
	if err := w.slack.WaitFor(ctx, func() bool { return len(w.slack.Messages(channel)) > seen }); err != nil {
		return 0, 0, fmt.Errorf("waiting for the card of status: %w", err)
	}
	posted := w.slack.Messages(channel)[seen].At
	n, err := w.calls(ctx, began)
	return posted.Sub(began).Seconds(), n, err
}

// calls counts the bot's requests to the API server since then, without its watches.
func (w *world) calls(ctx context.Context, since time.Time) (n int, err error) {
	all, err := w.cluster.Requests(ctx, since, "")
	for _, q := range all {
		if isBot(q) && q.Verb != "watch" {
			n++
		}
	}
	return n, err
}

func isBot(q control.Request) bool { return strings.HasPrefix(q.UserAgent, "algesta/") }

func (w *world) kubectl(ctx context.Context, args ...string) (seconds float64, err error) {
	began := time.Now()
	args = append([]string{"--kubeconfig", w.cluster.Kubeconfig, "-n", namespace}, args...)
	cmd := exec.CommandContext(ctx, w.cluster.Kubectl, args...) //nolint:gosec // kubectl of our own
	if out, err := cmd.CombinedOutput(); err != nil {
		return 0, fmt.Errorf("kubectl %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return time.Since(began).Seconds(), nil
}

// approve asks for a rollback and clicks; it counts from the click to the end of the PATCH in the audit log, and waits for the end.
func (w *world) approve(ctx context.Context) (seconds float64, plan, run int, err error) {
	seen := len(w.slack.Messages(channel))
	asked := time.Now()
	if _, err := w.slack.Type(operator, channel, "/algesta rollback ms-orders production"); err != nil {
		return 0, 0, 0, err
	}
	if err := w.slack.WaitFor(ctx, func() bool { return len(w.slack.Messages(channel)) > seen }); err != nil {
		return 0, 0, 0, fmt.Errorf("waiting for the card of a rollback: %w", err)
	}
	card := w.slack.Messages(channel)[seen]
	m, err := w.slack.WaitReply(ctx, channel, card.TS, slackd.HasButton("approve"))
	if err != nil {
		return 0, 0, 0, fmt.Errorf("waiting for the plan: %w", err)
	}
	if plan, err = w.calls(ctx, asked); err != nil {
		return 0, 0, 0, err
	}
	clicked := time.Now()
	if _, err := w.slack.Click(approver, m, "approve"); err != nil {
		return 0, 0, 0, err
	}
	if _, err := w.slack.WaitReply(ctx, channel, card.TS, slackd.Says("is back on")); err != nil {
		return 0, 0, 0, fmt.Errorf("waiting for the end: %w", err)
	}
	patch, err := w.patched(ctx, clicked, true)
	if err != nil {
		return 0, 0, 0, err
	}
	all, err := w.cluster.Requests(ctx, clicked, "")
	for _, q := range all {
		if isBot(q) && q.Verb != "watch" && !q.Received.After(patch.Completed) {
			run++
		}
	}
	return patch.Completed.Sub(clicked).Seconds(), plan, run, err
}

// undo is the same by kubectl, from the start of its process to the same audit line, and waits for the rollout.
func (w *world) undo(ctx context.Context) (seconds float64, err error) {
	began := time.Now()
	if _, err := w.kubectl(ctx, "rollout", "undo", "deployment/"+deployment); err != nil {
		return 0, err
	}
	patch, err := w.patched(ctx, began, false)
	if err != nil {
		return 0, err
	}
	_, err = w.kubectl(ctx, "rollout", "status", "deployment/"+deployment)
	return patch.Completed.Sub(began).Seconds(), err
}

// patched is the write of the deployment since then, by the bot or by somebody else.
func (w *world) patched(ctx context.Context, since time.Time, byBot bool) (control.Request, error) {
	all, err := w.cluster.Writes(ctx, since, namespace, "deployments", deployment)
	if err != nil {
		return control.Request{}, err
	}
	for _, q := range all {
		if q.Verb == "patch" && q.Subresource == "" && isBot(q) == byBot && !q.DryRun {
			return q, nil
		}
	}
	return control.Request{}, fmt.Errorf("the audit log has no PATCH of %s", deployment)
}
