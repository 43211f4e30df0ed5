package main

import (
	"context"
	"fmt"
	"time"

	slackd "github.com/3astronautas/algesta/sandbox/slack"
)

// The load: 200 commands a second for 30 seconds.
const (
	perSecond = 200
	loadFor   = 30 * time.Second
	answersIn = 10 * time.Minute
)

// acks measures the acknowledgement under load and counts the answers, once in peace and once with a kill -9 in the middle.
func (w *world) acks(ctx context.Context, r *results) error {
	calm, err := w.load(ctx, false)
	if err != nil {
		return err
	}
	r.add(
		figure{Key: "ack_p50_ms", What: "envelope sent → acknowledged, 200/s for 30 s, median", Value: ms(calm.ack.P50), Unit: "ms", Goal: 25},
		figure{Key: "ack_p99_ms", What: "the same, 99th percentile", Value: ms(calm.ack.P99), Unit: "ms", Goal: 25},
		figure{Key: "lost", What: "acknowledged without exactly one answer", Value: float64(calm.lost()), Goal: 0, Note: calm.String()},
		figure{Key: "drain_s", What: "last command → last answer", Value: calm.drain.Seconds(), Unit: "s", Free: true},
	)
	killed, err := w.load(ctx, true)
	if err != nil {
		return err
	}
	r.add(
		figure{Key: "lost_kill9", What: "the same with a kill -9 in the middle", Value: float64(killed.lost()), Goal: 0, Note: killed.String()},
		figure{Key: "drain_kill9_s", What: "the same: last command → last answer", Value: killed.drain.Seconds(), Unit: "s", Free: true},
	)
	return nil
}

// answers is what became of the commands of one load.
type answers struct {
	ack               slackd.Latency
	acked, none, more int
	drain             time.Duration
}

func (a answers) lost() int { return a.none + a.more }

func (a answers) String() string {
	return fmt.Sprintf("%d sent, %d acknowledged, %d without an answer, %d with two", a.ack.Sent, a.acked, a.none, a.more)
}

func (w *world) load(ctx context.Context, kill bool) (answers, error) {
	began := time.Now()
	before := w.perPerson()
	acked := map[string]int{}
	tick := time.NewTicker(time.Second / perSecond)
	defer tick.Stop()
	restarted := make(chan error, 1)
	total := int(loadFor.Seconds() * perSecond)
	for i := range total {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return answers{}, ctx.Err()
		}
		if kill && i == total/2 {
			w.bot.Kill()
			go func() { restarted <- w.start(ctx) }()
		}
		// Nobody is connected for a moment after the kill: Slack tells the person, and nothing was acknowledged.
		_, _ = w.slack.Type(person(i), channel, "/algesta help")
	}
	if kill {
		if err := <-restarted; err != nil {
			return answers{}, err
		}
	}
	last := time.Now()
	for _, d := range w.slack.Deliveries() {
		if d.SentAt.After(began) && d.Acked() {
			user, _ := d.Payload["user_id"].(string)
			acked[user]++
		}
	}
	ctx, cancel := context.WithTimeout(ctx, answersIn)
	defer cancel()
	done := func() bool {
		now := w.perPerson()
		for user, n := range acked {
			if now[user]-before[user] < n {
				return false
			}
		}
		return true
	}
	for !done() {
		wait := time.NewTimer(200 * time.Millisecond)
		select {
		case <-wait.C:
		case <-ctx.Done():
			wait.Stop()
			return w.judge(began, before, acked, time.Since(last)), nil
		}
	}
	drain := time.Since(last)
	// An answer that comes twice comes soon after: give it the time.
	settle := time.NewTimer(5 * time.Second)
	defer settle.Stop()
	<-settle.C
	return w.judge(began, before, acked, drain), nil
}

func (w *world) judge(began time.Time, before, acked map[string]int, drain time.Duration) answers {
	a := answers{ack: w.slack.AckLatency(began), drain: drain}
	now := w.perPerson()
	for user, n := range acked {
		got := now[user] - before[user]
		a.acked += n
		a.none += max(0, n-got)
		a.more += max(0, got-n)
	}
	return a
}

func person(i int) string { return fmt.Sprintf("U1%06d", i%users) }

// perPerson counts the answers that everybody has seen so far. What Slack itself said does not count.
func (w *world) perPerson() map[string]int {
	out := map[string]int{}
	for i := range users {
		for _, m := range w.slack.Ephemerals(person(i)) {
			if !m.System {
				out[person(i)]++
			}
		}
	}
	return out
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
