package runbooks_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/runbooks"
)

// lokiTemplate is a pod of Loki, with a secret where none should be.
func lokiTemplate(version string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "loki"}},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{"agentpool": "stdaruser"},
			Containers: []corev1.Container{{
				Name: "loki", Image: registry + version,
				Env:       []corev1.EnvVar{{Name: "API_PASSWORD", Value: secretValue}},
				Resources: corev1.ResourceRequirements{Requests: corev1.ResourceList{"cpu": resource.MustParse("10m")}},
			}},
		},
	}
}

// stateful makes Loki as a StatefulSet of three pods of 12344 and waits until they are ready.
func stateful(t *testing.T, change func(*appsv1.StatefulSet)) *place {
	t.Helper()
	p := nowhere(t)
	p.target.Object = "statefulset/loki"
	set := &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "loki", Annotations: map[string]string{"note": "keepme"}},
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(int32(3)), ServiceName: "loki", Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "loki"}},
			Template: lokiTemplate("12344"),
		},
	}
	if change != nil {
		change(set)
	}
	_, err := p.Client.AppsV1().StatefulSets(p.target.Namespace).Create(t.Context(), set, metav1.CreateOptions{})
	require.NoError(t, err)
	p.waitReady(t, 3)
	return p
}

// agents makes Loki as a DaemonSet and waits until each of its pods is ready.
func agents(t *testing.T) *place {
	t.Helper()
	p := nowhere(t)
	p.target.Object = "daemonset/loki"
	template := lokiTemplate("12344")
	template.Spec.Affinity = &corev1.Affinity{NodeAffinity: &corev1.NodeAffinity{
		RequiredDuringSchedulingIgnoredDuringExecution: &corev1.NodeSelector{NodeSelectorTerms: []corev1.NodeSelectorTerm{{
			MatchExpressions: []corev1.NodeSelectorRequirement{{
				Key: corev1.LabelHostname, Operator: corev1.NodeSelectorOpIn, Values: p.someNodes(t, 3),
			}},
		}}},
	}}
	_, err := p.Client.AppsV1().DaemonSets(p.target.Namespace).Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "loki"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "loki"}}, Template: template,
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	p.waitReady(t, 3)
	return p
}

// someNodes are the hosts of so many nodes of the users' pool: other tests add theirs.
func (p *place) someNodes(t *testing.T, n int64) []string {
	t.Helper()
	nodes, err := p.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{LabelSelector: "agentpool=stdaruser", Limit: n})
	require.NoError(t, err)
	var hosts []string
	for _, node := range nodes.Items {
		hosts = append(hosts, node.Labels[corev1.LabelHostname])
	}
	return hosts
}

// waitReady waits until the rollout of the target is over with so many pods.
func (p *place) waitReady(t *testing.T, pods int) {
	t.Helper()
	require.Eventually(t, func() bool {
		r, err := rollout.Look(t.Context(), whole(p.bot).Rollout(), p.target.Workload())
		require.NoError(t, err)
		fresh, old := r.Ready()
		return r.Done() && old == 0 && pods == fresh
	}, time.Minute, 100*time.Millisecond)
}

// settle carries out a command and waits until its rollout has settled.
func (p *place) settle(t *testing.T, runbook string, args algesta.Args) (algesta.Plan, rollout.Progress) {
	t.Helper()
	plan := p.plan(t, runbook, args)
	end := p.follow(t, p.apply(t, plan))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	return plan, end
}

// versions are what the pods run, by the names of the pods.
func (p *place) versions(t *testing.T) []string {
	t.Helper()
	pods, err := p.Client.CoreV1().Pods(p.target.Namespace).List(t.Context(), metav1.ListOptions{LabelSelector: "app=loki"})
	require.NoError(t, err)
	var out []string
	for _, pod := range pods.Items {
		if pod.DeletionTimestamp == nil {
			out = append(out, strings.TrimPrefix(pod.Spec.Containers[0].Image, registry))
		}
	}
	return out
}

func (p *place) setOf(t *testing.T) *appsv1.StatefulSet {
	t.Helper()
	set, err := p.Client.AppsV1().StatefulSets(p.target.Namespace).Get(t.Context(), "loki", metav1.GetOptions{})
	require.NoError(t, err)
	return set
}

