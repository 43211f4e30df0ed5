package slackd

import (
	"encoding/json"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

// Facts of Socket Mode (docs.slack.dev/apis/events-api/using-socket-mode).
const (
	maxSockets    = 10
	maxFrame      = 20 * 1024 // a longer frame from the app closes the socket with 1009
	ticketLife    = 30 * time.Second
	pingEvery     = 5 * time.Second // slack-go gives up after 30 s without one
	debugLife     = 360 * time.Second
	writeDeadline = 5 * time.Second
	typicalLife   = 18060 * time.Second // approximate_connection_time where nothing else was asked for
)

// socket is one open Socket Mode connection.
type socket struct {
	id       int
	conn     *websocket.Conn
	writing  sync.Mutex
	draining bool // no new envelopes; the Server's mu guards it
	gone     chan struct{}
	once     sync.Once
}

func (k *socket) write(v any) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	return k.writeLocked(v)
}

// writeLocked is write for who holds writing.
func (k *socket) writeLocked(v any) error {
	if err := k.conn.SetWriteDeadline(time.Now().Add(writeDeadline)); err != nil {
		return err
	}
	return k.conn.WriteJSON(v)
}

func (k *socket) hangUp() {
	k.once.Do(func() {
		close(k.gone)
		_ = k.conn.Close()
	})
}

// connectionsOpen gives a single-use address for one socket. The caller holds mu.
func (s *Server) connectionsOpen(args) (object, error) {
	ticket := randomID()
	s.tickets[ticket] = time.Now().Add(ticketLife)
	return object{"url": "ws" + strings.TrimPrefix(s.base, "http") + "/link/?ticket=" + ticket + "&app_id=" + s.ws.Bot.App}, nil
}

func (s *Server) serveSocket(w http.ResponseWriter, r *http.Request) {
	ticket := r.URL.Query().Get("ticket")
	s.mu.Lock()
	until, ok := s.tickets[ticket]
	delete(s.tickets, ticket)
	s.mu.Unlock()
	if !ok || time.Now().After(until) {
		http.Error(w, "invalid ticket", http.StatusForbidden)
		return
	}
	upgrader := websocket.Upgrader{CheckOrigin: func(*http.Request) bool { return true }} // slack-go says https://api.slack.com
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // Upgrade has answered
	}
	life := s.opts.SocketLife
	if r.URL.Query().Get("debug_reconnects") == "true" {
		life = debugLife
	}
	k := &socket{conn: conn, gone: make(chan struct{})}
	s.mu.Lock()
	running := s.spawn(func() { s.runSocket(k, life) })
	s.mu.Unlock()
	if !running {
		k.hangUp()
	}
}

func (s *Server) runSocket(k *socket, life time.Duration) {
	defer k.hangUp()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	if len(s.sockets) >= s.opts.MaxSockets {
		s.mu.Unlock()
		_ = k.write(disconnect("too_many_websockets"))
		return
	}
	s.nextSocket++
	k.id = s.nextSocket
	n := len(s.sockets) + 1
	approximate := typicalLife
	if life > 0 {
		approximate = life
	}
	// The app may act on the hello at once, so from then on the socket must be one that envelopes are given to; and none
	// may overtake the hello. Both hold when the socket is listed while its writing is kept.
	k.writing.Lock()
	s.sockets = append(s.sockets, k)
	s.touch()
	s.mu.Unlock()
	defer s.forget(k)
	err := k.writeLocked(object{
		"type": "hello", "num_connections": n, "connection_info": object{"app_id": s.ws.Bot.App},
		"debug_info": object{"host": "applink-sandbox", "build_number": 1, "approximate_connection_time": int(approximate.Seconds())},
	})
	k.writing.Unlock()
	if err != nil {
		return
	}
	s.work.Go(func() { s.keepAlive(k, life) })
	s.readAcks(k)
}

func (s *Server) forget(k *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sockets = slices.DeleteFunc(slices.Clone(s.sockets), func(o *socket) bool { return o == k })
	s.touch()
}

func disconnect(reason string) object {
	return object{"type": "disconnect", "reason": reason, "debug_info": object{"host": "applink-sandbox"}}
}

// keepAlive pings, and refreshes the socket at the end of its life.
func (s *Server) keepAlive(k *socket, life time.Duration) {
	ping := time.NewTicker(pingEvery)
	defer ping.Stop()
	var warn, end <-chan time.Time
	if life > 0 {
		w, e := time.NewTimer(max(0, life-s.opts.RefreshWarning)), time.NewTimer(life)
		defer w.Stop()
		defer e.Stop()
		warn, end = w.C, e.C
	}
	for {
		select {
		case <-k.gone:
			return
		case <-ping.C:
			if k.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeDeadline)) != nil {
				k.hangUp()
			}
		case <-warn:
			_ = k.write(disconnect("warning"))
		case <-end:
			s.retire(k, "refresh_requested")
		}
	}
}

// retire tells a socket to go and gives it no more envelopes.
func (s *Server) retire(k *socket, reason string) {
	s.mu.Lock()
	k.draining = true
	s.mu.Unlock()
	if k.write(disconnect(reason)) != nil {
		k.hangUp()
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spawn(func() {
		patience := time.NewTimer(s.opts.RefreshWarning)
		defer patience.Stop()
		select {
		case <-k.gone:
		case <-patience.C:
			k.hangUp()
		}
	})
}

// readAcks reads what the app says until the socket ends.
func (s *Server) readAcks(k *socket) {
	for {
		_, frame, err := k.conn.NextReader()
		if err != nil {
			return
		}
		raw, err := io.ReadAll(io.LimitReader(frame, maxFrame+1))
		if err != nil {
			return
		}
		if len(raw) > maxFrame {
			why := websocket.FormatCloseMessage(websocket.CloseMessageTooBig, "Max frame length of 20480 has been exceeded")
			_ = k.conn.WriteControl(websocket.CloseMessage, why, time.Now().Add(writeDeadline))
			return
		}
		var ack struct {
			EnvelopeID string          `json:"envelope_id"`
			Payload    json.RawMessage `json:"payload"`
		}
		if json.Unmarshal(raw, &ack) == nil && ack.EnvelopeID != "" {
			s.acknowledge(k, ack.EnvelopeID, ack.Payload, time.Now())
		}
	}
}

// Sockets says how many Socket Mode connections have said hello and take envelopes.
func (s *Server) Sockets() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, k := range s.sockets {
		if !k.draining {
			n++
		}
	}
	return n
}

// DropSockets cuts every connection without a word, as a broken network does. It returns how many there were.
func (s *Server) DropSockets() int {
	s.mu.Lock()
	sockets := s.sockets
	s.mu.Unlock()
	for _, k := range sockets {
		k.hangUp()
	}
	return len(sockets)
}

// Disconnect sends every socket a disconnect frame: warning, refresh_requested, link_disabled or too_many_websockets.
// After anything but a warning a socket gets no more envelopes and is cut if the app does not close it.
func (s *Server) Disconnect(reason string) {
	s.mu.Lock()
	sockets := s.sockets
	s.mu.Unlock()
	for _, k := range sockets {
		if reason == "warning" {
			_ = k.write(disconnect(reason))
			continue
		}
		s.retire(k, reason)
	}
}
