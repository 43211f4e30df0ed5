package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// Incidents are told after this, and are over after this; the figures are beyond it.
const toldAfter = 2 * time.Second

// faultRounds is how many faults each environment has: a channel gets one new card a minute.
const faultRounds = 3

// told are the channels of the environments, so that one's card doesn't wait for another's.
var told = map[string]string{"production": "C0INCIDENTS", "pruebas": "C0RANDOM", "development": "C0OPS"}

// webhooks are the load of alerts.
const (
	webhooksPerSecond = 200
	webhooksFor       = 10 * time.Second
)

// incidents measures how soon a fault is told, what an incident costs the API server, and how soon a webhook is stored.
func (w *world) incidents(ctx context.Context, r *results) error {
	token := filepath.Join(w.dir, "alerts")
	if err := os.WriteFile(token, []byte(strings.Repeat("bench", 8)), 0o600); err != nil {
		return fmt.Errorf("writing the token of the webhooks: %w", err)
	}
	before := w.cfg.Incidents
	defer func() { w.cfg.Incidents = before }()
	var routes strings.Builder
	for environment, to := range told {
		fmt.Fprintf(&routes, "\n    - {channel: %s, environments: [%s]}", to, environment)
		if err := w.slack.Invite(operator, to, slackd.Demo().Bot.User); err != nil {
			return fmt.Errorf("inviting the bot: %w", err)
		}
	}
	w.cfg.Incidents = fmt.Sprintf(
		"\n  wait: %s\n  settle: %s\n  alertmanager: {listen: \"127.0.0.1:0\", tokenFile: %s}\n  routes:%s",
		toldAfter, toldAfter, token, routes.String(),
	)
	w.bot.Kill()
	if err := w.start(ctx); err != nil {
		return err
	}
	return errors.Join(w.faults(ctx, r), w.webhooks(ctx, r), storms(ctx, r))
}

// faults breaks a Deployment in each environment at once, waits for its card, mends it and waits for the end, a minute apart.
func (w *world) faults(ctx context.Context, r *results) error {
	var took []float64
	calls := 0
	services := []string{"ms-orders", "ms-provider", "ms-notifications"}
	for round := range faultRounds {
		if round > 0 {
			if err := rest(ctx, time.Minute); err != nil { // the channels take the next card
				return err
			}
		}
		began := time.Now()
		var mu sync.Mutex
		breaking, within := errgroup.WithContext(ctx)
		for environment := range told {
			breaking.Go(func() error {
				seconds, err := w.fault(within, environment, services[round%len(services)])
				mu.Lock()
				defer mu.Unlock()
				took = append(took, seconds)
				return err
			})
		}
		if err := breaking.Wait(); err != nil {
			return err
		}
		n, err := w.calls(ctx, began)
		if err != nil {
			return err
		}
		calls += n
	}
	r.add(
		figure{
			Key:   "fault_to_card_p95_s",
			What:  fmt.Sprintf("a pod can't pull its image → card posted, beyond the wait of %s, of %d", toldAfter, len(took)),
			Value: percentile(took, 95), Unit: "s", Goal: 5, Note: fmt.Sprintf("median %.1f s", median(took)),
		},
		figure{
			Key: "calls_per_incident", What: "API calls while an incident begins, is told and ends, the watches not counted",
			Value: float64(calls) / float64(len(took)), Free: true,
		},
	)
	return nil
}

