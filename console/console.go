package console

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
)

// Inbox keeps what people type; see slack.Inbox.
type Inbox interface {
	Receive(ctx context.Context, in algesta.Invocation) (fresh bool, err error)
}

// Outbox keeps what has to be posted; see slack.Outbox.
type Outbox interface {
	Due(ctx context.Context, limit int) ([]algesta.Outgoing, error)
	Delivered(ctx context.Context, all []algesta.Delivery) error
	OutboxWake() <-chan struct{}
}

// Config is what a Console needs; all but Short and Linger are required.
type Config struct {
	People *People
	Inbox  Inbox
	Outbox Outbox
	// Short prints the IDs of commands and offers as c1, c2, o1 in the order in which they appear, and takes them back.
	Short bool
	// Linger is how long Run keeps printing after the last line was typed and the last post printed.
	Linger time.Duration
}

// Console is a terminal with several people at it. It is used from one goroutine.
type Console struct {
	cfg   Config
	out   io.Writer
	lines int                              // typed so far
	posts int                              // printed so far
	short map[string]string                // ID → short name
	long  map[string]string                // and back
	asks  map[algesta.Vote]algesta.Confirm // what the buttons ask that were printed
}

// New makes a console that prints to out.
func New(cfg Config, out io.Writer) (*Console, error) {
	if cfg.People == nil || cfg.Inbox == nil || cfg.Outbox == nil {
		return nil, errors.New("console: people, an inbox and an outbox are needed")
	}
	return &Console{cfg: cfg, out: out, short: map[string]string{}, long: map[string]string{}, asks: map[algesta.Vote]algesta.Confirm{}}, nil
}

// Run reads lines from in until it ends, or until ctx does, and prints what the bot says meanwhile. A read that blocks is
// left behind when ctx ends: nothing can interrupt a terminal.
func Run(ctx context.Context, in io.Reader, out io.Writer, cfg Config) error {
	c, err := New(cfg, out)
	if err != nil {
		return err
	}
	lines := make(chan string)
	ended := make(chan error, 1)
	go func() {
		scanner := bufio.NewScanner(in)
		for scanner.Scan() {
			select {
			case lines <- scanner.Text():
			case <-ctx.Done():
				return
			}
		}
		ended <- scanner.Err()
	}()
	return c.converse(ctx, lines, ended)
}

func (c *Console) converse(ctx context.Context, lines <-chan string, ended <-chan error) error {
	var quiet <-chan time.Time
	for {
		n, err := c.Drain(ctx)
		if err != nil {
			return err
		}
		if n > 0 && quiet != nil {
			quiet = time.After(c.cfg.Linger)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-quiet:
			return nil
		case <-c.cfg.Outbox.OutboxWake():
		case err := <-ended:
			if err != nil {
				return fmt.Errorf("reading lines: %w", err)
			}
			ended, quiet = nil, time.After(c.cfg.Linger)
		case line := <-lines:
			if err := c.Type(ctx, line); err != nil {
				return err
			}
		}
	}
}

// Type hands one line to the inbox. An empty line and one that starts with # do nothing; a line that cannot be read is answered at once.
func (c *Console) Type(ctx context.Context, line string) error {
	if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
		return nil
	}
	in, err := c.Invocation(line)
	if err != nil {
		return c.print("console> ", err.Error())
	}
	if in.Vote != nil { // a person who types an ID has decided, so the question is printed, and answered by the line
		if q, ok := c.asks[algesta.Vote{Action: in.Vote.Action, ID: in.Vote.ID}]; ok {
			if err := c.print("console> ", clean(q.Title+" "+q.Text)); err != nil {
				return err
			}
		}
	}
	if _, err := c.cfg.Inbox.Receive(ctx, in); err != nil {
		return fmt.Errorf("storing what %s typed: %w", in.Name, err)
	}
	return nil
}

var (
	lineForm = regexp.MustCompile(`^(\S+?)(?: in #(\S+))?>\s*(.*)$`)
	idForm   = regexp.MustCompile(`\b[co]-[0-9a-hjkmnp-z]{4,12}\b`)
)

// howToWrite is the answer to a line that is none.
const howToWrite = `Write who speaks and what, like "dana> help" or "dana in #random> help".`

