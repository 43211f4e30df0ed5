package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
)

// policyEvery is how often the file is looked at. A mounted ConfigMap changes by a swapped link, which polling the
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

	// tell tells the admin channel why the file can't be loaded, or, with a nil error, that it can again; nil tells nobody. id is the same for
	// all that is told of one time.
	tell     func(ctx context.Context, id string, failed error) error
	since    string // the id of the time in which it can't be loaded
	owed     error  // what has to be told
	owes     bool   // something has
	told     bool   // that it can't be loaded was told
	withheld string // why it couldn't be told, as it was logged last
}

func openPolicy(path string, cfg Config, log *zap.Logger) (*policyFile, error) {
	f := &policyFile{path: path, cfg: cfg, log: log}
	p, err := f.load()
	if err != nil {
		return f, err
	}
	f.current.Store(p)
	f.warn(p)
	return f, nil
}

// Policy is the policy in force.
func (f *policyFile) Policy() *policy.Policy { return f.current.Load() }

// load reads the file and gives its policy if nothing is wrong with it.
func (f *policyFile) load() (*policy.Policy, error) {
	f.seen = nil
	info, err := os.Stat(f.path)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	b, err := readBounded(f.path, maxConfigFile)
	if err != nil {
		return nil, fmt.Errorf("reading the policy: %w", err)
	}
	f.seen = info
	p, err := policy.Load(b)
	if err == nil {
		err = errors.Join(runnable(p), named(p, f.cfg))
	}
	if err != nil {
		return nil, fmt.Errorf("loading the policy %s: %w", f.path, err)
	}
	return p, nil
}

// warn says which restrictions hold nowhere: their author believes that someone is asked, or that something is frozen. It's no
// error, because a policy may be written before its environment is configured.
func (f *policyFile) warn(p *policy.Policy) {
	for _, n := range p.Nowhere(f.cfg.targets()) {
		f.log.Warn("a rule of the policy holds nowhere: no environment is in its namespace, on its clusters",
			zap.String("rule", n.Rule), zap.String("namespace", n.Namespace))
	}
}

// targets are the environments of the configuration.
func (c Config) targets() []algesta.Target {
	out := make([]algesta.Target, 0, len(c.Environments))
	for _, e := range c.Environments {
		out = append(out, algesta.Target{Environment: e.Name, Cluster: e.Cluster, Namespace: e.Namespace})
	}
	return out
}

// watch loads the file again whenever it changed, until ctx ends. ask is called with the user groups that people's membership is needed of.
func (f *policyFile) watch(ctx context.Context, ask func(groups []string)) {
	tick := time.NewTicker(policyEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		f.reload(ask)
		f.inform(ctx)
	}
}

// informWithin bounds what is asked of Slack and of the store to tell the admin channel.
const informWithin = 10 * time.Second

// inform tells the admin channel what it has to know, and tries again at the next look where that didn't work.
func (f *policyFile) inform(ctx context.Context) {
	if !f.owes || f.tell == nil {
		return
	}
	if f.owed == nil && !f.told { // it's over, and nobody heard that it began
		f.owes = false
		return
	}
	if f.since == "" {
		f.since = "policy-" + algesta.NewCommandID()
	}
	ctx, cancel := context.WithTimeout(ctx, informWithin)
	defer cancel()
	if err := f.tell(ctx, f.since, f.owed); err != nil {
		if f.withheld != err.Error() {
			f.log.Warn("the admin channel isn't told about the policy file yet", zap.Error(err))
		}
		f.withheld = err.Error()
		return
	}
	f.owes, f.withheld, f.told = false, "", f.owed != nil
	if f.owed == nil {
		f.since = ""
	}
}

// reload loads the file if it changed. While both may decide, membership is asked for the groups of the old policy and of the new one: a
// limit on a group whose members aren't known would let them pass.
func (f *policyFile) reload(ask func(groups []string)) {
	if !f.moved() {
		return
	}
	p, err := f.load()
	if err != nil {
		f.say(err)
		return
	}
	if f.said != "" {
		f.owes, f.owed = true, nil
	}
	f.said = ""
	ask(slices.Concat(f.Policy().Groups(), p.Groups()))
	f.current.Store(p)
	f.warn(p)
	f.log.Info("policy loaded")
	ask(p.Groups())
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
	f.owes, f.owed = true, err
	f.log.Error("the policy file cannot be loaded; the policy before it stays in force", zap.Error(err))
}
