package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// policyEvery is how often the file is looked at. A mounted ConfigMap changes by a swapped link, which a look at the
// file notices and a watch on it does not.
const policyEvery = 2 * time.Second

// policyFile keeps the policy in force. A file that cannot be loaded leaves the old one in force and says so.
type policyFile struct {
	path    string
	cfg     Config // whose clusters and environments the rules are about
	log     *zap.Logger
	current atomic.Pointer[policy.Policy]
	seen    os.FileInfo // of the file that was read last; nil when it could not be read
	said    string      // the error that was logged last; "" when there is none
}

func openPolicy(path string, cfg Config, log *zap.Logger) (*policyFile, error) {
	f := &policyFile{path: path, cfg: cfg, log: log}
	return f, f.load()
}

// Policy is the policy in force.
func (f *policyFile) Policy() *policy.Policy { return f.current.Load() }

// load reads the file and takes it over if nothing is wrong with it.
func (f *policyFile) load() error {
	f.seen = nil
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	b, err := readBounded(f.path, maxConfigFile)
	if err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	f.seen = info
	p, err := policy.Load(b)
	if err == nil {
		err = named(p, f.cfg)
	}
	if err != nil {
		return fmt.Errorf("loading the policy %s: %w", f.path, err)
	}
	f.current.Store(p)
	f.warn(p)
	return nil
}

// warn says which restrictions hold nowhere: whoever wrote them believes that somebody is asked, or that something is frozen. It is no
// error, because a policy may be written before its environment is configured.
func (f *policyFile) warn(p *policy.Policy) {
	targets := make([]algesta.Target, 0, len(f.cfg.Environments))
	for _, e := range f.cfg.Environments {
		targets = append(targets, algesta.Target{Environment: e.Name, Cluster: e.Cluster, Namespace: e.Namespace})
	}
	for _, n := range p.Nowhere(targets) {
		f.log.Warn("a rule of the policy holds nowhere: no environment is in its namespace, on its clusters",
			zap.String("rule", n.Rule), zap.String("namespace", n.Namespace))
	}
}

// watch loads the file again whenever it changed, until ctx ends. changed is told of every new policy.
func (f *policyFile) watch(ctx context.Context, changed func(*policy.Policy)) {
	tick := time.NewTicker(policyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		f.reload(changed)
	}
}

// look loads the file if it changed, and tells of it.
func (f *policyFile) reload(changed func(*policy.Policy)) {
	if !f.moved() {
		return
	}
	if err := f.load(); err != nil {
		f.say(err)
		return
	}
	f.said = ""
	f.log.Info("policy loaded")
	changed(f.Policy())
}

// moved reports whether the file is another one than was read last, or could not be read then.
func (f *policyFile) moved() bool {
	info, err := os.Stat(f.path)
	return err != nil || f.seen == nil || !info.ModTime().Equal(f.seen.ModTime()) || info.Size() != f.seen.Size() || !os.SameFile(info, f.seen)
}

// say logs an error once, and again only when another one came between: a file that is missing is looked for every two seconds.
func (f *policyFile) say(err error) {
	if f.said == err.Error() && f.seen == nil {
		return
	}
	f.said = err.Error()
	f.log.Error("the policy file cannot be loaded; the policy before it stays in force", zap.Error(err))
}
