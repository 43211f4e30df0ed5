package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/zap"
)

func TestReadyzTellsOfSocketsThatAnotherProcessHolds(t *testing.T) {
	t.Parallel()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h := health{
		writable:   func(context.Context) error { return nil },
		sockets:    func() (int, int) { return 2, 3 },
		lost:       func(context.Context) int { return 0 },
		unapproved: func() []string { return nil },
		clusters:   func() map[string]clusterHealth { return nil },
		registry:   newRegistry(nil),
		log:        zap.NewNop(),
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- h.serve(ctx, l) }()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+l.Addr().String()+"/readyz", nil)
	require.NoError(t, err)
	req.Close = true
	resp, err := http.DefaultClient.Do(req)
	require.NoError(t, err)
	var said map[string]any
	require.NoError(t, json.NewDecoder(resp.Body).Decode(&said))
	require.NoError(t, resp.Body.Close())
	require.Equal(t, http.StatusOK, resp.StatusCode)
	require.InDelta(t, 2, said["sockets"], 0)
	require.InDelta(t, 3, said["otherSockets"], 0)
	cancel()
	require.NoError(t, <-done)
}
