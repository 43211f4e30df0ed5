package kube_test

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestAPastThatIsNotKnownAnyMoreIsADoubt: what the API server has forgotten says nothing.
func TestAPastThatIsNotKnownAnyMoreIsADoubt(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	change, r := settings(p), &recorder{}
	died := errors.New("kill -9")
	_, err := p.bot.Writer(
		every,
	).Apply(
		t.Context(),
		change,
		"op-c-1",
		func(ctx context.Context, i algesta.Intent) error { return errors.Join(died, r.intend(ctx, i)) },
	)
	require.ErrorIs(t, err, died)
	for _, code := range []int{http.StatusGone, http.StatusForbidden} {
		cfg := rest.CopyConfig(p.Config)
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				if req.URL.Query().Get("watch") == "" {
					return next.RoundTrip(req)
				}
				answer := httptest.NewRecorder()
				answer.Header().Set("Content-Type", "application/json")
				answer.WriteHeader(code)
				_, _ = answer.WriteString(status(code, string(metav1.StatusReasonExpired), "too old resource version"))
				return answer.Result(), nil
			})
		})
		bot, err := kube.OpenREST("sandbox", cfg, p.w.Namespace)
		require.NoError(t, err)
		_, err = bot.Writer(nil).Verify(t.Context(), redacted(change), r.execution("op-c-1"))
		require.ErrorIs(t, err, algesta.ErrUncertain)
	}
}

// TestAPastThatBreaksOffIsADoubt: a watch whose connection ends says nothing of what it would have told.
func TestAPastThatBreaksOffIsADoubt(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	broken := func(times int32) *kube.Cluster {
		left := &atomic.Int32{}
		left.Store(times)
		cfg := rest.CopyConfig(p.Config)
		cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
			return roundTripper(func(req *http.Request) (*http.Response, error) {
				res, err := next.RoundTrip(req)
				if err == nil && req.URL.Query().Get("watch") != "" && left.Add(-1) >= 0 {
					_ = res.Body.Close()
					res.Body = http.NoBody
				}
				return res, err
			})
		})
		bot, err := kube.OpenREST("sandbox", cfg, p.w.Namespace)
		require.NoError(t, err)
		return bot
	}
	patch, create := bounds(t, p), settings(p)
	for operation, change := range map[string]algesta.Change{"op-c-1": patch, "op-c-2": create} {
		r := &recorder{}
		_, err := p.bot.Writer(every).Apply(t.Context(), change, operation, r.intend)
		require.NoError(t, err)
		if change.Verb == algesta.Patch {
			p.kubectl(t, "annotate", "hpa/api-gateway", "--overwrite", "algesta.io/operation=op-other")
			p.kubectl(t, "patch", "hpa/api-gateway", "-p", `{"spec":{"maxReplicas":4}}`)
		} else {
			p.kubectl(t, "delete", "configmap/settings")
		}
		got, err := broken(1000).Writer(nil).Verify(t.Context(), redacted(change), r.execution(operation))
		require.ErrorIs(t, err, algesta.ErrUncertain, "%s: %v", change.Object, got)
		got, err = broken(1).Writer(nil).Verify(t.Context(), redacted(change), r.execution(operation))
		if change.Verb == algesta.Create { // it was made, and somebody took it away
			require.ErrorIs(t, err, algesta.ErrUncertain)
			require.ErrorContains(t, err, "it was created, and now it's gone")
			continue
		}
		require.NoError(t, err)
		require.True(t, got.Yes)
	}
}

// forgetting loses the answers to writes of one method that were made.
type forgetting struct {
	next   http.RoundTripper
	method string
	sent   *atomic.Int32
}

func (f forgetting) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := f.next.RoundTrip(req)
	if req.Method == f.method && err == nil && res.StatusCode < 300 {
		f.sent.Add(1)
		_ = res.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return res, err
}
