package main

import (
	"context"
	"debug/elf"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	clientrest "k8s.io/client-go/rest"

	"github.com/3astronautas/algesta/kube"
	"github.com/3astronautas/algesta/sandbox/authority"
	"github.com/3astronautas/algesta/sandbox/azure"
)

const (
	commandsAtOnce = 50
	warmCalls      = 80 // below the burst of a cluster's rate limit
	warmRounds     = 20
)

// ofAzure are the modules that only signing in to Azure needs.
var ofAzure = []string{
	"github.com/Azure/", "github.com/AzureAD/", "github.com/golang-jwt/", "github.com/kylelemons/",
	"github.com/pkg/browser",
}

// cloud is an Azure on this machine with one cluster, whose API server answers whoever has a token.
type cloud struct {
	azure  *azure.Server
	cfg    kube.Config
	plain  *clientrest.Config // of the same API server, with a token that never ends
	server *http.Server
}

func openCloud(ctx context.Context, dir string) (*cloud, error) {
	ca, err := authority.New("bench")
	if err != nil {
		return nil, err
	}
	pair, err := ca.Issue("apiserver", nil)
	if err != nil {
		return nil, err
	}
	serving, err := pair.TLS()
	if err != nil {
		return nil, err
	}
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listening: %w", err)
	}
	c := &cloud{server: &http.Server{
		TLSConfig: serving, ReadHeaderTimeout: 10 * time.Second, ErrorLog: log.New(io.Discard, "", 0),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ") {
				w.WriteHeader(http.StatusUnauthorized)
				return
			}
			_, _ = io.WriteString(w, `{"gitVersion":"v1.37.2"}`)
		}),
	}}
	go func() { _ = c.server.ServeTLS(l, "", "") }()
	host := "https://" + l.Addr().String()
	identity := azure.Identity{ClientID: azure.NewID(), ObjectID: azure.NewID(), Secret: "bench-" + azure.NewID()}
	if c.azure, err = azure.Start(ctx, azure.Options{Identities: []azure.Identity{identity}}); err != nil {
		return nil, err
	}
	files := map[string]string{"api.pem": string(ca.PEM), "azure.pem": string(c.azure.CA()), "secret": identity.Secret}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return nil, fmt.Errorf("writing a file: %w", err)
		}
	}
	c.cfg = kube.Config{
		Name: "aks", Access: kube.ClientSecret, Version: "bench", Server: host, CAFile: filepath.Join(dir, "api.pem"),
		Azure: kube.Azure{
			TenantID: c.azure.Tenant(), ClientID: identity.ClientID, SecretFile: filepath.Join(dir, "secret"),
			AuthorityHost: c.azure.AuthorityHost(), CAFile: filepath.Join(dir, "azure.pem"),
		},
	}
	c.plain = &clientrest.Config{Host: host, BearerToken: "bench", TLSClientConfig: clientrest.TLSClientConfig{CAFile: c.cfg.CAFile}}
	return c, nil
}

func (c *cloud) close() {
	_ = c.server.Close()
	c.azure.Close()
}

