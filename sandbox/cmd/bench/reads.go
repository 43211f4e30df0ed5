package main

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// read is a command that only looks, and the kubectl command that people leave for it.
type read struct {
	typed   string
	kubectl []string
}

// readsOf are those that the manual's readers use most; name is a Deployment, service what people call it.
func readsOf(service, name string) []read {
	return []read{
		{"deployments production", []string{"get", "deployments"}},
		{"pods production", []string{"get", "pods", "-o", "wide"}},
		{"pods " + service + " production", []string{"get", "pods", "-l", "app=" + service}},
		{"describe " + service + " production", []string{"describe", "deployment", name}},
		{"history " + service + " production", []string{"rollout", "history", "deployment/" + name}},
		{"logs " + service + " production", []string{"logs", "deployment/" + name, "--tail=100"}},
		{"events production", []string{"get", "events"}},
		{"services production", []string{"get", "services"}},
		{"endpoints " + service + " production", []string{"get", "endpointslices", "-l", "kubernetes.io/service-name=" + name}},
		{"ingress production", []string{"describe", "ingress"}},
		{"hpa production", []string{"describe", "hpa"}},
		{"quota production", []string{"describe", "resourcequota"}},
		{"top pods production", []string{"top", "pods"}},
		{"nodes production", []string{"get", "nodes", "-o", "wide"}},
		{"namespaces production", []string{"get", "namespaces"}},
	}
}

const (
	readRounds = 3
	// postsApart is what the local Slack, as the real one, lets an app take for the two messages of an answer.
	postsApart = 2100 * time.Millisecond
)

// reads measures each command that only looks against its kubectl command, in turns, and counts its calls.
func (w *world) reads(ctx context.Context, r *results) error {
	var worst float64
	which := ""
	for _, pair := range readsOf("api-gateway", "api-gateway-production") {
		var bot, peer []float64
		calls := 0
		for range readRounds {
			took, n, err := w.answered(ctx, pair.typed)
			if err != nil {
				return err
			}
			k, err := w.kubectl(ctx, pair.kubectl...)
			if err != nil {
				return err
			}
			bot, peer, calls = append(bot, took), append(peer, k), n
			if err := rest(ctx, postsApart); err != nil {
				return err
			}
		}
		b, k := median(bot), median(peer)
		if b/k > worst {
			worst, which = b/k, pair.typed
		}
		r.add(figure{
			Key: "read_" + strings.ReplaceAll(strings.TrimSuffix(pair.typed, " production"), " ", "_"), What: pair.typed + ", against kubectl " +
				strings.Join(pair.kubectl[:min(2, len(pair.kubectl))], " "),
			Value: b / k, Goal: 0.3, Note: fmt.Sprintf("%.0f ms against %.0f ms, %d API calls", 1000*b, 1000*k, calls),
		})
	}
	r.add(figure{Key: "read_worst_vs_kubectl", What: "the slowest of them", Value: worst, Goal: 0.3, Note: which})
	return nil
}

// answered types a command and waits for its whole answer: the card and what stands below it.
func (w *world) answered(ctx context.Context, typed string) (seconds float64, calls int, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTakes)
	defer cancel()
	seen := len(w.slack.Messages(channel))
	began := time.Now()
	if _, err := w.slack.Type(operator, channel, "/algesta "+typed); err != nil {
		return 0, 0, err
	}
	if err := w.slack.WaitFor(ctx, func() bool { return len(w.slack.Messages(channel)) > seen }); err != nil {
		return 0, 0, fmt.Errorf("waiting for the card of %s: %w", typed, err)
	}
	card := w.slack.Messages(channel)[seen]
	answer, err := w.slack.WaitReply(ctx, channel, card.TS, func(slackd.Message) bool { return true })
	if err != nil {
		return 0, 0, fmt.Errorf("waiting for the answer to %s: %w", typed, err)
	}
	calls, err = w.calls(ctx, began)
	return answer.At.Sub(began).Seconds(), calls, err
}

const formRounds = 40

// forms measures how long somebody who types the command alone waits for the form, from the trigger on.
func (w *world) forms(ctx context.Context, r *results) error {
	var took []float64
	for range formRounds {
		began := time.Now()
		if _, err := w.slack.Type(operator, channel, "/algesta"); err != nil {
			return err
		}
		within, cancel := context.WithTimeout(ctx, roundTakes)
		err := w.slack.WaitFor(within, func() bool { return filled(w.slack.Views(operator)) })
		cancel()
		if err != nil {
			return fmt.Errorf("waiting for the form: %w", err)
		}
		took = append(took, time.Since(began).Seconds())
		if err := w.slack.CloseView(operator, w.slack.Views(operator)[0].ID); err != nil {
			return fmt.Errorf("closing the form: %w", err)
		}
		if err := rest(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
	r.add(figure{
		Key: "form_open_p95_ms", What: fmt.Sprintf("/algesta typed → the form is there, 95th percentile of %d", formRounds),
		Value: 1000 * percentile(took, 95), Unit: "ms", Goal: 500,
	})
	return nil
}

// filled reports whether a modal is open that is more than the one that says to wait.
func filled(views []slackd.View) bool {
	return len(views) > 0 && slices.ContainsFunc(views[len(views)-1].Blocks, func(b slackd.Block) bool { return b["type"] == "input" })
}

// percentile is the value that p of a hundred are not above; it sorts them.
func percentile(values []float64, p int) float64 {
	if len(values) == 0 {
		return 0
	}
	slices.Sort(values)
	return values[min(len(values)-1, (len(values)*p+99)/100-1)]
}
