package kube_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

// TestWhatEndsOrIsOfAnotherKindIsNotWritten: neither an object that is being deleted, nor one of a kind that the change doesn't name.
func TestWhatEndsOrIsOfAnotherKindIsNotWritten(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	w, none := p.bot.Writer(every), (&recorder{}).intend
	end := ending(t, p)
	p.kubectl(t, "patch", "configmap/old", "-p", `{"metadata":{"finalizers":["tests.algesta.io/keep"]}}`)
	p.kubectl(t, "delete", "configmap/old", "--wait=false")
	_, err := w.Apply(t.Context(), end, "op-c-1", none)
	p.kubectl(t, "patch", "configmap/old", "-p", `{"metadata":{"finalizers":null}}`)
	require.ErrorIs(t, err, algesta.ErrConflict)
	requireSentence(t, "old is already being deleted.", err)

	patch := bounds(t, p)
	patch.Object.Kind = "Scaler"
	_, err = w.Apply(t.Context(), patch, "op-c-2", none)
	require.ErrorContains(t, err, "found a HorizontalPodAutoscaler")
	_, err = w.Check(t.Context(), patch)
	require.ErrorContains(t, err, "found a HorizontalPodAutoscaler")
	patch.Object.Kind = "HorizontalPodAutoscaler"
	_, err = w.Apply(t.Context(), patch, "op-c-2", none)
	require.NoError(t, err, "nothing was changed before")
}

// TestAnotherOperationsObjectIsNotTheBotsOwn: what somebody else made alike, or what was marked and is another since, isn't what was sent.
func TestAnotherOperationsObjectIsNotTheBotsOwn(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	died := errors.New("kill -9")
	create, r := settings(p), &recorder{}
	_, err := p.bot.Writer(every).Apply(t.Context(), create, "op-c-1", func(ctx context.Context, i algesta.Intent) error {
		return errors.Join(died, r.intend(ctx, i))
	})
	require.ErrorIs(t, err, died)
	other := &recorder{}
	_, err = p.bot.Writer(every).Apply(t.Context(), create, "op-c-2", other.intend)
	require.NoError(t, err)
	got, err := p.bot.Writer(nil).Verify(t.Context(), redacted(create), r.execution("op-c-1"))
	require.NoError(t, err)
	require.False(t, got.Yes, "another operation made the same")

	p.kubectl(t, "annotate", "configmap/settings", "--overwrite", algesta.ContentAnnotation+"=another")
	_, err = p.bot.Writer(nil).Verify(t.Context(), redacted(create), other.execution("op-c-2"))
	require.ErrorIs(t, err, algesta.ErrUncertain, "it has its mark and another content")
}

// endless never ends: a proxy keeps a connection open.
type endless struct {
	io.Reader
	ctx context.Context //nolint:containedctx // of the request whose answer this is
}

// Read implements io.Reader.
func (e endless) Read(b []byte) (int, error) {
	n, err := e.Reader.Read(b)
	if err == io.EOF {
		<-e.ctx.Done()
		return n, e.ctx.Err()
	}
	return n, err
}

// TestAPastThatTheServerCannotTellIsADoubt also where the connection stays open after it said so.
func TestAPastThatTheServerCannotTellIsADoubt(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	died := errors.New("kill -9")
	create, r := settings(p), &recorder{}
	_, err := p.bot.Writer(every).Apply(t.Context(), create, "op-c-1", func(ctx context.Context, i algesta.Intent) error {
		return errors.Join(died, r.intend(ctx, i))
	})
	require.ErrorIs(t, err, died)
	cfg := rest.CopyConfig(p.Config)
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper {
		return roundTripper(func(req *http.Request) (*http.Response, error) {
			res, err := next.RoundTrip(req)
			if err == nil && req.URL.Query().Get("watch") != "" {
				_ = res.Body.Close()
				gone := `{"type":"ERROR","object":` + status(http.StatusGone, "Expired", "too old resource version") + "}\n"
				res.Body = io.NopCloser(endless{strings.NewReader(gone), req.Context()})
			}
			return res, err
		})
	})
	bot, err := kube.OpenREST("sandbox", cfg, p.w.Namespace)
	require.NoError(t, err)
	_, err = bot.Writer(nil).Verify(t.Context(), redacted(create), r.execution("op-c-1"))
	require.ErrorIs(t, err, algesta.ErrUncertain)
}