// answers is what a command that looks answers about the target, as lines.
func (p *place) answers(t *testing.T, runbook string) []string {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	report, err := book.Answer(t.Context(), whole(p.bot), p.input(runbook, nil))
	require.NoError(t, err)
	requireNoSecret(t, report)
	return lines(report)
}

// shown is what a command that looks shows as it is, such as a comparison.
func (p *place) shown(t *testing.T, runbook string, args algesta.Args) string {
	t.Helper()
	book, ok := runbooks.Find(runbook)
	require.True(t, ok)
	report, err := book.Answer(t.Context(), whole(p.bot), p.input(runbook, args))
	require.NoError(t, err)
	requireNoSecret(t, report)
	var out []string
	for _, b := range report.Body {
		out = append(out, b.Pre)
	}
	return strings.Join(out, "\n")
}

func (p *place) refused(t *testing.T, runbook string, args algesta.Args) *algesta.Error {
	t.Helper()
	_, err := p.tryPlan(t, runbook, args)
	var refused *algesta.Error
	require.ErrorAs(t, err, &refused)
	require.Equal(t, algesta.ErrRefused, refused.Kind)
	return refused
}

// writes applies a plan, and returns why it wasn't written.
func (p *place) writes(t *testing.T, plan algesta.Plan) error {
	t.Helper()
	_, err := p.bot.Writer([]string{"patch deployments.apps", "patch statefulsets.apps", "patch daemonsets.apps"}).Apply(
		t.Context(), plan.Changes[0], "op-x", func(context.Context, algesta.Intent) error { return nil },
	)
	return err
}

func TestEveryChangeOfAStatefulSet(t *testing.T) {
	t.Parallel()
	p := stateful(t, nil)

	plan, end := p.settle(t, "deploy", algesta.Args{"image": "12345"})
	require.Equal(t, "Deploy to loki: 12344 → 12345", plan.Summary.String())
	require.Equal(t, "loki in production is on 12345", plan.Done.String())
	require.Equal(t, "StatefulSet", plan.Facts[0].Value.String())
	require.Equal(t, 3, end.Ready)
	require.Equal(t, []string{"12345", "12345", "12345"}, p.versions(t))
	require.Contains(t, p.answers(t, "status")[0], "loki in production: 3 of 3 ready on 12345")

	got := p.answers(t, "history")
	require.Equal(t, "loki in production runs revision 2 (12345); 2 revisions are kept", got[0])
	require.Regexp(t, `^2 \(now\) \| 12345 \| \d+ s ago \| 3 \| deploy 12345 by Dana \(c-\d+\)$`, got[2])
	require.Regexp(t, `^1 \| 12344 \| \d+ s ago \| 0 \| –$`, got[3])
	require.Contains(t, p.shown(t, "history", algesta.Args{"revision": int64(1)}), "…/api-gateway:12345 → …/api-gateway:12344")
	require.Contains(t, p.shown(t, "history", algesta.Args{"revision": int64(2)}), "…/api-gateway:12344 → …/api-gateway:12345")

	p.settle(t, "restart", nil)
	require.Contains(t, p.setOf(t).Spec.Template.Annotations, "kubectl.kubernetes.io/restartedAt")

	back, end := p.settle(t, "rollback", nil)
	require.Equal(t, "Roll back loki: 12345 → 12344 (revision 1)", back.Summary.String())
	require.Equal(t, rollout.Same, end.Verdict, end.Compare.String())
	require.Equal(t, []string{"12344", "12344", "12344"}, p.versions(t))
	set := p.setOf(t)
	require.Equal(t, "keepme", set.Annotations["note"])
	require.Equal(t, secretValue, set.Spec.Template.Spec.Containers[0].Env[0].Value)
	require.Regexp(t, `^4 \(now\) \| 12344 \| \d+ s ago \| 3 \| rollback to 12344 by Dana \(c-\d+\)$`, p.answers(t, "history")[2])

	undo, _ := p.settle(t, back.Undo.Runbook, back.Undo.Args)
	require.Equal(t, []string{"12345", "12345", "12345"}, p.versions(t))
	require.NotEmpty(t, p.plan(t, undo.Undo.Runbook, back.Undo.Args).Nothing, "undoing twice does nothing")

	less, _ := p.settle(t, "scale", algesta.Args{"replicas": int64(1)})
	require.Len(t, p.versions(t), 1)
	p.settle(t, less.Undo.Runbook, less.Undo.Args)
	require.Len(t, p.versions(t), 3)

	for _, verb := range []string{"pause", "resume"} {
		require.Equal(
			t, "loki is a StatefulSet, and Kubernetes can pause the rollouts of Deployments only.", p.refused(t, verb, nil).Message.String(),
		)
	}
}

