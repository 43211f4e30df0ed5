package kubelet

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"sigs.k8s.io/kwok/pkg/apis/internalversion"
	"sigs.k8s.io/kwok/pkg/config"
	"sigs.k8s.io/kwok/pkg/utils/gotpl"
	"sigs.k8s.io/kwok/pkg/utils/lifecycle"
)

// life plays a pod's stages without a cluster and without waiting.
type life struct {
	t        *testing.T
	stages   lifecycle.Lifecycle
	renderer gotpl.Renderer
	pod      *corev1.Pod
	events   []corev1.Event
}

func newLife(t *testing.T, pod *corev1.Pod) *life {
	t.Helper()
	text, err := Stages(10250)
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "stages.yaml")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	objects, err := config.Load(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	var pods []*internalversion.Stage
	for _, s := range config.FilterWithType[*internalversion.Stage](objects) {
		if s.Spec.ResourceRef.Kind == "Pod" {
			pods = append(pods, s)
		}
	}
	stages, err := lifecycle.NewLifecycle(pods)
	if err != nil {
		t.Fatal(err)
	}
	return &life{t: t, stages: stages, pod: pod, renderer: gotpl.NewRenderer(gotpl.FuncMap{
		"NodeIPsWith": func(string) []string { return []string{"10.224.0.4"} },
		"PodIPsWith":  func(string, bool, string, string, string) []string { return []string{"10.244.0.7"} },
	})}
}

// step plays the one stage that applies, and returns its name and delay, or "" when nothing more happens.
func (l *life) step() (string, time.Duration) {
	l.t.Helper()
	event := &lifecycle.Event{Labels: l.pod.Labels, Annotations: l.pod.Annotations, Data: l.pod}
	possible, err := l.stages.ListAllPossible(context.Background(), event)
	if err != nil {
		l.t.Fatal(err)
	}
	if len(possible) > 1 {
		l.t.Fatalf("two stages apply at once: %s and %s", possible[0].Name(), possible[1].Name())
	}
	if len(possible) == 0 {
		return "", 0
	}
	stage := possible[0]
	delay, _, err := stage.Delay(context.Background(), event, time.Now())
	if err != nil {
		l.t.Fatal(err)
	}
	patch := func(p *lifecycle.Patch) error {
		before, err := json.Marshal(l.pod)
		if err != nil {
			return err
		}
		after, err := strategicpatch.StrategicMergePatch(before, p.Data, corev1.Pod{})
		if err != nil {
			return err
		}
		l.pod = &corev1.Pod{}
		return json.Unmarshal(after, l.pod)
	}
	apply := func(a *lifecycle.Apply) error {
		var e corev1.Event
		if err := json.Unmarshal(a.Data, &e); err != nil {
			return err
		}
		l.events = append(l.events, e)
		return nil
	}
	deleted := func() error { return nil }
	if _, err := stage.DoSteps(0, nil, l.pod, l.renderer, nil, deleted, patch, apply); err != nil {
		l.t.Fatalf("%s: %v", stage.Name(), err)
	}
	return stage.Name(), delay
}

func newPod(image string) *corev1.Pod {
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "p", Namespace: "production", UID: "11111111-2222-3333-4444-555555555555"},
		Spec: corev1.PodSpec{
			NodeName: "n", RestartPolicy: corev1.RestartPolicyAlways,
			Containers: []corev1.Container{{
				Name: "app", Image: image,
				Env: []corev1.EnvVar{{Name: "MONGODB_URI", ValueFrom: &corev1.EnvVarSource{SecretKeyRef: &corev1.SecretKeySelector{
					LocalObjectReference: corev1.LocalObjectReference{Name: "mongodb-credentials"}, Key: "uri",
				}}}},
			}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodPending},
	}
}

// describe is the state of the first container in one word, with its restarts.
func describe(p *corev1.Pod) string {
	statuses := p.Status.ContainerStatuses
	if len(p.Status.InitContainerStatuses) > 0 && statuses[0].State.Waiting != nil && statuses[0].State.Waiting.Reason == "PodInitializing" {
		statuses = p.Status.InitContainerStatuses
	}
	cs := statuses[0]
	word := ""
	switch {
	case cs.State.Waiting != nil:
		word = cs.State.Waiting.Reason
	case cs.State.Terminated != nil:
		word = cs.State.Terminated.Reason
	case cs.Ready:
		word = "ready"
	default:
		word = "running"
	}
	return word + strings.Repeat("+", int(cs.RestartCount))
}

