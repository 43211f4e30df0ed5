package runbooks_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/utils/ptr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/runbooks"
	"github.com/3astronautas/algesta/sandbox/control"
)

const registry = rollouttest.Registry

// secretValue is literally in the template and must never be shown.
const secretValue = rollouttest.SecretValue

// place is a namespace of the sandbox with the service api-gateway in it.
type place struct {
	*control.Cluster
	bot    *kube.Cluster
	target algesta.Target
	n      int // of the last command
}

// nowhere is a namespace with nothing in it.
func nowhere(t *testing.T) *place {
	t.Helper()
	c := control.ForTest(t)
	namespace := c.Namespace(t)
	p := &place{Cluster: c, target: algesta.Target{Environment: "production", Cluster: "sandbox", Namespace: namespace}}
	var err error
	p.bot, err = kube.OpenREST("sandbox", c.Config, namespace)
	require.NoError(t, err)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); p.bot.Start(ctx) }()
	t.Cleanup(func() { stop(); <-done })
	return p
}

// running makes a service with two pods of 12344 and waits until they are ready.
func running(t *testing.T) *place {
	t.Helper()
	p := nowhere(t)
	p.target.Service, p.target.Name = "api-gateway", "api-gateway-production"
	labels := map[string]string{"app": "api-gateway"}
	_, err := p.Client.AppsV1().Deployments(p.target.Namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: p.target.Name, Labels: labels, Annotations: map[string]string{"note": "keepme"}},
		Spec: appsv1.DeploymentSpec{
			Replicas: ptr.To[int32](2), Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{Containers: []corev1.Container{
				{
					Name:  "api-gateway",
					Image: registry + "12344",
					Env: []corev1.EnvVar{
						{Name: "NODE_ENV", Value: "production"},
						{Name: "API_PASSWORD", Value: secretValue},
						{
							Name: "MONGODB_URI",
							ValueFrom: &corev1.EnvVarSource{
								SecretKeyRef: &corev1.SecretKeySelector{LocalObjectReference: corev1.LocalObjectReference{Name: "mongodb-credentials"}, Key: "uri"},
							},
						},
					},
					Resources: corev1.ResourceRequirements{
						Requests: corev1.ResourceList{"cpu": resource.MustParse("100m")},
						Limits:   corev1.ResourceList{"cpu": resource.MustParse("100m")},
					},
				},
			}}},
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	p.until(t, "the first pods are ready", func(d *appsv1.Deployment) bool { return d.Status.AvailableReplicas == 2 })
	return p
}

func (p *place) until(t *testing.T, what string, is func(*appsv1.Deployment) bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for !is(p.deployment(t)) {
		select {
		case <-ctx.Done():
			require.Fail(t, "waiting until "+what)
		case <-tick.C:
		}
	}
}

func (p *place) deployment(t *testing.T) *appsv1.Deployment {
	t.Helper()
	d, err := p.Client.AppsV1().Deployments(p.target.Namespace).Get(t.Context(), p.target.Name, metav1.GetOptions{})
	require.NoError(t, err)
	return d
}

func (p *place) kubectl(t *testing.T, args ...string) {
	t.Helper()
	args = append([]string{"--kubeconfig", p.Kubeconfig, "-n", p.target.Namespace}, args...)
	out, err := exec.CommandContext(t.Context(), p.Kubectl, args...).CombinedOutput()
	require.NoError(t, err, string(out))
}

func (p *place) input(runbook string, args algesta.Args) runbooks.Input {
	p.n++
	return runbooks.Input{Bot: "algesta", Workload: p.target.Workload(), Command: algesta.Command{
		ID: fmt.Sprintf(
			"c-%d",
			p.n,
		),
		Requester: algesta.AskedBy(algesta.Actor{Name: "Dana"}),
		Runbook:   runbook,
		Target:    p.target,
		Args:      args,
		At:        time.Now(),
	}}
}

func (p *place) plan(t *testing.T, runbook string, args algesta.Args) algesta.Plan {
	t.Helper()
	plan, err := p.tryPlan(t, runbook, args)
	require.NoError(t, err)
	requireNoSecret(t, plan.Summary, plan.Facts, plan.Diff, plan.Warnings, plan.Nothing, plan.Done, plan.Doing, plan.Title, plan.Redacted())
	return plan
}

func (p *place) tryPlan(t *testing.T, runbook string, args algesta.Args) (algesta.Plan, error) {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	return book.Plan(t.Context(), whole(p.bot), p.input(runbook, args))
}

func requireNoSecret(t *testing.T, shown ...any) {
	t.Helper()
	for _, v := range shown {
		b, err := json.Marshal(v)
		require.NoError(t, err)
		require.NotContains(t, string(b), secretValue)
	}
}

