package control

import (
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

const (
	kubernetesVersion = "v1.37.2" // what `kubectl version` says; the sources carry a placeholder
	progressEvery     = 15 * time.Second
	keptBuilds        = 3 // of other versions, each about 400 MB
	kwokPackages      = 900
)

// module is a Go module of the sandbox's own, which is built into the user's cache folder.
type module struct {
	folder                string // below sandbox
	cache                 string // the folder of its builds below the cache folder
	what                  string // for people
	packages              int    // about as many as a cold build compiles, for the progress line
	flags                 string // for the linker
	pattern, tags         string // what is built of it, ./... where it is "", and with which build tags
	dependency, resources string // a Go module that it uses, and the folder of it that is kept beside the binaries
	// released is the program that runs released binaries in the place of those that are built; "" where there are none. What it's made of
	// doesn't count where everything is built.
	released string
	// fetch puts the released binaries into a folder; nil where there are none.
	fetch func(ctx context.Context, folder string, progress io.Writer) error
}

// fetchReleased fetches the binaries of the control plane, as the environment says.
func fetchReleased(ctx context.Context, folder string, progress io.Writer) error {
	f, err := newFetcher(os.Getenv, progress)
	if err != nil {
		return err
	}
	return f.fetch(ctx, folder)
}

const versionVariable = "k8s.io/component-base/version."

var (
	controlPlane = module{
		folder: "cluster", cache: "sandbox", packages: 2250, released: "cmd/official", fetch: fetchReleased,
		what: "etcd, Kubernetes " + kubernetesVersion + ", KWOK and kubectl from source. The first time takes about 12 minutes on two cores",
		flags: " -X " + versionVariable + "gitVersion=" + kubernetesVersion + " -X " + versionVariable + "gitMajor=1 -X " + versionVariable +
			"gitMinor=37 -X " + versionVariable + "gitTreeState=clean",
	}
	certificates = module{
		folder: "certmanager", cache: "certmanager", packages: 800,
		what:       "cert-manager from source. The first time takes about four minutes on two cores",
		dependency: "github.com/cert-manager/cert-manager", resources: "deploy/crds",
	}
	// monitoring is the programs themselves, which their modules name as tools. Discovery of targets in clouds would be two thirds of it.
	monitoring = module{
		folder: "prometheus", cache: "prometheus", packages: 900, pattern: "tool", tags: "remove_all_sd",
		what: "Prometheus and Alertmanager from source. The first time takes about four minutes on two cores",
	}
)

// build returns the folder of this version of a module in the user's cache, with its binaries in bin/. What isn't there yet is fetched,
// where binaries are released and can be had, or else built. Processes that ask at the same time wait for the first.
func (m module) build(ctx context.Context, progress io.Writer) (string, error) {
	source, err := m.source(ctx)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w", err)
	}
	root := filepath.Join(cache, "algesta", m.cache)
	key, err := versionKey(source, m.released)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(filepath.Join(root, key, "bin")); err == nil || m.fetch == nil {
		return m.made(ctx, root, key, m.compiled(source, progress))
	}
	whole, err := versionKey(source, "")
	if err != nil {
		return "", err
	}
	home, err := m.made(ctx, root, whole+"-released", m.fetched(source, progress))
	if err == nil || ctx.Err() != nil {
		return home, err
	}
	say(progress, "sandbox: no released binaries: %v\n", err)
	return m.made(ctx, root, key, m.compiled(source, progress))
}

