package kubelet

import (
	"context"
	"embed"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"
)

//go:embed logs/*.log
var texts embed.FS

// Config is what the server needs.
type Config struct {
	Kubeconfig        string // with the right to read pods
	Address           string // host:port to listen on; the stages announce the same port
	CertFile, KeyFile string
}

// Server answers the API server's requests for logs, and to run programs, in the place of every node's kubelet, and those for metrics.
type Server struct {
	http *http.Server
	done chan struct{}
}

// Serve starts the server for logs, programs and metrics and registers it with the API server; Close stops it.
func Serve(ctx context.Context, cfg Config) (*Server, error) {
	rest, err := clientcmd.BuildConfigFromFlags("", cfg.Kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the log server's kubeconfig: %w", err)
	}
	rest.QPS = -1 // no client-side limit
	client, err := kubernetes.NewForConfig(rest)
	if err != nil {
		return nil, fmt.Errorf("making the log server's client: %w", err)
	}
	listener, err := net.Listen("tcp", cfg.Address)
	if err != nil {
		return nil, fmt.Errorf("listening for log requests: %w", err)
	}
	mux := http.NewServeMux()
	wrote := &execLog{lines: map[string][]entry{}}
	mux.Handle("GET /containerLogs/{namespace}/{pod}/{container}", logs{client, wrote})
	mux.Handle("GET /exec/{namespace}/{pod}/{container}", execs{client, wrote})
	mux.Handle("POST /exec/{namespace}/{pod}/{container}", execs{client, wrote})
	metrics{client}.routes(mux)
	s := &Server{done: make(chan struct{}), http: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second,
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connectionKey{}, c)
		},
	}}
	go func() {
		defer close(s.done)
		_ = s.http.ServeTLS(listener, cfg.CertFile, cfg.KeyFile) // returns when Close is called
	}()
	if err := registerMetrics(ctx, client, listener.Addr().(*net.TCPAddr).Port); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// Close stops the server and everyone who follows a log.
func (s *Server) Close() {
	_ = s.http.Close()
	<-s.done
}

type logs struct {
	client kubernetes.Interface
	wrote  *execLog
}

func (l logs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	pod, err := l.client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("pod"), metav1.GetOptions{})
	if err != nil {
		http.Error(w, fmt.Sprintf("pod %q not found", r.PathValue("pod")), http.StatusNotFound)
		return
	}
	run, err := instance(pod, r.PathValue("container"), query.Get("previous") == "true")
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	entries := write(pod, run, time.Now())
	if run.until.IsZero() {
		entries = append(entries, l.wrote.of(string(pod.UID), run.container)...)
	}
	lines := filter(entries, query.Get, time.Now())
	w.Header().Set("Content-Type", "text/plain")
	for _, line := range lines {
		if _, err := io.WriteString(w, line+"\n"); err != nil {
			return
		}
	}
	if query.Get("follow") == "true" && run.until.IsZero() {
		follow(r.Context(), w)
	}
}

// follow keeps the answer open: nothing more is written, but the reader is to end it.
func follow(ctx context.Context, w http.ResponseWriter) {
	if f, ok := w.(http.Flusher); ok {
		f.Flush()
	}
	<-ctx.Done()
}

// run is one life of a container.
type run struct {
	container   string
	from, until time.Time // until is zero while it runs
	crashed     bool
}

