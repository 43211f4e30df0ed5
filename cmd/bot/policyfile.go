package main

import (
	"context"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta/policy"
)

// policyEvery is how often the file is looked at. A mounted ConfigMap changes by a swapped link, which a look at the
// file notices and a watch on it does not.
const policyEvery = 2 * time.Second

// policyFile keeps the policy in force. A file that cannot be loaded leaves the old one in force and says so.
type policyFile struct {
	path    string
	log     *zap.Logger
	current atomic.Pointer[policy.Policy]
	seen    os.FileInfo
}

func openPolicy(path string, log *zap.Logger) (*policyFile, error) {
	f := &policyFile{path: path, log: log}
	return f, f.load()
}

// Policy is the policy in force.
func (f *policyFile) Policy() *policy.Policy { return f.current.Load() }

func (f *policyFile) load() error {
	info, err := os.Stat(f.path)
	if err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	b, err := os.ReadFile(f.path)
	if err != nil {
		return fmt.Errorf("reading the policy: %w", err)
	}
	f.seen = info
	p, err := policy.Load(b)
	if err != nil {
		return fmt.Errorf("loading the policy %s: %w", f.path, err)
	}
	f.current.Store(p)
	return nil
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
		info, err := os.Stat(f.path)
		if err == nil && f.seen != nil && info.ModTime().Equal(f.seen.ModTime()) && info.Size() == f.seen.Size() && os.SameFile(info, f.seen) {
			continue
		}
		if err := f.load(); err != nil {
			f.log.Error("the policy file cannot be loaded; the policy before it stays in force", zap.Error(err))
			f.seen = info // say it once per change of the file
			continue
		}
		f.log.Info("policy loaded")
		changed(f.Policy())
	}
}
