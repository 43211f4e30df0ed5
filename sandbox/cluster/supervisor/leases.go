package supervisor

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// Info is what a client needs to use the cluster.
type Info struct {
	Kubeconfig string `json:"kubeconfig"` // of an administrator
	AuditLog   string `json:"auditLog"`
	Kubectl    string `json:"kubectl"`
	Dir        string `json:"dir"` // data and logs, gone when the cluster stops
	PID        int    `json:"pid"` // of the supervisor
}

// message is one line from the supervisor to a client.
type message struct {
	Hello bool   `json:"hello,omitempty"` // the lease is counted
	Ready *Info  `json:"ready,omitempty"`
	Done  bool   `json:"done,omitempty"` // the request was carried out
	Error string `json:"error,omitempty"`
}

// request is one line from a client to the supervisor.
type request struct {
	Do        string `json:"do"` // stop | start
	Component string `json:"component"`
}

// order is a request on its way to the supervisor's own goroutine, and the way back.
type order struct {
	request
	done chan error
}

// leases counts the clients that hold the cluster: one open connection each. The kernel closes a dead client's.
type leases struct {
	listener net.Listener
	orders   chan order
	ready    chan struct{} // closed once outcome is set
	outcome  message

	mu      sync.Mutex
	held    int
	changed chan struct{} // has room for one: "look at held again"
	wg      sync.WaitGroup
}

func newLeases(l net.Listener) *leases {
	s := &leases{listener: l, orders: make(chan order), ready: make(chan struct{}), changed: make(chan struct{}, 1)}
	s.wg.Go(s.accept)
	return s
}

// settle tells every client, present and future, how the start ended.
func (s *leases) settle(m message) {
	s.outcome = m
	close(s.ready)
}

func (s *leases) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.held
}

func (s *leases) add(n int) {
	s.mu.Lock()
	s.held += n
	s.mu.Unlock()
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

func (s *leases) accept() {
	for {
		conn, err := s.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // one client that went away while connecting
		}
		s.add(1)
		go s.serve(conn)
	}
}

// serve greets a client, tells it when the cluster is ready, and carries its requests until it goes.
func (s *leases) serve(conn net.Conn) {
	defer s.add(-1)
	defer conn.Close()
	out := json.NewEncoder(conn)
	if out.Encode(message{Hello: true}) != nil {
		return
	}
	gone := make(chan struct{})
	lines := make(chan request)
	go func() {
		defer close(gone)
		in := bufio.NewScanner(conn)
		for in.Scan() {
			var r request
			if json.Unmarshal(in.Bytes(), &r) == nil {
				lines <- r
			}
		}
	}()
	select {
	case <-gone:
		return
	case <-s.ready:
	}
	if out.Encode(s.outcome) != nil {
		return
	}
	for {
		select {
		case <-gone:
			return
		case r := <-lines:
			o := order{request: r, done: make(chan error, 1)}
			s.orders <- o
			reply := message{Done: true}
			if err := <-o.done; err != nil {
				reply = message{Error: err.Error()}
			}
			if out.Encode(reply) != nil {
				return
			}
		}
	}
}

// idle returns a channel that fires when nobody has held a lease for grace, and again after each further grace.
func (s *leases) idle(grace time.Duration, stop <-chan struct{}) <-chan struct{} {
	fired := make(chan struct{}, 1)
	go func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		for {
			select {
			case <-stop:
				return
			case <-s.changed:
				timer.Stop()
				if s.count() == 0 {
					timer.Reset(grace)
				}
			case <-timer.C:
				if s.count() == 0 {
					select {
					case fired <- struct{}{}:
					default:
					}
					timer.Reset(grace)
				}
			}
		}
	}()
	return fired
}

// errUnknown answers a request that this supervisor does not know or does not allow.
func errUnknown(r request) error {
	return fmt.Errorf("this cluster cannot %q %q: only a private cluster can stop and start %s", r.Do, r.Component, apiServer)
}
