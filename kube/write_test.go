package kube_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/control"
)

const (
	oldImage  = "acralgestaproduction.azurecr.io/api-gateway:12344"
	newImage  = "acralgestaproduction.azurecr.io/api-gateway:12345"
	imagePath = "/spec/template/spec/containers/0/image"
)

func value(v any) json.RawMessage {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// deployment12345 is the change that runs the new image, as a plan has it.
func (p place) deploy12345(t *testing.T) algesta.Change {
	t.Helper()
	return algesta.Change{
		Object: p.w, UID: string(p.deployment(t).UID), Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
		Swaps: []algesta.Swap{
			{Label: "container", Path: "/spec/template/spec/containers/0/name", From: value("api-gateway"), To: value("api-gateway")},
			{Label: "image", Path: imagePath, From: value(oldImage), To: value(newImage)},
			{Label: "change-cause", Path: "/metadata/annotations/kubernetes.io~1change-cause", To: value("deploy 12345 by Dana (c-7f3a9k)")},
		},
	}
}

// recorder keeps the intents, as the store would.
type recorder struct {
	mu      sync.Mutex
	intents []algesta.Intent
}

func (r *recorder) intend(_ context.Context, i algesta.Intent) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.intents = append(r.intents, i)
	return nil
}

// execution is the record of the last intent.
func (r *recorder) execution(operation string) algesta.Execution {
	i := r.intents[len(r.intents)-1]
	return algesta.Execution{
		Operation:       operation,
		UID:             i.UID,
		ResourceVersion: i.ResourceVersion,
		Generation:      i.Generation,
		PatchHash:       i.PatchHash,
		StartedAt:       time.Now().Add(-time.Minute),
	}
}

func (p place) kubectl(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"--kubeconfig", p.Kubeconfig, "-n", p.w.Namespace}, args...)
	out, err := exec.CommandContext(t.Context(), p.Kubectl, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func TestApplyWritesOnceWhatPeopleSaw(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	start, r, change := time.Now(), &recorder{}, p.deploy12345(t)
	before := p.deployment(t)

	warnings, err := p.bot.Writer(patching).Check(t.Context(), change)
	require.NoError(t, err)
	require.Empty(t, warnings)
	require.Equal(t, before.Generation, p.deployment(t).Generation, "a dry run stores nothing")

	written, err := p.bot.Writer(patching).Apply(t.Context(), change, "op-c-7f3a9k", r.intend)
	require.NoError(t, err)
	after := p.deployment(t)
	require.Equal(t, newImage, after.Spec.Template.Spec.Containers[0].Image)
	require.Equal(t, "op-c-7f3a9k", after.Annotations[algesta.OperationAnnotation])
	require.Equal(t, "deploy 12345 by Dana (c-7f3a9k)", after.Annotations["kubernetes.io/change-cause"])
	require.Equal(t, secretValue, after.Spec.Template.Spec.Containers[0].Env[1].Value, "what the plan does not name stays")
	require.Equal(t, before.Generation+1, written.Generation, "one write is one generation: Verify counts on it")
	require.NotEmpty(t, r.intents, "one a try: the status of a new Deployment is written now and then")
	require.Equal(t, before.Generation, r.intents[0].Generation)
	require.Equal(t, string(before.UID), r.intents[0].UID)

	n, err := p.PatchCount(t.Context(), start, p.w.Namespace, p.w.Name)
	require.NoError(t, err)
	require.Equal(t, 1, n)

	manager := ""
	for _, m := range after.ManagedFields {
		if m.Operation == metav1.ManagedFieldsOperationUpdate && m.Subresource == "" && m.Manager == "algesta" {
			manager = m.Manager
		}
	}
	require.Equal(t, "algesta", manager)
}

func TestApplyRefusesWhatPeopleDidNotSee(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	tests := map[string]struct {
		between func(t *testing.T, p place)
		want    string
	}{
		"another image than the one shown": {
			func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "set", "image", "deployment/api-gateway", "api-gateway=acralgestaproduction.azurecr.io/api-gateway:12399")
			},
			"api-gateway was changed since you were asked: its image isn't what you saw.",
		},
		"a change-cause that was not there": {
			func(t *testing.T, p place) {
				t.Helper()
				p.kubectl(t, "annotate", "deployment/api-gateway", "kubernetes.io/change-cause=something")
			},
			"api-gateway was changed since you were asked: its change-cause isn't what you saw.",
		},
		"a deployment that was deleted and recreated": {
			func(t *testing.T, p place) {
				t.Helper()
				old := p.deployment(t)
				p.kubectl(t, "delete", "deployment/api-gateway", "--wait=true", "--cascade=background")
				_, err := p.Client.AppsV1().Deployments(p.w.Namespace).Create(t.Context(), &appsv1.Deployment{
					ObjectMeta: metav1.ObjectMeta{Name: old.Name, Labels: old.Labels}, Spec: old.Spec,
				}, metav1.CreateOptions{})
				require.NoError(t, err)
			},
			"api-gateway was deleted and recreated since you were asked.",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := deployed(t, c)
			change, r, start := p.deploy12345(t), &recorder{}, time.Now()
			tt.between(t, p)
			_, err := p.bot.Writer(patching).Apply(t.Context(), change, "op-c-2", r.intend)
			require.ErrorIs(t, err, algesta.ErrConflict)
			requireSentence(t, tt.want, err)
			require.Empty(t, r.intents, "nothing is recorded for what is not sent")
			_, err = p.bot.Writer(patching).Check(t.Context(), change)
			requireSentence(t, tt.want, err)
			writes, err := p.Writes(t.Context(), start, p.w.Namespace, "deployments", p.w.Name)
			require.NoError(t, err)
			for _, w := range writes {
				require.NotContains(t, w.UserAgent, "algesta/", "the bot sent nothing")
			}
		})
	}
}

