package kube_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

// redacted is the change as the store keeps it.
func redacted(c algesta.Change) algesta.Change {
	return algesta.Plan{Changes: []algesta.Change{c}}.Redacted().Changes[0]
}

// hasSet waits until a ReplicaSet of the Deployment carries the annotation.
func (p place) hasSet(t *testing.T, operation string) {
	t.Helper()
	p.eventually(t, "a ReplicaSet carries "+operation, func(*appsv1.Deployment) bool {
		sets, err := p.Client.AppsV1().ReplicaSets(p.w.Namespace).List(t.Context(), metav1.ListOptions{})
		require.NoError(t, err)
		for _, s := range sets.Items {
			if s.Annotations[algesta.OperationAnnotation] == operation {
				return true
			}
		}
		return false
	})
}

func TestVerifyFindsOutWhetherAWriteHappened(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	const operation = "op-c-9"
	apply := func(t *testing.T, p place, change algesta.Change, r *recorder) {
		t.Helper()
		_, err := p.bot.Apply(t.Context(), change, operation, r.intend)
		require.NoError(t, err)
	}
	// notSent records an intent as a process that dies before the patch would.
	notSent := func(t *testing.T, p place, change algesta.Change, r *recorder) {
		t.Helper()
		died := errors.New("kill -9")
		_, err := p.bot.Apply(t.Context(), change, operation, func(ctx context.Context, i algesta.Intent) error {
			return errors.Join(died, r.intend(ctx, i))
		})
		require.ErrorIs(t, err, died)
	}
	tests := map[string]struct {
		write   func(t *testing.T, p place, change algesta.Change, r *recorder)
		between func(t *testing.T, p place)
		want    bool
		unclear bool
	}{
		"a write that is there": {write: apply, want: true},
		"a write under a later annotation of somebody else": {
			write: apply, want: true,
			between: func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "annotate", "deployment/api-gateway", "note=keep")
			},
		},
		"a write that was undone by kubectl rollout undo": {
			write: apply, want: true,
			between: func(t *testing.T, p place) {
				t.Helper()
				p.hasSet(t, operation)
				p.kubectl(t, "rollout", "undo", "deployment/api-gateway")
				require.NotEqual(t, operation, p.deployment(t).Annotations[algesta.OperationAnnotation], "undo takes the annotation away")
			},
		},
		"a write whose annotation somebody overwrote, with its values still there": {
			write: apply, want: true,
			between: func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "annotate", "deployment/api-gateway", "--overwrite", algesta.OperationAnnotation+"=op-other")
			},
		},
		"a write that was never sent": {write: notSent},
		"a write that was never sent, and a status since": {
			write: notSent,
			between: func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "label", "deployment/api-gateway", "note=keep")
			},
		},
		"a write that was never sent, and one change of somebody else": {
			write: notSent,
			between: func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "scale", "deployment/api-gateway", "--replicas=3")
			},
		},
		"several changes of somebody else: nobody can tell": {
			write: notSent, unclear: true,
			between: func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "scale", "deployment/api-gateway", "--replicas=3")
				p.kubectl(t, "scale", "deployment/api-gateway", "--replicas=4")
			},
		},
		"a deployment that was deleted: nobody can tell": {
			write: apply, unclear: true,
			between: func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "delete", "deployment/api-gateway", "--wait=true")
			},
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := deployed(t, c)
			change, r := p.deploy12345(t), &recorder{}
			tt.write(t, p, change, r)
			if tt.between != nil {
				tt.between(t, p)
			}
			e := r.execution(operation)
			got, err := p.bot.Verify(t.Context(), redacted(change), e)
			if tt.unclear {
				require.ErrorIs(t, err, algesta.ErrUncertain)
				return
			}
			require.NoError(t, err)
			require.Equal(t, tt.want, got.Yes)
			if tt.want {
				require.Equal(t, e.Generation+1, got.Written.Generation)
			}
		})
	}
}

// A patch that is bound to the generation arrives although the status was written since: nobody may say before its time that it did not.
func TestVerifyWaitsForAPatchThatMayStillArrive(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	const operation = "op-c-11"
	change, r, died := p.deploy12345(t), &recorder{}, errors.New("kill -9")
	_, err := p.bot.Apply(t.Context(), change, operation, func(ctx context.Context, i algesta.Intent) error { return errors.Join(died, r.intend(ctx, i)) })
	require.ErrorIs(t, err, died)
	require.NoError(t, p.writeStatus(t.Context(), 1))
	e := r.execution(operation)
	e.StartedAt = time.Now().Add(-4 * time.Second) // of seven
	late := make(chan error, 1)
	go func() {
		_, err := p.bot.Apply(t.Context(), change, operation, (&recorder{}).intend)
		late <- err
	}()
	got, err := p.bot.Verify(t.Context(), redacted(change), e)
	require.NoError(t, err)
	require.NoError(t, <-late)
	require.True(t, got.Yes)
}

// lossy lets requests through, and counts the patches that were made and loses the answers to them. A refusal gets through: the
// status of a Deployment that has just been made is written now and then, and a patch that conflicts with it is made again.
type lossy struct {
	next    http.RoundTripper
	patches *atomic.Int32
}

func (l lossy) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := l.next.RoundTrip(req)
	if req.Method == http.MethodPatch && err == nil && res.StatusCode == http.StatusOK {
		l.patches.Add(1)
		_ = res.Body.Close()
		return nil, errors.New("connection reset by peer")
	}
	return res, err
}

func TestAPatchWithoutAnAnswerIsNeverSentAgain(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	cfg, patches := rest.CopyConfig(p.Config), &atomic.Int32{}
	cfg.Wrap(func(next http.RoundTripper) http.RoundTripper { return lossy{next, patches} })
	bot, err := kube.OpenREST("sandbox", cfg, p.w.Namespace)
	require.NoError(t, err)
	change, r, start := p.deploy12345(t), &recorder{}, time.Now()
	_, err = bot.Apply(t.Context(), change, "op-c-8", r.intend)
	require.ErrorIs(t, err, algesta.ErrUncertain)
	require.Equal(t, int32(1), patches.Load())
	got, err := bot.Verify(t.Context(), redacted(change), r.execution("op-c-8"))
	require.NoError(t, err)
	require.True(t, got.Yes)
	n, err := p.PatchCount(t.Context(), start, p.w.Namespace, p.w.Name)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}
