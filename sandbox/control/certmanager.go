package control

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

// certManagerNamespace is where cert-manager looks for the Secrets of ClusterIssuers.
const certManagerNamespace = "cert-manager"

// CertManager is cert-manager's controller, running in a cluster.
type CertManager struct {
	Log string // path of its log

	cmd   *exec.Cmd
	stdin io.Closer
}

// CertManager installs cert-manager's CRDs and runs its controller until the test's end. They are the whole cluster's, and
// other tests want a cluster without them: use a Private one.
func (c *Cluster) CertManager(tb testing.TB) *CertManager {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), buildWithin)
	defer cancel()
	m, err := c.StartCertManager(ctx, os.Stderr)
	require.NoError(tb, err, "starting cert-manager")
	tb.Cleanup(func() {
		require.NoError(tb, m.Close())
		if log, err := os.ReadFile(m.Log); tb.Failed() && err == nil {
			tb.Logf("the end of cert-manager's log:\n%s", log[max(0, len(log)-4000):])
		}
	})
	return m
}

// StartCertManager installs cert-manager's CRDs where they are missing and starts its controller. It is built when needed.
// The controller runs until Close or the end of this process.
func (c *Cluster) StartCertManager(ctx context.Context, progress io.Writer) (*CertManager, error) {
	home, err := certificates.build(ctx, progress)
	if err != nil {
		return nil, err
	}
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: certManagerNamespace}}
	if _, err := c.Client.CoreV1().Namespaces().Create(ctx, namespace, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
		return nil, fmt.Errorf("creating the namespace of cert-manager: %w", err)
	}
	if err := c.define(ctx, filepath.Join(home, "bin", "crds")); err != nil {
		return nil, err
	}
	log, err := os.CreateTemp(c.Dir, "cert-manager-*.log")
	if err != nil {
		return nil, fmt.Errorf("making cert-manager's log: %w", err)
	}
	defer func() { _ = log.Close() }()
	// It ends with its standard input, not with the context of the one who started it.
	//nolint:gosec // a binary that we built
	cmd := exec.CommandContext(context.WithoutCancel(ctx), filepath.Join(home, "bin", "certmanager"), "--kubeconfig="+c.Kubeconfig)
	cmd.Stdout, cmd.Stderr = log, log
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("preparing cert-manager: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("starting cert-manager: %w", err)
	}
	return &CertManager{Log: log.Name(), cmd: cmd, stdin: stdin}, nil
}

// Close ends the controller. The CRDs and what it made stay. It may be called again.
func (m *CertManager) Close() error {
	if m.cmd.ProcessState != nil {
		return nil
	}
	_ = m.stdin.Close() // if it is closed already, the controller has ended
	if err := m.cmd.Wait(); err != nil {
		return fmt.Errorf("cert-manager ended by itself (%s): %w", m.Log, err)
	}
	return nil
}

// define creates the CRDs of a folder and waits until they are served.
func (c *Cluster) define(ctx context.Context, folder string) error {
	client, err := dynamic.NewForConfig(c.Config)
	if err != nil {
		return fmt.Errorf("making a client for CRDs: %w", err)
	}
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		return errors.Join(err, fmt.Errorf("no CRDs in %s", folder))
	}
	definitions := client.Resource(
		schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"},
	)
	work, ctx := errgroup.WithContext(ctx)
	for _, file := range files {
		work.Go(func() error {
			text, err := os.ReadFile(file) //nolint:gosec // a file of our cache folder
			if err != nil {
				return fmt.Errorf("reading a CRD: %w", err)
			}
			crd := &unstructured.Unstructured{}
			if err := yaml.Unmarshal(text, &crd.Object); err != nil {
				return fmt.Errorf("reading the CRD %s: %w", file, err)
			}
			if _, err := definitions.Create(ctx, crd, metav1.CreateOptions{}); err != nil && !apierrors.IsAlreadyExists(err) {
				return fmt.Errorf("creating the CRD %s: %w", crd.GetName(), err)
			}
			return established(ctx, definitions, crd.GetName())
		})
	}
	return work.Wait()
}

// established waits until the API server serves a CRD.
func established(ctx context.Context, definitions dynamic.ResourceInterface, name string) error {
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		crd, err := definitions.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return fmt.Errorf("reading the CRD %s: %w", name, err)
		}
		status, _ := crd.Object["status"].(map[string]any)
		conditions, _ := status["conditions"].([]any) // null at first
		for _, item := range conditions {
			if condition, ok := item.(map[string]any); ok && condition["type"] == "Established" && condition["status"] == "True" {
				return nil
			}
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("waiting until the CRD %s is served: %w", name, ctx.Err())
		case <-tick.C:
		}
	}
}