// apply writes a plan and returns what the follower starts from.
func (p *place) apply(t *testing.T, plan algesta.Plan) rollout.Follow {
	t.Helper()
	require.Empty(t, plan.Nothing)
	f := rollout.Begin(plan.Redacted(), 2*time.Second)
	before, err := rollout.Look(t.Context(), whole(p.bot).Rollout(), p.target.Workload())
	require.NoError(t, err)
	f.Before = rollout.HealthOf(before, time.Now())
	writer := p.bot.Writer([]string{"patch deployments.apps", "patch statefulsets.apps", "patch daemonsets.apps"})
	_, err = writer.Check(t.Context(), plan.Changes[0])
	require.NoError(t, err)
	written, err := writer.Apply(
		t.Context(),
		plan.Changes[0],
		fmt.Sprintf("op-c-%d", p.n),
		func(context.Context, algesta.Intent) error { return nil },
	)
	require.NoError(t, err)
	f.Generation, f.StartedAt = written.Generation, time.Now()
	return f
}

// follow looks until the rollout has ended.
func (p *place) follow(t *testing.T, f rollout.Follow) rollout.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 90*time.Second)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		r, err := rollout.Look(ctx, whole(p.bot).Rollout(), p.target.Workload())
		require.NoError(t, err)
		var progress rollout.Progress
		progress, f = rollout.Judge(r, f, time.Now())
		b, err := json.Marshal(f) // what the store keeps between two looks
		require.NoError(t, err)
		f = rollout.Follow{}
		require.NoError(t, json.Unmarshal(b, &f))
		requireNoSecret(t, progress)
		if progress.Phase != rollout.Moving && progress.Phase != rollout.Complete {
			return progress
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "the rollout did not end", "%s; %v", progress.Line, progress.Pods)
		case <-tick.C:
		}
	}
}

func (p *place) deploy(t *testing.T, version string) {
	t.Helper()
	end := p.follow(t, p.apply(t, p.plan(t, "deploy", algesta.Args{"image": version})))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
}

func (p *place) image(t *testing.T) string {
	t.Helper()
	return p.deployment(t).Spec.Template.Spec.Containers[0].Image
}

func TestRollbackPassesOverRestartsAndComesBack(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.deploy(t, "12345")
	restart := p.follow(t, p.apply(t, p.plan(t, "restart", nil)))
	require.Equal(t, rollout.Settled, restart.Phase, restart.Why.String())
	require.Contains(t, p.deployment(t).Spec.Template.Annotations, "kubectl.kubernetes.io/restartedAt")

	plan := p.plan(t, "rollback", nil)
	require.Equal(t, "Roll back api-gateway-production: 12345 → 12344 (revision 1)", plan.Summary.String())
	require.Equal(t, "image      …/api-gateway:12345 → …/api-gateway:12344\nannotation kubectl.kubernetes.io/restartedAt removed", plan.Diff)
	require.Equal(t, "api-gateway in production is back on 12344", plan.Done.String())
	require.Contains(t, plan.Facts[2].Value.String(), "(2 runs the same pods as now: a restart)")
	require.Empty(t, plan.Warnings)

	end := p.follow(t, p.apply(t, plan))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(t, rollout.Same, end.Verdict)
	require.Equal(t, 2, end.Ready)
	d := p.deployment(t)
	require.Equal(t, registry+"12344", p.image(t))
	require.Equal(t, fmt.Sprintf("rollback to 12344 by Dana (c-%d)", p.n), d.Annotations["kubernetes.io/change-cause"])
	require.Equal(t, "keepme", d.Annotations["note"], "kubectl's own undo loses it")
	require.Equal(t, secretValue, d.Spec.Template.Spec.Containers[0].Env[1].Value)
	require.NotContains(t, d.Spec.Template.Labels, "pod-template-hash")

	undo := p.plan(t, plan.Undo.Runbook, plan.Undo.Args)
	end = p.follow(t, p.apply(t, undo))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(t, registry+"12345", p.image(t))
	require.NotEmpty(t, p.plan(t, undo.Undo.Runbook, plan.Undo.Args).Nothing, "undoing twice does nothing")
}