// Invocation is what a line means: "dana> rollback api-gateway production", "dana in #random> help", or a click:
// "carla> approve c-7f3a9k", with the reason after it.
func (c *Console) Invocation(line string) (algesta.Invocation, error) {
	parts := lineForm.FindStringSubmatch(line)
	if parts == nil {
		return algesta.Invocation{}, errors.New(howToWrite) //nolint:staticcheck // for a person
	}
	person, ok := c.cfg.People.named(parts[1])
	if !ok {
		return algesta.Invocation{}, fmt.Errorf("There is no %q in the file of people.", parts[1]) //nolint:revive,staticcheck // for a person
	}
	place, ok := c.cfg.People.place(parts[2])
	if !ok {
		return algesta.Invocation{}, fmt.Errorf("There's no #%s in the file of people.", parts[2]) //nolint:revive,staticcheck // for a person
	}
	c.lines++
	in := algesta.Invocation{
		Key: fmt.Sprintf("console:%d:%d", time.Now().UnixNano(), c.lines), Kind: algesta.Typed,
		Person: algesta.PersonID{Team: c.cfg.People.Team, User: person.ID}, Name: person.Name,
		Channel: place.ID, Direct: place.Direct, Text: parts[3], At: time.Now(),
	}
	if vote := c.vote(parts[3]); vote != nil {
		in.Kind, in.Text, in.Vote = algesta.Voted, "", vote
	}
	return in, nil
}

// vote reads "approve c-7f3a9k because …"; anything else is a command.
func (c *Console) vote(text string) *algesta.Vote {
	word, rest, _ := strings.Cut(text, " ")
	actions := []algesta.VoteAction{
		algesta.Approve, algesta.Deny, algesta.Cancel, algesta.Run, algesta.Done, algesta.NotDone, algesta.Stop,
	}
	if !slices.Contains(actions, algesta.VoteAction(word)) {
		return nil
	}
	id, reason, _ := strings.Cut(strings.TrimSpace(rest), " ")
	if long, ok := c.long[id]; ok {
		id = long
	}
	if idForm.FindString(id) != id || id == "" {
		return nil
	}
	return &algesta.Vote{Action: algesta.VoteAction(word), ID: id, Reason: strings.TrimSpace(reason)}
}

// Drain prints every post that is due and says how many there were.
func (c *Console) Drain(ctx context.Context) (printed int, err error) {
	for {
		due, err := c.cfg.Outbox.Due(ctx, 100)
		if err != nil {
			return printed, fmt.Errorf("reading what to say: %w", err)
		}
		if len(due) == 0 {
			return printed, nil
		}
		for _, o := range due {
			c.posts++
			for _, b := range o.Post.Report.Buttons {
				if b.Confirm != nil {
					c.asks[algesta.Vote{Action: b.Action, ID: b.ID}] = *b.Confirm
				}
			}
			if err := c.print(c.prompt(o), Format(o.Post.Report)); err != nil {
				return printed, err
			}
			d := algesta.Delivery{ID: o.ID, Rev: o.Rev, TS: o.TS}
			if o.TS == "" && o.Post.OnlyFor == "" {
				d.TS = fmt.Sprintf("%d.%06d", time.Now().Unix(), c.posts)
			}
			if err := c.cfg.Outbox.Delivered(ctx, []algesta.Delivery{d}); err != nil {
				return printed, fmt.Errorf("recording what was said: %w", err)
			}
			printed++
		}
	}
}

// prompt distinguishes a new message, an edited one and one for a single reader.
func (c *Console) prompt(o algesta.Outgoing) string {
	switch {
	case o.Post.OnlyFor != "" || o.Post.Direct:
		reader := o.Post.OnlyFor
		if o.Post.Direct {
			reader = o.Post.Channel
		}
		for _, p := range c.cfg.People.People {
			if p.ID == reader {
				reader = p.Name
			}
		}
		return "bot to " + reader + "> "
	case o.TS != "":
		return "bot edits> "
	}
	return "bot> "
}

// print writes a text with its prompt; what follows the first line is indented below it.
func (c *Console) print(prompt, text string) error {
	if c.cfg.Short {
		text = idForm.ReplaceAllStringFunc(text, c.shorten)
	}
	text = strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", len("bot> ")))
	if _, err := fmt.Fprintln(c.out, prompt+text); err != nil {
		return fmt.Errorf("printing: %w", err)
	}
	return nil
}

func (c *Console) shorten(id string) string {
	if name, ok := c.short[id]; ok {
		return name
	}
	n := 1
	for known := range c.short {
		if known[0] == id[0] {
			n++
		}
	}
	name := fmt.Sprintf("%c%d", id[0], n)
	c.short[id], c.long[name] = name, id
	return name
}
