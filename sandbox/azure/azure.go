// Package azure is the part of Azure that the bot speaks to, on this machine: Microsoft Entra's sign-in, the metadata service of Azure's
// machines, Azure Resource Manager and a container registry. It is as strict as the real ones where their documents say how strict those
// are: exact parameters, errors in their shapes with their codes, tokens that are checked at every use. It listens on loopback, keeps
// everything in memory and ends with its process. It knows nothing of the bot.
package azure

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/3astronautas/algesta/sandbox/authority"
)

// Part is one of the services.
type Part string

// The services.
const (
	Entra    Part = "Entra"    // sign-in
	Metadata Part = "Metadata" // of a machine: IMDS
	Manager  Part = "Manager"  // Azure Resource Manager
	Registry Part = "Registry" // a container registry
)

// Fault is what a service does in the place of answering.
type Fault string

// The faults.
const (
	None      Fault = ""          // it answers
	Down      Fault = "down"      // 503, with a page of HTML
	Reset     Fault = "reset"     // the connection is cut
	Hang      Fault = "hang"      // no answer, until the caller gives up
	Throttled Fault = "throttled" // 429 with Retry-After: 1
	Garbage   Fault = "garbage"   // 200, with a page of HTML, as a proxy's login page
	Redirect  Fault = "redirect"  // 307 to the address of SetRedirect
)

// Options say who there is. The zero value is a tenant without anybody in it.
type Options struct {
	Tenant     string        // a GUID; made up when empty
	TokenLife  time.Duration // of the tokens; an hour when zero
	Identities []Identity
	Clusters   []Cluster
	Images     []Image // of the registry
}

// Identity is an application or a managed identity of the tenant.
type Identity struct {
	ClientID string // a GUID
	ObjectID string // a GUID: what Kubernetes calls it
	Groups   []string
	Secret   string // a client secret; "" when there is none
	// SecretExpired says that the client secret was good until yesterday.
	SecretExpired bool
	Certificates  []*x509.Certificate // that may sign its assertions
	Federations   []Federation
	Managed       bool // the machine's: the metadata service hands out its tokens
	// Roles are what it may do: ClusterUser, Reader, Pull; by the resource that they are assigned for.
	Roles map[string][]string
}

// Server is one running Azure. Its methods may be called from any goroutine.
type Server struct {
	opts      Options
	ca        *authority.Authority
	addresses map[Part]string // https://localhost:port, and http://127.0.0.1:port of the metadata service
	servers   []*http.Server
	done      chan struct{}
	closing   sync.Once
	work      sync.WaitGroup

	mu         sync.Mutex // guards all below
	keys       []signingKey
	life       time.Duration
	skew       time.Duration // of its clock, against this machine's
	identities []Identity
	clusters   []Cluster
	images     []Image
	resources  []RegistryResource
	faults     map[Part]Fault
	redirect   string
	requests   []Request
	minted     []string                // tokens
	refresh    map[string]refreshToken // of the registry
}

// Request is one call that was answered, or not.
type Request struct {
	Part     Part
	Method   string
	Path     string
	Query    string
	ClientID string // who asked for a token, or whose token it was
	Scope    string // of a token request
	Code     int    // 0 where there was no answer
	// Authorized says that an Authorization header came.
	Authorized bool
}

