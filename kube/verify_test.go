package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
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
		_, err := p.bot.Writer(patching).Apply(t.Context(), change, operation, r.intend)
		require.NoError(t, err)
	}
	// notSent records an intent as a process that dies before the patch would.
	notSent := func(t *testing.T, p place, change algesta.Change, r *recorder) {
		t.Helper()
		died := errors.New("kill -9")
		_, err := p.bot.Writer(patching).Apply(t.Context(), change, operation, func(ctx context.Context, i algesta.Intent) error {
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
			got, err := p.bot.Writer(patching).Verify(t.Context(), redacted(change), e)
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
	_, err := p.bot.Writer(
		patching,
	).Apply(
		t.Context(),
		change,
		operation,
		func(ctx context.Context, i algesta.Intent) error { return errors.Join(died, r.intend(ctx, i)) },
	)
	require.ErrorIs(t, err, died)
	require.NoError(t, p.writeStatus(t.Context(), 1))
	e := r.execution(operation)
	e.StartedAt = time.Now().Add(-4 * time.Second) // of seven
	late := make(chan error, 1)
	go func() {
		_, err := p.bot.Writer(patching).Apply(t.Context(), change, operation, (&recorder{}).intend)
		late <- err
	}()
	got, err := p.bot.Writer(patching).Verify(t.Context(), redacted(change), e)
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
	_, err = bot.Writer(patching).Apply(t.Context(), change, "op-c-8", r.intend)
	require.ErrorIs(t, err, algesta.ErrUncertain)
	require.Equal(t, int32(1), patches.Load())
	got, err := bot.Writer(patching).Verify(t.Context(), redacted(change), r.execution("op-c-8"))
	require.NoError(t, err)
	require.True(t, got.Yes)
	n, err := p.PatchCount(t.Context(), start, p.w.Namespace, p.w.Name)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

// TestVerifyAsksAPersonWhereItCannotSeeAllReplicaSets: the annotation may be on one that was not read, so its absence means nothing.
func TestVerifyAsksAPersonWhereItCannotSeeAllReplicaSets(t *testing.T) {
	t.Parallel()
	const operation = "op-c-9"
	change := algesta.Change{
		Object: algesta.Deployment("sandbox", "production", "api-gateway"), UID: "u1",
		Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
		Swaps: []algesta.Swap{{Label: "image", Path: imagePath, From: value(oldImage), To: value(newImage)}},
	}
	e := algesta.Execution{Object: change.Object, Operation: operation, UID: "u1", Generation: 7, StartedAt: time.Now().Add(-time.Hour)}
	for name, tt := range map[string]struct {
		status    int
		carrier   bool // a ReplicaSet that was read carries the operation
		unowned   bool // but belongs to another Deployment
		more      bool // the list never ends
		yes       bool
		err       error
		uncertain string
	}{
		"all were read and none carries it": {
			status: http.StatusOK, err: algesta.ErrUncertain, uncertain: "I can't tell whether api-gateway was changed: it has been changed " +
				"several times since.",
		},
		"one carries it":                        {status: http.StatusOK, carrier: true, yes: true},
		"one carries it, and not all were read": {status: http.StatusOK, carrier: true, more: true, yes: true},
		"one of another Deployment carries it":  {status: http.StatusOK, carrier: true, unowned: true, err: algesta.ErrUncertain},
		"not all were read": {
			status: http.StatusOK, more: true, err: algesta.ErrUncertain,
			uncertain: "I can't tell whether api-gateway was changed: not all ReplicaSets of the namespace were looked at.",
		},
		"they may not be read":     {status: http.StatusForbidden, err: algesta.ErrForbidden},
		"the server is overloaded": {status: http.StatusInternalServerError, err: algesta.ErrUnreachable},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			owner := metav1.OwnerReference{APIVersion: "apps/v1", Kind: "Deployment", Name: "api-gateway", UID: "u1", Controller: new(true)}
			if tt.unowned {
				owner.UID = "u2"
			}
			set := appsv1.ReplicaSet{
				ObjectMeta: metav1.ObjectMeta{Name: "api-gateway-1", Namespace: "production", OwnerReferences: []metav1.OwnerReference{owner}},
			}
			if tt.carrier {
				set.Annotations = map[string]string{algesta.OperationAnnotation: operation}
			}
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if r.URL.Path == "/apis/apps/v1/namespaces/production/deployments/api-gateway" {
					_, _ = w.Write(
						[]byte(
							`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"api-gateway","namespace":"production","uid":"u1","generation":10}}`,
						),
					)
					return
				}
				if tt.status != http.StatusOK {
					w.WriteHeader(tt.status)
					_, _ = w.Write([]byte(status(tt.status, "Forbidden", "no")))
					return
				}
				list := appsv1.ReplicaSetList{Items: []appsv1.ReplicaSet{set}}
				list.APIVersion, list.Kind = "apps/v1", "ReplicaSetList"
				if tt.more {
					list.Continue = "more"
				}
				_ = json.NewEncoder(w).Encode(list)
			}))
			t.Cleanup(s.Close)
			bot, err := kube.OpenREST("sandbox", &rest.Config{Host: s.URL})
			require.NoError(t, err)
			got, err := bot.Writer(patching).Verify(t.Context(), redacted(change), e)
			require.Equal(t, tt.yes, got.Yes)
			require.ErrorIs(t, err, tt.err)
			if tt.uncertain != "" {
				requireSentence(t, tt.uncertain, err)
			}
		})
	}
}