func TestEveryScenarioTakesItsCourse(t *testing.T) {
	t.Parallel()
	const repository = "acralgestaproduction.azurecr.io/api-gateway:"
	cases := map[string]string{
		"12345":           "ContainerCreating running ready",
		"12345-slow":      "ContainerCreating running ready",
		"12345-slow-pull": "ContainerCreating running ready",
		"12345-crash": "ContainerCreating running Error running+ Error+ CrashLoopBackOff+ running++ Error++ CrashLoopBackOff++ " +
			"running+++",
		"12345-crash-later":  "ContainerCreating running ready Error running+ Error+ CrashLoopBackOff+ running++",
		"12345-crash-mongo":  "ContainerCreating running Error running+",
		"12345-oom":          "ContainerCreating running OOMKilled running+ OOMKilled+ CrashLoopBackOff+",
		"12345-liveness":     "ContainerCreating running ready Error running+ Error+ CrashLoopBackOff+",
		"12345-notfound":     "ContainerCreating ErrImagePull ImagePullBackOff ErrImagePull ImagePullBackOff",
		"12345-unauthorized": "ContainerCreating ErrImagePull ImagePullBackOff",
		"12345-ratelimit":    "ContainerCreating ErrImagePull ImagePullBackOff",
		"12345-configerror":  "ContainerCreating CreateContainerConfigError",
		"12345-nosecret":     "ContainerCreating CreateContainerConfigError",
		"12345-neverready":   "ContainerCreating running running running",
		"12345-evicted":      "ContainerCreating running ready Error",
		"12345-flaky": "ContainerCreating running ready Error running+ Error+ CrashLoopBackOff+ running++ Error++ CrashLoopBackOff++ " +
			"running+++ ready+++",
		"12345-startup":        "ContainerCreating running Error running+ Error+ CrashLoopBackOff+ running++",
		"12345-restarts":       "ContainerCreating running Error running+ Error+ running++ Error++ running+++",
		"12345-restarts-later": "ContainerCreating running ready Error running+ ready+ Error+ running++ ready++",
		"12345-liveness-clean": "ContainerCreating running Completed running+ Completed+ running++",
		"12345-slow-stop":      "ContainerCreating running ready",
		"12345-exit-0":         "ContainerCreating running Completed running+ Completed+ CrashLoopBackOff+",
		"12345-nocommand":      "ContainerCreating running StartError running+",
		"12345-badname":        "ContainerCreating InvalidImageName",
		"12345-neverpull":      "ContainerCreating ErrImageNeverPull",
		"12345-poststart":      "ContainerCreating PostStartHookError",
		"12345-noconfig":       "ContainerCreating CreateContainerConfigError",
		"12345-novolume":       "ContainerCreating ContainerCreating",
		"12345-pulling":        "ContainerCreating",
	}
	for tag, want := range cases {
		t.Run(tag, func(t *testing.T) {
			t.Parallel()
			l := newLife(t, newPod(repository+tag))
			var got []string
			for range strings.Fields(want) {
				name, _ := l.step()
				if name == "" {
					break
				}
				got = append(got, describe(l.pod))
			}
			if strings.Join(got, " ") != want {
				t.Fatalf("got  %s\nwant %s", strings.Join(got, " "), want)
			}
		})
	}
}

func TestAPodTakesItsTimeToStop(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		image, annotation string
		want              time.Duration
	}{
		"soon, when nothing says otherwise": {"a/b:1", "", time.Second},
		"as long as its scenario says":      {"a/b:1-slow-stop", "", 12 * time.Second},
		"as long as its annotation says":    {"a/b:1-slow-stop", "30s", 30 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod(tt.image)
			if tt.annotation != "" {
				pod.Annotations = map[string]string{annotationStops: tt.annotation}
			}
			l := newLife(t, pod)
			for range 3 {
				l.step()
			}
			l.pod.DeletionTimestamp = &metav1.Time{Time: time.Now()}
			if stage, after := l.step(); stage != "pod-delete" || after != tt.want {
				t.Fatalf("got %s after %s", stage, after)
			}
		})
	}
}

func TestAGateHoldsAReadyPodBack(t *testing.T) {
	t.Parallel()
	pod := newPod("a/b:1")
	pod.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/in-the-load-balancer"}}
	l := newLife(t, pod)
	for range 3 {
		l.step()
	}
	status := map[corev1.PodConditionType]corev1.PodCondition{}
	for _, c := range l.pod.Status.Conditions {
		status[c.Type] = c
	}
	if status[corev1.ContainersReady].Status != corev1.ConditionTrue || status[corev1.PodReady].Reason != "ReadinessGatesNotReady" {
		t.Fatalf("got %+v", l.pod.Status.Conditions)
	}
}

func TestAVolumeWithoutItsSourceIsTold(t *testing.T) {
	t.Parallel()
	pod := newPod("a/b:1-novolume")
	pod.Spec.Volumes = []corev1.Volume{
		{Name: "scratch", VolumeSource: corev1.VolumeSource{EmptyDir: &corev1.EmptyDirVolumeSource{}}},
		{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: "orders-tls"}}},
	}
	l := newLife(t, pod)
	l.step()
	l.step()
	last := l.events[len(l.events)-1]
	if last.Reason != "FailedMount" || last.Message != `MountVolume.SetUp failed for volume "tls" : secret "orders-tls" not found` {
		t.Fatalf("got %s: %s", last.Reason, last.Message)
	}
	if c := l.pod.Status.Conditions[0]; c.Type != corev1.PodReadyToStartContainers || c.Status != corev1.ConditionFalse {
		t.Fatalf("got %+v", c)
	}
}

func TestAFirstContainerThatNeverEndsHoldsTheOthersBack(t *testing.T) {
	t.Parallel()
	always := corev1.ContainerRestartPolicyAlways
	for name, policy := range map[string]*corev1.ContainerRestartPolicy{"an init container": nil, "a sidecar": &always} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			pod := newPod("a/b:1-initwaits")
			pod.Spec.InitContainers = []corev1.Container{{Name: "first", Image: "a/first:1", RestartPolicy: policy}}
			l := newLife(t, pod)
			for range 3 {
				l.step()
			}
			first := l.pod.Status.InitContainerStatuses[0]
			if first.State.Running == nil || *first.Started != (policy == nil) || describe(l.pod) != "running" ||
				l.pod.Status.Phase != corev1.PodPending {
				t.Fatalf("got %+v", l.pod.Status)
			}
		})
	}
}
