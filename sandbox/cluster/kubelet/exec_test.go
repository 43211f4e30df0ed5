package kubelet

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes/fake"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/remotecommand"
	utilexec "k8s.io/client-go/util/exec"
)

// TestExecAnswersAsAKubeletDoes runs programs through client-go, as the API server does.
func TestExecAnswersAsAKubeletDoes(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "api-1", Namespace: "production", UID: "1"},
		Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Env: []corev1.EnvVar{{Name: "MODE", Value: "fast"}}}}},
		Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
			{Name: "app", State: corev1.ContainerState{Running: &corev1.ContainerStateRunning{}}}, {Name: "waits"},
		}},
	}
	wrote := &execLog{lines: map[string][]entry{}}
	mux := http.NewServeMux()
	mux.Handle("POST /exec/{namespace}/{pod}/{container}", execs{fake.NewClientset(pod), wrote})
	server := httptest.NewServer(mux)
	defer server.Close()
	run := func(pod, container string, command ...string) (string, error) {
		t.Helper()
		query := url.Values{"output": {"1"}, "error": {"1"}, "command": command}
		at, err := url.Parse(server.URL + "/exec/production/" + pod + "/" + container + "?" + query.Encode())
		if err != nil {
			t.Fatal(err)
		}
		executor, err := remotecommand.NewSPDYExecutor(&rest.Config{Host: server.URL}, http.MethodPost, at)
		if err != nil {
			t.Fatal(err)
		}
		var out, errs bytes.Buffer
		err = executor.StreamWithContext(t.Context(), remotecommand.StreamOptions{Stdout: &out, Stderr: &errs})
		return out.String() + errs.String(), err
	}
	if said, err := run("api-1", "app", "/bin/app", "env"); err != nil || said != "MODE is fast\n" {
		t.Fatal(said, err)
	}
	said, err := run("api-1", "app", "/bin/app", "fail")
	if exit, ok := err.(utilexec.CodeExitError); !ok || exit.Code != 3 || said != "no connection to the queue\n" {
		t.Fatal(said, err)
	}
	if said, err := run("api-1", "app", "/bin/app", "flood"); err != nil || len(said) < 5<<20 {
		t.Fatal(len(said), err)
	}
	for _, refused := range [][]string{{"api-2", "app"}, {"api-1", "waits"}, {"api-1", "none"}} {
		if _, err := run(refused[0], refused[1], "/bin/app", "heap"); err == nil {
			t.Fatal(refused)
		}
	}
	if _, err := run("api-1", "app", "/bin/sh"); err == nil {
		t.Fatal("there is no shell")
	}
	if got := wrote.of("1", "app"); len(got) != 3 || got[1].text != "exec: /bin/app fail" {
		t.Fatal(got)
	}
}