// fault gives a Deployment an image that isn't there, and counts from the moment at which its pod says so until the card.
func (w *world) fault(ctx context.Context, environment, service string) (seconds float64, err error) {
	ctx, cancel := context.WithTimeout(ctx, roundTakes)
	defer cancel()
	name := service + "-" + environment
	client := w.cluster.Client.AppsV1().Deployments(environment)
	d, err := client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return 0, fmt.Errorf("reading %s: %w", name, err)
	}
	image := d.Spec.Template.Spec.Containers[0].Image
	if err := w.setImage(ctx, d, image+"-notfound"); err != nil {
		return 0, err
	}
	var broken time.Time
	for broken.IsZero() {
		of := metav1.ListOptions{LabelSelector: "app=" + service, ResourceVersion: "0"}
		pods, err := w.cluster.Client.CoreV1().Pods(environment).List(ctx, of)
		if err != nil {
			return 0, fmt.Errorf("waiting for the fault of %s: %w", name, err)
		}
		for i := range pods.Items {
			for _, c := range pods.Items[i].Status.ContainerStatuses {
				if c.State.Waiting != nil && strings.Contains(c.State.Waiting.Reason, "Image") {
					broken = time.Now()
				}
			}
		}
		if err := rest(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
	card, err := w.slack.WaitMessage(ctx, told[environment], func(m slackd.Message) bool {
		return !m.At.Before(broken) && m.ThreadTS == "" && strings.Contains(m.Plain(), service+" in "+environment)
	})
	if err != nil {
		return 0, fmt.Errorf("waiting for the card of %s: %w", name, err)
	}
	if err := w.setImage(ctx, d, image); err != nil {
		return 0, err
	}
	err = w.slack.WaitFor(ctx, func() bool {
		now, _ := w.slack.Message(told[environment], card.TS)
		return strings.Contains(now.Plain(), "is healthy again")
	})
	if err != nil {
		return 0, fmt.Errorf("waiting for the end of %s: %w", name, err)
	}
	return card.At.Sub(broken).Seconds() - toldAfter.Seconds(), nil
}

func (w *world) setImage(ctx context.Context, d *appsv1.Deployment, image string) error {
	container := d.Spec.Template.Spec.Containers[0].Name
	patch := fmt.Sprintf(`{"spec":{"template":{"spec":{"containers":[{"name":%q,"image":%q}]}}}}`, container, image)
	_, err := w.cluster.Client.AppsV1().Deployments(d.Namespace).Patch(
		ctx, d.Name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{FieldManager: "bench"},
	)
	if err != nil {
		return fmt.Errorf("changing the image of %s: %w", d.Name, err)
	}
	return nil
}

// webhooks sends alerts at a rate. An answer of 200 says that they are stored.
func (w *world) webhooks(ctx context.Context, r *results) error {
	total := int(webhooksFor.Seconds() * webhooksPerSecond)
	type end struct {
		took   float64
		status int
		err    error
	}
	ends := make(chan end, total)
	tick := time.NewTicker(time.Second / webhooksPerSecond)
	defer tick.Stop()
	for i := range total {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
		go func() {
			began := time.Now()
			status, err := w.alert(ctx, i)
			ends <- end{time.Since(began).Seconds(), status, err}
		}()
	}
	var took []float64
	refused := 0
	for range total {
		e := <-ends
		if e.err != nil || e.status != http.StatusOK {
			refused++
			continue
		}
		took = append(took, e.took)
	}
	r.add(
		figure{
			Key: "webhook_p99_ms", What: fmt.Sprintf("webhook sent → stored, %d/s for %s, 99th percentile", webhooksPerSecond, webhooksFor),
			Value: 1000 * percentile(took, 99), Unit: "ms", Goal: 50, Note: fmt.Sprintf("median %.1f ms", 1000*median(took)),
		},
		figure{Key: "webhook_refused", What: "of them not stored", Value: float64(refused), Goal: 0},
	)
	return nil
}

// alert sends one that is over already, so that nobody is told of it.
func (w *world) alert(ctx context.Context, n int) (status int, err error) {
	at := time.Now().UTC().Format(time.RFC3339)
	body, err := json.Marshal(map[string]any{
		"version": "4", "status": "resolved", "alerts": []any{map[string]any{
			"status": "resolved", "fingerprint": fmt.Sprintf("%016x", n), "startsAt": at, "endsAt": at,
			"labels":      map[string]any{"alertname": "Bench", "namespace": namespace, "deployment": deployment},
			"annotations": map[string]any{"summary": "It's slow."},
		}},
	})
	if err != nil {
		return 0, fmt.Errorf("writing an alert: %w", err)
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.bot.Alerts(), bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("sending an alert: %w", err)
	}
	req.Header.Set("Authorization", "Bearer "+strings.Repeat("bench", 8))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, fmt.Errorf("sending an alert: %w", err)
	}
	return resp.StatusCode, resp.Body.Close()
}

// storms takes the figures of simulated time from the tests that hold them: a storm of alerts, and a week of a pod that comes and goes.
func storms(ctx context.Context, r *results) error {
	out, err := exec.CommandContext(
		ctx, "go", "test", "-count=1", "-v", "-run",
		"^(TestAStormOfAlertsIsOneCardForEachCauseAndLosesNone|TestAPodThatComesAndGoesForAWeekIsToldLittle)$", "./incidents",
	).CombinedOutput()
	if err != nil {
		return fmt.Errorf("running the simulations of incidents: %w: %s", err, out)
	}
	for _, f := range []figure{
		{Key: "storm_cards_per_cause", What: "10,000 alerts of 50 causes within a minute: cards for each cause", Goal: 1},
		{Key: "storm_messages_per_cause", What: "the same: messages for each cause, cards included", Goal: 3},
		{Key: "storm_lost", What: "the same: alerts that aren't stored, and causes that nobody was told", Goal: 0},
		{Key: "week_messages", What: "a pod that comes and goes for a simulated week: messages, the most of seven rhythms", Goal: 12},
	} {
		found := regexp.MustCompile(`=== ATTR +\S+ `+f.Key+` (\S+)`).FindAllSubmatch(out, -1)
		if len(found) == 0 {
			return fmt.Errorf("the simulations don't say %s:\n%s", f.Key, out)
		}
		for _, m := range found {
			v, err := strconv.ParseFloat(string(m[1]), 64)
			if err != nil {
				return fmt.Errorf("reading %s: %w", f.Key, err)
			}
			f.Value = max(f.Value, v)
		}
		r.add(f)
	}
	return nil
}
