package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"net/url"
	"slices"
	"sync"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

const (
	// homeLives is how long a Home tab is kept up to date after it was opened: opening it again recreates it.
	homeLives = 12 * time.Hour
	// homePause is between two Home tabs: Slack takes about 100 in a minute (views.publish, tier 4), and openings come on top.
	homePause = time.Second
	// mostHomes bounds the Home tabs that are kept up to date.
	mostHomes = 500
	// homeAgain is how long after one that couldn't be published all are made again.
	homeAgain = 10 * time.Second
)

// homes are the Home tabs that people opened.
type homes struct {
	failed chan struct{} // holds one where a tab couldn't be published for now: it shows what isn't true any more

	mu   sync.Mutex // guards open and busy
	open map[algesta.PersonID]home
	busy map[algesta.PersonID]*turn
}

// turn is held while the tab of one person is made and published: what is made later is shown last, and nobody waits for another's.
type turn struct {
	sync.Mutex
	inside int // holding it or waiting
}

// begin is a person's turn; false where one waits already, which will show the same.
func (h *homes) begin(id algesta.PersonID) (t *turn, ok bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t = h.busy[id]; t == nil {
		t = &turn{}
		if h.busy == nil {
			h.busy = map[algesta.PersonID]*turn{}
		}
		h.busy[id] = t
	}
	if t.inside == 2 {
		return nil, false
	}
	t.inside++
	return t, true
}

func (h *homes) end(id algesta.PersonID, t *turn) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if t.inside--; t.inside == 0 {
		delete(h.busy, id)
	}
}

// home is the Home tab of one person.
type home struct {
	in     algesta.Invocation // how it was opened: who, and where their direct messages are
	opened time.Time
	shown  uint64 // a hash of what was published last
}

// keep remembers that someone opened their Home tab. Of too many the oldest is forgotten.
func (h *homes) keep(in algesta.Invocation) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.open == nil {
		h.open = map[algesta.PersonID]home{}
	}
	if _, known := h.open[in.Person]; !known && len(h.open) >= mostHomes {
		var oldest algesta.PersonID
		for id, one := range h.open {
			if at := h.open[oldest].opened; at.IsZero() || one.opened.Before(at) {
				oldest = id
			}
		}
		delete(h.open, oldest)
	}
	h.open[in.Person] = home{in: in, opened: time.Now(), shown: h.open[in.Person].shown}
}

// current are the Home tabs to keep up to date.
func (h *homes) current() []home {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.open, func(_ algesta.PersonID, one home) bool { return time.Since(one.opened) > homeLives })
	var out []home
	for one := range maps.Values(h.open) {
		out = append(out, one)
	}
	return out
}

// published notes what a Home tab shows.
func (h *homes) published(id algesta.PersonID, what uint64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if one, ok := h.open[id]; ok {
		one.shown = what
		h.open[id] = one
	}
}

// openHome publishes the Home tab of someone who opened it.
func (l *listener) openHome(ctx context.Context, in algesta.Invocation) {
	l.homes.keep(in)
	ctx = context.WithoutCancel(ctx)
	l.work.Go(func() { l.publish(ctx, home{in: in}) })
}

// keepHomes publishes the open Home tabs again when something has changed for their readers, until ctx ends. Several changes within
// homePause are one.
func (l *listener) keepHomes(ctx context.Context) {
	if l.forms == nil {
		return
	}
	var again <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.forms.Changes():
		case <-again:
		case <-l.homes.failed:
			again = time.After(l.homeAgain)
			continue
		}
		for _, one := range l.homes.current() {
			if !pause(ctx, l.homePause) {
				return
			}
			if wait := l.publish(ctx, one); !pause(ctx, wait) {
				return
			}
		}
	}
}

// publish makes a Home tab and publishes it, unless it shows that already. It returns how long Slack wants to be left alone.
func (l *listener) publish(ctx context.Context, one home) (rest time.Duration) {
	turn, ok := l.homes.begin(one.in.Person)
	if !ok {
		return 0
	}
	defer l.homes.end(one.in.Person, turn)
	turn.Lock()
	defer turn.Unlock()
	ctx, cancel := context.WithTimeout(ctx, formTimeout)
	defer cancel()
	var view slackapi.HomeTabViewRequest
	if caught := l.panics.Catch(func() { view = homeView(l.forms.Home(ctx, one.in), one.in.Channel, l.redactor) }); caught != nil {
		l.log.Error("panic while a Home tab was made", zap.Error(caught))
		return 0
	}
	encoded, err := json.Marshal(view)
	if err != nil {
		l.log.Error("drawing a Home tab", zap.Error(err))
		return 0
	}
	sum := fnv.New64a()
	_, _ = sum.Write(encoded) // a hash takes everything
	if what := sum.Sum64(); what != one.shown {
		err = l.web.call(ctx, "views.publish", url.Values{"user_id": {one.in.Person.User}, "view": {string(encoded)}}, nil)
		if err == nil {
			l.homes.published(one.in.Person, what)
		}
	}
	if limited, ok := errors.AsType[*slackapi.RateLimitedError](err); ok {
		rest = limited.RetryAfter
	}
	if err != nil {
		l.log.Warn("Home tab not published", zap.Error(err))
		if name := code(err); name == "" || slices.Contains(passing(), name) {
			select {
			case l.homes.failed <- struct{}{}:
			default: // one is enough
			}
		}
	}
	return rest
}

// homeView draws the parts of a Home tab one below the other, as messages are drawn: nothing in them is read as markup.
func homeView(parts []algesta.Report, channel string, redactor *redact.Redactor) slackapi.HomeTabViewRequest {
	meta, _ := json.Marshal(formPlace{Channel: channel, Direct: true}) // a struct of strings
	view := slackapi.HomeTabViewRequest{Type: slackapi.VTHomeTab, CallbackID: homeCallback, PrivateMetadata: string(meta)}
	table := false
	for i, part := range parts {
		drawn := renderPart(part, redactor, table).blocks
		table = table || slices.ContainsFunc(drawn, func(b slackapi.Block) bool { return b.BlockType() == slackapi.MBTTable })
		if len(view.Blocks.BlockSet)+len(drawn)+1 > maxViewBlocks {
			break
		}
		if i > 0 {
			view.Blocks.BlockSet = append(view.Blocks.BlockSet, slackapi.NewDividerBlock())
		}
		for n, b := range drawn {
			view.Blocks.BlockSet = append(view.Blocks.BlockSet, inPart(b, i, n))
		}
	}
	return view
}

// inPart gives a block an ID of its own among the parts of a view. A row of buttons keeps what its ID says.
func inPart(b slackapi.Block, part, n int) slackapi.Block {
	id := fmt.Sprintf("p%d-%d", part, n)
	switch b := b.(type) {
	case *slackapi.RichTextBlock:
		b.BlockID = id
	case *slackapi.TableBlock:
		b.BlockID = id
	case *slackapi.ActionBlock:
		b.BlockID += "," + id
	}
	return b
}
