package slackd

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"time"
)

// Options say how a Server differs from the demo. The zero value is the demo's workspace with Slack's own limits.
type Options struct {
	Workspace    *Workspace // nil is Demo()
	Manifest     *Manifest  // nil reads ManifestFile
	ManifestFile string     // empty finds deploy/slack-app.yaml from the working directory upwards
	Listen       string     // host:port on loopback; 127.0.0.1:0 when empty
	BotToken     string     // xoxb-…; made up when empty
	AppToken     string     // xapp-…; made up when empty

	Limits Limits // the rate limits; the zero value is Slack's

	AckTimeout   time.Duration   // how long an envelope may stay unacknowledged; 3 s when zero
	RetryAfter   []time.Duration // when an event is sent again; at once, 1 min, 5 min when nil
	TriggerLife  time.Duration   // how long a trigger_id opens a modal; 3 s when zero
	ResponseLife time.Duration   // how long a response_url answers; 30 min when zero
	Guide        []string        // what a newcomer may try, a step each in mrkdwn; an empty channel with the app in it shows them
	MaxSockets   int             // how many sockets the app may hold; 10 when zero
	SocketLife   time.Duration   // how long a socket lives before it is refreshed; forever when zero
	// Breaks are kinds of block or table cell that break this Slack: a message with one is answered internal_error, every time (SlackNet#246).
	Breaks         []string
	RefreshWarning time.Duration // how long before a refresh the warning comes; 10 s when zero
}

// Server is one running Slack. Its methods may be called from any goroutine.
type Server struct {
	opts     Options
	ws       Workspace
	manifest Manifest
	methods  map[string]method
	base     string // http://127.0.0.1:port
	http     *http.Server
	done     chan struct{}
	closing  sync.Once
	work     sync.WaitGroup // deliveries, socket writers, timers

	mu            sync.Mutex // guards all below
	closed        bool
	changed       chan struct{}
	version       int
	lastTS        int64
	users         map[string]*User
	conversations map[string]*conversation
	order         []string // conversation IDs in the order people see them
	calls         []Call
	limits        limiter
	faults        []*fault
	responseURLs  map[string]*responseURL
	triggers      map[string]*trigger
	views         map[string]*View
	homes         map[string]*View // the Home tab of a person
	uploads       map[string]*upload
	files         map[string]*File
	sockets       []*socket
	tickets       map[string]time.Time
	nextSocket    int
	deliveries    []*Delivery
	waiting       map[string]*pending
}

// Start runs a Server until Close, or until ctx ends.
func Start(ctx context.Context, opts Options) (*Server, error) {
	s, err := prepare(opts)
	if err != nil {
		return nil, err
	}
	addr := s.opts.Listen
	if host, _, err := net.SplitHostPort(addr); err != nil || !net.ParseIP(host).IsLoopback() {
		return nil, fmt.Errorf("starting slack on %q: only a loopback address like 127.0.0.1:0 will do", addr)
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("starting slack: %w", err)
	}
	s.base = "http://" + ln.Addr().String()
	s.http = &http.Server{Handler: s.routes(), ReadHeaderTimeout: 10 * time.Second}
	s.work.Go(func() { _ = s.http.Serve(ln) })
	s.work.Go(func() {
		select {
		case <-ctx.Done():
			go s.Close()
		case <-s.done:
		}
	})
	return s, nil
}

// TB is the part of testing.TB that New needs.
type TB interface {
	Helper()
	Fatalf(format string, args ...any)
	Cleanup(func())
}

// New runs a Server for one test and closes it at the test's end.
func New(t TB, opts Options) *Server {
	t.Helper()
	s, err := Start(context.Background(), opts)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(s.Close)
	return s
}

