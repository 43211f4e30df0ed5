package slack

import (
	"context"
	"errors"
	"time"

	"go.uber.org/zap"
)

// take gives one envelope to the inbox and acknowledges it after the commit. It returns at once: many are in flight
// together, because the store commits them in groups. An envelope without a slot is left alone, and Slack sends it again
// or tells the person.
func (l *listener) take(ctx context.Context, k *socket, f frame) {
	now := time.Now()
	select {
	case l.slots <- struct{}{}:
	default:
		l.count(func(s *Stats) { s.Dropped++ })
		l.log.Warn("envelope left unacknowledged: the inbox is full", zap.String("type", f.Type))
		return
	}
	l.count(func(s *Stats) { s.InFlight++ })
	k.inFlight.Go(func() {
		defer func() {
			<-l.slots
			l.count(func(s *Stats) { s.InFlight-- })
		}()
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), receiveTimeout) // what arrived is finished, also while stopping
		defer cancel()
		var answer any
		ok := true // one that panics is acknowledged: it would come back forever
		if caught := l.panics.Catch(func() { answer, ok = l.handle(ctx, f, now) }); caught != nil {
			l.countBad()
			l.log.Error("panic on an envelope", zap.String("type", f.Type), zap.Error(caught))
		}
		if !ok {
			return
		}
		var then func()
		if a, ok := answer.(acknowledged); ok {
			answer, then = a.with, a.then
		}
		err := k.ack(f.EnvelopeID, answer)
		if then != nil {
			then()
		}
		if err != nil {
			l.count(func(s *Stats) { s.AckErrors++ })
			l.log.Warn("acknowledgement not written", zap.Error(err)) // Slack sends it again and the inbox knows it
		}
	})
}

// handle decides about one envelope: whether to acknowledge it, and with what.
func (l *listener) handle(ctx context.Context, f frame, now time.Time) (answer any, ok bool) {
	in, err := l.read.read(f, now)
	switch {
	case errors.Is(err, errIgnored):
		return nil, true
	case err != nil: // never acknowledged, it would come back forever
		l.countBad()
		l.log.Warn("envelope not understood", zap.String("type", f.Type), zap.Error(err))
		return nil, true
	case in.Blank:
		return blankReason(), true
	case in.Moved != nil:
		if err := l.inbox.Moved(ctx, in.Moved.from, in.Moved.to); err != nil {
			l.count(func(s *Stats) { s.Dropped++ })
			l.log.Error("envelope left unacknowledged", zap.String("type", f.Type), zap.Error(err))
			return nil, false
		}
		l.log.Info("a channel has another ID", zap.String("from", in.Moved.from), zap.String("to", in.Moved.to))
		return nil, true
	case in.Channel != nil && l.channels == nil:
		return nil, true
	case in.Channel != nil:
		if err := l.channels.Channel(ctx, in.Channel.id, in.Channel.name); err != nil {
			l.count(func(s *Stats) { s.Dropped++ })
			l.log.Error("envelope left unacknowledged", zap.String("type", f.Type), zap.Error(err))
			return nil, false
		}
		return nil, true
	case in.AskReason:
		l.dialog(ctx, in)
		return nil, true
	case in.Home:
		if l.forms != nil {
			l.openHome(ctx, in.Invocation)
		}
		return nil, true
	case in.Said != nil && l.forms == nil:
		return nil, true
	case in.Said != nil:
		l.diagnoseThis(ctx, in)
		return nil, true
	case l.wantsForm(ctx, in):
		l.openForm(ctx, in)
		return nil, true
	case in.Form != nil && l.forms == nil:
		return nil, true
	case in.Form != nil && in.Form.Sent:
		store, answer := l.submit(ctx, in)
		if store == nil {
			return answer, true
		}
		in.Invocation = *store
	case in.Form != nil:
		l.choose(ctx, in)
		return nil, true
	}
	return l.receive(ctx, f.Type, in)
}

// dialog asks for the reason beside the acknowledgement: both have 3 s.
func (l *listener) dialog(ctx context.Context, in received) {
	ctx = context.WithoutCancel(ctx)
	l.work.Go(func() {
		var err error
		if caught := l.panics.Catch(func() { err = l.askReason(ctx, in) }); caught != nil {
			err = caught
		}
		if err == nil {
			return
		}
		l.log.Warn("dialog not opened", zap.Error(err))
		ctx, cancel := context.WithTimeout(ctx, triggerLife)
		defer cancel()
		if err := l.sayAgain(ctx, in.Invocation); err != nil {
			l.log.Warn("click not answered", zap.Error(err))
		}
	})
}
