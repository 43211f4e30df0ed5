package control

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"
)

// Where the released binaries of the pinned versions are. A mirror has the same paths below another address.
const (
	// EnvKubernetesURL has the address of Kubernetes' releases.
	EnvKubernetesURL = "ALGESTA_SANDBOX_KUBERNETES_URL"
	// EnvEtcdURL has the address of etcd's releases.
	EnvEtcdURL = "ALGESTA_SANDBOX_ETCD_URL"
	// EnvFetch is "no" where nothing is to be fetched: everything is built from source then.
	EnvFetch = "ALGESTA_SANDBOX_FETCH"

	kubernetesURL = "https://dl.k8s.io/release"
	etcdURL       = "https://github.com/etcd-io/etcd/releases/download"
	etcdVersion   = "v3.7.0" // of sandbox/cluster/go.mod; a test compares them
)

// The bounds of a download.
const (
	connectWithin = 10 * time.Second
	answerWithin  = 20 * time.Second // to the first byte of an answer
	fetchWithin   = 15 * time.Minute // everything
	mostBytes     = 400 << 20        // of one file
	mostSumBytes  = 64 << 10
)

// fetcher downloads released binaries and checks them.
type fetcher struct {
	kubernetes, etcd string // addresses
	system, machine  string
	client           *http.Client
	progress         io.Writer
}

// newFetcher is a fetcher for this machine, as the environment says.
func newFetcher(env func(string) string, progress io.Writer) (*fetcher, error) {
	f := &fetcher{kubernetes: kubernetesURL, etcd: etcdURL, system: runtime.GOOS, machine: runtime.GOARCH, progress: progress}
	for name, address := range map[string]*string{EnvKubernetesURL: &f.kubernetes, EnvEtcdURL: &f.etcd} {
		if said := env(name); said != "" {
			*address = strings.TrimSuffix(said, "/")
		}
		at, err := url.Parse(*address)
		if err != nil || at.Scheme != "https" || at.Host == "" {
			return nil, fmt.Errorf("%s isn't an https:// address: checksums are worth nothing over anything else", name)
		}
	}
	if strings.EqualFold(env(EnvFetch), "no") {
		return nil, errors.New(EnvFetch + " is no")
	}
	if f.system != "linux" || f.machine != "amd64" && f.machine != "arm64" {
		return nil, fmt.Errorf("Kubernetes publishes no control plane for %s/%s", f.system, f.machine) //nolint:staticcheck // a name
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http documents the type
	transport.DialContext = (&net.Dialer{Timeout: connectWithin}).DialContext
	transport.ResponseHeaderTimeout = answerWithin
	f.client = &http.Client{Transport: transport, CheckRedirect: onlyTLS}
	return f, nil
}

// onlyTLS refuses to be sent where nobody vouches for the answer.
func onlyTLS(req *http.Request, via []*http.Request) error {
	if req.URL.Scheme != "https" {
		return errors.New("it leads to an address without TLS")
	}
	if len(via) > 5 {
		return errors.New("it leads on and on")
	}
	return nil
}

// fetch puts the binaries into a folder, each checked against the checksum that is published beside it.
func (f *fetcher) fetch(ctx context.Context, folder string) error {
	ctx, cancel := context.WithTimeout(ctx, fetchWithin)
	defer cancel()
	began := time.Now()
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return fmt.Errorf("making the folder: %w", err)
	}
	base := f.kubernetes + "/" + kubernetesVersion + "/bin/" + f.system + "/" + f.machine + "/"
	for _, name := range []string{"kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl"} {
		sum, err := f.sum(ctx, base+name+".sha256", "")
		if err != nil {
			return err
		}
		if err := f.file(ctx, base+name, sum, filepath.Join(folder, name)); err != nil {
			return err
		}
	}
	release := "etcd-" + etcdVersion + "-" + f.system + "-" + f.machine
	archive := release + ".tar.gz"
	sum, err := f.sum(ctx, f.etcd+"/"+etcdVersion+"/SHA256SUMS", archive)
	if err != nil {
		return err
	}
	packed := filepath.Join(folder, archive)
	if err := f.file(ctx, f.etcd+"/"+etcdVersion+"/"+archive, sum, packed); err != nil {
		return err
	}
	if err := unpack(packed, path.Join(release, "etcd"), filepath.Join(folder, "etcd")); err != nil {
		return fmt.Errorf("unpacking %s: %w", archive, err)
	}
	say(f.progress, "sandbox: fetched Kubernetes %s and etcd %s in %s, each as its checksum says\n",
		kubernetesVersion, etcdVersion, time.Since(began).Round(time.Second))
	return os.Remove(packed)
}

