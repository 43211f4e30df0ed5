package main

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/3astronautas/algesta/incidents"
	"github.com/3astronautas/algesta/slack"
)

// scrapeTimeout bounds what a scrape asks the store.
const scrapeTimeout = 2 * time.Second

// figures are what /metrics shows, read at every scrape, until ctx ends.
func (r *rooms) figures(ctx context.Context, transport *slack.Slack) *prometheus.Registry {
	outbox := func() (time.Duration, int) {
		ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
		defer cancel()
		age, waiting, err := r.store.OutboxLag(ctx)
		if err != nil {
			return 0, -1 // below zero: could not be read
		}
		return age, waiting
	}
	registry := newRegistry(map[string]func() float64{
		"algesta_slack_sockets":          func() float64 { return float64(transport.Stats().Connected) },
		"algesta_slack_other_sockets":    func() float64 { return float64(transport.Stats().Others) },
		"algesta_slack_reconnects_total": func() float64 { return float64(transport.Stats().Reconnects) },
		"algesta_slack_bad_envelopes":    func() float64 { return float64(transport.Stats().Bad) },
		"algesta_outbox_waiting":         func() float64 { _, n := outbox(); return float64(n) },
		"algesta_outbox_lag_seconds":     func() float64 { age, _ := outbox(); return age.Seconds() },
		"algesta_messages_lost":          func() float64 { return float64(r.lost(ctx)) },
		"algesta_panics_total":           func() float64 { return float64(r.panics.Total()) },
		"algesta_incidents_open":         func() float64 { return float64(r.incidents.Stats().Open) },
		"algesta_incidents_waiting":      func() float64 { return float64(r.incidents.Stats().Held) },
		"algesta_incidents_silent":       func() float64 { return float64(r.incidents.Stats().Silent) },
		"algesta_incidents_healed_total": func() float64 { return float64(r.incidents.Stats().Healed) },
		"algesta_incidents_errors_total": func() float64 { return float64(r.incidents.Stats().Failed) },
		"algesta_alerts_accepted_total":  func() float64 { return float64(r.received().Accepted) },
		"algesta_alerts_denied_total":    func() float64 { return float64(r.received().Denied) },
		"algesta_alerts_refused_total":   func() float64 { return float64(r.received().Refused) },
		"algesta_alerts_unplaced_total":  func() float64 { return float64(r.received().Unplaced) },
		"algesta_requests_open": func() float64 {
			ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
			defer cancel()
			open, err := r.store.Alive(ctx)
			if err != nil {
				return -1
			}
			return float64(len(open))
		},
	})
	registry.MustRegister(clusterFigures{states: r.rawStates, now: time.Now})
	return registry
}

// received are the figures of the receiver of alerts; all 0 where there is none.
func (r *rooms) received() incidents.ReceiverStats {
	if r.receiver == nil {
		return incidents.ReceiverStats{}
	}
	return r.receiver.Stats()
}

// lostWithin is how long a message that could not be delivered is counted.
const lostWithin = 24 * time.Hour

// lost counts the messages of the last day that could not be delivered; below zero it could not be read.
func (r *rooms) lost(ctx context.Context) int {
	ctx, cancel := context.WithTimeout(ctx, scrapeTimeout)
	defer cancel()
	n, err := r.store.Lost(ctx, time.Now().Add(-lostWithin))
	if err != nil {
		return -1
	}
	return n
}
