// Package kube is the only client of Kubernetes and of Microsoft Entra: it opens a cluster, reads it, checks, applies and verifies
// changes, and watches. API errors become sentences here, and their bodies never leave it. It must never know
// Slack, the policy, or what a runbook wants.
package kube

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	"k8s.io/client-go/metadata"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/redact"
)

const (
	fieldManager = algesta.FieldManager // in managedFields: who changed what
	perCall      = 5 * time.Second      // of one request, also told to the server
)

// Cluster is one opened cluster. It reads for runbooks and writes for commands; both know it through interfaces of
// their own. Safe for concurrent use.
type Cluster struct {
	name       string
	aks        bool
	namespaces []string
	raw        dynamic.Interface  // reads, as the server wrote them
	lists      rest.Interface     // reads of typed lists, in protobuf
	meta       metadata.Interface // reads of names without contents
	writes     rest.Interface     // its own rate limit: a flood of reads does not delay an approved rollback
	watches    kubernetes.Interface
	through    http.RoundTripper // to pods and Services, through the API server's proxy

	impersonate      map[string]Impersonated // by IDs in Slack; empty where changes are made in the bot's own name
	secretNamespaces []string                // where it may read Secrets
	secretValues     func(values [][]byte)
	hide             func(string) string
	secretsRefused   sync.Map         // namespaces for which the missing right was logged
	secretsTold      sync.Map         // when the values of a Secret were passed on last, by namespace and name
	hides            *redact.Redactor // knows the values of the Secrets that were read

	azure      *azureAccess               // nil where the bot signs in without Microsoft Entra
	about      *azureAccess               // whom Azure itself is asked with about the cluster; nil where it isn't asked
	registries map[string]RegistryConfig  // that may be asked whatever runs, by their host
	signIns    map[string]*registrySignIn // to registries of Azure, by their host
	reach      reach

	cache     *cache
	overviews overviews
	causes    causes
	outage    outage
	installed installed

	watched watchedState

	mu        sync.Mutex
	written   map[algesta.Object]writtenAt // to read one's own writes
	learnedOf map[algesta.Object]learned
}

// Open prepares the clients of a cluster. It does not call the cluster: a cluster that is down must not keep the bot
// from starting.
func Open(_ context.Context, cfg Config) (*Cluster, error) {
	if err := cfg.Validate(); err != nil {
		return nil, fmt.Errorf("opening cluster: %w", err)
	}
	base, azure, err := restConfig(cfg)
	if err != nil {
		return nil, fmt.Errorf("opening cluster %s: %w", cfg.Name, err)
	}
	c, err := open(cfg, base)
	if err != nil {
		return nil, err
	}
	c.azure, c.about = azure, azure
	if cfg.Azure.Access != "" {
		if _, c.about, err = azureConfig(cfg.aboutAlone(), nil); err != nil {
			return nil, fmt.Errorf("opening cluster %s: %w", cfg.Name, err)
		}
	}
	return c, nil
}

// OpenREST opens a cluster with a client configuration that is there already, for a sandbox in the same process.
func OpenREST(name string, base *rest.Config, namespaces ...string) (*Cluster, error) {
	return open(Config{Name: name, Namespaces: namespaces, Version: "test"}, base)
}

func open(cfg Config, base *rest.Config) (*Cluster, error) {
	base = rest.CopyConfig(base)
	base.UserAgent = "algesta/" + orElse(cfg.Version, "dev")
	base.WarningHandlerWithContext = rest.NoWarnings{} // warnings are collected per change, not logged
	c := &Cluster{
		name: cfg.Name, aks: cfg.AKS, namespaces: cfg.Namespaces, impersonate: cfg.Impersonate,
		secretNamespaces: cfg.SecretNamespaces, secretValues: cfg.SecretValues,
		hide: cfg.Hide, hides: redact.New(), learnedOf: map[algesta.Object]learned{}, written: map[algesta.Object]writtenAt{},
		registries: map[string]RegistryConfig{}, reach: newReach(cfg.OwnNetworks, os.Getenv),
	}
	var signErr error
	if c.signIns, signErr = newRegistrySignIns(cfg); signErr != nil {
		return nil, fmt.Errorf("opening cluster %s: %w", cfg.Name, signErr)
	}
	c.guarded(base)
	c.watched.state.Access, c.watched.wake = cfg.Access, make(chan struct{}, 1)
	for _, r := range cfg.Registries {
		c.registries[r.asked()] = r
	}
	typed := limited(base, 50, 100)
	typed.ContentType = "application/vnd.kubernetes.protobuf"
	typed.AcceptContentTypes = "application/vnd.kubernetes.protobuf,application/json"
	typed.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	watching := rest.CopyConfig(typed)
	watching.QPS, watching.Burst = 20, 40
	watching.Wrap(c.outage.wrap)
	writing := limited(base, 10, 20)
	writing.NegotiatedSerializer = scheme.Codecs.WithoutConversion()
	var errs [6]error
	c.raw, errs[0] = dynamic.NewForConfig(limited(base, 50, 100))
	c.meta, errs[1] = metadata.NewForConfig(limited(base, 50, 100))
	c.lists, errs[2] = rest.UnversionedRESTClientFor(typed)
	c.writes, errs[3] = rest.UnversionedRESTClientFor(writing)
	c.watches, errs[4] = kubernetes.NewForConfig(watching)
	c.through, errs[5] = rest.TransportFor(rest.CopyConfig(base))
	if err := errors.Join(errs[:]...); err != nil {
		return nil, fmt.Errorf("opening cluster %s: %w", cfg.Name, err)
	}
	var err error
	if c.cache, err = newCache(c, cfg); err != nil {
		return nil, fmt.Errorf("opening cluster %s: %w", cfg.Name, err)
	}
	return c, nil
}

