package main

import (
	"context"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

// told is a listener that reports when the server closes the first connection.
type told struct {
	net.Listener
	closed chan struct{}
}

func (l told) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &toldConn{Conn: c, closed: sync.OnceFunc(func() { close(l.closed) })}, nil
}

type toldConn struct {
	net.Conn
	closed func()
}

func (c *toldConn) Close() error {
	c.closed()
	return c.Conn.Close()
}

// TestAConnectionIsBounded has clients that send or read nothing, each against the one bound that ends it.
func TestAConnectionIsBounded(t *testing.T) {
	t.Parallel()
	const short, long = 50 * time.Millisecond, time.Hour
	loose := bounds{header: long, read: long, write: long, idle: long, headerBytes: 1 << 20}
	for name, c := range map[string]struct {
		bound func(*bounds)
		sends string
	}{
		"a header that does not end":  {func(b *bounds) { b.header = short }, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Slow: "},
		"a body that does not come":   {func(b *bounds) { b.read = short }, "GET /healthz HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n"},
		"an answer that nobody reads": {func(b *bounds) { b.write = short }, "GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"},
		"a connection that is kept":   {func(b *bounds) { b.idle = short }, "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n"},
		"a header that is too long": {
			func(b *bounds) { b.headerBytes = 1 << 10 }, "GET /healthz HTTP/1.1\r\nHost: a\r\nX-Long: " + strings.Repeat("a", 16<<10) + "\r\n\r\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := prometheus.NewRegistry()
			figure := prometheus.NewGaugeVec(
				prometheus.GaugeOpts{Name: "long", Help: "More than the buffers of two sockets hold."}, []string{"label"},
			)
			for i := range 64 {
				figure.WithLabelValues(strings.Repeat("a", 256<<10) + string(rune('a'+i))).Set(1)
			}
			registry.MustRegister(figure)
			bound := loose
			c.bound(&bound)
			h := health{
				writable:   func(context.Context) error { return nil },
				sockets:    func() (int, int) { return 2, 0 },
				clusters:   func() map[string]clusterHealth { return nil },
				lost:       func(context.Context) int { return 0 },
				unapproved: func() []string { return nil },
				registry:   registry,
				bounds:     bound,
				log:        zap.NewNop(),
			}
			l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
			require.NoError(t, err)
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			closed := make(chan struct{})
			go func() { done <- h.serve(ctx, told{l, closed}) }()
			defer func() { cancel(); require.NoError(t, <-done) }()
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", l.Addr().String())
			require.NoError(t, err)
			defer func() { require.NoError(t, conn.Close()) }()
			if _, err := io.WriteString(conn, c.sends); err != nil { // refused before all of it was sent
				require.ErrorAs(t, err, new(*net.OpError))
			}
			select {
			case <-closed:
			case <-time.After(20 * time.Second):
				require.Fail(t, "the connection stays open")
			}
		})
	}
}

func TestTheBoundsOfTheBinaryAreSet(t *testing.T) {
	t.Parallel()
	for _, d := range []time.Duration{probeBounds.header, probeBounds.read, probeBounds.write, probeBounds.idle} {
		require.Positive(t, d)
		require.LessOrEqual(t, d, time.Minute)
	}
	require.LessOrEqual(t, probeBounds.headerBytes, 8<<10)
}