// Start runs a Server until Close or until ctx ends.
func Start(ctx context.Context, opts Options) (*Server, error) {
	ca, err := authority.New("algesta-sandbox-azure")
	if err != nil {
		return nil, err
	}
	pair, err := ca.Issue("azure", nil)
	if err != nil {
		return nil, err
	}
	serving, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	if opts.Tenant == "" {
		opts.Tenant = NewID()
	}
	if opts.TokenLife == 0 {
		opts.TokenLife = time.Hour
	}
	s := &Server{
		opts: opts, ca: ca, done: make(chan struct{}), life: opts.TokenLife, identities: opts.Identities, clusters: opts.Clusters,
		images: opts.Images, faults: map[Part]Fault{}, refresh: map[string]refreshToken{}, addresses: map[Part]string{},
	}
	if err := s.RotateKeys(false); err != nil {
		return nil, err
	}
	for part, handler := range s.handlers() {
		l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
		if err != nil {
			s.Close()
			return nil, fmt.Errorf("starting Azure: %w", err)
		}
		h := &http.Server{Handler: handler, ReadHeaderTimeout: 10 * time.Second, ErrorLog: silent()}
		s.servers = append(s.servers, h)
		if part == Metadata {
			s.addresses[part] = "http://" + l.Addr().String()
			s.work.Go(func() { _ = h.Serve(l) })
			continue
		}
		s.addresses[part] = fmt.Sprintf("https://localhost:%d", l.Addr().(*net.TCPAddr).Port)
		h.TLSConfig = serving.Clone() // each server adds its protocols to its own
		s.work.Go(func() { _ = h.ServeTLS(l, "", "") })
	}
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

// Close ends it and waits. It may be called more than once.
func (s *Server) Close() {
	s.closing.Do(func() {
		close(s.done)
		for _, h := range s.servers {
			_ = h.Close()
		}
	})
	s.work.Wait()
}

// AuthorityHost is where to sign in, https://localhost:port/.
func (s *Server) AuthorityHost() string { return s.addresses[Entra] + "/" }

// ManagerURL is the address of Azure Resource Manager.
func (s *Server) ManagerURL() string { return s.addresses[Manager] }

// MetadataURL is the address of the metadata service, which is http://169.254.169.254 on Azure's machines.
func (s *Server) MetadataURL() string { return s.addresses[Metadata] }

// RegistryHost is the registry as images write it, localhost:port.
func (s *Server) RegistryHost() string { return strings.TrimPrefix(s.addresses[Registry], "https://") }

// CA is the PEM of what signed its certificate.
func (s *Server) CA() []byte { return s.ca.PEM }

// Tenant is the tenant's ID.
func (s *Server) Tenant() string { return s.opts.Tenant }

// SetFault says what a service does from now on.
func (s *Server) SetFault(part Part, f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.faults[part] = f
}

// SetRedirect is where Redirect leads: to this address and the path that was asked for.
func (s *Server) SetRedirect(address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.redirect = address
}

// SetTokenLife is how long tokens live that are made from now on.
func (s *Server) SetTokenLife(life time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.life = life
}

// SetClock sets its clock before (below zero) or after this machine's.
func (s *Server) SetClock(skew time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skew = skew
}

// Change changes who there is.
func (s *Server) Change(f func(identities []Identity, clusters []Cluster)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(s.identities, s.clusters)
}

// RotateKeys signs with another key from now on. The former ones stay published where keep says so.
func (s *Server) RotateKeys(keep bool) error {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return fmt.Errorf("making a key: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !keep {
		s.keys = nil
	}
	s.keys = append(s.keys, signingKey{id: hex.EncodeToString(random(8)), key: key})
	return nil
}

// Requests are the calls to a service so far, in their order.
func (s *Server) Requests(part Part) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Request
	for _, r := range s.requests {
		if r.Part == part {
			out = append(out, r)
		}
	}
	return out
}

// TokenRequests are the calls of Entra's token endpoint that asked for a scope with this beginning.
func (s *Server) TokenRequests(scope string) []Request {
	var out []Request
	for _, r := range s.Requests(Entra) {
		if strings.HasSuffix(r.Path, "/oauth2/v2.0/token") && strings.HasPrefix(r.Scope, scope) {
			out = append(out, r)
		}
	}
	return out
}

// Minted are all tokens that it made, Entra's and the registry's.
func (s *Server) Minted() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.minted)
}

func (s *Server) mint(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.minted = append(s.minted, token)
}

func (s *Server) now() time.Time { return time.Now().Add(s.skew) }

func (s *Server) clock() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now()
}

// identity is who has this client ID.
func (s *Server) identity(clientID string) (Identity, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range s.identities {
		if id.ClientID == clientID {
			return id, true
		}
	}
	return Identity{}, false
}

// NewID is a random GUID.
func NewID() string {
	b := random(16)
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func random(n int) []byte {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand documentation)
	return b
}
