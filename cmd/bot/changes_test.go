package main

import (
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestAPlanOfSeveralChangesOnARealCluster(t *testing.T) {
	t.Parallel()
	lost := func(*http.Response) error { return errors.New("connection reset by peer") }
	refused := func() error { return &net.OpError{Op: "dial", Net: "tcp", Err: syscall.ECONNREFUSED} }
	for name, tt := range map[string]struct {
		at     func(t *testing.T, s several, point, operation string)
		wrap   func(http.RoundTripper) http.RoundTripper
		status algesta.Status
		states string
		note   string
		label  string
		old    bool // the one to delete is there
	}{
		"nothing happens": {status: algesta.Succeeded, states: "confirmed, confirmed, confirmed", label: "new"},
		"the answer to the second is lost": {
			wrap: func(next http.RoundTripper) http.RoundTripper {
				return once{next: next, method: http.MethodPatch, after: lost, did: &atomic.Bool{}}
			},
			status: algesta.Succeeded, states: "confirmed, confirmed, confirmed", label: "new",
		},
		"the answer to the first is lost": {
			wrap: func(next http.RoundTripper) http.RoundTripper {
				return once{next: next, method: http.MethodPost, after: lost, did: &atomic.Bool{}}
			},
			status: algesta.Succeeded, states: "confirmed, confirmed, confirmed", label: "new",
		},
		"the second finds no connection": {
			wrap: func(next http.RoundTripper) http.RoundTripper {
				return once{next: next, method: http.MethodPatch, before: refused, did: &atomic.Bool{}}
			},
			status: algesta.Succeeded, states: "confirmed, confirmed, confirmed", label: "new",
		},
		"somebody changes the second's object between": {
			at: func(t *testing.T, s several, point, operation string) {
				t.Helper()
				if point == "before" && strings.HasSuffix(operation, "-2") {
					s.kubectl(t, "label", "deployment/api-gateway", "settings=other")
				}
			},
			status: algesta.Failed, states: "confirmed, not done, not done", label: "other", old: true, note: "stopped after 1 of 3 changes: ",
		},
		"somebody recreates the third's object between": {
			at: func(t *testing.T, s several, point, operation string) {
				t.Helper()
				if point == "sent" && strings.HasSuffix(operation, "-2") {
					s.kubectl(t, "delete", "configmap/old")
					s.kubectl(t, "create", "configmap", "old")
				}
			},
			status: algesta.Failed, states: "confirmed, confirmed, not done", label: "new", old: true, note: "stopped after 2 of 3 changes: ",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, start := newSeveral(t), time.Now()
			var at func(string, string)
			if tt.at != nil {
				at = func(point, operation string) { tt.at(t, s, point, operation) }
			}
			r := bot(t, s.dir, at, tt.wrap, s.Config, s.namespace)
			end, states := ends(t, r, asks(t, r))
			require.Equal(t, tt.status, end.Status, end.Note)
			require.Equal(t, tt.states, states)
			require.Contains(t, end.Note, tt.note)
			require.True(t, s.there(t, "new"))
			require.Equal(t, tt.label, s.label(t))
			require.Equal(t, tt.old, s.there(t, "old"))
			if tt.label == "new" {
				n, err := s.PatchCount(t.Context(), start, s.namespace, "api-gateway")
				require.NoError(t, err)
				require.Equal(t, 1, n)
			}
		})
	}
}

// killAt has this test be the process that is killed: at this point, in this folder.
const killAt, killIn = "ALGESTA_TEST_KILL_AT", "ALGESTA_TEST_KILL_IN"

// TestABotThatIsKilledBetweenTwoChangesGoesOn kills a process with the bot at each point of the second of three changes.
func TestABotThatIsKilledBetweenTwoChangesGoesOn(t *testing.T) {
	t.Parallel()
	if point := os.Getenv(killAt); point != "" {
		r := bot(t, os.Getenv(killIn), func(at, operation string) {
			if at == point && strings.HasSuffix(operation, "-2") {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {}
			}
		}, nil, nil, "")
		ends(t, r, asks(t, r))
		return
	}
	for _, point := range []string{"before", "intended", "sent"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s, start := newSeveral(t), time.Now()
			cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestABotThatIsKilledBetweenTwoChangesGoesOn$")
			cmd.Env = append(os.Environ(), killAt+"="+point, killIn+"="+s.dir)
			out, err := cmd.CombinedOutput()
			var exit *exec.ExitError
			require.ErrorAs(t, err, &exit, string(out))
			require.Equal(t, syscall.SIGKILL, exit.Sys().(syscall.WaitStatus).Signal(), string(out))
			require.True(t, s.there(t, "new"))
			require.True(t, s.there(t, "old"))

			r := bot(t, s.dir, nil, nil, nil, "")
			open, err := r.store.Alive(t.Context())
			require.NoError(t, err)
			require.Len(t, open, 1)
			end, states := ends(t, r, open[0].ID)
			require.Equal(t, algesta.Succeeded, end.Status, end.Note)
			require.Equal(t, "confirmed, confirmed, confirmed", states)
			require.Equal(t, "new", s.label(t))
			require.False(t, s.there(t, "old"))
			n, err := s.PatchCount(t.Context(), start, s.namespace, "api-gateway")
			require.NoError(t, err)
			require.Equal(t, 1, n)
		})
	}
}
