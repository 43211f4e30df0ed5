package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/3astronautas/algesta/sandbox/authority"
)

// serverReadyWithin is how long an API server may take to be ready: some seconds, more on a machine that is compiling.
const serverReadyWithin = 2 * time.Minute

// Server is a kube-apiserver with an etcd of its own, and nothing else of a control plane: objects are stored, and nothing happens to them.
// It is for tests of who may in, and how.
type Server struct {
	Config *rest.Config // an administrator's
	Client kubernetes.Interface
	CA     []byte // PEM of what signed the server's certificate

	dir  string
	etcd *exec.Cmd
	api  *exec.Cmd
}

// ServerForTest runs a Server until the test's end.
func ServerForTest(tb testing.TB, authentication string) *Server {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	s, err := StartServer(ctx, authentication, os.Stderr)
	require.NoError(tb, err, "starting an API server")
	tb.Cleanup(s.Close)
	return s
}

// StartServer starts an API server that signs people in as authentication says: an AuthenticationConfiguration of apiserver.config.k8s.io,
// beside its own ServiceAccounts and the administrator's certificate. It runs until Close or the end of this process; ctx bounds the start.
func StartServer(ctx context.Context, authentication string, progress io.Writer) (*Server, error) {
	home, err := controlPlane.build(ctx, progress)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "algesta-apiserver-")
	if err != nil {
		return nil, fmt.Errorf("making the folder of an API server: %w", err)
	}
	s := &Server{dir: dir}
	if err := s.start(ctx, filepath.Join(home, "bin", "controlplane"), authentication); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

func (s *Server) start(ctx context.Context, binary, authentication string) error {
	ca, err := authority.New("algesta-sandbox")
	if err != nil {
		return err
	}
	s.CA = ca.PEM
	serving, err := ca.Issue("algesta-sandbox", nil, "kubernetes", "kubernetes.default", "kubernetes.default.svc")
	if err != nil {
		return err
	}
	admin, err := ca.Issue("algesta-sandbox-admin", []string{"system:masters"})
	if err != nil {
		return err
	}
	err = errors.Join(
		serving.Write(s.file("serving")), os.WriteFile(s.file("ca.crt"), ca.PEM, 0o600),
		os.WriteFile(s.file("authentication.yaml"), []byte(authentication), 0o600),
	)
	if err != nil {
		return fmt.Errorf("writing the files of an API server: %w", err)
	}
	ports, err := freePorts(ctx, 3)
	if err != nil {
		return err
	}
	api, client, peer := ports[0], ports[1], ports[2]
	etcdURL := "https://127.0.0.1:" + client
	if s.etcd, err = s.run(binary, "etcd", "etcd", "--data-dir="+s.file("etcd"), "--client-url="+etcdURL, "--peer-url=http://127.0.0.1:"+peer,
		"--cert-file="+s.file("serving.crt"), "--key-file="+s.file("serving.key"), "--trusted-ca-file="+s.file("ca.crt")); err != nil {
		return err
	}
	if s.api, err = s.run(binary, "kube-apiserver", s.apiServerArgs(api, etcdURL)...); err != nil {
		return err
	}
	s.Config = &rest.Config{
		Host: "https://127.0.0.1:" + api, QPS: -1, Timeout: 30 * time.Second, UserAgent: "algesta-sandbox",
		TLSClientConfig: rest.TLSClientConfig{CAData: ca.PEM, CertData: admin.Cert, KeyData: admin.Key},
	}
	if s.Client, err = kubernetes.NewForConfig(s.Config); err != nil {
		return fmt.Errorf("making a client: %w", err)
	}
	return s.awaitReady(ctx)
}

func (s *Server) apiServerArgs(port, etcdURL string) []string {
	crt, key, ca := s.file("serving.crt"), s.file("serving.key"), s.file("ca.crt")
	return []string{
		"kube-apiserver", "--bind-address=127.0.0.1", "--secure-port=" + port,
		"--advertise-address=192.0.2.1", "--endpoint-reconciler-type=none", // nothing in it dials the API server
		"--etcd-servers=" + etcdURL, "--etcd-cafile=" + ca, "--etcd-certfile=" + crt, "--etcd-keyfile=" + key,
		"--tls-cert-file=" + crt, "--tls-private-key-file=" + key, "--client-ca-file=" + ca, "--authorization-mode=RBAC",
		"--service-cluster-ip-range=10.0.0.0/16", "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
		"--service-account-key-file=" + crt, "--service-account-signing-key-file=" + key,
		"--authentication-config=" + s.file("authentication.yaml"), "--profiling=false",
	}
}

// run starts a component. It dies with this process.
func (s *Server) run(binary, component string, args ...string) (*exec.Cmd, error) {
	log, err := os.Create(s.file(component + ".log"))
	if err != nil {
		return nil, fmt.Errorf("making the log of %s: %w", component, err)
	}
	defer func() { _ = log.Close() }()
	cmd := exec.Command(binary, args...) //nolint:gosec,noctx // our own binary; it outlives the start, and Close ends it
	cmd.Stdout, cmd.Stderr, cmd.SysProcAttr = log, log, tied()
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", component, err)
	}
	return cmd, nil
}

// awaitReady polls the API server's own readiness.
func (s *Server) awaitReady(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, serverReadyWithin)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		var code int
		s.Client.Discovery().RESTClient().Get().AbsPath("/readyz").Do(ctx).StatusCode(&code)
		if code == http.StatusOK {
			return nil
		}
		select {
		case <-ctx.Done():
			log, _ := os.ReadFile(s.file("kube-apiserver.log")) // what there is of it
			return fmt.Errorf("waiting for the API server: %w; the end of its log:\n%s", ctx.Err(), log[max(0, len(log)-2000):])
		case <-tick.C:
		}
	}
}

// Close ends the processes and removes their files.
func (s *Server) Close() {
	for _, cmd := range []*exec.Cmd{s.api, s.etcd} {
		if cmd != nil {
			_ = cmd.Process.Kill() // it may have ended already
			_ = cmd.Wait()
		}
	}
	_ = os.RemoveAll(s.dir) // a folder of the temporary one
}

func (s *Server) file(name string) string { return filepath.Join(s.dir, name) }

// freePorts finds n ports of loopback that nobody listens on. They are held open together so that they differ.
func freePorts(ctx context.Context, n int) ([]string, error) {
	var ports []string
	for range n {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("finding a free port: %w", err)
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, strconv.Itoa(l.Addr().(*net.TCPAddr).Port))
	}
	return ports, nil
}
