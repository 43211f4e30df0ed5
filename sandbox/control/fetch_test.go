package control

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// mirror has the released files, as their places have them; a test may spoil what it answers.
type mirror struct {
	files map[string][]byte
	spoil func(w http.ResponseWriter, r *http.Request, content []byte) bool // true: it answered
}

func (m *mirror) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	content, ok := m.files[r.URL.Path]
	if m.spoil != nil && m.spoil(w, r, content) {
		return
	}
	if !ok {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(content) // the client is gone otherwise
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{files: map[string][]byte{}}
	sum := func(content []byte) string {
		s := sha256.Sum256(content)
		return hex.EncodeToString(s[:])
	}
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"} {
		at, content := "/"+kubernetesVersion+"/bin/linux/amd64/"+name, bytes.Repeat([]byte(name), 1000)
		m.files[at], m.files[at+".sha256"] = content, []byte(sum(content)) // without a name and the line's end, as dl.k8s.io has them
	}
	var packed bytes.Buffer
	zip := gzip.NewWriter(&packed)
	files := tar.NewWriter(zip)
	for _, name := range []string{"etcdctl", "etcd"} {
		head := &tar.Header{Name: "etcd-" + etcdVersion + "-linux-amd64/" + name, Size: int64(len(name)), Mode: 0o755}
		require.NoError(t, files.WriteHeader(head))
		_, err := files.Write([]byte(name))
		require.NoError(t, err)
	}
	require.NoError(t, files.Close())
	require.NoError(t, zip.Close())
	archive := "etcd-" + etcdVersion + "-linux-amd64.tar.gz"
	m.files["/"+etcdVersion+"/"+archive] = packed.Bytes()
	m.files["/"+etcdVersion+"/SHA256SUMS"] = []byte(strings.Repeat("0", 64) + "  etcd-" + etcdVersion + "-darwin-amd64.zip\n" +
		sum(packed.Bytes()) + "  " + archive + "\n")
	return m
}

// fetcherOf is a fetcher for a mirror, on a machine of this kind.
func fetcherOf(s *httptest.Server) *fetcher {
	client := s.Client()
	client.CheckRedirect = onlyTLS
	return &fetcher{kubernetes: s.URL, etcd: s.URL, system: "linux", machine: "amd64", client: client, progress: io.Discard}
}

func TestReleasedBinariesAreFetched(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(newMirror(t))
	t.Cleanup(s.Close)
	folder := filepath.Join(t.TempDir(), "official")
	require.NoError(t, fetcherOf(s).fetch(t.Context(), folder))
	var names []string
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
		info, err := e.Info()
		require.NoError(t, err)
		require.NotZero(t, info.Mode()&0o100, "%s can be run", e.Name())
	}
	require.Equal(t, []string{"etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"}, names)
	etcd, err := os.ReadFile(filepath.Join(folder, "etcd"))
	require.NoError(t, err)
	require.Equal(t, "etcd", string(etcd))
}

// TestFetchedBinariesLieWhereTheControlPlaneLooksForThem builds a small module in the place of the sandbox's own: what is fetched and what
// is built come into one folder.
func TestFetchedBinariesLieWhereTheControlPlaneLooksForThem(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(newMirror(t))
	t.Cleanup(s.Close)
	source := t.TempDir()
	for name, text := range map[string]string{
		"go.mod": "module example.com/tiny\n\ngo 1.26.0\n", "cmd/official/main.go": "package main\n\nfunc main() { println(\"official\") }\n",
		"cmd/kwok/main.go": "package main\n\nfunc main() { println(\"kwok\") }\n",
	} {
		require.NoError(t, os.MkdirAll(filepath.Dir(filepath.Join(source, name)), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(source, name), []byte(text), 0o600))
	}
	m := module{released: "cmd/official", fetch: func(ctx context.Context, folder string, _ io.Writer) error {
		return fetcherOf(s).fetch(ctx, folder)
	}}
	home, err := m.made(t.Context(), t.TempDir(), "key", m.fetched(source, io.Discard))
	require.NoError(t, err)
	var names []string
	require.NoError(t, filepath.WalkDir(filepath.Join(home, "bin"), func(path string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, filepath.Join(home, "bin")+"/"))
		}
		return err
	}))
	require.Equal(t, []string{
		"controlplane", "kubectl", "kwok", "official/etcd", "official/kube-apiserver", "official/kube-controller-manager",
		"official/kube-scheduler",
	}, names)
	said, err := exec.CommandContext(t.Context(), filepath.Join(home, "bin", "controlplane")).CombinedOutput()
	require.NoError(t, err)
	require.Equal(t, "official\n", string(said))
}

