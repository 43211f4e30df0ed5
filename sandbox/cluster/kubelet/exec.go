package kubelet

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	remoteconsts "k8s.io/apimachinery/pkg/util/remotecommand"
	"k8s.io/client-go/kubernetes"
	"k8s.io/cri-streaming/pkg/streaming/remotecommand"
	utilexec "k8s.io/utils/exec"
)

// theProgram is the one program that the images of simulated pods have, besides what they run. Its argument says what it does.
const theProgram = "/bin/app"

// How a kubelet serves a program's streams (k8s.io/kubernetes pkg/kubelet/kubelet.go, and the defaults of its configuration).
const idleTimeout = 4 * time.Hour

// connectionKey finds the connection of a request in its context, for the program that breaks it.
type connectionKey struct{}

// execs runs programs in containers as a kubelet and containerd do, but for what they do: the streams, the status at the end of one and the
// refusals are the real ones, the program is one of the table in run.
type execs struct {
	client kubernetes.Interface
	wrote  *execLog
}

// execLog is what the programs that ran wrote to the log of their container: a line each, so that a test can count them.
type execLog struct {
	mu    sync.Mutex
	lines map[string][]entry // by the pod's UID and the container
}

func (l *execLog) add(uid, container, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lines[uid+" "+container] = append(l.lines[uid+" "+container], entry{time.Now(), text})
}

func (l *execLog) of(uid, container string) []entry {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.lines[uid+" "+container])
}

// ServeHTTP refuses in a kubelet's words (pkg/kubelet/server/server.go, getExec; pkg/kubelet/kubelet_pods.go, GetExec).
func (e execs) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	options, err := remotecommand.NewOptions(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	pod, err := e.client.CoreV1().Pods(r.PathValue("namespace")).Get(r.Context(), r.PathValue("pod"), metav1.GetOptions{})
	if err != nil {
		http.Error(w, "pod does not exist", http.StatusNotFound)
		return
	}
	container := r.PathValue("container")
	at := slices.IndexFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool { return s.Name == container })
	if at < 0 || pod.Status.ContainerStatuses[at].State.Running == nil {
		http.Error(w, fmt.Sprintf("container not found (%q)", container), http.StatusInternalServerError)
		return
	}
	remotecommand.ServeExec(
		w, r, program{pod: pod, wrote: e.wrote}, pod.Name, string(pod.UID), container, r.URL.Query()["command"], options, idleTimeout,
		remotecommand.DefaultStreamCreationTimeout, remoteconsts.SupportedStreamingProtocols,
	)
}

// program is a container that programs are run in.
type program struct {
	pod   *corev1.Pod
	wrote *execLog
}

// exited is the end of a program with an exit code.
type exited int

func (e exited) Error() string   { return fmt.Sprintf("command terminated with exit code %d", int(e)) }
func (e exited) String() string  { return e.Error() }
func (e exited) Exited() bool    { return true }
func (e exited) ExitStatus() int { return int(e) }

var _ utilexec.ExitError = exited(0)

// ExecInContainer implements remotecommand.Executor: it does what the argument of the program says.
func (p program) ExecInContainer(
	ctx context.Context, _, uid, container string, cmd []string, _ io.Reader, out, errs io.WriteCloser, _ bool,
	_ <-chan remotecommand.TerminalSize, _ time.Duration,
) error {
	if len(cmd) == 0 || cmd[0] != theProgram { // as containerd 2.1 and runc 1.3 say it
		name := strings.Join(cmd[:min(1, len(cmd))], "")
		return fmt.Errorf(
			"failed to exec in container: failed to start exec %q: OCI runtime exec failed: exec failed: unable to start container process: "+
				"exec: %q: stat %s: no such file or directory", "6f1c", name, name,
		)
	}
	p.wrote.add(uid, container, "exec: "+strings.Join(cmd, " "))
	switch strings.Join(cmd[1:], " ") {
	case "heap":
		_, err := fmt.Fprintf(out, "heap of %s in %s\nused 41 MiB of 512 MiB\n", container, p.pod.Name)
		return err
	case "env":
		return p.env(container, out)
	case "fail":
		if _, err := io.WriteString(errs, "no connection to the queue\n"); err != nil {
			return err
		}
		return exited(3)
	case "hang":
		if _, err := io.WriteString(out, "waiting for the lock\n"); err != nil {
			return err
		}
		<-ctx.Done() // the program goes on for as long as anybody listens
		return ctx.Err()
	case "cut": // the node's connection breaks in the middle
		if _, err := io.WriteString(out, "half of the ans"); err != nil {
			return err
		}
		return breakConnection(ctx)
	case "flood":
		line := strings.Repeat("0123456789abcdef", 64)
		for i := range 5 << 10 {
			if _, err := fmt.Fprintf(out, "%05d %s\n", i, line[:1018]); err != nil {
				return err
			}
		}
		return nil
	case "bytes":
		_, err := out.Write([]byte("nul \x00 red \x1b[31malert\x1b[0m bell \x07 not UTF-8 \xff\xfe <!channel> *bold* \u202eback\n"))
		return err
	case "silent":
		return nil
	}
	_, err := io.WriteString(errs, "usage: app heap|env|fail|hang|cut|flood|bytes|silent\n")
	return errors.Join(err, exited(2))
}

// env prints the variables that the pod's specification spells out for a container.
func (p program) env(container string, out io.Writer) error {
	for _, c := range p.pod.Spec.Containers {
		if c.Name != container {
			continue
		}
		for _, v := range c.Env {
			if _, err := fmt.Fprintf(out, "%s is %s\n", v.Name, v.Value); err != nil {
				return err
			}
		}
	}
	return nil
}

func breakConnection(ctx context.Context) error {
	conn, ok := ctx.Value(connectionKey{}).(net.Conn)
	if !ok {
		return errors.New("there is no connection to break")
	}
	return conn.Close()
}