var sumForm = regexp.MustCompile(`^[0-9a-f]{64}$`)

// sum is a checksum: the whole file's, or that of the line which names a file.
func (f *fetcher) sum(ctx context.Context, address, of string) (string, error) {
	body, err := f.get(ctx, address)
	if err != nil {
		return "", err
	}
	defer func() { _ = body.Close() }() // it was read
	raw, err := io.ReadAll(io.LimitReader(body, mostSumBytes))
	if err != nil {
		return "", fmt.Errorf("reading %s: %w", address, err)
	}
	for line := range strings.Lines(string(raw)) {
		words := strings.Fields(line)
		if len(words) > 0 && sumForm.MatchString(words[0]) &&
			(of == "" && len(words) <= 2 || len(words) == 2 && strings.TrimPrefix(words[1], "*") == of) {
			return words[0], nil
		}
	}
	return "", fmt.Errorf("%s holds no checksum: is there a proxy that answers with a page of its own?", address)
}

// file downloads a file, which may be run, and keeps it only if it has its checksum.
func (f *fetcher) file(ctx context.Context, address, sum, to string) error {
	body, err := f.get(ctx, address)
	if err != nil {
		return err
	}
	defer func() { _ = body.Close() }()                                            // it was read
	out, err := os.OpenFile(to+".part", os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o700) //nolint:gosec // a program, in a folder of our own
	if err != nil {
		return fmt.Errorf("writing %s: %w", filepath.Base(to), err)
	}
	hash := sha256.New()
	n, err := io.Copy(io.MultiWriter(out, hash), io.LimitReader(body, mostBytes+1))
	err = errors.Join(err, out.Close())
	switch have := hex.EncodeToString(hash.Sum(nil)); {
	case err != nil:
		err = fmt.Errorf("reading %s broke off after %d bytes: %w", address, n, err)
	case n > mostBytes:
		err = fmt.Errorf("%s is larger than %d MB", address, mostBytes>>20)
	case have != sum:
		err = fmt.Errorf("%s doesn't have the checksum that is published beside it", address)
	}
	if err != nil {
		return errors.Join(err, os.Remove(to+".part"))
	}
	return os.Rename(to+".part", to)
}

// get asks for a file.
func (f *fetcher) get(ctx context.Context, address string) (io.ReadCloser, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, fmt.Errorf("asking for %s: %w", address, err)
	}
	answer, err := f.client.Do(req)
	if err != nil {
		if call, ok := errors.AsType[*url.Error](err); ok {
			err = call.Err
		}
		return nil, fmt.Errorf("asking for %s: %w", address, err)
	}
	if answer.StatusCode != http.StatusOK {
		_ = answer.Body.Close() // it isn't read
		return nil, fmt.Errorf("asking for %s: the answer is %s", address, answer.Status)
	}
	return answer.Body, nil
}

// unpack takes one file out of an archive.
func unpack(archive, name, to string) error {
	packed, err := os.Open(archive) //nolint:gosec // it was just written
	if err != nil {
		return err
	}
	defer func() { _ = packed.Close() }() // it was only read
	plain, err := gzip.NewReader(packed)
	if err != nil {
		return err
	}
	for files := tar.NewReader(plain); ; {
		head, err := files.Next()
		if errors.Is(err, io.EOF) {
			return fmt.Errorf("there's no %s in it", name)
		}
		if err != nil {
			return err
		}
		if path.Clean(head.Name) != name || head.Typeflag != tar.TypeReg {
			continue
		}
		out, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o700) //nolint:gosec // a program, in a folder of our own
		if err != nil {
			return err
		}
		_, err = io.Copy(out, io.LimitReader(files, mostBytes))
		return errors.Join(err, out.Close())
	}
}
