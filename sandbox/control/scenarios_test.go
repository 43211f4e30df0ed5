package control_test

import (
	"context"
	"fmt"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta/sandbox/control"
)

const repository = "acralgestaproduction.azurecr.io/api-gateway:12346"

func kubectl(t *testing.T, c *control.Cluster, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), c.Kubectl, append([]string{"--kubeconfig", c.Kubeconfig}, args...)...).CombinedOutput()
	return string(out), err
}

// waits matches a pod whose container waits for that reason with that text in its message.
func waits(reason, text string) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool {
		for _, cs := range p.Status.ContainerStatuses {
			if w := cs.State.Waiting; w != nil && w.Reason == reason && strings.Contains(w.Message, text) {
				return !ready(p)
			}
		}
		return false
	}
}

// crashed matches a pod in CrashLoopBackOff whose last run ended like that.
func crashed(reason string, exit int32) func(*corev1.Pod) bool {
	return func(p *corev1.Pod) bool {
		if !waits("CrashLoopBackOff", "back-off 20s restarting failed container=app pod="+p.Name+"_"+p.Namespace)(p) {
			return false
		}
		cs := p.Status.ContainerStatuses[0]
		last := cs.LastTerminationState.Terminated
		return cs.RestartCount == 2 && last != nil && last.Reason == reason && last.ExitCode == exit && !last.FinishedAt.IsZero()
	}
}

func TestPodsFailAsAKubeletShowsIt(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	const resolve = `failed to pull and unpack image "` + repository
	tests := map[string]struct {
		tag string
		ok  func(*corev1.Pod) bool
	}{
		"a good image becomes ready":       {"", ready},
		"a slow start becomes ready":       {"-slow", ready},
		"a crash loop":                     {"-crash", crashed("Error", 1)},
		"a crash loop of the V8 heap":      {"-crash-heap", crashed("Error", 134)},
		"out of memory":                    {"-oom", crashed("OOMKilled", 137)},
		"killed by its liveness probe":     {"-liveness", crashed("Error", 137)},
		"ready, then crashing":             {"-crash-later", crashed("Error", 1)},
		"a tag that does not exist, tried": {"-notfound", waits("ErrImagePull", "rpc error: code = NotFound desc = "+resolve)},
		"a tag that does not exist, waiting": {
			"-notfound",
			waits("ImagePullBackOff", `Back-off pulling image "`+repository+`-notfound": ErrImagePull: rpc error`),
		},
		"a registry that refuses": {
			"-unauthorized",
			waits(
				"ImagePullBackOff",
				"https://acralgestaproduction.azurecr.io/oauth2/token?"+
					"scope=repository%3Aapi-gateway%3Apull&service=acralgestaproduction.azurecr.io: 401 Unauthorized",
			),
		},
		"a registry that has had enough": {"-ratelimit", waits("ImagePullBackOff", "429 Too Many Requests")},
		"a secret without the key": {
			"-configerror",
			waits("CreateContainerConfigError", "couldn't find key uri in Secret NAMESPACE/mongodb-credentials"),
		},
		"a secret that is not there": {"-nosecret", waits("CreateContainerConfigError", `secret "mongodb-credentials" not found`)},
		"a readiness probe that fails": {
			"-neverready",
			func(p *corev1.Pod) bool { return p.Status.Phase == corev1.PodRunning && !ready(p) },
		},
		"evicted from a node without memory": {
			"-evicted",
			func(p *corev1.Pod) bool { return p.Status.Reason == "Evicted" && p.Status.Phase == corev1.PodFailed },
		},
		"the init container of a pod is failing": {"-initcrash", initCrashes},
		"a command that ends by itself":          {"-exit-0", crashed("Completed", 0)},
		"a command that is not in the image":     {"-nocommand", crashed("StartError", 128)},
		"a name that is none":                    {"-badname", waits("InvalidImageName", `couldn't parse image name "`+repository+`-badname"`)},
		"three crashes, then ready": {
			"-flaky",
			func(p *corev1.Pod) bool { return ready(p) && p.Status.ContainerStatuses[0].RestartCount == 3 },
		},
	}
	// All of them are made before any is awaited: they take their time side by side.
	type outcome struct {
		pod *corev1.Pod
		err error
	}
	outcomes := map[string]*outcome{}
	var waiting sync.WaitGroup
	for name, tt := range tests {
		ns, o := c.Namespace(t), &outcome{}
		outcomes[name] = o
		deploy(t, c, ns, repository+tt.tag, func(d *appsv1.Deployment) {
			if tt.tag == "-initcrash" {
				d.Spec.Template.Spec.InitContainers = []corev1.Container{{Name: "migrate", Image: "acralgestaproduction.azurecr.io/migrate:1"}}
			}
		})
		waiting.Go(func() {
			o.pod, o.err = awaited(t.Context(), c, ns, func(p *corev1.Pod) bool {
				masked := p.DeepCopy()
				for i := range masked.Status.ContainerStatuses {
					if w := masked.Status.ContainerStatuses[i].State.Waiting; w != nil {
						w.Message = strings.ReplaceAll(w.Message, "Secret "+ns, "Secret NAMESPACE")
					}
				}
				return tt.ok(masked)
			})
		})
	}
	waiting.Wait()
	for name, o := range outcomes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.NoError(t, o.err)
			require.NotEmpty(t, o.pod.Status.PodIP)
			require.NotNil(t, o.pod.Status.StartTime)
		})
	}
}

