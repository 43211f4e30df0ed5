package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"
)

const (
	socketName  = "lease.sock"
	longestPath = 100 // of a Unix socket; the kernel's limit is 104 to 108
)

// kind is how a supervisor behaves that has to be started.
type kind struct {
	grace   time.Duration // how long it runs after its last lease
	private bool          // whether its API server may be stopped
}

var (
	sharedCluster  = kind{grace: 10 * time.Second}
	privateCluster = kind{grace: 100 * time.Millisecond, private: true}
)

// info is what the supervisor says about its cluster (sandbox/cluster/supervisor.Info).
type info struct {
	Kubeconfig string `json:"kubeconfig"`
	AuditLog   string `json:"auditLog"`
	Kubectl    string `json:"kubectl"`
	Dir        string `json:"dir"`
	PID        int    `json:"pid"`
}

// reply is one line from the supervisor (sandbox/cluster/supervisor.message).
type reply struct {
	Hello bool   `json:"hello"`
	Ready *info  `json:"ready"`
	Done  bool   `json:"done"`
	Error string `json:"error"`
}

// lease is an open connection to a supervisor. As long as it is open the cluster runs.
type lease struct {
	conn net.Conn
	in   *bufio.Reader

	mu sync.Mutex // one request at a time
}

// acquire leases the cluster whose socket is in dir, and starts its supervisor when there is none.
func acquire(ctx context.Context, binaries, dir string, k kind, progress io.Writer) (*lease, error) {
	socket := filepath.Join(dir, socketName)
	if len(socket) > longestPath {
		return nil, fmt.Errorf("the path %s is too long for a socket: set XDG_CACHE_HOME or TMPDIR to a shorter one", socket)
	}
	lockPath := filepath.Join(dir, "lease.lock")
	lock, err := lockFile(ctx, lockPath)
	if err != nil {
		return nil, err
	}
	// Until the supervisor has said hello it has not counted this lease, and might stop.
	defer func() { _ = lock.Close() }()
	l, err := connect(ctx, socket)
	if err == nil {
		return l, nil
	}
	say(progress, "sandbox: starting the control plane, about 10 s\n")
	if err := launch(ctx, binaries, dir, lockPath, k); err != nil {
		return nil, err
	}
	return connect(ctx, socket)
}

// connect dials the supervisor and waits until it has counted the lease.
func connect(ctx context.Context, socket string) (*lease, error) {
	conn, err := (&net.Dialer{}).DialContext(ctx, "unix", socket)
	if err != nil {
		return nil, fmt.Errorf("connecting to the supervisor: %w", err)
	}
	l := &lease{conn: conn, in: bufio.NewReader(conn)}
	r, err := l.read(ctx)
	if err == nil && !r.Hello {
		err = errors.New("no greeting")
	}
	if err != nil {
		_ = conn.Close()
		return nil, fmt.Errorf("greeting the supervisor: %w", err)
	}
	return l, nil
}

// launch starts a supervisor that outlives this process. The socket is listening before it starts, so that nobody has to
// wait for it to appear.
func launch(ctx context.Context, binaries, dir, lockPath string, k kind) error {
	socket := filepath.Join(dir, socketName)
	if err := os.Remove(socket); err != nil && !errors.Is(err, os.ErrNotExist) { //nolint:gosec // a folder of our own
		return fmt.Errorf("removing the socket of a dead supervisor: %w", err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: socket, Net: "unix"})
	if err != nil {
		return fmt.Errorf("making the lease socket: %w", err)
	}
	listener.SetUnlinkOnClose(false)
	defer func() { _ = listener.Close() }()
	file, err := listener.File()
	if err != nil {
		return fmt.Errorf("handing over the lease socket: %w", err)
	}
	defer func() { _ = file.Close() }()
	name := filepath.Join(dir, "supervisor.log")
	log, err := os.OpenFile(name, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600) //nolint:gosec // a folder of our own
	if err != nil {
		return fmt.Errorf("opening the supervisor's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	args := []string{"up", "--binaries=" + binaries, "--socket=" + socket, "--lock=" + lockPath, "--grace=" + k.grace.String()}
	if k.private {
		args = append(args, "--private")
	}
	// The supervisor ends with its last lease, not with the context of the one who started it.
	//nolint:gosec // a binary that we built, with arguments that we made
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(binaries, "controlplane"), args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Dir = dir
	cmd.ExtraFiles = []*os.File{file}
	cmd.SysProcAttr = detached()
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the supervisor: %w", err)
	}
	return cmd.Process.Release()
}

// ready waits until the cluster runs.
func (l *lease) ready(ctx context.Context) (*info, error) {
	r, err := l.read(ctx)
	if err != nil {
		return nil, fmt.Errorf("waiting for the control plane: %w", err)
	}
	if r.Ready == nil {
		return nil, fmt.Errorf("the control plane did not start: %s", r.Error)
	}
	return r.Ready, nil
}

// ask has the supervisor do something and waits until it is done.
func (l *lease) ask(ctx context.Context, do, component string) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line, err := json.Marshal(map[string]string{"do": do, "component": component})
	if err != nil {
		return fmt.Errorf("encoding the request: %w", err)
	}
	if _, err := l.conn.Write(append(line, '\n')); err != nil {
		return fmt.Errorf("asking the supervisor: %w", err)
	}
	r, err := l.read(ctx)
	if err != nil {
		return fmt.Errorf("asking the supervisor: %w", err)
	}
	if r.Error != "" {
		return errors.New(r.Error)
	}
	return nil
}

// read returns the supervisor's next line, or an error when ctx ends first; the lease is of no use after that.
func (l *lease) read(ctx context.Context) (reply, error) {
	stop := context.AfterFunc(ctx, func() { _ = l.conn.SetReadDeadline(time.Unix(1, 0)) }) // long past: the read returns at once
	defer stop()
	line, err := l.in.ReadBytes('\n')
	if err != nil {
		return reply{}, errors.Join(ctx.Err(), err)
	}
	var r reply
	if err := json.Unmarshal(line, &r); err != nil {
		return reply{}, fmt.Errorf("reading the supervisor's answer: %w", err)
	}
	return r, nil
}