func TestNothingUncheckedIsKept(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(newMirror(t))
	t.Cleanup(plain.Close)
	is := func(r *http.Request, end string) bool { return strings.HasSuffix(r.URL.Path, end) }
	cases := map[string]struct {
		spoil func(w http.ResponseWriter, r *http.Request, content []byte) bool
		says  string
	}{
		"a wrong sum": {func(w http.ResponseWriter, r *http.Request, content []byte) bool {
			if is(r, "/kube-scheduler") {
				_, _ = w.Write(append([]byte("x"), content[1:]...))
				return true
			}
			return false
		}, "kube-scheduler doesn't have the checksum that is published beside it"},
		"half a file": {func(w http.ResponseWriter, r *http.Request, content []byte) bool {
			if is(r, "/kube-apiserver") {
				w.Header().Set("Content-Length", "14000")
				_, _ = w.Write(content[:7000])
				return true
			}
			return false
		}, "kube-apiserver broke off after 7000 bytes"},
		"half a file that says it is whole": {func(w http.ResponseWriter, r *http.Request, content []byte) bool {
			if is(r, "/kube-apiserver") {
				_, _ = w.Write(content[:7000])
				return true
			}
			return false
		}, "doesn't have the checksum"},
		"a proxy's page": {func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			w.Header().Set("Content-Type", "text/html")
			_, _ = io.WriteString(w, "<html><body>Please sign in to the internet</body></html>")
			return true
		}, "is there a proxy that answers with a page of its own?"},
		"a proxy's refusal": {func(w http.ResponseWriter, _ *http.Request, _ []byte) bool {
			http.Error(w, "no", http.StatusForbidden)
			return true
		}, "the answer is 403 Forbidden"},
		"a release that isn't there": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if is(r, ".tar.gz") {
				http.NotFound(w, r)
				return true
			}
			return false
		}, "the answer is 404 Not Found"},
		"another release's sums": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			if is(r, "SHA256SUMS") {
				_, _ = io.WriteString(w, strings.Repeat("0", 64)+"  etcd-v3.0.0-linux-amd64.tar.gz\n")
				return true
			}
			return false
		}, "holds no checksum"},
		"a way without TLS": {func(w http.ResponseWriter, r *http.Request, _ []byte) bool {
			http.Redirect(w, r, plain.URL+r.URL.Path, http.StatusFound)
			return true
		}, "it leads to an address without TLS"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t)
			m.spoil = c.spoil
			s := httptest.NewTLSServer(m)
			t.Cleanup(s.Close)
			folder := t.TempDir()
			require.ErrorContains(t, fetcherOf(s).fetch(t.Context(), folder), c.says)
			left, err := filepath.Glob(filepath.Join(folder, "*.part"))
			require.NoError(t, err)
			require.Empty(t, left)
		})
	}
}

func TestWithoutANetworkItIsSaidAndBuilt(t *testing.T) {
	t.Parallel()
	s := httptest.NewTLSServer(newMirror(t))
	f := fetcherOf(s)
	s.Close() // nobody listens there any more
	err := f.fetch(t.Context(), t.TempDir())
	require.ErrorContains(t, err, "kube-apiserver.sha256: dial tcp")

	// The certificate of a stranger isn't taken.
	other := httptest.NewTLSServer(newMirror(t))
	t.Cleanup(other.Close)
	f.kubernetes, f.client = other.URL, &http.Client{}
	require.ErrorContains(t, f.fetch(t.Context(), t.TempDir()), "certificate")

	// What can't be fetched is built instead, and it's said why.
	var said bytes.Buffer
	m := module{
		folder: "cluster", cache: "test", released: "cmd/official", what: "nothing",
		fetch: func(ctx context.Context, folder string, _ io.Writer) error { return f.fetch(ctx, folder) },
	}
	_, err = m.made(t.Context(), t.TempDir(), "key", m.fetched(t.TempDir(), &said))
	require.ErrorContains(t, err, "certificate")
}

func TestTheEnvironmentSaysWhereReleasesAre(t *testing.T) {
	t.Parallel()
	env := func(values map[string]string) func(string) string {
		return func(name string) string { return values[name] }
	}
	_, err := newFetcher(env(map[string]string{EnvKubernetesURL: "http://mirror.example.com"}), io.Discard)
	require.ErrorContains(t, err, EnvKubernetesURL+" isn't an https:// address")
	_, err = newFetcher(env(map[string]string{EnvFetch: "no"}), io.Discard)
	require.ErrorContains(t, err, EnvFetch+" is no")
	f, err := newFetcher(env(map[string]string{EnvEtcdURL: "https://mirror.example.com/etcd/"}), io.Discard)
	if err != nil {
		require.ErrorContains(t, err, "publishes no control plane") // for this machine
		return
	}
	require.Equal(t, "https://mirror.example.com/etcd", f.etcd)
	require.Equal(t, kubernetesURL, f.kubernetes)
}

func TestTheFetchedVersionsAreTheBuiltOnes(t *testing.T) {
	t.Parallel()
	mod, err := os.ReadFile("../cluster/go.mod")
	require.NoError(t, err)
	require.Contains(t, string(mod), "k8s.io/kubernetes "+kubernetesVersion+"\n")
	require.Contains(t, string(mod), "go.etcd.io/etcd/server/v3 "+etcdVersion+"\n")
}
