package control

import (
	"bufio"
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
	packages          = 2250      // about as many as a cold build compiles, for the progress line
	progressEvery     = 15 * time.Second
	keptBuilds        = 3 // of other versions, each about 400 MB
)

// build returns the folder of this version of the sandbox in the user's cache, with its binaries in bin/. It builds them
// when they are not there; processes that ask at the same time wait for the first.
func build(ctx context.Context, progress io.Writer) (string, error) {
	source, err := sourceDir(ctx)
	if err != nil {
		return "", err
	}
	key, err := versionKey(source)
	if err != nil {
		return "", err
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("finding the user's cache folder: %w", err)
	}
	root := filepath.Join(cache, "algesta", "sandbox")
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
	if err := compile(ctx, source, fresh, progress); err != nil {
		return "", err
	}
	if err := os.Rename(fresh, bin); err != nil {
		return "", fmt.Errorf("keeping the binaries: %w", err)
	}
	removeOldBuilds(root, key)
	return home, nil
}

// compile runs the Go tool on the sandbox's own module and says how far it is.
func compile(ctx context.Context, source, out string, progress io.Writer) error {
	say(progress, "sandbox: building etcd, Kubernetes %s, KWOK and kubectl from source. The first time takes about "+
		"12 minutes on two cores; the result is kept in your cache folder.\n", kubernetesVersion)
	const version = "k8s.io/component-base/version."
	//nolint:gosec // the arguments are this file's and a folder that it made
	cmd := exec.CommandContext(ctx, "go", "build", "-trimpath", "-buildvcs=false", "-v", "-o", out+string(filepath.Separator), "-ldflags",
		"-s -w -X "+version+"gitVersion="+kubernetesVersion+" -X "+version+"gitMajor=1 -X "+version+"gitMinor=37 -X "+
			version+"gitTreeState=clean", "./cmd/...")
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

// sourceDir is the folder of the module sandbox/cluster, found from the module that the working folder is in.
func sourceDir(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return "", fmt.Errorf("asking Go for the module: %w", err)
	}
	dir := filepath.Join(filepath.Dir(strings.TrimSpace(string(out))), "sandbox", "cluster")
	if _, err := os.Stat(filepath.Join(dir, "go.mod")); err != nil {
		return "", fmt.Errorf("finding the sources of the sandbox (run this inside the repository): %w", err)
	}
	return dir, nil
}

// versionKey names what the binaries are made of: every source of the module, the versions it uses, Go and the platform.
func versionKey(source string) (string, error) {
	hash := sha256.New()
	say(hash, "%s %s %s %s\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, kubernetesVersion)
	err := filepath.WalkDir(source, func(path string, d fs.DirEntry, err error) error {
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
