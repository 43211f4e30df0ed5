package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/3astronautas/algesta/sandbox/authority"
	"github.com/3astronautas/algesta/sandbox/control"
)

// The parts that measure a first run. They build nearly everything anew, so they are measured only where they're named, and need nothing of
// the sandbox that runs for the others.
const (
	firstRunFetched = "firstrun"
	firstRunBuilt   = "firstrun-built"
)

// firstRuns measures those that were named, and reports whether there is anything else to measure.
func firstRuns(ctx context.Context, r *results, only []string) (more bool) {
	for _, name := range only {
		switch name {
		case firstRunFetched, firstRunBuilt:
			r.part(ctx, name, only, func(ctx context.Context) error { return firstRun(ctx, r, name == firstRunFetched) })
		default:
			more = true
		}
	}
	return more || len(only) == 0
}

// firstRun runs `make demo` in a fresh clone with empty caches until its page answers. The modules are those of this machine: how long they
// take to download is the network's. With GOCACHE set Go's own cache is that one, and not an empty one.
func firstRun(ctx context.Context, r *results, fetched bool) error {
	dir, err := os.MkdirTemp("", "algesta-first-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	clone := filepath.Join(dir, "algesta")
	if said, err := exec.CommandContext(ctx, "git", "clone", "-q", ".", clone).CombinedOutput(); err != nil { //nolint:gosec // our own folder
		return fmt.Errorf("cloning: %w\n%s", err, said)
	}
	env := append(os.Environ(), "XDG_CACHE_HOME="+filepath.Join(dir, "cache"))
	how, key := "everything built", "firstrun_built"
	if fetched {
		more, stop, err := serveReleases(ctx, dir)
		if err != nil {
			return err
		}
		defer stop()
		env, how, key = append(env, more...), "the control plane fetched", "firstrun_fetched"
	} else {
		env = append(env, control.EnvFetch+"=no")
	}
	took, spent, err := demo(ctx, clone, env)
	if err != nil {
		return err
	}
	r.add(
		figure{Key: key + "_s", What: "clean clone → demo page ready, " + how, Value: took.Seconds(), Unit: "s", Free: true},
		figure{Key: key + "_cpu_s", What: "CPU of it", Value: spent.Seconds(), Unit: "s", Free: true},
	)
	return nil
}

// demo runs `make demo` until its page answers, and ends it. It returns how long that took, and how much CPU the whole of it used.
func demo(ctx context.Context, clone string, env []string) (took, spent time.Duration, err error) {
	cmd := exec.CommandContext(ctx, "make", "demo")
	cmd.Dir, cmd.Env = clone, env
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGINT) } // make alone would leave the demo behind
	cmd.WaitDelay = time.Minute
	out, err := cmd.StderrPipe()
	if err != nil {
		return 0, 0, fmt.Errorf("starting the demo: %w", err)
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return 0, 0, fmt.Errorf("starting the demo: %w", err)
	}
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		_, _ = fmt.Fprintln(os.Stderr, "  "+lines.Text())
		if page, found := strings.CutPrefix(lines.Text(), "Open  "); found {
			err = pageReady(ctx, page)
			took = time.Since(began)
			err = errors.Join(err, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
		}
	}
	ended := cmd.Wait()
	switch {
	case err != nil:
		return 0, 0, err
	case took == 0:
		return 0, 0, fmt.Errorf("the demo ended before its page was ready: %w", ended)
	}
	return took, cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime(), nil
}

// pageReady asks for a page.
func pageReady(ctx context.Context, page string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, page, http.NoBody)
	if err != nil {
		return fmt.Errorf("asking for the page: %w", err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return fmt.Errorf("asking for the page: %w", err)
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("asking for the page: %s", res.Status)
	}
	return nil
}

// serveReleases serves what Kubernetes and etcd release, made of the same sources, as the places of the releases do. It returns the
// variables that lead there.
func serveReleases(ctx context.Context, dir string) (env []string, stop func(), err error) {
	root := filepath.Join(dir, "released")
	if err := control.MakeReleases(ctx, root, os.Stderr); err != nil {
		return nil, nil, err
	}
	ca, err := authority.New("bench")
	if err != nil {
		return nil, nil, err
	}
	pair, err := ca.Issue("releases", nil)
	if err != nil {
		return nil, nil, err
	}
	serving, err := pair.TLS()
	if err != nil {
		return nil, nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, nil, fmt.Errorf("listening: %w", err)
	}
	roots := filepath.Join(dir, "roots.pem")
	if err := os.WriteFile(roots, ca.PEM, 0o600); err != nil {
		return nil, nil, fmt.Errorf("writing a file: %w", err)
	}
	server := &http.Server{TLSConfig: serving, ReadHeaderTimeout: 10 * time.Second, Handler: http.FileServer(http.Dir(root))}
	go func() { _ = server.ServeTLS(l, "", "") }()
	at := "https://" + l.Addr().String()
	return []string{control.EnvKubernetesURL + "=" + at, control.EnvEtcdURL + "=" + at, "SSL_CERT_FILE=" + roots},
		func() { _ = server.Close() }, nil
}
