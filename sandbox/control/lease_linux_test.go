package control

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// envHold makes the test binary a process that holds a lease on the cluster of that folder until it is killed.
const envHold = "ALGESTA_TEST_HOLD_LEASE"

func TestMain(m *testing.M) {
	if dir := os.Getenv(envHold); dir != "" {
		hold(dir)
	}
	os.Exit(m.Run())
}

func hold(dir string) {
	home, err := controlPlane.build(context.Background(), os.Stderr)
	if err == nil {
		var c *Cluster
		c, err = lend(context.Background(), filepath.Join(home, "bin"), dir, kind{grace: time.Second}, io.Discard)
		if err == nil {
			_ = json.NewEncoder(os.Stdout).Encode(info{Kubeconfig: c.Kubeconfig, Dir: c.Dir, PID: c.PID})
			select {}
		}
	}
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// holder is such a process.
type holder struct {
	info
	process *os.Process
}

func startHolder(t *testing.T, dir string) holder {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), envHold+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	h := holder{process: cmd.Process}
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // most tests have killed it already
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(out).ReadBytes('\n')
	require.NoError(t, err, "the process did not get its lease")
	require.NoError(t, json.Unmarshal(line, &h.info))
	return h
}

// running reports whether a process exists and is no zombie.
func running(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

// childrenOf returns the running processes that a process started.
func childrenOf(t *testing.T, pid int) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	require.NoError(t, err)
	var children []int
	for _, path := range stats {
		stat, err := os.ReadFile(path)
		if err != nil {
			continue // it ended meanwhile
		}
		_, rest, _ := strings.Cut(string(stat), ") ")
		if fields := strings.Fields(rest); len(fields) > 1 && fields[0] != "Z" && fields[1] == strconv.Itoa(pid) {
			child, err := strconv.Atoi(filepath.Base(filepath.Dir(path)))
			require.NoError(t, err)
			children = append(children, child)
		}
	}
	return children
}

func awaitGone(t *testing.T, pids ...int) {
	t.Helper()
	for _, pid := range pids {
		require.Eventually(t, func() bool { return !running(pid) }, 20*time.Second, 20*time.Millisecond, "process %d still runs", pid)
	}
}

func TestTheClusterStopsAfterItsLastHolderIsKilled(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startHolder(t, dir)
	second := startHolder(t, dir)
	require.Equal(t, first.PID, second.PID, "both hold the same cluster")
	children := childrenOf(t, first.PID)
	require.Len(t, children, 5, "etcd, three components and kwok")

	require.NoError(t, first.process.Signal(syscall.SIGKILL))
	awaitGone(t, first.process.Pid)
	c, err := newCluster(second.Kubeconfig)
	require.NoError(t, err)
	// Longer than the grace of a second: the other lease keeps the cluster.
	for began := time.Now(); time.Since(began) < 1500*time.Millisecond; {
		_, err := c.Client.CoreV1().Nodes().List(t.Context(), metav1.ListOptions{Limit: 1})
		require.NoError(t, err)
	}

	require.NoError(t, second.process.Signal(syscall.SIGKILL))
	awaitGone(t, append(children, first.PID)...)
	require.NoFileExists(t, filepath.Join(dir, socketName))
	require.NoDirExists(t, first.Dir, "the data is removed")
}

func TestNothingSurvivesAKilledSupervisorAndTheNextStartIsFresh(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	first := startHolder(t, dir)
	children := childrenOf(t, first.PID)
	require.Len(t, children, 5, "etcd, three components and kwok")

	require.NoError(t, syscall.Kill(first.PID, syscall.SIGKILL))
	awaitGone(t, append(children, first.PID)...)

	second := startHolder(t, dir)
	require.NotEqual(t, first.PID, second.PID)
	require.NoDirExists(t, first.Dir, "the next supervisor removes what a killed one left")
}

func TestAnExistingClusterNeedsItsMark(t *testing.T) {
	c := Private(t)
	t.Setenv(EnvKubeconfig, c.Kubeconfig)
	same, err := Start(t.Context(), os.Stderr)
	require.NoError(t, err)
	require.Zero(t, same.PID, "nothing is started")
	_, err = same.PatchCount(t.Context(), time.Now(), "default", "x")
	require.ErrorIs(t, err, errNoAudit)

	require.NoError(t, c.Client.CoreV1().ConfigMaps(markNamespace).Delete(t.Context(), markName, metav1.DeleteOptions{}))
	_, err = Start(t.Context(), os.Stderr)
	require.ErrorIs(t, err, ErrNotMarked)
}

func TestAPrivateAPIServerStopsAndStartsWithItsDataAndEndsWithItsTest(t *testing.T) {
	t.Parallel()
	c, err := StartPrivate(t.Context(), os.Stderr)
	require.NoError(t, err)
	const ns = "kept"
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: ns}}
	_, err = c.Client.CoreV1().Namespaces().Create(t.Context(), namespace, metav1.CreateOptions{})
	require.NoError(t, err)
	require.NoError(t, c.StopAPIServer(t.Context()))
	_, err = c.Client.CoreV1().Namespaces().Get(t.Context(), ns, metav1.GetOptions{})
	require.Error(t, err)
	require.NoError(t, c.StartAPIServer(t.Context()))
	_, err = c.Client.CoreV1().Namespaces().Get(t.Context(), ns, metav1.GetOptions{})
	require.NoError(t, err)

	children := childrenOf(t, c.PID)
	require.Len(t, children, 5)
	require.NoError(t, c.Close(), "it also removes the folder of the socket")
	awaitGone(t, append(children, c.PID)...)

	shared := ForTest(t)
	require.Error(t, shared.StopAPIServer(t.Context()), "others use the shared one")
}
