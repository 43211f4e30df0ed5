package commands_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/commands"
)

// fakeCatalog knows api-gateway in production, and ms-gone, whose Deployment was deleted.
//
// It knows ms-late only until it's asked a second time, as a catalogue does whose caches are filled meanwhile.
type fakeCatalog struct{ late *atomic.Int32 }

func (c fakeCatalog) Resolve(_ context.Context, service, environment string, _ func(algesta.Target) bool) (algesta.Target, error) {
	if service == "" && environment != "" && !slices.Contains(c.Environments(), environment) {
		return algesta.Target{}, &algesta.Error{Kind: algesta.ErrUnknownName, Message: algesta.Say("There's no environment \"{}\".", environment)}
	}
	if service == "" {
		return algesta.Target{Environment: environment, Cluster: "aks", Namespace: environment}, nil
	}
	if environment == "" {
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUsage,
			Message: algesta.Say("Which environment do you mean: production?"),
			Err:     chosen{service, ""},
		}
	}
	late := service == "ms-late" && c.late.Add(1) == 1
	if service == "api-gatway" {
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("There's no service \"{}\" in {}. Did you mean api-gateway?", service, environment),
			Err:     chosen{"api-gateway", environment},
		}
	}
	if service != "api-gateway" && service != "ms-gone" && !late {
		return algesta.Target{}, &algesta.Error{
			Kind:    algesta.ErrUnknownName,
			Message: algesta.Say("There's no service \"{}\" in {}.", service, environment),
		}
	}
	return algesta.Target{
		Service:     service,
		Environment: environment,
		Cluster:     "aks",
		Namespace:   environment,
		Name:        service + "-" + environment,
	}, nil
}

// chosen is the cause of an error about names with those that were probably meant, "" for one that the person has to choose.
type chosen struct{ service, environment string }

func (c chosen) Error() string { return "other names" }

func (c chosen) Meant() (service, environment string) { return c.service, c.environment }

// goneSince is when ms-gone was last there.
var goneSince = time.Date(2026, 3, 10, 14, 3, 0, 0, time.UTC)

func (fakeCatalog) Gone(t algesta.Target) (until time.Time, gone bool) {
	if t.Service == "ms-late" {
		return time.Time{}, true
	}
	return goneSince, t.Service == "ms-gone"
}

func (fakeCatalog) LostIn(string) []algesta.Lost { return nil }

func (fakeCatalog) Environments() []string { return []string{"production", "staging"} }

func (c fakeCatalog) Known(ctx context.Context) []algesta.Target {
	t, err := c.Resolve(ctx, "api-gateway", "production", func(algesta.Target) bool { return true })
	if err != nil {
		return nil
	}
	return []algesta.Target{t}
}

// fakeDirectory knows the people; it also keeps what was posted. As the real one does, it answers with what it learned before where that
// is not older than it may be, and asks Slack otherwise: a person or a place that changed is seen when somebody asks for it freshly.
type fakeDirectory struct {
	mu        sync.Mutex
	people    map[string]algesta.Actor // in Slack
	down      bool                     // Slack doesn't answer about people
	away      bool                     // the bot is in no channel
	absent    []algesta.PersonID
	asked     *atomic.Int64
	onPlace   func() // when set, called before a place is returned
	panics    bool   // asking who somebody is panics
	shared    bool   // the channel is shared with another company
	sharedAs  string // only this one is
	placeDown bool   // nobody knows who reads the channel
	direct    bool   // the channel is the bot's own direct message
	private   bool   // the channel is private
	posts     []algesta.Outgoing

	knownPeople map[string]known[algesta.Actor]
	knownPlaces map[string]known[commands.Place]
	passed      time.Duration // since the start, beside the time that passed
}

// known is what was learned, and when.
type known[T any] struct {
	what T
	at   time.Time
}

