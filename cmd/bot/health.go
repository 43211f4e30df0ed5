package main

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.uber.org/zap"
)

// probeTimeout bounds one health check: a writer that is stuck for that long is stuck.
const probeTimeout = 5 * time.Second

const (
	// checkEvery is how often the store is asked whether it can write. A probe reads what that said and asks nothing itself, so that
	// nobody who reaches the port makes the bot write.
	checkEvery = 10 * time.Second
	// checkAge is the age at which an answer says nothing any more: the checker is stuck.
	checkAge = 3 * checkEvery
)

// bounds are those of one connection to the port.
type bounds struct {
	header, read, write, idle time.Duration
	headerBytes               int
}

// probeBounds fit what is asked, which is short, and what is answered: only /metrics is long.
var probeBounds = bounds{header: probeTimeout, read: 10 * time.Second, write: 30 * time.Second, idle: time.Minute, headerBytes: 8 << 10}

var (
	errNotChecked = errors.New("the store has not been asked lately")
	errNoSocket   = errors.New("no connection to Slack")
)

// health answers the probes. A cluster or a Slack that is away must not restart the bot, so /healthz asks only whether
// the store can write; /readyz wants a socket as well (design.md, decision 20).
type health struct {
	writable func(context.Context) error
	sockets  func() (here, elsewhere int) // that have said hello, and those of other processes with the same app token
	clusters func() map[string]clusterHealth
	lost     func(context.Context) int // messages of the last day that could not be delivered
	// unapproved are the approvals of the policy that nobody can give, because the workspace has no user groups.
	unapproved func() []string
	registry   *prometheus.Registry
	bounds     bounds
	log        *zap.Logger
}

// newRegistry has the process's own figures and the functions given, which are read at every scrape.
func newRegistry(gauges map[string]func() float64) *prometheus.Registry {
	r := prometheus.NewRegistry()
	r.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	help := map[string]string{
		"algesta_slack_sockets": "Socket Mode connections that have said hello.",
		"algesta_slack_other_sockets": "Socket Mode connections of other processes with the same app token, which take a part of the " +
			"commands. Should be 0.",
		"algesta_slack_reconnects_total": "Times that a socket was opened again.",
		"algesta_slack_bad_envelopes":    "Envelopes that could not be read.",
		"algesta_outbox_waiting":         "Messages that wait to be sent.",
		"algesta_outbox_lag_seconds":     "Age of the oldest message that waits.",
		"algesta_messages_lost":          "Messages of the last day that could not be delivered; -1 where that could not be read.",
		"algesta_panics_total":           "Panics that ended one piece of work and not the bot. Each is in the log with its stack.",
		"algesta_requests_open":          "Requests that have not ended.",
		"algesta_incidents_open":         "Incidents that are not over.",
		"algesta_incidents_waiting":      "Causes that wait for the next card of their channel.",
		"algesta_incidents_healed_total": "What was over before anybody was told.",
		"algesta_incidents_errors_total": "Looks and messages of incidents that ended with an error.",
		"algesta_alerts_accepted_total":  "Alerts of an Alertmanager that were stored.",
		"algesta_alerts_denied_total":    "Webhooks with no or a wrong token.",
		"algesta_alerts_refused_total":   "Webhooks that could not be read, or not be stored.",
		"algesta_alerts_unplaced_total":  "Alerts that name no object of a namespace, so that nobody is told of them.",
	}
	for name, read := range gauges {
		r.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help[name]}, read))
	}
	return r
}

// serve answers until ctx ends. The listener is made by the caller, so that its address is known.
func (h health) serve(ctx context.Context, l net.Listener) error {
	check := &storeCheck{}
	check.check(ctx, h.writable) // so that the first probe finds an answer
	var checking sync.WaitGroup
	defer checking.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	checking.Go(func() { check.keep(ctx, h.writable) })
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { h.answer(w, check.last(), nil) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) { h.ready(w, r, check) })
	mux.Handle("GET /metrics", promhttp.HandlerFor(h.registry, promhttp.HandlerOpts{}))
	// Without ErrorLog a panic would go to stderr with its stack, past the redaction.
	srv := &http.Server{
		Handler: mux, ErrorLog: zap.NewStdLog(h.log), ReadHeaderTimeout: h.bounds.header, ReadTimeout: h.bounds.read,
		WriteTimeout: h.bounds.write, IdleTimeout: h.bounds.idle, MaxHeaderBytes: h.bounds.headerBytes,
	}
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

