package slack

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

// Config is what the transport needs to run. BotToken, AppToken, Command, Inbox and Outbox are required.
type Config struct {
	BotToken Secret // xoxb-…
	AppToken Secret // xapp-…, with connections:write
	APIURL   string // default https://slack.com/api/
	Command  string // the slash command, "/algesta"
	TeamID   string // the workspace whose people may use the bot; default: that of the bot token
	// Groups are the IDs of the user groups that the policy names; no other group is ever asked for. See SetGroups.
	Groups []string
	// SharedChannels are the IDs of channels that count as the company's own although another one is in them (Slack Connect).
	SharedChannels []string
	Inbox          Inbox
	Outbox         Outbox
	Redactor       *redact.Redactor // nil knows the forms of secrets only
	Log            *zap.Logger      // nil logs nothing
	Panics         *algesta.Panics  // catches what panics in a piece of work; nil counts nothing
	// Stagger is the time between the two sockets, so that Slack does not refresh both at once. Default 30 s.
	Stagger time.Duration
}

// Validate names what is missing or wrong.
func (c Config) Validate() error {
	switch {
	case !strings.HasPrefix(string(c.BotToken), "xoxb-"):
		return errors.New("slack: the bot token has to start with xoxb-")
	case !strings.HasPrefix(string(c.AppToken), "xapp-"):
		return errors.New("slack: the app token has to start with xapp-")
	case !strings.HasPrefix(c.Command, "/"):
		return fmt.Errorf("slack: the command %q has to start with /", c.Command)
	case c.APIURL != "" && !strings.HasSuffix(c.APIURL, "/"):
		return fmt.Errorf("slack: the API address %q has to end with /", c.APIURL)
	case c.Inbox == nil || c.Outbox == nil:
		return errors.New("slack: an inbox and an outbox are needed")
	}
	return nil
}

const (
	requestTimeout = 10 * time.Second
	// fatalWait is the pause after Slack has refused the app's tokens. The bot stays up and reports it: someone may fix it.
	fatalWait = time.Minute
)

// Slack is the bot in one workspace: it listens, it speaks, and it knows who people are.
type Slack struct {
	cfg       Config
	web       web
	http      *http.Client
	log       *zap.Logger
	listener  *listener
	fatalWait time.Duration
	directory

	mu   sync.Mutex
	self self
}

// self is the bot as Slack knows it.
type self struct{ user, team string }

// New prepares the transport; it talks to Slack only when Run or a question of the directory makes it.
func New(cfg Config) (*Slack, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	cfg.APIURL = first(cfg.APIURL, slackapi.APIURL)
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Stagger == 0 {
		cfg.Stagger = 30 * time.Second
	}
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:forcetypeassert // net/http documents the type
	transport.MaxIdleConnsPerHost = maxAnswers + maxPosts        // answers leave many at a time
	client := &http.Client{Timeout: requestTimeout, Transport: transport}
	calls := web{http: client, url: cfg.APIURL, bot: cfg.BotToken}
	s := &Slack{cfg: cfg, web: calls, http: client, log: cfg.Log, fatalWait: fatalWait}
	s.listener = &listener{
		web: calls, app: cfg.AppToken, inbox: cfg.Inbox, log: cfg.Log, stagger: cfg.Stagger, fatalWait: fatalWait,
		slots: make(chan struct{}, maxInFlight), panics: cfg.Panics, redactor: cfg.Redactor, homePause: homePause, homeAgain: homeAgain,
		homes: homes{failed: make(chan struct{}, 1)},
	}
	s.directory = newDirectory(calls, s.identify, cfg.Groups)
	s.listed = cfg.SharedChannels
	return s, nil
}

// SetForms says who makes the forms; without it none is opened. It has to be called before Run.
func (s *Slack) SetForms(f Forms) { s.listener.forms = f }

// Run listens and speaks until ctx ends; then it finishes what is in flight, within about half a minute, and returns nil. Trouble with
// Slack, refused tokens too, never ends it: it's logged, reported by Stats and tried again.
func (s *Slack) Run(ctx context.Context) error {
	defer s.http.CloseIdleConnections()
	me, ok := s.introduce(ctx)
	if !ok {
		return nil
	}
	s.listener.read = newReader(s.cfg.Command, me.user)
	s.listener.fatalWait = s.fatalWait
	speak := newSender(time.Now())
	speak.web, speak.outbox, speak.redactor = s.web, s.cfg.Outbox, s.cfg.Redactor
	speak.log, speak.bot, speak.panics = s.log, me.user, s.cfg.Panics
	var work sync.WaitGroup
	work.Go(func() { s.listener.run(ctx) })
	work.Go(func() { speak.run(ctx) })
	work.Go(func() {
		caught := s.cfg.Panics.Catch(func() { s.warm(ctx) })
		if s.ungrouped() {
			s.log.Warn("this workspace has no user groups, because its plan has none: rules of the policy that name one apply to nobody, " +
				"and what user groups alone may approve is refused")
		}
		if caught != nil {
			s.log.Error("panic while learning who is there", zap.Error(caught))
		}
	})
	work.Wait()
	return nil
}

// Stats is how the connection is doing.
func (s *Slack) Stats() Stats { return s.listener.snapshot() }

// introduce asks Slack who the bot is until it answers; false means that ctx ended first.
func (s *Slack) introduce(ctx context.Context) (self, bool) {
	pauses := pausesBetweenTries
	for {
		me, err := s.identify(ctx)
		if err == nil {
			return me, true
		}
		if ctx.Err() != nil {
			return self{}, false
		}
		d := s.listener.waitAfter(err, &pauses)
		s.listener.fail(0, err, d) // the first line's hello takes it back
		if !pause(ctx, d) {
			return self{}, false
		}
	}
}

// What only a person can repair, like a refused token.
var (
	errOtherTeam = errors.New("the bot token belongs to another workspace than the configuration says")
	// An organisation's token acts in many workspaces, and whose rights count is one workspace's business.
	errOrgInstall = errors.New(
		"the app is installed for a whole organisation (Enterprise Grid): install it in the one workspace that it works for",
	)
)

// identify is the bot's own user and team, asked for once.
func (s *Slack) identify(ctx context.Context) (self, error) {
	s.mu.Lock()
	known := s.self
	s.mu.Unlock()
	if known.user != "" {
		return known, nil
	}
	var answer struct {
		UserID     lenientString `json:"user_id"`
		TeamID     lenientString `json:"team_id"`
		OrgInstall lenientBool   `json:"is_enterprise_install"`
	}
	if err := s.web.call(ctx, "auth.test", nil, &answer); err != nil {
		return self{}, fmt.Errorf("asking Slack who the bot is: %w", plainError(err))
	}
	me := self{user: string(answer.UserID), team: string(answer.TeamID)}
	switch {
	case bool(answer.OrgInstall):
		return self{}, errOrgInstall
	case me.user == "" || me.team == "":
		return self{}, errors.New("asking Slack who the bot is: the answer has no user or no workspace")
	case s.cfg.TeamID != "" && me.team != s.cfg.TeamID:
		return self{}, fmt.Errorf("%w: %s, not %s", errOtherTeam, me.team, s.cfg.TeamID)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.self = me
	return s.self, nil
}
