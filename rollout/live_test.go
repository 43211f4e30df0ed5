package rollout_test

import (
	"context"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/rollout/rollouttest"
	"github.com/3astronautas/algesta/sandbox/control"
)

// follow polls an object until its rollout has ended, and returns that end.
func follow(t *testing.T, bot *kube.Cluster, object algesta.Object, generation int64) rollout.Progress {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	f := rollout.Follow{Generation: generation, StartedAt: time.Now(), Soak: time.Second}
	for {
		r, err := rollout.Look(ctx, rollout.Cluster{Reader: bot, Events: bot}, object)
		require.NoError(t, err)
		var p rollout.Progress
		p, f = rollout.Judge(r, f, time.Now())
		if p.Phase != rollout.Moving && p.Phase != rollout.Complete {
			return p
		}
		select {
		case <-ctx.Done():
			require.Fail(t, "the rollout did not end", "%s; %v", p.Line, p.Pods)
		case <-tick.C:
		}
	}
}

func kubectl(t *testing.T, c *control.Cluster, namespace string, args ...string) string {
	t.Helper()
	out, err := exec.CommandContext(
		t.Context(),
		c.Kubectl,
		append([]string{"--kubeconfig", c.Kubeconfig, "-n", namespace}, args...)...).CombinedOutput()
	require.NoError(t, err, string(out))
	return string(out)
}

func podTemplate(version string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": "x"}},
		Spec: corev1.PodSpec{
			NodeSelector: map[string]string{
				"agentpool": "stdaruser",
			},
			Containers: []corev1.Container{{Name: "x", Image: rollouttest.Registry + version}},
		},
	}
}

func TestAStatefulSetOnARealControlPlane(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	namespace := c.Namespace(t)
	bot, err := kube.OpenREST("sandbox", c.Config, namespace)
	require.NoError(t, err)
	sets := c.Client.AppsV1().StatefulSets(namespace)
	made, err := sets.Create(t.Context(), &appsv1.StatefulSet{
		ObjectMeta: metav1.ObjectMeta{Name: "mongodb"},
		Spec: appsv1.StatefulSetSpec{
			Replicas: new(
				int32(3),
			),
			ServiceName: "mongodb",
			Selector:    &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
			Template:    podTemplate("12344"),
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	object := algesta.Object{Cluster: "sandbox", Group: "apps", Kind: "StatefulSet", Namespace: namespace, Name: "mongodb"}
	end := follow(t, bot, object, made.Generation)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())

	write := func(patch string) int64 {
		kubectl(t, c, namespace, "patch", "statefulset", "mongodb", "--type=merge", "-p", patch)
		set, err := sets.Get(t.Context(), "mongodb", metav1.GetOptions{})
		require.NoError(t, err)
		return set.Generation
	}
	const image = `{"spec":{"updateStrategy":{"type":"RollingUpdate","rollingUpdate":{"partition":PARTITION}},` +
		`` +
		`"template":{"spec":{"containers":[{"name":"x","image":"` + rollouttest.Registry + `VERSION"}]}}}}`
	at := func(partition, version string) string {
		return strings.NewReplacer("PARTITION", partition, "VERSION", version).Replace(image)
	}
	end = follow(t, bot, object, write(at("0", "12345")))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(t, "3 of 3 ready", end.Line.String()[:len("3 of 3 ready")])
	require.Contains(
		t,
		kubectl(t, c, namespace, "rollout", "status", "statefulset/mongodb", "--watch=false"),
		"complete",
		"kubectl says so, too",
	)

	end = follow(t, bot, object, write(at("2", "12346")))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Empty(t, end.Alert)
	require.Equal(
		t,
		[]string{rollouttest.Registry + "12345", rollouttest.Registry + "12345", rollouttest.Registry + "12346"},
		images(t, c, namespace),
	)

	end = follow(t, bot, object, write(at("0", "12399-crash")))
	require.Equal(t, rollout.Broken, end.Phase)
	require.Regexp(t, `^The program in container \S+ ends with exit code 1, so pod mongodb-2 of mongodb keeps crashing \(2 `+
		`restarts\)\.`, end.Why.String())
	require.Equal(t, "The 2 old pods still serve users.", end.Serving.String())

	generation := write(
		`{"spec":{"updateStrategy":{"type":"OnDelete","rollingUpdate":null},` +
			`"template":{"spec":{"containers":[{"name":"x","image":"` + rollouttest.Registry + `12347"}]}}}}`,
	)
	kubectl(t, c, namespace, "delete", "pod", "mongodb-2")
	end = follow(t, bot, object, generation)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Equal(
		t,
		"The strategy of mongodb is OnDelete: 2 of 3 pods still run what they ran before, until someone deletes them.",
		end.Alert.String(),
	)
}

func TestADaemonSetOnARealControlPlane(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	namespace := c.Namespace(t)
	bot, err := kube.OpenREST("sandbox", c.Config, namespace)
	require.NoError(t, err)
	sets := c.Client.AppsV1().DaemonSets(namespace)
	made, err := sets.Create(t.Context(), &appsv1.DaemonSet{
		ObjectMeta: metav1.ObjectMeta{Name: "agent"},
		Spec: appsv1.DaemonSetSpec{
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": "x"}},
			Template: podTemplate("12344"),
		},
	}, metav1.CreateOptions{})
	require.NoError(t, err)
	object := algesta.Object{Cluster: "sandbox", Group: "apps", Kind: "DaemonSet", Namespace: namespace, Name: "agent"}
	end := follow(t, bot, object, made.Generation)
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	require.Positive(t, end.Of)

	write := func(version string) int64 {
		kubectl(t, c, namespace, "set", "image", "daemonset/agent", "x="+rollouttest.Registry+version)
		set, err := sets.Get(t.Context(), "agent", metav1.GetOptions{})
		require.NoError(t, err)
		return set.Generation
	}
	end = follow(t, bot, object, write("12345"))
	require.Equal(t, rollout.Settled, end.Phase, end.Why.String())
	for _, image := range images(t, c, namespace) {
		require.Equal(t, rollouttest.Registry+"12345", image)
	}
	require.Contains(
		t,
		kubectl(t, c, namespace, "rollout", "status", "daemonset/agent", "--watch=false"),
		"successfully rolled out",
		"kubectl says so, too",
	)

	end = follow(t, bot, object, write("12399-notfound"))
	require.Equal(t, rollout.Broken, end.Phase)
	require.Regexp(t, `^Image \S+/api-gateway:12399-notfound does not exist in its registry, so no pod of agent can `+
		`start\.$`, end.Why.String())
}

// images are those of the pods that don't stop, in the order of their names.
func images(t *testing.T, c *control.Cluster, namespace string) []string {
	t.Helper()
	pods, err := c.Client.CoreV1().Pods(namespace).List(t.Context(), metav1.ListOptions{})
	require.NoError(t, err)
	var out []string
	for _, p := range pods.Items {
		if p.DeletionTimestamp == nil {
			out = append(out, p.Spec.Containers[0].Image)
		}
	}
	return out
}