// made returns a folder of the cache with its binaries in bin/, which fill puts into a fresh folder where they aren't there.
func (m module) made(ctx context.Context, root, key string, fill func(ctx context.Context, fresh string) error) (string, error) {
	home := filepath.Join(root, key)
	if err := os.MkdirAll(home, 0o700); err != nil {
		return "", fmt.Errorf("making the cache folder: %w", err)
	}
	lock, err := lockFile(ctx, filepath.Join(home, "build.lock"))
	if err != nil {
		return "", err
	}
	defer func() { _ = lock.Close() }()
	bin := filepath.Join(home, "bin")
	if _, err := os.Stat(bin); err == nil {
		return home, nil
	}
	fresh, err := os.MkdirTemp(home, "building-")
	if err != nil {
		return "", fmt.Errorf("making the build folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(fresh) }()
	if err := fill(ctx, fresh); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, bin); err != nil {
		return "", fmt.Errorf("keeping the binaries: %w", err)
	}
	removeOldBuilds(root, key)
	return home, nil
}

// compiled builds everything from source.
func (m module) compiled(source string, progress io.Writer) func(ctx context.Context, fresh string) error {
	return func(ctx context.Context, fresh string) error {
		say(progress, "sandbox: building %s; the result is kept in your cache folder.\n", m.what)
		if err := m.compile(ctx, source, fresh, progress, m.packages, cmp.Or(m.pattern, "./...")); err != nil {
			return err
		}
		if m.resources == "" {
			return nil
		}
		return m.copyResources(ctx, source, fresh)
	}
}

// fetched fetches what is released and builds the rest.
func (m module) fetched(source string, progress io.Writer) func(ctx context.Context, fresh string) error {
	return func(ctx context.Context, fresh string) error {
		official := filepath.Join(fresh, "official")
		if err := m.fetch(ctx, official, progress); err != nil {
			return err
		}
		say(progress, "sandbox: building KWOK from source, about two minutes; the result is kept in your cache folder.\n")
		built := filepath.Join(fresh, "built") // beside the released ones, whose folder is called as one of the programs
		if err := os.Mkdir(built, 0o700); err != nil {
			return fmt.Errorf("making the build folder: %w", err)
		}
		if err := m.compile(ctx, source, built, progress, kwokPackages, "./"+m.released, "./cmd/kwok"); err != nil {
			return err
		}
		for from, to := range map[string]string{
			filepath.Join(built, filepath.Base(m.released)): "controlplane", filepath.Join(built, "kwok"): "kwok",
			filepath.Join(official, "kubectl"): "kubectl",
		} {
			if err := os.Rename(from, filepath.Join(fresh, to)); err != nil {
				return fmt.Errorf("naming a program: %w", err)
			}
		}
		return os.Remove(built)
	}
}

// compile runs the Go tool on the module and says how far it is.
func (m module) compile(ctx context.Context, source, out string, progress io.Writer, packages int, what ...string) error {
	args := append([]string{
		"build", "-trimpath", "-buildvcs=false", "-v", "-o", out + string(filepath.Separator), "-tags", m.tags, "-ldflags", "-s -w" + m.flags,
	}, what...)
	cmd := exec.CommandContext(ctx, "go", args...) //nolint:gosec // the arguments are this file's and a folder that it made
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=") // the caller's flags would miss the shared build cache
	output, err := cmd.StderrPipe()
	if err != nil {
		return fmt.Errorf("preparing the build: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("starting the build: %w", err)
	}
	began, told, done, last := time.Now(), time.Now(), 0, make([]string, 0, 40)
	lines := bufio.NewScanner(output)
	for lines.Scan() {
		done++
		if last = append(last, lines.Text()); len(last) > 30 {
			last = last[1:]
		}
		if time.Since(told) >= progressEvery {
			told = time.Now()
			say(progress, "sandbox: %d of about %d packages after %s\n", done, packages, time.Since(began).Round(time.Second))
		}
	}
	if err := cmd.Wait(); err != nil {
		return fmt.Errorf("building the sandbox: %w; the end of the output:\n%s", err, strings.Join(last, "\n"))
	}
	say(progress, "sandbox: built in %s\n", time.Since(began).Round(time.Second))
	return nil
}

// say writes a line to a terminal, a log or a hash; nobody waits for it to succeed.
func say(w io.Writer, format string, args ...any) { _, _ = fmt.Fprintf(w, format, args...) }

// source is the folder of the module, found from the module that the working folder is in.
func (m module) source(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("asking Go for the module: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "sandbox", m.folder)
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("finding the sources of the sandbox (run this inside the repository): %w", err)
	}
	return dir, nil
}

// copyResources keeps what the dependency brings besides its code, as its version has it.
func (m module) copyResources(ctx context.Context, source, out string) error {
	cmd := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", m.dependency) //nolint:gosec // the arguments are this file's
	cmd.Dir = source
	cmd.Env = append(os.Environ(), "GOWORK=off", "GOFLAGS=")
	dir, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("finding the module %s: %w", m.dependency, err)
	}
	folder := filepath.Join(strings.TrimSpace(string(dir)), filepath.FromSlash(m.resources))
	if err := os.CopyFS(filepath.Join(out, filepath.Base(folder)), os.DirFS(folder)); err != nil {
		return fmt.Errorf("copying %s of %s: %w", m.resources, m.dependency, err)
	}
	return nil
}

// versionKey names what the binaries are made of: every source of the module but for one folder, the versions it uses, Go and the platform.
func versionKey(source, without string) (string, error) {
	hash := sha256.New()
	say(hash, "%s %s %s %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, kubernetesVersion)
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && without != "" && path == filepath.Join(source, filepath.FromSlash(without)) {
			return fs.SkipDir
		}
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") {
			return err
		}
		content, err := os.ReadFile(path) //nolint:gosec // a file of this repository
		if err != nil {
			return err
		}
		name, err := filepath.Rel(source, path)
		say(hash, "%s %d\n%s", filepath.ToSlash(name), len(content), content)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("reading the sources of the sandbox: %w", err)
	}
	return hex.EncodeToString(hash.Sum(nil))[:16], nil
}

// removeOldBuilds keeps the newest few builds of other versions and none that is in use: a build with a socket has, or
// had, a supervisor.
func removeOldBuilds(root, current string) {
	type old struct {
		path string
		at   time.Time
	}
	var olds []old
	entries, err := os.ReadDir(root)
	if err != nil {
		return // it is only housekeeping
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil || !e.IsDir() || e.Name() == current {
			continue
		}
		olds = append(olds, old{filepath.Join(root, e.Name()), info.ModTime()})
	}
	slices.SortFunc(olds, func(a, b old) int { return b.at.Compare(a.at) })
	for i, o := range olds {
		if _, err := os.Stat(filepath.Join(o.path, socketName)); i >= keptBuilds && os.IsNotExist(err) {
			_ = os.RemoveAll(o.path) // it is only housekeeping
		}
	}
}