func TestApplyWinsAgainstAStatusThatIsWrittenAllTheTime(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	p.eventually(t, "all pods are there", func(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == 2 })
	ctx, stop := context.WithCancel(t.Context())
	writing := make(chan struct{})
	var busy sync.WaitGroup
	busy.Go(func() {
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for n := 0; ; n++ {
			if err := p.writeStatus(ctx, n); err == nil && n == 0 {
				close(writing)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
		}
	})
	<-writing
	for i, image := range []string{newImage, oldImage, newImage, oldImage, newImage} {
		live := p.deployment(t).Spec.Template.Spec.Containers[0].Image
		change := algesta.Change{
			Object: p.w, UID: string(p.deployment(t).UID), Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
			Swaps: []algesta.Swap{{Label: "image", Path: imagePath, From: value(live), To: value(image)}},
		}
		_, err := p.bot.Writer(patching).Apply(t.Context(), change, fmt.Sprintf("op-%d", i), (&recorder{}).intend)
		require.NoError(t, err)
	}
	stop()
	busy.Wait()
}

// moving records intents, and before each patch lets somebody else write to the Deployment.
func moving(r *recorder, write func(ctx context.Context, try int) error) func(context.Context, algesta.Intent) error {
	return func(ctx context.Context, i algesta.Intent) error {
		return errors.Join(r.intend(ctx, i), write(ctx, len(r.intents)))
	}
}

func (p place) writeStatus(ctx context.Context, n int) error {
	patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Busy","status":"True","reason":"N%d","message":"m"}]}}`, n)
	_, err := p.Client.AppsV1().Deployments(
		p.w.Namespace,
	).Patch(
		ctx, p.w.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status",
	)
	return err
}

func TestApplyWinsAgainstAStatusThatIsWrittenBeforeEveryPatch(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	start, r, change := time.Now(), &recorder{}, p.deploy12345(t)
	written, err := p.bot.Writer(patching).Apply(t.Context(), change, "op-c-5", moving(r, p.writeStatus))
	require.NoError(t, err)
	require.Len(t, r.intents, 5, "four tries that are bound to the resourceVersion, then one that is not")
	require.Equal(t, r.intents[0].PatchHash, r.intents[4].PatchHash, "the same patch but for what it is bound to")
	require.Equal(t, r.intents[4].Generation+1, written.Generation)
	require.Equal(t, newImage, p.deployment(t).Spec.Template.Spec.Containers[0].Image)
	n, err := p.PatchCount(t.Context(), start, p.w.Namespace, p.w.Name)
	require.NoError(t, err)
	require.Equal(t, 1, n)
}

func TestApplyStopsAtAChangeHoweverOftenItTried(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	r, change := &recorder{}, p.deploy12345(t)
	_, err := p.bot.Writer(patching).Apply(t.Context(), change, "op-c-6", moving(r, func(ctx context.Context, try int) error {
		if try <= 4 {
			return p.writeStatus(ctx, try)
		}
		note := []byte(`{"metadata":{"annotations":{"note":"keep"}}}`) // it moves the generation, and no value that people saw
		_, err := p.Client.AppsV1().Deployments(p.w.Namespace).Patch(ctx, p.w.Name, types.MergePatchType, note, metav1.PatchOptions{})
		return err
	}))
	require.ErrorIs(t, err, algesta.ErrConflict)
	requireSentence(t, "api-gateway was changed since you were asked.", err)
	require.Len(t, r.intents, 5)
	require.Equal(t, oldImage, p.deployment(t).Spec.Template.Spec.Containers[0].Image)
}

func TestApplyTriesAgainWhereOnlyTheResourceVersionMoved(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	r, change := &recorder{}, p.deploy12345(t)
	stale := 0
	_, err := p.bot.Writer(patching).Apply(t.Context(), change, "op-c-3", func(ctx context.Context, i algesta.Intent) error {
		if stale++; stale <= 2 { // between the read and the patch
			label := fmt.Sprintf(`{"metadata":{"labels":{"seen":"%d"}}}`, stale)
			_, err := p.Client.AppsV1().Deployments(p.w.Namespace).Patch(ctx, p.w.Name, types.MergePatchType, []byte(label), metav1.PatchOptions{})
			require.NoError(t, err)
		}
		return r.intend(ctx, i)
	})
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(r.intents), 3)
	require.NotEqual(t, r.intents[0].ResourceVersion, r.intents[2].ResourceVersion)
	require.Equal(t, r.intents[0].PatchHash, r.intents[2].PatchHash, "the same patch but for the resourceVersion")
}