// limited is a copy with a rate limit of its own. The zero values of client-go (5 and 10 for everything) would hold up
// one diagnosis by a second.
func limited(base *rest.Config, qps float32, burst int) *rest.Config {
	out := rest.CopyConfig(base)
	out.QPS, out.Burst = qps, burst
	return out
}

// Name is the configured name of the cluster.
func (c *Cluster) Name() string { return c.name }

// AKS reports whether the configuration says that it is a cluster of Azure Kubernetes Service.
func (c *Cluster) AKS() bool { return c.aks }

func restConfig(cfg Config) (*rest.Config, *azureAccess, error) {
	switch cfg.Access {
	case InCluster:
		base, err := inCluster(cfg.ServiceAccountDir)
		return base, nil, err
	case Kubeconfig:
		base, err := fromKubeconfig(cfg)
		return base, nil, err
	case WorkloadIdentity, ManagedIdentity, ClientSecret, ClientCertificate, AzureCLI:
	}
	if cfg.Kubeconfig != "" {
		file, err := clientcmd.LoadFromFile(cfg.Kubeconfig)
		if err != nil {
			return nil, nil, fmt.Errorf("reading the kubeconfig: %w", err)
		}
		if err := clientcmd.ResolveLocalPaths(file); err != nil {
			return nil, nil, fmt.Errorf("reading the kubeconfig: %w", err)
		}
		base, err := addressIn(file, cfg.Context, cfg.Azure.TenantID, true)
		if e := azureErrorIn(err); e != nil {
			why := orElse(inKubeconfig[e.code], azureHelp[e.code])
			return nil, nil, fmt.Errorf("the kubeconfig can't be used with access %s: %s", cfg.Access, why)
		}
		return azureConfig(cfg, base)
	}
	if cfg.Server != "" {
		return azureConfig(cfg, &rest.Config{Host: cfg.Server, TLSClientConfig: rest.TLSClientConfig{CAFile: cfg.CAFile}})
	}
	return azureConfig(cfg, nil)
}

// inKubeconfig says it otherwise where a file is read and not an answer.
var inKubeconfig = map[string]string{
	notUnderstood: "it has no such context, or the context's cluster isn't in it",
	localAccount: "it holds a certificate, token or password, which for AKS is cluster-admin: write the file with `az aks " +
		"get-credentials` without --admin",
}

// inCluster is the API server of the cluster that the bot runs in, with the pod's ServiceAccount. dir is where its files are; "" is where
// the kubelet puts them.
func inCluster(dir string) (*rest.Config, error) {
	if dir == "" {
		base, err := rest.InClusterConfig()
		if err != nil {
			return nil, fmt.Errorf("reading the pod's ServiceAccount: %w", err)
		}
		return base, nil
	}
	host, port := os.Getenv("KUBERNETES_SERVICE_HOST"), os.Getenv("KUBERNETES_SERVICE_PORT")
	return &rest.Config{
		Host: "https://" + net.JoinHostPort(host, port), BearerTokenFile: filepath.Join(dir, "token"),
		TLSClientConfig: rest.TLSClientConfig{CAFile: filepath.Join(dir, "ca.crt")},
	}, nil
}

func fromKubeconfig(cfg Config) (*rest.Config, error) {
	rules := clientcmd.NewDefaultClientConfigLoadingRules()
	rules.ExplicitPath = cfg.Kubeconfig
	overrides := &clientcmd.ConfigOverrides{CurrentContext: cfg.Context}
	base, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(rules, overrides).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("reading the kubeconfig: %w", err)
	}
	return base, nil
}

// readFile reads a small secret from a file, without the line's end.
func readFile(path string) (string, error) {
	b, err := os.ReadFile(path) //nolint:gosec // the path is from the configuration
	if err != nil {
		return "", fmt.Errorf("reading a credential: %w", err)
	}
	return strings.TrimSpace(string(b)), nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
