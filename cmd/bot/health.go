package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// probeTimeout bounds one health check: a writer that is stuck for that long is stuck.
const probeTimeout = 5 * time.Second

var errNoSocket = errors.New("no connection to Slack")

// health answers the probes. A cluster or a Slack that is away must not restart the bot, so /healthz asks only whether
// the store can write; /readyz wants a socket as well (design.md, decision 20).
type health struct {
	writable func(context.Context) error
	sockets  func() (here, elsewhere int) // that have said hello, and those of other processes with the same app token
	clusters func() map[string]bool
	lost     func(context.Context) int // messages of the last day that could not be delivered
	registry *prometheus.Registry
	log      *zap.Logger
}

// newRegistry has the process's own figures and the functions given, which are read at every scrape.
func newRegistry(gauges map[string]func() float64) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	help := map[string]string{
		"algesta_slack_sockets":          "Socket Mode connections that have said hello.",
		"algesta_slack_other_sockets":    "Socket Mode connections of other processes with the same app token, which take a part of the commands. Should be 0.",
		"algesta_slack_reconnects_total": "Times that a socket was opened again.",
		"algesta_slack_bad_envelopes":    "Envelopes that could not be read.",
		"algesta_outbox_waiting":         "Messages that wait to be sent.",
		"algesta_outbox_lag_seconds":     "Age of the oldest message that waits.",
		"algesta_messages_lost":          "Messages of the last day that could not be delivered; -1 where that could not be read.",
		"algesta_panics_total":           "Panics that ended one piece of work and not the bot. Each is in the log with its stack.",
		"algesta_requests_open":          "Requests that have not ended.",
	}
	for name, read := range gauges {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help[name]}, read))
	}
	return r
}

// serve answers until ctx ends. The listener is made by the caller, so that its address is known.
func (h health) serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		h.answer(w, h.writable(ctx), nil)
	})
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
		defer cancel()
		sockets, others := h.sockets()
		err := h.writable(ctx)
		if err == nil && sockets == 0 {
			err = errNoSocket
		}
		lost := h.lost(ctx) // a red mark, but no reason to restart the bot or to send it nothing
		h.answer(w, err, map[string]any{
			"sockets": sockets, "otherSockets": others, "clusters": h.clusters(),
			"messages": map[string]any{"ok": lost == 0, "lost": lost},
		})
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{}))
	// Without ErrorLog a panic would go to stderr with its stack, past the redaction.
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: probeTimeout, ErrorLog: zap.NewStdLog(h.log)}
	stopped := context.AfterFunc(ctx, func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), probeTimeout)
		defer cancel()
		if err := srv.Shutdown(ctx); err != nil {
			h.log.Warn("stopping the health server", zap.Error(err))
		}
	})
	defer stopped()
	if err := srv.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (h health) answer(w http.ResponseWriter, err error, more map[string]any) {
	body := map[string]any{"ok": err == nil}
	maps.Copy(body, more)
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
		h.log.Debug("not healthy", zap.Error(err)) // whoever probes tells people
		body["why"] = "the store does not take a write"
		if errors.Is(err, errNoSocket) {
			body["why"] = errNoSocket.Error()
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		h.log.Debug("answering a probe", zap.Error(err))
	}
}