// signIn measures what signing in to clusters of Azure costs.
func (w *world) signIn(ctx context.Context, r *results) error {
	dir, err := os.MkdirTemp("", "algesta-bench-azure-")
	if err != nil {
		return fmt.Errorf("making a folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	c, err := openCloud(ctx, dir)
	if err != nil {
		return err
	}
	defer c.close()
	return errors.Join(c.cold(ctx, r), c.warm(ctx, r), c.memory(ctx, r), weight(ctx, dir, r))
}

// cold has many commands ask a cluster for which there is no token yet.
func (c *cloud) cold(ctx context.Context, r *results) error {
	cluster, err := kube.Open(ctx, c.cfg)
	if err != nil {
		return err
	}
	before := len(c.azure.TokenRequests(azure.AKS))
	errs := make([]error, commandsAtOnce)
	var asking sync.WaitGroup
	for i := range errs {
		asking.Go(func() { _, errs[i] = cluster.Server(ctx) })
	}
	asking.Wait()
	r.add(figure{
		Key: "azure_cold_token_requests", What: fmt.Sprintf("token requests of %d commands at once without a token", commandsAtOnce),
		Value: float64(len(c.azure.TokenRequests(azure.AKS)) - before), Goal: 1,
	})
	return errors.Join(errs...)
}

// warm compares requests with a token of Microsoft Entra with those of a token that never ends, one after the other. Each pair of clusters
// makes as few as its own rate limit lets pass at once.
func (c *cloud) warm(ctx context.Context, r *results) error {
	var added []float64
	for range warmRounds {
		signed, err := kube.Open(ctx, c.cfg)
		if err != nil {
			return err
		}
		plain, err := kube.OpenREST("plain", c.plain)
		if err != nil {
			return err
		}
		took := func(cluster *kube.Cluster) float64 {
			began := time.Now()
			_, failed := cluster.Server(ctx)
			err = errors.Join(err, failed)
			return float64(time.Since(began).Nanoseconds()) / 1000
		}
		for i := range warmCalls {
			if a, b := took(signed), took(plain); i > warmCalls/10 { // the first ones connect
				added = append(added, a-b)
			}
		}
		if err != nil {
			return err
		}
	}
	r.add(figure{
		Key: "azure_warm_added_us", What: fmt.Sprintf("added to a request by a token that is there, median of %d pairs", len(added)),
		Value: median(added), Unit: "µs", Goal: 50,
	})
	return nil
}

// memory is what a cluster with a sign-in to Azure keeps on the heap beyond one without.
func (c *cloud) memory(ctx context.Context, r *results) error {
	heap := func() float64 {
		runtime.GC()
		runtime.GC() // what the first one's finalizers let go
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		return float64(m.HeapAlloc) / (1 << 20)
	}
	keeps := func(open func() (*kube.Cluster, error)) (float64, error) {
		before := heap()
		cluster, err := open()
		if err != nil {
			return 0, err
		}
		if _, err := cluster.Server(ctx); err != nil {
			return 0, err
		}
		after := heap()
		runtime.KeepAlive(cluster)
		return after - before, nil
	}
	signed, err := keeps(func() (*kube.Cluster, error) { return kube.Open(ctx, c.cfg) })
	if err != nil {
		return err
	}
	plain, err := keeps(func() (*kube.Cluster, error) { return kube.OpenREST("plain", c.plain) })
	if err != nil {
		return err
	}
	r.add(figure{
		Key: "azure_heap_mib", What: "heap of a cluster that is signed in to, beyond one with a token that never ends",
		Value: max(0, signed-plain), Unit: "MiB", Goal: 4,
	})
	return nil
}

// weight is what the modules of Azure are in the binary: their symbols, and in the same proportion of the tables and strings that are
// everybody's.
func weight(ctx context.Context, dir string, r *results) error {
	path := filepath.Join(dir, "algesta")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./cmd/bot") //nolint:gosec // a folder of our own
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the bot with symbols: %w\n%s", err, out)
	}
	file, err := elf.Open(path)
	if err != nil {
		return fmt.Errorf("reading the binary: %w", err)
	}
	defer func() { _ = file.Close() }()
	symbols, err := file.Symbols()
	if err != nil {
		return fmt.Errorf("reading the binary's symbols: %w", err)
	}
	var size, all, loaded uint64
	for _, section := range file.Sections {
		if section.Flags&elf.SHF_ALLOC != 0 && section.Type != elf.SHT_NOBITS { // all else is stripped, or not in the file
			loaded += section.FileSize
		}
	}
	for _, s := range symbols {
		section := int(s.Section)
		if section >= len(file.Sections) || file.Sections[section].Flags&elf.SHF_ALLOC == 0 || file.Sections[section].Type == elf.SHT_NOBITS {
			continue
		}
		all += s.Size
		name := strings.TrimPrefix(strings.TrimPrefix(s.Name, "type:."), "go:itab.")
		if slices.ContainsFunc(ofAzure, func(module string) bool { return strings.HasPrefix(strings.TrimLeft(name, "*"), module) }) {
			size += s.Size
		}
	}
	r.add(figure{
		Key: "azure_binary_mb", What: "code and data of Azure's modules in the binary, with their share of what names no module",
		Value: float64(size) / float64(all) * float64(loaded) / 1e6, Unit: "MB", Goal: 3,
		Note: fmt.Sprintf("%.2f MB by the sizes of their own symbols", float64(size)/1e6),
	})
	return nil
}