// ready answers /readyz: to strangers whether the bot works, and to the bot's own machine or pod what is there.
func (h health) ready(w http.ResponseWriter, r *http.Request, check *storeCheck) {
	ctx, cancel := context.WithTimeout(r.Context(), probeTimeout)
	defer cancel()
	sockets, others := h.sockets()
	err := check.last()
	if err == nil && sockets == 0 {
		err = errNoSocket
	}
	lost := h.lost(ctx) // a red mark, but no reason to restart the bot or to send it nothing
	if !local(r) {
		h.answer(w, err, map[string]any{"messages": map[string]any{"ok": lost == 0}})
		return
	}
	unapproved := h.unapproved()
	h.answer(w, err, map[string]any{
		"sockets": sockets, "otherSockets": others, "clusters": h.clusters(),
		"messages":  map[string]any{"ok": lost == 0, "lost": lost},
		"approvals": map[string]any{"ok": len(unapproved) == 0, "nobodyCanGive": unapproved},
	})
}

func (h health) answer(w http.ResponseWriter, err error, more map[string]any) {
	body := map[string]any{"ok": err == nil}
	maps.Copy(body, more)
	status := http.StatusOK
	if err != nil {
		status = http.StatusServiceUnavailable
		h.log.Debug("not healthy", zap.Error(err)) // the prober alerts people
		body["why"] = "the store does not take a write"
		if errors.Is(err, errNoSocket) || errors.Is(err, errNotChecked) {
			body["why"] = err.Error()
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(body); err != nil {
		h.log.Debug("answering a probe", zap.Error(err))
	}
}

// storeCheck is what the store last said.
type storeCheck struct {
	mu  sync.Mutex
	err error
	at  time.Time
}

// keep asks again and again, until ctx ends.
func (s *storeCheck) keep(ctx context.Context, writable func(context.Context) error) {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.check(ctx, writable)
		}
	}
}

func (s *storeCheck) check(ctx context.Context, writable func(context.Context) error) {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	err := writable(ctx)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err, s.at = err, time.Now()
}

// last is the latest answer, or errNotChecked where that is long ago.
func (s *storeCheck) last() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if time.Since(s.at) > checkAge {
		return errNotChecked
	}
	return s.err
}

// plainHeaders are what curl, kubectl port-forward and a browser send; those of a browser that begin with Sec- as well.
var plainHeaders = []string{
	"Accept", "Accept-Encoding", "Accept-Language", "Cache-Control", "Connection", "Content-Length", "Cookie", "Dnt", "If-None-Match",
	"Pragma", "Priority", "Upgrade-Insecure-Requests", "User-Agent",
}

// local reports whether somebody in the bot's own machine or pod asks, as through kubectl port-forward or exec. The address is the
// connection's own, never a header's, and 127.0.0.6 does not count: a service mesh brings strangers from there. Other proxies in the pod
// come from 127.0.0.1, so what was asked of another host than this one, or has a header that a person's own client doesn't send
// (X-Forwarded-For, Via, X-Envoy-…, L5d-…, a trace's), came through one of them.
func local(r *http.Request) bool {
	from, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil || !ownAddress(from.Addr()) {
		return false
	}
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	if at, err := netip.ParseAddr(strings.Trim(host, "[]")); host != "localhost" && (err != nil || !ownAddress(at)) {
		return false
	}
	for name := range r.Header {
		if !slices.Contains(plainHeaders, name) && !strings.HasPrefix(name, "Sec-") {
			return false
		}
	}
	return true
}

func ownAddress(a netip.Addr) bool {
	a = a.Unmap()
	return a == netip.AddrFrom4([4]byte{127, 0, 0, 1}) || a == netip.IPv6Loopback()
}
