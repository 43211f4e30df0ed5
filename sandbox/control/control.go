// Package control builds, starts and leases the sandbox's Kubernetes control plane (sandbox/cluster), for tests, the demo
// and the benchmarks. It imports nothing of that module: the binaries and a socket are all they share. It knows nothing of
// the bot.
package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
)

// EnvKubeconfig names an existing cluster to use in place of the built one. The cluster has to be marked, see ErrNotMarked.
const EnvKubeconfig = "ALGESTA_SANDBOX_KUBECONFIG"

// The ConfigMap that marks a cluster as one where the sandbox may do what it likes.
const (
	markNamespace = "kube-system"
	markName      = "algesta-sandbox"
	markKey       = "sandbox"
)

// ErrNotMarked says that the cluster of EnvKubeconfig is not known to be a sandbox.
var ErrNotMarked = errors.New("this cluster is not marked as a sandbox: create the ConfigMap " + markName +
	" in " + markNamespace + " with the key " + markKey + ` and the value "true" if everything in it may be changed and deleted`)

// errNoAudit says that an existing cluster's audit log cannot be read.
var errNoAudit = errors.New("the audit log of an existing cluster cannot be read: unset " + EnvKubeconfig)

// Cluster is a running control plane and this process's hold on it. It is safe for concurrent use.
type Cluster struct {
	Config     *rest.Config // an administrator's, without client-side rate limit
	Client     kubernetes.Interface
	Kubeconfig string // path of the administrator's kubeconfig; gone when the cluster stops
	Kubectl    string // path of kubectl 1.37
	AuditLog   string // path of the API server's audit log, JSON lines; empty for an existing cluster
	Dir        string // data and log files of the components; empty for an existing cluster
	PID        int    // of the supervisor; 0 for an existing cluster

	lease *lease
	home  string // of a private cluster's socket
}

// Start leases the control plane that all processes of this user share, and builds and starts it when there is none. What
// takes long is said on progress. ctx bounds only the start: the lease lasts until Close or the end of the process, and
// the cluster stops ten seconds after its last lease.
func Start(ctx context.Context, progress io.Writer) (*Cluster, error) {
	if path := os.Getenv(EnvKubeconfig); path != "" {
		return existing(ctx, path)
	}
	home, err := controlPlane.build(ctx, progress)
	if err != nil {
		return nil, err
	}
	return lend(ctx, filepath.Join(home, "bin"), home, sharedCluster, progress)
}

// StartPrivate starts a control plane of one's own, whose API server may be stopped and started. It stops at Close or
// with this process.
func StartPrivate(ctx context.Context, progress io.Writer) (*Cluster, error) {
	home, err := controlPlane.build(ctx, progress)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "algesta-private-")
	if err != nil {
		return nil, fmt.Errorf("making the private cluster's folder: %w", err)
	}
	c, err := lend(ctx, filepath.Join(home, "bin"), dir, privateCluster, progress)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, err
	}
	c.home = dir
	return c, nil
}

// lend takes the lease and furnishes the cluster with its mark and its nodes.
func lend(ctx context.Context, binaries, dir string, k kind, progress io.Writer) (*Cluster, error) {
	l, err := acquire(ctx, binaries, dir, k, progress)
	if err != nil {
		return nil, err
	}
	c, err := open(ctx, l)
	if err != nil {
		_ = l.conn.Close()
		return nil, err
	}
	return c, nil
}

func open(ctx context.Context, l *lease) (*Cluster, error) {
	i, err := l.ready(ctx)
	if err != nil {
		return nil, err
	}
	c, err := newCluster(i.Kubeconfig)
	if err != nil {
		return nil, err
	}
	c.Kubectl, c.AuditLog, c.Dir, c.PID, c.lease = i.Kubectl, i.AuditLog, i.Dir, i.PID, l
	return c, c.furnish(ctx)
}

// existing opens a cluster that somebody else runs.
func existing(ctx context.Context, kubeconfig string) (*Cluster, error) {
	c, err := newCluster(kubeconfig)
	if err != nil {
		return nil, err
	}
	m, err := c.Client.CoreV1().ConfigMaps(markNamespace).Get(ctx, markName, metav1.GetOptions{})
	if err != nil || m.Data[markKey] != "true" {
		return nil, fmt.Errorf("%w (%s)", ErrNotMarked, kubeconfig)
	}
	c.Kubectl = "kubectl"
	return c, nil
}

func newCluster(kubeconfig string) (*Cluster, error) {
	cfg, err := clientcmd.BuildConfigFromFlags("", kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("reading the cluster's kubeconfig: %w", err)
	}
	cfg.QPS = -1 // no client-side limit
	cfg.UserAgent = "algesta-sandbox"
	cfg.Timeout = 30 * time.Second
	client, err := kubernetes.NewForConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("making a client: %w", err)
	}
	return &Cluster{Config: cfg, Client: client, Kubeconfig: kubeconfig}, nil
}

// StopAPIServer ends the API server's process, for tests of bad days. Only a private cluster allows it.
func (c *Cluster) StopAPIServer(ctx context.Context) error { return c.ask(ctx, "stop") }

// StartAPIServer starts it again, on the same port with the same data, and returns when it is ready.
func (c *Cluster) StartAPIServer(ctx context.Context) error { return c.ask(ctx, "start") }

func (c *Cluster) ask(ctx context.Context, do string) error {
	if c.lease == nil {
		return errors.New("an existing cluster cannot be stopped and started")
	}
	return c.lease.ask(ctx, do, "kube-apiserver")
}

// Close gives the lease back.
func (c *Cluster) Close() error {
	if c.lease == nil {
		return nil
	}
	err := c.lease.conn.Close()
	if c.home != "" {
		return errors.Join(err, os.RemoveAll(c.home))
	}
	return err
}

// Build makes sure that the control plane's binaries are in the user's cache folder.
func Build(ctx context.Context, progress io.Writer) error {
	_, err := controlPlane.build(ctx, progress)
	return err
}

// BuildCertManager does the same for cert-manager.
func BuildCertManager(ctx context.Context, progress io.Writer) error {
	_, err := certificates.build(ctx, progress)
	return err
}

// BuildMonitoring does the same for Prometheus and Alertmanager, and returns the folder of their binaries.
func BuildMonitoring(ctx context.Context, progress io.Writer) (bin string, err error) {
	home, err := monitoring.build(ctx, progress)
	return filepath.Join(home, "bin"), err
}
