package incidents

import (
	"context"
	"errors"
	"time"

	"github.com/3astronautas/algesta"
)

// unpostedWithin bounds telling those who run the bot of one channel.
const unpostedWithin = 10 * time.Second

// unposted is a channel in which nothing about incidents can be posted.
type unposted struct {
	id   string
	told bool
}

// notePosted notes whether what is told of an incident could be posted in its channel. Those who run the bot are told where it can't, once,
// and where it can again: nobody reads a card that isn't there. What only can't be done now is tried again and not told.
func (k *Keeper) notePosted(ctx context.Context, channel string, failed error) {
	if k.Unposted == nil {
		return
	}
	trouble := k.unposted[channel]
	switch {
	case failed == nil && trouble == nil, failed != nil && !errors.Is(failed, algesta.ErrRefused):
		return
	case failed != nil && trouble != nil && trouble.told:
		return
	case trouble == nil:
		trouble = &unposted{id: "unposted-" + algesta.NewCommandID()}
		k.unposted[channel] = trouble
	case failed == nil && !trouble.told:
		delete(k.unposted, channel)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, unpostedWithin)
	defer cancel()
	if err := k.Unposted(ctx, trouble.id, channel, failed); err != nil {
		k.fail(ctx, "telling those who run the bot that nothing can be posted in "+channel, err)
		return
	}
	if trouble.told = true; failed == nil {
		delete(k.unposted, channel)
	}
}