// instance finds the life whose log is asked for, and refuses in a kubelet's words
// (k8s.io/kubernetes pkg/kubelet/kubelet_pods.go, validateContainerLogStatus).
func instance(pod *corev1.Pod, name string, previous bool) (run, error) {
	statuses := append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...)
	var cs *corev1.ContainerStatus
	for i := range statuses {
		if statuses[i].Name == name {
			cs = &statuses[i]
		}
	}
	if cs == nil {
		return run{}, fmt.Errorf("container %q in pod %q is not available", name, pod.Name)
	}
	last := cs.LastTerminationState.Terminated
	switch waiting := cs.State.Waiting; {
	case previous && last == nil:
		return run{}, fmt.Errorf("previous terminated container %q in pod %q not found", name, pod.Name)
	case previous:
		return ended(name, last), nil
	case cs.State.Running != nil:
		return run{container: name, from: cs.State.Running.StartedAt.Time}, nil
	case cs.State.Terminated != nil:
		return ended(name, cs.State.Terminated), nil
	case last != nil:
		return ended(name, last), nil
	case waiting == nil:
		return run{}, fmt.Errorf("container %q in pod %q is waiting to start - no logs yet", name, pod.Name)
	case waiting.Reason == "ImagePullBackOff":
		return run{}, fmt.Errorf("container %q in pod %q is waiting to start: image can't be pulled", name, pod.Name)
	case waiting.Reason == "ErrImagePull":
		return run{}, fmt.Errorf("container %q in pod %q is waiting to start: trying and failing to pull image", name, pod.Name)
	default:
		return run{}, fmt.Errorf("container %q in pod %q is waiting to start: %v", name, pod.Name, waiting.Reason)
	}
}

func ended(name string, t *corev1.ContainerStateTerminated) run {
	return run{container: name, from: t.StartedAt.Time, until: t.FinishedAt.Time, crashed: t.ExitCode != 0}
}

// entry is a line of a log with the time at which the runtime received it.
type entry struct {
	at   time.Time
	text string
}

// write returns what a container wrote in one life: the text of its scenario, and for a healthy one a request a minute.
func write(pod *corev1.Pod, r run, now time.Time) []entry {
	name := pod.Annotations[annotationLogs]
	if name == "" {
		name = scenarios()[of(pod)].Logs
	}
	text, err := texts.ReadFile("logs/" + name + ".log")
	if err != nil {
		text, _ = texts.ReadFile("logs/ready.log") // embedded, so it is there
	}
	if says := pod.Annotations[annotationSays]; says != "" {
		text = []byte(says)
	}
	text = []byte(strings.ReplaceAll(string(text), "CONTAINER", r.container))
	var entries []entry
	for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		entries = append(entries, entry{r.from.Add(time.Duration(i) * 50 * time.Millisecond), line})
	}
	if r.crashed || !r.until.IsZero() || isInit(pod, r.container) {
		return entries
	}
	for at := r.from.Add(10 * time.Second); at.Before(now); at = at.Add(time.Minute) {
		entries = append(
			entries,
			entry{at, `{"level":30,"msg":"request completed","req":{"method":"GET","url":"/health"},"res":{"statusCode":200},"responseTime":3}`},
		)
	}
	return entries
}

// isInit says that the container is none that serves.
func isInit(pod *corev1.Pod, name string) bool {
	return slices.ContainsFunc(pod.Spec.InitContainers, func(c corev1.Container) bool { return c.Name == name })
}

// filter applies the options of kubectl logs.
func filter(entries []entry, option func(string) string, now time.Time) []string {
	since := time.Time{}
	if s, err := strconv.Atoi(option("sinceSeconds")); err == nil {
		since = now.Add(-time.Duration(s) * time.Second)
	}
	if t, err := time.Parse(time.RFC3339, option("sinceTime")); err == nil {
		since = t
	}
	var lines []string
	for _, e := range entries {
		if e.at.Before(since) {
			continue
		}
		if option("timestamps") == "true" {
			lines = append(lines, e.at.UTC().Format(time.RFC3339Nano)+" "+e.text)
			continue
		}
		lines = append(lines, e.text)
	}
	if n, err := strconv.Atoi(option("tailLines")); err == nil && n < len(lines) {
		lines = lines[len(lines)-n:]
	}
	return within(lines, option("limitBytes"))
}

// within cuts the lines to limitBytes, in the middle of a line if need be, as a kubelet does.
func within(lines []string, limit string) []string {
	left, err := strconv.Atoi(limit)
	if err != nil {
		return lines
	}
	for i, line := range lines {
		if len(line)+1 > left {
			return append(lines[:i:i], line[:max(0, min(left-1, len(line)))])
		}
		left -= len(line) + 1
	}
	return lines
}
