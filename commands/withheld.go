package commands

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout"
	"github.com/3astronautas/algesta/words"
)

// whileMoving is the greatest age of what is known of a channel when the progress of a rollout is shown there.
const whileMoving = 5 * time.Second

// overheard reports whether another company reads in a channel, or nobody can tell whether one does: what people write stays out of it
// then.
func (d *Dispatcher) overheard(ctx context.Context, channel string) bool {
	place, err := d.Directory.Place(ctx, channel, placeAge)
	return err != nil || place.External
}

// withheld takes out of a look at a rollout what programs, nodes and people wrote, where another company reads along since it was asked
// for, or where nobody can tell whether one does. What is left is the bot's own: how it ended, and numbers.
func (d *Dispatcher) withheld(ctx context.Context, r algesta.Request, p rollout.Progress) rollout.Progress {
	if len(p.Pods)+len(p.Alert)+len(p.Why) == 0 && !p.NoPods {
		return p
	}
	age := placeAge
	if p.Phase == rollout.Moving || p.Phase == rollout.Complete { // every second, of many at once
		age = whileMoving
	}
	place, err := d.Directory.Place(ctx, r.Command.Channel, age)
	why := algesta.Say("This channel is shared with another company, so I won't say more here: ask me in an internal one.")
	switch {
	case err != nil:
		why = algesta.Say("I couldn't check in Slack who reads this channel, so I won't say more here: ask me later.")
	case !place.External:
		return p
	}
	p.Pods = nil
	if p.NoPods { // its lines are what was read, and numbers don't reveal it
		p.Line, p.Short, p.Result = algesta.Say("{}", words.Span(p.Took)), algesta.Say("{}", words.Span(p.Took)), nil
	}
	if len(p.Alert) > 0 {
		p.Alert = algesta.Say("Something is wrong with it. {}", why)
	}
	if len(p.Why) > 0 {
		p.Why = why
	}
	return p
}