// TestVerifyLooksAtTheSameObject has a Deployment that was deleted and recreated carry the annotation and the generation of the write, as
// one that was restored from a copy does.
func TestVerifyLooksAtTheSameObject(t *testing.T) {
	t.Parallel()
	for uid, err := range map[string]error{"u1": nil, "u2": algesta.ErrUncertain} {
		bot, change, e := verified(t, func() map[string]any {
			return map[string]any{"uid": uid, "generation": 8, "annotations": map[string]any{algesta.OperationAnnotation: "op-c-9"}}
		})
		got, failed := bot.Writer(patching).Verify(t.Context(), redacted(change), e)
		require.ErrorIs(t, failed, err)
		require.Equal(t, err == nil, got.Yes)
	}
}

// TestVerifyWaitsUntilNothingCanArriveAnyMore has the patch arrive shortly before its time is over.
func TestVerifyWaitsUntilNothingCanArriveAnyMore(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	bot, change, e := verified(t, func() map[string]any {
		if time.Since(begin) < 500*time.Millisecond {
			return map[string]any{"uid": "u1", "generation": 7}
		}
		return map[string]any{"uid": "u1", "generation": 8, "annotations": map[string]any{algesta.OperationAnnotation: "op-c-9"}}
	})
	e.StartedAt = begin.Add(-6 * time.Second) // of seven
	got, err := bot.Writer(patching).Verify(t.Context(), redacted(change), e)
	require.NoError(t, err)
	require.True(t, got.Yes)
}

// verified is a cluster whose Deployment has this metadata, with a change of it and the record of its write at generation 7.
func verified(t *testing.T, metadata func() map[string]any) (*kube.Cluster, algesta.Change, algesta.Execution) {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		m := metadata()
		m["name"], m["namespace"], m["resourceVersion"] = "api-gateway", "production", "10"
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": m})
	}))
	t.Cleanup(s.Close)
	bot, err := kube.OpenREST("sandbox", &rest.Config{Host: s.URL})
	require.NoError(t, err)
	change := algesta.Change{
		Object: algesta.Deployment("sandbox", "production", "api-gateway"), UID: "u1",
		Swaps: []algesta.Swap{{Label: "image", Path: imagePath, From: value(oldImage), To: value(newImage)}},
	}
	return bot, change, algesta.Execution{
		Object:     change.Object,
		Operation:  "op-c-9",
		UID:        "u1",
		Generation: 7,
		StartedAt:  time.Now().Add(-time.Hour),
	}
}