func prepare(opts Options) (*Server, error) {
	opts.fillDefaults()
	ws := Demo()
	if opts.Workspace != nil {
		ws = *opts.Workspace
	}
	if err := ws.validate(); err != nil {
		return nil, err
	}
	manifest, err := opts.loadManifest()
	if err != nil {
		return nil, err
	}
	s := &Server{
		opts: opts, ws: ws, manifest: manifest, methods: methods(), done: make(chan struct{}), changed: make(chan struct{}),
		users: map[string]*User{}, conversations: map[string]*conversation{},
		responseURLs: map[string]*responseURL{}, triggers: map[string]*trigger{}, views: map[string]*View{}, homes: map[string]*View{},
		uploads: map[string]*upload{}, files: map[string]*File{}, tickets: map[string]time.Time{}, waiting: map[string]*pending{},
	}
	s.limits.reset()
	s.populate()
	return s, nil
}

func (o *Options) fillDefaults() {
	setDefault(&o.Listen, "127.0.0.1:0")
	setDefault(&o.BotToken, "xoxb-sandbox-"+randomID())
	setDefault(&o.AppToken, "xapp-sandbox-"+randomID())
	setDefault(&o.AckTimeout, 3*time.Second)
	setDefault(&o.TriggerLife, 3*time.Second)
	setDefault(&o.ResponseLife, 30*time.Minute)
	setDefault(&o.RefreshWarning, 10*time.Second)
	setDefault(&o.MaxSockets, maxSockets)
	if o.RetryAfter == nil {
		o.RetryAfter = []time.Duration{0, time.Minute, 5 * time.Minute}
	}
}

func (o *Options) loadManifest() (Manifest, error) {
	if o.Manifest != nil {
		return *o.Manifest, nil
	}
	path := o.ManifestFile
	if path == "" {
		found, err := FindManifest()
		if err != nil {
			return Manifest{}, err
		}
		path = found
	}
	return LoadManifest(path)
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func randomID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // never fails (crypto/rand documentation)
	return hex.EncodeToString(b[:])
}

// Close ends all sockets and requests and waits for them. It may be called more than once.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.done)
		s.mu.Lock()
		s.closed = true
		sockets := s.sockets
		s.mu.Unlock()
		for _, k := range sockets {
			k.hangUp()
		}
		_ = s.http.Close()
	})
	s.work.Wait()
}

// spawn runs work that Close waits for; nothing starts once it closes. The caller holds mu.
func (s *Server) spawn(work func()) bool {
	if s.closed {
		return false
	}
	s.work.Go(work)
	return true
}

// URL is the address of the web page, like http://127.0.0.1:41234.
func (s *Server) URL() string { return s.base }

// APIURL is what slack.OptionAPIURL wants: the Web API's address with its final slash.
func (s *Server) APIURL() string { return s.base + "/api/" }

// BotToken is the app's xoxb token.
func (s *Server) BotToken() string { return s.opts.BotToken }

// AppToken is the app-level xapp token with connections:write.
func (s *Server) AppToken() string { return s.opts.AppToken }

// Workspace is what the server was started with.
func (s *Server) Workspace() Workspace { return s.ws }

func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/api/{method}", s.serveAPI)
	mux.HandleFunc("GET /link/", s.serveSocket)
	mux.HandleFunc("POST /response/{id}", s.serveResponseURL)
	mux.HandleFunc("POST /upload/{id}", s.serveUpload)
	s.adminRoutes(mux)
	s.pageRoutes(mux)
	return mux
}

// ErrTimeout is what a wait returns when the context ends first; the text says what was there instead.
var ErrTimeout = errors.New("what was waited for did not happen")

// WaitFor returns when done says true; done is asked again after every change of the server and may call its methods.
func (s *Server) WaitFor(ctx context.Context, done func() bool) error {
	for {
		s.mu.Lock()
		changed := s.changed
		s.mu.Unlock()
		if done() {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", ErrTimeout, ctx.Err())
		case <-s.done:
			return fmt.Errorf("%w: the server was closed", ErrTimeout)
		}
	}
}

// touch tells all who wait that something changed. The caller holds mu.
func (s *Server) touch() {
	s.version++
	close(s.changed)
	s.changed = make(chan struct{})
}