func TestApplyStopsWhenTheDeploymentChangesBetweenItsTries(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	change := p.deploy12345(t)
	_, err := p.bot.Writer(patching).Apply(t.Context(), change, "op-c-4", func(context.Context, algesta.Intent) error {
		p.kubectl(t, "scale", "deployment/api-gateway", "--replicas=3") //nolint:contextcheck // somebody else scales, in the context of the test
		return nil
	})
	require.ErrorIs(t, err, algesta.ErrConflict)
	require.Equal(t, oldImage, p.deployment(t).Spec.Template.Spec.Containers[0].Image)
}

func TestApplyWritesNothingWithoutARecord(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	full := errors.New("the disk is full")
	_, err := p.bot.Writer(
		patching,
	).Apply(
		t.Context(),
		p.deploy12345(t),
		"op-c-5",
		func(context.Context, algesta.Intent) error { return full },
	)
	require.ErrorIs(t, err, full)
	require.Equal(t, oldImage, p.deployment(t).Spec.Template.Spec.Containers[0].Image)
}

func TestRefusalsOfTheServerBecomeSentences(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	uid := string(p.deployment(t).UID)
	invalid := algesta.Change{
		Object: p.w, UID: uid, Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
		Swaps: []algesta.Swap{{Label: "image", Path: imagePath, From: value(oldImage), To: value("")}},
	}
	unknown := algesta.Change{
		Object: p.w, UID: uid, Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
		Swaps: []algesta.Swap{{Label: "field", Path: "/spec/template/spec/containers/0/nonsense", To: value("x")}},
	}
	readOnly := p.as(
		t,
		p.ServiceAccount(
			t,
			p.w.Namespace,
			[]rbacv1.PolicyRule{{APIGroups: []string{"apps"}, Resources: []string{"deployments"}, Verbs: []string{"get", "list", "watch"}}},
		),
	)
	tests := map[string]struct {
		bot    *kube.Cluster
		change algesta.Change
		kind   algesta.ErrorKind
		want   string
	}{
		"a field that may not be empty is named": {
			p.bot,
			invalid,
			algesta.ErrInvalid,
			"The cluster sandbox rejects this (spec.template.spec.containers[0].image is missing).",
		},
		"an unknown field does not show the object": {p.bot, unknown, algesta.ErrInvalid, "The cluster sandbox rejects this."},
		"a missing right is named": {
			readOnly,
			p.deploy12345(t),
			algesta.ErrForbidden,
			"I don't have permission to patch deployments in " + p.w.Namespace + " (403).",
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := tt.bot.Writer(patching).Check(t.Context(), tt.change)
			require.ErrorIs(t, err, tt.kind)
			requireSentence(t, tt.want, err)
			t.Log(err)
			_, err = tt.bot.Writer(patching).Apply(t.Context(), tt.change, "op-c-6", (&recorder{}).intend)
			require.ErrorIs(t, err, tt.kind)
			requireSentence(t, tt.want, err)
		})
	}
	require.Equal(t, oldImage, p.deployment(t).Spec.Template.Spec.Containers[0].Image)
}

func TestWarningsOfTheServerAreHeard(t *testing.T) {
	t.Parallel()
	p := deployed(t, control.ForTest(t))
	change := algesta.Change{
		Object: p.w, UID: string(p.deployment(t).UID), Verb: algesta.Patch, Resource: "deployments.apps", Version: "v1",
		Swaps: []algesta.Swap{
			{
				Label: "annotations",
				Path:  "/spec/template/metadata/annotations",
				To:    value(map[string]string{"container.apparmor.security.beta.kubernetes.io/api-gateway": "unconfined"}),
			},
		},
	}
	warnings, err := p.bot.Writer(patching).Check(t.Context(), change)
	require.NoError(t, err)
	require.NotEmpty(t, warnings)
	require.Contains(t, warnings[0], "deprecated")
}

// requireSentence asserts what a person reads, and that nothing of the object is in it or in the log.
func requireSentence(t *testing.T, want string, err error) {
	t.Helper()
	var e *algesta.Error
	require.ErrorAs(t, err, &e)
	require.Equal(t, want, e.Message.String())
	for _, said := range []string{e.Message.String(), e.Hint.String(), err.Error()} {
		require.NotContains(t, said, secretValue)
		require.NotContains(t, said, "API_PASSWORD")
	}
}
