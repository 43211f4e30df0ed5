package monitoring

import (
	"bufio"
	"bytes"
	"context"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/3astronautas/algesta/sandbox/control"
)

// startWithin bounds the start of one program.
const startWithin = 30 * time.Second

//go:embed rules.yaml
var rules string

// Config is what is watched, and who is told.
type Config struct {
	Namespace string // whose objects are measured
	Cluster   string // the external label "cluster", as an organisation with several Prometheuses sets it
	Webhook   string // the address that alerts are sent to
	TokenFile string // of the bearer token that goes with them
	Dir       string // for files and data
}

// Monitoring is a running Prometheus with its Alertmanager.
type Monitoring struct {
	Prometheus, Alertmanager string // their addresses, as http://127.0.0.1:9090

	metrics  *http.Server
	programs []*program
}

// Start builds them where they are missing, and starts them. Every time is a second or two: a metric that is wrong is an alert within five.
func Start(ctx context.Context, cluster *control.Cluster, cfg Config, progress io.Writer) (_ *Monitoring, err error) {
	bin, err := control.BuildMonitoring(ctx, progress)
	if err != nil {
		return nil, err
	}
	m := &Monitoring{}
	defer func() {
		if err != nil {
			_ = m.Close()
		}
	}()
	target, err := m.measure(ctx, cluster, cfg.Namespace)
	if err != nil {
		return nil, err
	}
	file := func(name, text string) string {
		path := filepath.Join(cfg.Dir, name)
		err = errors.Join(err, os.WriteFile(path, []byte(text), 0o600))
		return path
	}
	alertmanager := file("alertmanager.yml", alertmanagerConfig(cfg))
	file("rules.yml", quick(rules))
	if err != nil {
		return nil, fmt.Errorf("writing the files of the monitoring: %w", err)
	}
	if m.Alertmanager, err = m.run(ctx, filepath.Join(bin, "alertmanager"), cfg.Dir,
		"--config.file="+alertmanager, "--storage.path="+filepath.Join(cfg.Dir, "alertmanager"), "--web.listen-address=127.0.0.1:0",
		"--cluster.listen-address="); err != nil {
		return nil, err
	}
	configured := file("prometheus.yml", prometheusConfig(cfg, target, strings.TrimPrefix(m.Alertmanager, "http://")))
	if err != nil {
		return nil, fmt.Errorf("writing the files of the monitoring: %w", err)
	}
	m.Prometheus, err = m.run(ctx, filepath.Join(bin, "prometheus"), cfg.Dir,
		"--config.file="+configured, "--storage.tsdb.path="+filepath.Join(cfg.Dir, "prometheus"), "--web.listen-address=127.0.0.1:0",
		"--rules.alert.resend-delay=1s")
	return m, err
}

// measure serves the metrics of a namespace and returns their address.
func (m *Monitoring) measure(ctx context.Context, cluster *control.Cluster, namespace string) (address string, err error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(objects{cluster.Client, namespace}); err != nil {
		return "", fmt.Errorf("preparing the metrics: %w", err)
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listening for scrapes: %w", err)
	}
	m.metrics = &http.Server{Handler: promhttp.HandlerFor(registry, promhttp.HandlerOpts{}), ReadHeaderTimeout: readWithin}
	go func() { _ = m.metrics.Serve(listener) }() // it ends with Close
	return listener.Addr().String(), nil
}

// Close ends them.
func (m *Monitoring) Close() error {
	var all []error
	for _, p := range m.programs {
		all = append(all, p.close())
	}
	if m.metrics != nil {
		all = append(all, m.metrics.Close())
	}
	return errors.Join(all...)
}

// Log is what the programs wrote.
func (m *Monitoring) Log() string {
	var out strings.Builder
	for _, p := range m.programs {
		out.WriteString(p.text())
	}
	return out.String()
}

// program is a process with its log.
type program struct {
	cmd     *exec.Cmd
	exited  chan struct{}
	mu      sync.Mutex
	log     bytes.Buffer
	address chan string
}

// listensOn is how both say where they listen (github.com/prometheus/exporter-toolkit).
var listensOn = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// run starts a program and waits until it listens. It dies with this process.
func (m *Monitoring) run(ctx context.Context, path, dir string, args ...string) (address string, err error) {
	p := &program{exited: make(chan struct{}), address: make(chan string, 1)}
	p.cmd = exec.CommandContext(context.WithoutCancel(ctx), path, args...) //nolint:gosec // a binary that we built; Close ends it
	p.cmd.Dir = dir
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out, err := p.cmd.StderrPipe()
	if err != nil {
		return "", fmt.Errorf("starting %s: %w", filepath.Base(path), err)
	}
	if err := p.cmd.Start(); err != nil {
		return "", fmt.Errorf("starting %s: %w", filepath.Base(path), err)
	}
	m.programs = append(m.programs, p)
	go p.read(out)
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	select {
	case at := <-p.address:
		return "http://" + at, nil
	case <-p.exited:
		return "", fmt.Errorf("%s ended before it listened:\n%s", filepath.Base(path), p.text())
	case <-ctx.Done():
		return "", fmt.Errorf("waiting for %s: %w\n%s", filepath.Base(path), ctx.Err(), p.text())
	}
}

// read keeps the log and finds in it where the program listens. It owns the process's end.
func (p *program) read(from io.Reader) {
	lines := bufio.NewScanner(from)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		p.mu.Lock()
		p.log.WriteString(lines.Text() + "\n")
		p.mu.Unlock()
		if at := listensOn.FindStringSubmatch(lines.Text()); at != nil {
			select {
			case p.address <- at[1]:
			default:
			}
		}
	}
	_ = p.cmd.Wait() // how it ended is in its log
	close(p.exited)
}

func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// close kills the process: nothing of it is kept.
func (p *program) close() error {
	if err := p.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("ending %s: %w", p.cmd.Path, err)
	}
	<-p.exited
	return nil
}
