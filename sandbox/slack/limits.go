package slackd

import (
	"time"
)

// Limits are the rates above which a method answers 429. The zero value is Slack's own.
type Limits struct {
	Off       bool           // nothing is ever limited
	Speed     int            // every window is this many times shorter, so that a test waits less; 1 when zero
	PostBurst int            // messages a channel takes at once before one per second holds; 5 when zero
	PerMinute map[string]int // other rates for single methods, in calls per minute
}

// workspacePosts is how many messages an app may post in all channels together in a minute. Slack says
// "several hundred messages per minute" without a number.
const workspacePosts = 300

func (l Limits) window() time.Duration { return time.Minute / time.Duration(max(1, l.Speed)) }

// limiter counts calls. The Server's mu guards it.
type limiter struct {
	calls map[string][]time.Time // times within the last window, by method
	posts map[string]*bucket     // by channel
}

type bucket struct {
	tokens float64
	at     time.Time
}

func (l *limiter) reset() {
	l.calls, l.posts = map[string][]time.Time{}, map[string]*bucket{}
}

// method counts one call of a method and says how long to wait when that was one too many.
func (l *limiter) method(opts Limits, name string, perMinute int) time.Duration {
	if n, ok := opts.PerMinute[name]; ok {
		perMinute = n
	}
	if opts.Off || perMinute == 0 {
		return 0
	}
	return l.slide(name, perMinute, opts.window())
}

func (l *limiter) slide(name string, most int, window time.Duration) time.Duration {
	now := time.Now()
	calls := l.calls[name]
	for len(calls) > 0 && now.Sub(calls[0]) >= window {
		calls = calls[1:]
	}
	if len(calls) >= most {
		l.calls[name] = calls
		return calls[0].Add(window).Sub(now)
	}
	l.calls[name] = append(calls, now)
	return 0
}

// post counts one message into a channel: about one per second, short bursts, and a sum for the workspace.
func (l *limiter) post(opts Limits, channel string) time.Duration {
	if opts.Off {
		return 0
	}
	burst := float64(opts.PostBurst)
	if burst == 0 {
		burst = 5
	}
	second := opts.window() / 60
	now := time.Now()
	b, ok := l.posts[channel]
	if !ok {
		b = &bucket{tokens: burst, at: now}
		l.posts[channel] = b
	}
	b.tokens = min(burst, b.tokens+float64(now.Sub(b.at))/float64(second))
	b.at = now
	if b.tokens < 1 {
		return time.Duration((1 - b.tokens) * float64(second))
	}
	if wait := l.slide("posts of the workspace", workspacePosts, opts.window()); wait > 0 {
		return wait
	}
	b.tokens--
	return 0
}