// kept is for how long the real directory keeps what it knows of a place at most.
func kept(p commands.Place) time.Duration {
	if p.Member {
		return time.Minute
	}
	return 2 * time.Second
}

func (d *fakeDirectory) set(f func(*fakeDirectory)) { d.mu.Lock(); defer d.mu.Unlock(); f(d) }

// later lets time pass for what is known.
func (d *fakeDirectory) later(passed time.Duration) {
	d.set(func(d *fakeDirectory) { d.passed += passed })
}

func (d *fakeDirectory) now() time.Time { return time.Now().Add(d.passed) }

func (d *fakeDirectory) Actor(_ context.Context, id algesta.PersonID, maxAge time.Duration) (algesta.Actor, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.asked != nil {
		d.asked.Add(1)
	}
	if d.panics {
		panic("a mistake in the directory")
	}
	if k, ok := d.knownPeople[id.User]; ok && d.now().Sub(k.at) <= maxAge {
		return k.what, nil
	}
	if d.down {
		return algesta.Actor{}, errors.New("slack does not answer")
	}
	if d.knownPeople == nil {
		d.knownPeople = map[string]known[algesta.Actor]{}
	}
	d.knownPeople[id.User] = known[algesta.Actor]{d.people[id.User], d.now()}
	return d.people[id.User], nil
}

func (d *fakeDirectory) Place(_ context.Context, channel string, maxAge time.Duration) (commands.Place, error) {
	d.mu.Lock()
	onPlace := d.onPlace
	d.mu.Unlock()
	if onPlace != nil {
		onPlace()
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if k, ok := d.knownPlaces[channel]; ok && d.now().Sub(k.at) <= min(maxAge, kept(k.what)) {
		return k.what, nil
	}
	if d.placeDown {
		return commands.Place{}, errors.New("slack does not answer")
	}
	if d.knownPlaces == nil {
		d.knownPlaces = map[string]known[commands.Place]{}
	}
	p := commands.Place{
		Name:     "ops",
		Member:   !d.away,
		Direct:   d.direct,
		Public:   !d.private && !d.direct,
		External: d.shared || d.sharedAs == channel && channel != "",
	}
	d.knownPlaces[channel] = known[commands.Place]{p, d.now()}
	return p, nil
}

func (d *fakeDirectory) Link(_ context.Context, channel, ts string) string {
	return "https://slack.example.com/" + channel + "/" + ts
}

func (d *fakeDirectory) Subject(_ context.Context, s algesta.Subject) string {
	if user, ok := strings.CutPrefix(string(s), "user:"); ok {
		d.mu.Lock()
		defer d.mu.Unlock()
		if a, known := d.people[user]; known {
			return a.Called() // as the real one says a name that isn't plainly one
		}
		return ""
	}
	return map[algesta.Subject]string{"group:S0PLATFORM": "@platform", "group:S0BACKEND": "@backend"}[s]
}

func (d *fakeDirectory) Person(_ context.Context, s algesta.Subject) string {
	return strings.TrimPrefix(map[algesta.Subject]string{"user:U0CARLA": "U0CARLA"}[s], "user:")
}

// Absent are the absent people, whoever is named.
func (d *fakeDirectory) Absent(
	_ context.Context, _ string, _ []algesta.Subject, most int,
) (absent []algesta.PersonID, more int, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n := min(most, len(d.absent))
	return slices.Clone(d.absent[:n]), len(d.absent) - n, nil
}

func (d *fakeDirectory) keep(o algesta.Outgoing) {
	d.set(func(d *fakeDirectory) {
		for i := range d.posts {
			if d.posts[i].ID == o.ID {
				d.posts[i] = o
				return
			}
		}
		d.posts = append(d.posts, o)
	})
}

func (d *fakeDirectory) sent() []algesta.Post {
	d.mu.Lock()
	defer d.mu.Unlock()
	var out []algesta.Post
	for _, o := range d.posts {
		out = append(out, o.Post)
	}
	return out
}
