package slackd

import (
	"encoding/json"
	"errors"
	"math"
	"slices"
	"time"
)

// Delivery is one envelope on its way to the app.
type Delivery struct {
	EnvelopeID  string          `json:"envelopeID"`
	Kind        string          `json:"kind"` // slash_commands, interactive, events_api
	Payload     map[string]any  `json:"payload"`
	Socket      int             `json:"socket"` // 0 when there was none
	Attempt     int             `json:"attempt,omitempty"`
	RetryReason string          `json:"retryReason,omitempty"`
	SentAt      time.Time       `json:"sentAt"`
	AckedAt     time.Time       `json:"ackedAt,omitzero"`
	Response    json.RawMessage `json:"response,omitempty"` // the ack's payload
	Ignored     int             `json:"ignored,omitempty"`  // acks that did not count: on another socket, too late, a second one
}

// Acked says whether the app acknowledged in time.
func (d Delivery) Acked() bool { return !d.AckedAt.IsZero() }

// Took is the time from the envelope's sending to its ack frame.
func (d Delivery) Took() time.Duration { return d.AckedAt.Sub(d.SentAt) }

// What a person sees when the app does not answer a slash command or a click.
var (
	ErrDispatchFailed   = errors.New("dispatch_failed")   // no socket is there
	ErrOperationTimeout = errors.New("operation_timeout") // not acknowledged in time
	errClosed           = errors.New("the server was closed")
)

// pending is an envelope that waits for its ack.
type pending struct {
	delivery *Delivery
	socket   *socket
	acked    chan struct{}
}

// deliver sends an envelope to exactly one socket and waits for its ack.
func (s *Server) deliver(d Delivery) (Delivery, error) {
	s.mu.Lock()
	if d.EnvelopeID == "" {
		d.EnvelopeID = randomID() + randomID()
	}
	k := s.pickSocket()
	d.SentAt = time.Now()
	if k != nil {
		d.Socket = k.id
	}
	stored := d // the record that the ack changes; d itself stays as it was sent
	p := &pending{delivery: &stored, socket: k, acked: make(chan struct{})}
	s.deliveries = append(s.deliveries, &stored)
	if k != nil {
		s.waiting[d.EnvelopeID] = p
	}
	s.touch()
	s.mu.Unlock()
	if k == nil {
		return d, ErrDispatchFailed
	}
	defer s.settle(p)
	if err := k.write(envelope(d)); err != nil {
		k.hangUp()
	}
	timer := time.NewTimer(s.opts.AckTimeout)
	defer timer.Stop()
	select {
	case <-p.acked:
		s.mu.Lock()
		defer s.mu.Unlock()
		return stored, nil
	case <-timer.C:
		return d, ErrOperationTimeout
	case <-s.done:
		return d, errClosed
	}
}

func envelope(d Delivery) object {
	e := object{"envelope_id": d.EnvelopeID, "type": d.Kind, "payload": d.Payload, "accepts_response_payload": d.Kind != "events_api"}
	if d.Kind == "events_api" {
		e["retry_attempt"], e["retry_reason"] = d.Attempt, d.RetryReason
	}
	return e
}

func (s *Server) settle(p *pending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiting[p.delivery.EnvelopeID] == p {
		delete(s.waiting, p.delivery.EnvelopeID)
	}
	s.touch()
}

// pickSocket takes the sockets in turn; Slack promises no pattern. The caller holds mu.
func (s *Server) pickSocket() *socket {
	var open []*socket
	for _, k := range s.sockets {
		if !k.draining {
			open = append(open, k)
		}
	}
	if len(open) == 0 {
		return nil
	}
	return open[len(s.deliveries)%len(open)]
}

// acknowledge takes an ack that came on the envelope's own socket while it waited; all others are counted and ignored.
func (s *Server) acknowledge(k *socket, id string, payload json.RawMessage, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	p, ok := s.waiting[id]
	if !ok || p.socket != k || p.delivery.Acked() {
		for _, d := range slices.Backward(s.deliveries) {
			if d.EnvelopeID == id {
				d.Ignored++
				break
			}
		}
		s.touch()
		return
	}
	p.delivery.AckedAt, p.delivery.Response = at, payload
	close(p.acked)
	s.touch()
}

// event sends an event and again while it is not acknowledged. It does not block. The caller holds mu.
func (s *Server) event(payload object) {
	s.spawn(func() {
		reason := ""
		for attempt := 0; ; attempt++ {
			_, err := s.deliver(Delivery{Kind: "events_api", Payload: payload, Attempt: attempt, RetryReason: reason})
			if err == nil || errors.Is(err, errClosed) || attempt >= len(s.opts.RetryAfter) {
				return
			}
			reason = "timeout"
			if errors.Is(err, ErrDispatchFailed) {
				reason = "connection_failed"
			}
			timer := time.NewTimer(s.opts.RetryAfter[attempt])
			select {
			case <-timer.C:
			case <-s.done:
				timer.Stop()
				return
			}
		}
	})
}

// Redeliver sends an envelope once more with the same ID, as Slack does now and then, and waits for its ack.
func (s *Server) Redeliver(envelopeID string) (Delivery, error) {
	s.mu.Lock()
	var again *Delivery
	for _, d := range s.deliveries {
		if d.EnvelopeID == envelopeID {
			again = &Delivery{EnvelopeID: d.EnvelopeID, Kind: d.Kind, Payload: d.Payload, Attempt: d.Attempt + 1, RetryReason: "timeout"}
		}
	}
	s.mu.Unlock()
	if again == nil {
		return Delivery{}, errors.New("no such envelope: " + envelopeID)
	}
	return s.deliver(*again)
}

// Deliveries are all envelopes so far, oldest first.
func (s *Server) Deliveries() []Delivery {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]Delivery, len(s.deliveries))
	for i, d := range s.deliveries {
		out[i] = *d
	}
	return out
}

// Latency sums up the acknowledged envelopes since a moment.
type Latency struct {
	Sent  int           `json:"sent"`
	Acked int           `json:"acked"`
	P50   time.Duration `json:"p50"`
	P90   time.Duration `json:"p90"`
	P99   time.Duration `json:"p99"`
	Max   time.Duration `json:"max"`
}

// AckLatency measures envelope sent → ack frame received for the envelopes sent since the given time.
func (s *Server) AckLatency(since time.Time) Latency {
	var l Latency
	var took []time.Duration
	for _, d := range s.Deliveries() {
		if d.SentAt.Before(since) {
			continue
		}
		l.Sent++
		if d.Acked() {
			took = append(took, d.Took())
		}
	}
	l.Acked = len(took)
	if l.Acked == 0 {
		return l
	}
	slices.Sort(took)
	rank := func(p float64) time.Duration { return took[int(math.Ceil(p*float64(len(took))))-1] }
	l.P50, l.P90, l.P99, l.Max = rank(0.50), rank(0.90), rank(0.99), took[len(took)-1]
	return l
}