func TestAFailingRolloutIsJudgedFromItsPods(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		version string
		within  time.Duration
		why     string
	}{
		"a program that ends": {
			"12399-crash",
			20 * time.Second,
			`The program in container api-gateway ends with exit code 1, so pod api-gateway-production-\S+ of revision 2 keeps crashing ` +
				`\(2 restarts\)\.`,
		},
		"a tag that is missing": {
			"12399-notfound",
			15 * time.Second,
			`Image \S+/api-gateway:12399-notfound does not exist in its registry, so no pod of revision 2 can start\.`,
		},
		"a key that is missing": {
			"12399-configerror",
			30 * time.Second,
			`Secret mongodb-credentials has no key uri, so no pod of revision 2 can start\.`,
		},
		"memory that is short": {
			"12399-oom",
			20 * time.Second,
			`Container api-gateway of api-gateway-production .*memory.*, so pod api-gateway-production-\S+ of revision 2 keeps crashing ` +
				`\(2 restarts\)\.`,
		},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := running(t)
			end := p.follow(t, p.apply(t, p.plan(t, "deploy", algesta.Args{"image": tt.version})))
			require.Equal(t, rollout.Broken, end.Phase)
			require.Regexp(t, tt.why, end.Why.String())
			require.Equal(t, "The 2 old pods still serve users.", end.Serving.String())
			require.Less(t, end.Took, tt.within)
			t.Logf("judged after %s", end.Took)

			plan := p.plan(t, "rollback", nil)
			require.NotEmpty(t, plan.Warnings, "the card says how it is now")
			end = p.follow(t, p.apply(t, plan))
			require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
			require.Equal(t, rollout.Healthier, end.Verdict, end.Compare.String())
			require.Equal(t, registry+"12344", p.image(t))
		})
	}
}

func TestASlowRolloutIsWaitedFor(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.deploy(t, "12345-slow")
}

func TestARolloutThatIsOvertakenEndsAsSuch(t *testing.T) {
	t.Parallel()
	p := running(t)
	f := p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12345-slow"}))
	p.kubectl(t, "set", "image", "deployment/"+p.target.Name, "api-gateway="+registry+"12346")
	end := p.follow(t, f)
	require.Equal(t, rollout.Overtaken, end.Phase)
	require.Contains(t, end.Why.String(), "it should now run …/api-gateway:12346")
}

func TestADeploymentThatIsDeletedMeanwhile(t *testing.T) {
	t.Parallel()
	p := running(t)
	f := p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12345-slow"}))
	p.kubectl(t, "delete", "deployment", p.target.Name)
	end := p.follow(t, f)
	require.Equal(t, rollout.Gone, end.Phase)
}

func TestScalingAgainstAQuotaIsSeen(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.quota(t, "250m")
	plan := p.plan(t, "scale", algesta.Args{"replicas": int64(4)})
	require.Equal(
		t,
		"Quota production-quota has no room: 0.2 of 0.25 requests.cpu are used and 0.2 more would be needed for 2 more pods.",
		plan.Warnings[0].String(),
	)
	end := p.follow(t, p.apply(t, plan))
	require.Equal(t, rollout.Broken, end.Phase)
	require.Equal(
		t,
		"ResourceQuota production-quota is used up (requested: requests.cpu=100m, used: requests.cpu=200m, limited: requests.cpu=250m), so "+
			"no further pod of api-gateway-production can be created.",
		end.Why.String(),
	)
	require.Equal(t, "2 pods still serve users.", end.Serving.String())
	require.Less(t, end.Took, 45*time.Second, "the controller gets half a minute")
}

func TestScalingUpAndDown(t *testing.T) {
	t.Parallel()
	p := running(t)
	for _, to := range []int64{4, 1, 0, 2} {
		plan := p.plan(t, "scale", algesta.Args{"replicas": to})
		end := p.follow(t, p.apply(t, plan))
		require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
		require.Equal(t, int(to), end.Of)
	}
}

func TestAnAutoscalerIsRespected(t *testing.T) {
	t.Parallel()
	p := running(t)
	_, err := p.Client.AutoscalingV2().HorizontalPodAutoscalers(p.target.Namespace).Create(t.Context(), &autoscalingv2.HorizontalPodAutoscaler{
		ObjectMeta: metav1.ObjectMeta{Name: "api-gateway-production-hpa"},
		Spec: autoscalingv2.HorizontalPodAutoscalerSpec{
			ScaleTargetRef: autoscalingv2.CrossVersionObjectReference{APIVersion: "apps/v1", Kind: "Deployment", Name: p.target.Name},
			MinReplicas:    ptr.To[int32](2), MaxReplicas: 6,
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	_, err = p.tryPlan(t, "scale", algesta.Args{"replicas": int64(12)})
	var refused *algesta.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(
		t,
		"The autoscaler api-gateway-production-hpa keeps api-gateway-production between 2 and 6 pods: it would put 12 back to 6 within seconds.",
		refused.Message.String(),
	)
	require.Contains(t, refused.Hint.String(), "/algesta hpa set api-gateway production max=12")
	plan := p.plan(t, "scale", algesta.Args{"replicas": int64(4)})
	require.Equal(
		t,
		"The autoscaler api-gateway-production-hpa may change the number again when the load asks for it (2–6).",
		plan.Warnings[0].String(),
	)
}