// TestAPodThatCantRunIsInTheWayOfAStatefulSet has OrderedReady wait for a broken pod, which going back doesn't repair.
func TestAPodThatCantRunIsInTheWayOfAStatefulSet(t *testing.T) {
	t.Parallel()
	p := stateful(t, nil)
	end := p.follow(t, p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12399-crash"})))
	require.Equal(t, rollout.Broken, end.Phase)
	require.Equal(t, "The 2 old pods still serve users.", end.Serving.String())

	plan := p.plan(t, "rollback", nil)
	require.Contains(t, strings.Join(words(plan.Warnings), "\n"), "afterwards take it away: /algesta pod delete loki-2 production")
	end = p.follow(t, p.apply(t, plan))
	require.Equal(t, rollout.Broken, end.Phase)
	require.Regexp(
		t, `^Pod loki-2 crashes \(\w+\), and loki replaces no pod while one isn't ready \(podManagementPolicy OrderedReady\)\. `+
			`Once loki-2 is deleted, it's created again from the new template\.$`, end.Why.String(),
	)
	require.Contains(t, strings.Join(p.answers(t, "status"), "\n"), "Once loki-2 is deleted")

	book, _ := runbooks.Find("pod delete")
	in := p.input("pod delete", nil)
	in.Command.Target.Object = "pod/loki-2"
	gone, err := book.Plan(t.Context(), whole(p.bot), in)
	require.NoError(t, err)
	_, err = p.bot.Writer([]string{"create pods/eviction"}).Apply(
		t.Context(), gone.Changes[0], "op-y", func(context.Context, algesta.Intent) error { return nil },
	)
	require.NoError(t, err)
	p.waitReady(t, 3)
	require.Equal(t, []string{"12344", "12344", "12344"}, p.versions(t))
}

func TestAPartitionAndOnDeleteAreFollowedToTheirRealEnd(t *testing.T) {
	t.Parallel()
	t.Run("partition", func(t *testing.T) {
		t.Parallel()
		p := stateful(t, func(set *appsv1.StatefulSet) {
			set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{
				Type: appsv1.RollingUpdateStatefulSetStrategyType, RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{Partition: new(int32(2))},
			}
		})
		plan, _ := p.settle(t, "deploy", algesta.Args{"image": "12345"})
		require.Equal(t, "loki in production is on 12345 from pod loki-2 on", plan.Done.String())
		require.Contains(
			t, words(plan.Warnings), "Its partition is 2: 2 of 3 pods with a lower number stay as before, also when made again.",
		)
		require.Equal(t, []string{"12344", "12344", "12345"}, p.versions(t))
		require.Contains(t, p.answers(t, "history")[2], "2 (now) | 12345 |")
	})
	t.Run("OnDelete", func(t *testing.T) {
		t.Parallel()
		p := stateful(t, func(set *appsv1.StatefulSet) {
			set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
		})
		plan, end := p.settle(t, "deploy", algesta.Args{"image": "12345"})
		require.Equal(t, "loki in production has 12345 stored, and its pods get it when they're deleted", plan.Done.String())
		require.Equal(
			t, "The strategy of loki is OnDelete: 3 of 3 pods still run what they ran before, until someone deletes them.", end.Alert.String(),
		)
		require.Equal(t, []string{"12344", "12344", "12344"}, p.versions(t))
		no := p.refused(t, "restart", nil)
		require.Contains(t, no.Message.String(), "a restart would replace none")
		require.Contains(t, no.Hint.String(), "/algesta pod delete loki-")
	})
	t.Run("Parallel, minReadySeconds and maxUnavailable", func(t *testing.T) {
		t.Parallel()
		p := stateful(t, func(set *appsv1.StatefulSet) {
			set.Spec.PodManagementPolicy, set.Spec.MinReadySeconds = appsv1.ParallelPodManagement, 3
			set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{
				Type: appsv1.RollingUpdateStatefulSetStrategyType,
				RollingUpdate: &appsv1.RollingUpdateStatefulSetStrategy{
					Partition: new(int32(0)), MaxUnavailable: new(intstr.FromInt32(2)),
				},
			}
		})
		_, end := p.settle(t, "deploy", algesta.Args{"image": "12345"})
		require.Equal(t, []string{"12345", "12345", "12345"}, p.versions(t))
		require.Equal(t, int32(3), p.setOf(t).Status.AvailableReplicas)
		require.GreaterOrEqual(t, end.Took, 3*time.Second, "ready isn't enough")
		failing := p.follow(t, p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12399-crash"})))
		require.Equal(t, rollout.Broken, failing.Phase)
		p.settle(t, "rollback", nil) // nobody has to delete a pod
		require.Equal(t, []string{"12345", "12345", "12345"}, p.versions(t))
	})
}

// TestAStrategyThatChangedIsNotWhatPeopleSaw has someone let the pods roll that were to be replaced by hand only.
func TestAStrategyThatChangedIsNotWhatPeopleSaw(t *testing.T) {
	t.Parallel()
	p := stateful(t, func(set *appsv1.StatefulSet) {
		set.Spec.UpdateStrategy = appsv1.StatefulSetUpdateStrategy{Type: appsv1.OnDeleteStatefulSetStrategyType}
	})
	deploy := p.plan(t, "deploy", algesta.Args{"image": "12345"})
	p.kubectl(t, "patch", "statefulset", "loki", "--type=merge", "-p", `{"spec":{"updateStrategy":{"type":"RollingUpdate"}}}`)
	require.ErrorContains(t, p.writes(t, deploy), "its update strategy isn't what you saw")
	require.Equal(t, registry+"12344", p.setOf(t).Spec.Template.Spec.Containers[0].Image)
}

// TestAStrategyOfADeploymentThatChangedIsNotWhatPeopleSaw has someone let all pods go at once that were to be replaced one after another.
func TestAStrategyOfADeploymentThatChangedIsNotWhatPeopleSaw(t *testing.T) {
	t.Parallel()
	p := running(t)
	p.deploy(t, "12345")
	patch := `{"spec":{"strategy":{"type":"Recreate","rollingUpdate":null}}}`
	for i, asked := range []struct {
		runbook string
		args    algesta.Args
	}{{"restart", nil}, {"rollback", nil}, {"deploy", algesta.Args{"image": "12346"}}} {
		plan := p.plan(t, asked.runbook, asked.args)
		if i > 0 {
			patch = fmt.Sprintf(`{"spec":{"strategy":{"type":"RollingUpdate","rollingUpdate":{"maxUnavailable":"%d%%"}}}}`, 49+i)
		}
		p.kubectl(t, "patch", "deployment", "api-gateway-production", "--type=merge", "-p", patch)
		require.ErrorContains(t, p.writes(t, plan), "its strategy isn't what you saw", asked.runbook)
		require.Equal(t, registry+"12345", p.image(t))
	}
}

func TestEveryChangeOfADaemonSet(t *testing.T) {
	t.Parallel()
	p := agents(t)
	const nodes = 3

	plan, end := p.settle(t, "deploy", algesta.Args{"image": "12345"})
	require.Equal(t, "DaemonSet", plan.Facts[0].Value.String())
	require.Equal(t, nodes, end.Ready)
	require.Regexp(t, `^2 \(now\) \| 12345 \| \d+ s ago \| 3 \| deploy 12345 by Dana \(c-\d+\)$`, p.answers(t, "history")[2])
	p.settle(t, "restart", nil)

	back, end := p.settle(t, "rollback", nil)
	require.Equal(t, "Roll back loki: 12345 → 12344 (revision 1)", back.Summary.String())
	require.Equal(t, rollout.Same, end.Verdict, end.Compare.String())
	for _, version := range p.versions(t) {
		require.Equal(t, "12344", version)
	}
	p.settle(t, back.Undo.Runbook, back.Undo.Args)

	failing := p.follow(t, p.apply(t, p.plan(t, "deploy", algesta.Args{"image": "12399-crash"})))
	require.Equal(t, rollout.Broken, failing.Phase)
	_, end = p.settle(t, "rollback", nil) // most pods are still of the revision that it goes back to
	require.Equal(t, nodes, end.Ready)
	require.Equal(t, nodes, end.Of)

	require.Contains(t, p.refused(t, "scale", algesta.Args{"replicas": int64(3)}).Message.String(), "there's no number to set")
	require.Contains(t, p.refused(t, "pause", nil).Message.String(), "loki is a DaemonSet")
}
