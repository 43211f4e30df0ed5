package kube

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// signing owns the goroutines that sign in and look addresses up: several callers wait for one of them, so none of them can be its owner.
// A nil one starts them and waits for none.
type signing struct {
	ctx    context.Context //nolint:containedctx // of all of them
	stop   context.CancelFunc
	panics *algesta.Panics
	log    *zap.Logger // nil is silent

	mu    sync.Mutex
	ended bool
	work  sync.WaitGroup
}

func newSigning(panics *algesta.Panics, log *zap.Logger) *signing {
	s := &signing{panics: panics, log: log}
	s.ctx, s.stop = context.WithCancel(context.Background())
	return s
}

// begin starts a goroutine; false where the owner has ended. The work has a deadline of its own, and what panics in it becomes its error.
func (s *signing) begin(within time.Duration, work func(ctx context.Context) error, done func(error)) bool {
	ctx := context.Background()
	if s != nil {
		s.mu.Lock()
		defer s.mu.Unlock()
		if s.ended {
			return false
		}
		s.work.Add(1)
		ctx = s.ctx
	}
	go func() {
		if s != nil {
			defer s.work.Done()
		}
		ctx, cancel := context.WithTimeout(ctx, within)
		defer cancel()
		done(s.guarded(ctx, work))
	}()
	return true
}

func (s *signing) guarded(ctx context.Context, work func(context.Context) error) (err error) {
	var panics *algesta.Panics
	if s != nil {
		panics = s.panics
	}
	caught := panics.Catch(func() { err = work(ctx) })
	if caught == nil {
		return err
	}
	if s != nil && s.log != nil {
		s.log.Error("panic while signing in", zap.Error(caught))
	}
	return &azureError{code: notUnderstood}
}

// end cancels what is under way and waits for it. Nothing begins afterwards.
func (s *signing) end() {
	if s == nil {
		return
	}
	s.mu.Lock()
	s.ended = true
	s.mu.Unlock()
	s.stop()
	s.work.Wait()
}

// endSignIns ends what signs in to the cluster and to registries.
func (c *Cluster) endSignIns() {
	if c.about != nil { // it's c.azure where that is there
		c.about.owner.end()
	}
	for _, s := range c.signIns {
		s.tokens.owner.end()
	}
}
