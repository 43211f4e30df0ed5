// Package supervisor runs a Kubernetes control plane and KWOK as children, for as long as somebody holds a lease on it.
// It knows nothing of the platform that is applied to the cluster.
package supervisor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/3astronautas/algesta/sandbox/cluster/kubelet"
)

const (
	apiServer = "kube-apiserver"
	// dirPattern names the data folders, so that those of killed supervisors can be found and removed.
	dirPattern = "algesta-sandbox-data-"
	// readyWithin is how long the API server may take to be ready: eight seconds on an idle machine, far more on one that
	// is compiling.
	readyWithin = 3 * time.Minute
)

// options are the flags of "up".
type options struct {
	binaries string
	socket   string
	lock     string
	grace    time.Duration
	private  bool
}

// NewCommand is "controlplane up": it takes over the listening Unix socket that it inherits as descriptor 3.
func NewCommand() *cobra.Command {
	var o options
	cmd := &cobra.Command{
		Use:           "up",
		Short:         "Run the whole control plane while somebody holds a lease on it",
		SilenceUsage:  true,
		SilenceErrors: true,
		RunE: func(*cobra.Command, []string) error {
			// Children are started from this goroutine only; see parent.Tie.
			runtime.LockOSThread()
			ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			return up(ctx, o)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&o.binaries, "binaries", "", "folder of kwok and kubectl")
	flags.StringVar(&o.socket, "socket", "", "path of the inherited socket, removed at the end")
	flags.StringVar(&o.lock, "lock", "", "file that clients lock while they connect")
	flags.DurationVar(&o.grace, "grace", 10*time.Second, "how long to run after the last lease")
	flags.BoolVar(&o.private, "private", false, "let the clients stop and start the API server")
	return cmd
}

func up(ctx context.Context, o options) error {
	inherited := os.NewFile(3, "leases")
	listener, err := net.FileListener(inherited)
	if err != nil {
		return fmt.Errorf("taking over the socket: %w", err)
	}
	inherited.Close()
	dir, unlock, err := newDataDir()
	if err != nil {
		return err
	}
	defer unlock()
	defer os.RemoveAll(dir)
	c, err := newChildren(dir)
	if err != nil {
		return err
	}
	defer c.kill()
	s := &supervisor{options: o, children: c, leases: newLeases(listener)}
	defer listener.Close()
	if s.layout, err = newLayout(dir, o.binaries); err == nil {
		err = s.start(ctx)
	}
	if err != nil {
		s.leases.settle(message{Error: err.Error()})
		s.waitUntilTold(ctx)
		return err
	}
	logs, err := kubelet.Serve(ctx, s.layout.kubelet)
	if err != nil {
		s.leases.settle(message{Error: err.Error()})
		s.waitUntilTold(ctx)
		return err
	}
	defer logs.Close()
	s.leases.settle(message{Ready: &s.layout.info})
	return s.run(ctx)
}

type supervisor struct {
	options
	children *children
	leases   *leases
	layout   *layout
}

// start runs all components and returns when the API server is ready. They retry their connections by themselves, so
// only etcd goes first.
func (s *supervisor) start(ctx context.Context) error {
	for _, spec := range s.layout.components {
		if err := s.children.start(spec); err != nil {
			return err
		}
		if spec.name == apiServer {
			if err := s.awaitReady(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

// awaitReady polls the API server's own readiness.
func (s *supervisor) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	probe, err := newProbe(s.layout.info.Kubeconfig)
	if err != nil {
		return err
	}
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting for the API server: %w; the end of its log:\n%s", ctx.Err(), tail(s.children.logFile(apiServer), 2000))
		case name := <-s.children.died:
			if err := s.children.surprise(name); err != nil {
				return err
			}
		case <-tick.C:
			if probe(ctx) {
				return nil
			}
		}
	}
}

// run serves the clients until nobody is left, a signal arrives or a component ends by itself.
func (s *supervisor) run(ctx context.Context) error {
	idle := s.leases.idle(s.grace, ctx.Done())
	for {
		select {
		case <-ctx.Done():
			return nil
		case name := <-s.children.died:
			if err := s.children.surprise(name); err != nil {
				return err
			}
		case o := <-s.leases.orders:
			o.done <- s.obey(ctx, o.request)
		case <-idle:
			if s.close() {
				return nil
			}
		}
	}
}

// obey carries out a client's request.
func (s *supervisor) obey(ctx context.Context, r request) error {
	if !s.private || r.Component != apiServer {
		return errUnknown(r)
	}
	switch r.Do {
	case "stop":
		return s.children.stop(apiServer)
	case "start":
		for _, spec := range s.layout.components {
			if spec.name == apiServer {
				if err := s.children.start(spec); err != nil {
					return err
				}
			}
		}
		return s.awaitReady(ctx)
	default:
		return errUnknown(r)
	}
}

// close removes the socket if there is still no lease. Clients connect under the lock and keep it until they are
// counted, so that nobody can be caught between.
func (s *supervisor) close() bool {
	lock, err := lockFile(s.lock, syscall.LOCK_EX|syscall.LOCK_NB)
	switch {
	case errors.Is(err, os.ErrNotExist):
		// Its folder is gone, as a private cluster's is after its test: nobody can find the socket any more.
	case err != nil:
		return false // somebody is connecting
	default:
		defer lock.Close()
	}
	if s.leases.count() > 0 {
		return false
	}
	s.leases.listener.Close()
	os.Remove(s.socket)
	if s.private {
		os.RemoveAll(filepath.Dir(s.socket)) // its holder was killed, or it would have done this
	}
	return true
}

// waitUntilTold lets clients read why the start failed: until they have gone, and no longer than a minute.
func (s *supervisor) waitUntilTold(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	select {
	case <-s.leases.idle(time.Second, ctx.Done()):
	case <-ctx.Done():
	}
	s.leases.listener.Close()
	os.Remove(s.socket)
}

// newDataDir makes the folder for this cluster and removes those whose supervisor was killed: a running one holds the
// lock of its own.
func newDataDir() (dir string, unlock func(), err error) {
	old, err := filepath.Glob(filepath.Join(os.TempDir(), dirPattern+"*"))
	if err != nil {
		return "", nil, fmt.Errorf("looking for old data: %w", err)
	}
	for _, dir := range old {
		if lock, err := lockFile(filepath.Join(dir, "lock"), syscall.LOCK_EX|syscall.LOCK_NB); err == nil {
			os.RemoveAll(dir)
			lock.Close()
		}
	}
	fresh, err := os.MkdirTemp("", "algesta-sandbox-new-")
	if err != nil {
		return "", nil, fmt.Errorf("making the data folder: %w", err)
	}
	lock, err := lockFile(filepath.Join(fresh, "lock"), syscall.LOCK_EX)
	if err != nil {
		return "", nil, err
	}
	// The folder gets the name that others look for only now that it is locked.
	dir = strings.Replace(fresh, "algesta-sandbox-new-", dirPattern, 1)
	if err := os.Rename(fresh, dir); err != nil {
		return "", nil, fmt.Errorf("naming the data folder: %w", err)
	}
	return dir, func() { lock.Close() }, nil
}

// lockFile locks a file until it is closed or its process ends.
func lockFile(path string, how int) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("opening the lock: %w", err)
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		f.Close()
		return nil, fmt.Errorf("locking %s: %w", path, err)
	}
	return f, nil
}