// awaited returns the first state of any pod of the namespace for which ok holds.
func awaited(ctx context.Context, c *control.Cluster, namespace string, ok func(*corev1.Pod) bool) (*corev1.Pod, error) {
	ctx, cancel := context.WithTimeout(ctx, 90*time.Second)
	defer cancel()
	w, err := c.Client.CoreV1().Pods(namespace).Watch(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("watching pods: %w", err)
	}
	defer w.Stop()
	var last *corev1.Pod
	for e := range w.ResultChan() {
		pod, isPod := e.Object.(*corev1.Pod)
		if !isPod {
			break
		}
		if last = pod; ok(pod) {
			return pod, nil
		}
	}
	return nil, fmt.Errorf("no pod reached the state; last seen: %+v", last)
}

func initCrashes(p *corev1.Pod) bool {
	if len(p.Status.InitContainerStatuses) == 0 || p.Status.ContainerStatuses[0].State.Waiting == nil {
		return false
	}
	cs := p.Status.InitContainerStatuses[0]
	return cs.State.Waiting != nil && cs.State.Waiting.Reason == "CrashLoopBackOff" && cs.RestartCount == 1 &&
		p.Status.ContainerStatuses[0].State.Waiting.Reason == "PodInitializing" && p.Status.Phase == corev1.PodPending
}

func TestLogsAreThoseOfTheScenario(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	ns := c.Namespace(t)
	deploy(t, c, ns, repository+"-crash-mongo")
	pod := await(t, c, ns, func(p *corev1.Pod) bool {
		return len(p.Status.ContainerStatuses) > 0 && p.Status.ContainerStatuses[0].State.Running != nil &&
			p.Status.ContainerStatuses[0].RestartCount == 0
	})
	out, err := kubectl(t, c, "-n", ns, "logs", pod.Name)
	require.NoError(t, err, out)
	require.Contains(t, out, "app starting")

	await(t, c, ns, waits("CrashLoopBackOff", ""))
	out, err = kubectl(t, c, "-n", ns, "logs", "--previous", "--tail=2", pod.Name)
	require.NoError(t, err, out)
	require.Contains(t, out, "could not connect to the database")
	require.NotContains(t, out, "app starting")

	out, err = kubectl(t, c, "-n", ns, "get", "events")
	require.NoError(t, err, out)
	require.Contains(t, out, "Back-off restarting failed container app in pod "+pod.Name+"_"+ns)
}

func TestLogsAreRefusedInAKubeletsWords(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	ns := c.Namespace(t)
	deploy(t, c, ns, repository+"-notfound")
	pod := await(t, c, ns, waits("ImagePullBackOff", ""))
	out, err := kubectl(t, c, "-n", ns, "logs", pod.Name)
	require.Error(t, err)
	require.Contains(t, out, `container "app" in pod "`+pod.Name+`" is waiting to start: `)
	out, err = kubectl(t, c, "-n", ns, "logs", "--previous", pod.Name)
	require.Error(t, err)
	require.Contains(t, out, `previous terminated container "app" in pod "`+pod.Name+`" not found`)
}

func TestADeletedPodEndsAndIsReplaced(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	ns := c.Namespace(t)
	deploy(t, c, ns, repository)
	first := await(t, c, ns, ready)
	require.NoError(t, c.Client.CoreV1().Pods(ns).Delete(t.Context(), first.Name, metav1.DeleteOptions{}))
	await(t, c, ns, func(p *corev1.Pod) bool { return p.Name == first.Name && p.DeletionTimestamp != nil })
	await(t, c, ns, func(p *corev1.Pod) bool { return p.Name != first.Name && ready(p) })
}

func TestMetricsAreServed(t *testing.T) {
	t.Parallel()
	c := control.ForTest(t)
	require.Eventually(t, func() bool {
		out, err := kubectl(t, c, "top", "nodes")
		return err == nil && strings.Contains(out, "aks-stdaruser-31845723-vmss000000")
	}, 60*time.Second, 500*time.Millisecond)
}
