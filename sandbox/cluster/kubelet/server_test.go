package kubelet

import (
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestLogsObeyTheOptionsOfKubectl(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	entries := []entry{
		{now.Add(-time.Hour), "first"}, {now.Add(-time.Minute), "second"}, {now.Add(-time.Second), "third"},
	}
	tests := map[string]struct {
		query string
		want  string
	}{
		"everything without an option":   {"", "first|second|third"},
		"the last lines":                 {"tailLines=2", "second|third"},
		"more last lines than there are": {"tailLines=9", "first|second|third"},
		"no lines":                       {"tailLines=0", ""},
		"since so many seconds":          {"sinceSeconds=120", "second|third"},
		"since a time":                   {"sinceTime=2026-11-22T11:59:30Z", "third"},
		"a limit inside of a line":       {"limitBytes=9", "first|se"},
		"a limit at the end of a line":   {"limitBytes=6", "first|"},
		"with timestamps":                {"tailLines=1&timestamps=true", "2026-11-22T11:59:59Z third"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			query, err := url.ParseQuery(tt.query)
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(filter(entries, query.Get, now), "|"); got != tt.want {
				t.Fatalf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestLogsOfAContainerThatNeverRanAreRefused(t *testing.T) {
	t.Parallel()
	waiting := func(reason string) *corev1.Pod {
		p := newPod("a:1")
		p.Status.ContainerStatuses = []corev1.ContainerStatus{{
			Name: "app", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason}},
		}}
		return p
	}
	tests := map[string]struct {
		pod       *corev1.Pod
		container string
		previous  bool
		want      string
	}{
		"it waits after a failed pull": {
			waiting("ImagePullBackOff"),
			"app",
			false,
			`container "app" in pod "p" is waiting to start: image can't be pulled`,
		},
		"it is being pulled in vain": {
			waiting("ErrImagePull"),
			"app",
			false,
			`container "app" in pod "p" is waiting to start: trying and failing to pull image`,
		},
		"it cannot be created": {
			waiting("CreateContainerConfigError"),
			"app",
			false,
			`container "app" in pod "p" is waiting to start: CreateContainerConfigError`,
		},
		"it has not run before":          {waiting("ContainerCreating"), "app", true, `previous terminated container "app" in pod "p" not found`},
		"there is no such container":     {waiting("ContainerCreating"), "other", false, `container "other" in pod "p" is not available`},
		"the pod has no statuses as yet": {newPod("a:1"), "app", false, `container "app" in pod "p" is not available`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := instance(tt.pod, tt.container, tt.previous)
			if err == nil || err.Error() != tt.want {
				t.Fatalf("got %v, want %s", err, tt.want)
			}
		})
	}
}

func TestEveryScenarioHasItsLogAndItsFacts(t *testing.T) {
	t.Parallel()
	for name, s := range scenarios() {
		if s.Logs != "" {
			if _, err := texts.ReadFile("logs/" + s.Logs + ".log"); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		for _, d := range []string{s.Runs, s.Starts, s.Ready} {
			if _, err := time.ParseDuration(d); d != "" && err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if s.Family == crashes && (s.Exit == 0 && s.Reason != "Completed" || s.Reason == "" || s.Runs == "") {
			t.Errorf("%s crashes without saying how", name)
		}
	}
}

func TestTheScenarioIsChosenByAnnotationThenByTag(t *testing.T) {
	t.Parallel()
	annotated := newPod("a/b:1-crash")
	annotated.Annotations = map[string]string{annotationScenario: "oom"}
	misspelt := newPod("a/b:1-crash")
	misspelt.Annotations = map[string]string{annotationScenario: "ooom"}
	tests := map[string]struct {
		pod  *corev1.Pod
		want string
	}{
		"a plain tag is good":                     {newPod("localhost:5000/crash:1"), "ready"},
		"no tag is good":                          {newPod("a/api-crash"), "ready"},
		"a digest is good":                        {newPod("a/b:1-crash@sha256:00"), "ready"},
		"the end of the tag":                      {newPod("a/b:1-crash"), "crash"},
		"the longest name":                        {newPod("a/b:12346-crash-mongo"), "crash-mongo"},
		"the annotation goes first":               {annotated, "oom"},
		"an annotation that no scenario is named": {misspelt, "crash"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := of(tt.pod); got != tt.want {
				t.Fatalf("got %s, want %s", got, tt.want)
			}
		})
	}
}

func TestAHealthyLogGoesOnAndACrashedOneEnds(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	healthy := write(newPod("a:1"), run{container: "app", from: start}, start.Add(3*time.Minute))
	if last := healthy[len(healthy)-1]; len(healthy) != 6 || !strings.Contains(last.text, "request completed") {
		t.Fatalf("got %d lines, the last %q", len(healthy), last.text)
	}
	crashed := write(
		newPod("a:1-crash"), run{container: "app", from: start, until: start.Add(time.Second), crashed: true}, start.Add(time.Hour),
	)
	if last := crashed[len(crashed)-1]; last.at.After(start.Add(time.Second)) ||
		!strings.Contains(crashed[1].text, `"PAYMENTS_URL" is required`) {
		t.Fatalf("got %v", crashed)
	}
}

func TestASecondContainerHasTheTroubleWhenItsTagNamesIt(t *testing.T) {
	t.Parallel()
	pod := newPod("a/app:1")
	pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "sidecar", Image: "a/side:1-notfound"})
	l := newLife(t, pod)
	l.step()
	l.step()
	app, sidecar := l.pod.Status.ContainerStatuses[0], l.pod.Status.ContainerStatuses[1]
	if app.State.Running == nil || !app.Ready || sidecar.State.Waiting == nil || sidecar.State.Waiting.Reason != "ErrImagePull" {
		t.Fatalf("app %+v, sidecar %+v", app.State, sidecar.State)
	}
}

func TestAPodOfAJobCompletes(t *testing.T) {
	t.Parallel()
	pod := newPod("a/job:1")
	pod.Spec.RestartPolicy = corev1.RestartPolicyNever
	pod.OwnerReferences = []metav1.OwnerReference{{Kind: "Job", Name: "j", APIVersion: "batch/v1", UID: "u"}}
	l := newLife(t, pod)
	for range 3 {
		l.step()
	}
	if s := l.pod.Status; s.Phase != corev1.PodSucceeded || s.ContainerStatuses[0].State.Terminated.ExitCode != 0 {
		t.Fatalf("got %+v", s)
	}
	if name, _ := l.step(); name != "" {
		t.Fatalf("%s was played after the end", name)
	}
}

func TestABackOffGrowsAndIsATenthOfAKubelets(t *testing.T) {
	t.Parallel()
	l := newLife(t, newPod("a/b:1-crash"))
	var waits []string
	for len(waits) < 6 {
		name, delay := l.step()
		if name == "pod-restart-later" {
			waits = append(waits, delay.String())
		}
	}
	if got := strings.Join(waits, " "); got != "1s 2s 4s 8s 16s 30s" {
		t.Fatalf("got %s", got)
	}
	cs := l.pod.Status.ContainerStatuses[0]
	if cs.RestartCount != 7 || cs.LastTerminationState.Terminated == nil {
		t.Fatalf("got %+v", cs)
	}
}
