package kube

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// Access says how the bot signs in to a cluster. There is no "auto": guessing may end with the identity of the node.
type Access string

// The ways in.
const (
	InCluster         Access = "inCluster"         // the ServiceAccount of the bot's own pod
	Kubeconfig        Access = "kubeconfig"        // a kubeconfig file and one of its contexts
	WorkloadIdentity  Access = "workloadIdentity"  // AKS workload identity
	ManagedIdentity   Access = "managedIdentity"   // the identity of an Azure machine
	ClientSecret      Access = "clientSecret"      // an Entra application with a secret
	ClientCertificate Access = "clientCertificate" // an Entra application with a certificate
	AzureCLI          Access = "azureCLI"          // the person who ran `az login`: for development
)

var accesses = []Access{InCluster, Kubeconfig, WorkloadIdentity, ManagedIdentity, ClientSecret, ClientCertificate, AzureCLI}

// azure reports whether the way in is a token of Microsoft Entra.
func (a Access) azure() bool { return a != InCluster && a != Kubeconfig }

// Config is one cluster to open.
type Config struct {
	Name   string // as the configuration calls it, such as "aks-algesta-production"
	Access Access
	// AKS says that it is a cluster of Azure Kubernetes Service.
	AKS bool
	// Namespaces are watched by shared informers; others are read live.
	Namespaces []string
	// Kubeconfig is the path of a kubeconfig file. With an Azure access only the server's address and certificate authority are
	// taken from it: nothing in it is executed.
	Kubeconfig string
	Context    string // of the kubeconfig; "" for its current one
	// Server and CAFile are the API server's address and the file of its certificate authority, for an Azure access without a kubeconfig.
	// Without either, Azure is asked for them, by Azure.ResourceID or by Name.
	Server string
	CAFile string
	Azure  Azure
	// ServiceAccountDir is where the files of the pod's ServiceAccount are, in a test; "" is where the kubelet puts them.
	ServiceAccountDir string
	// Version is the bot's, for the user agent.
	Version string
	// Deployments is called with all Deployments of a watched namespace, and their labels, when they are first known and whenever
	// one came, went or got other labels. It is called from one goroutine.
	Deployments func(cluster, namespace string, deployments map[string]map[string]string)
	// Impersonate says who people are to the cluster, by their IDs in Slack: then changes are made in their names. nil: in the bot's own.
	Impersonate map[string]Impersonated
	// SecretNamespaces are where the bot may get Secrets, one by one by their names. Empty: it asks for none.
	SecretNamespaces []string
	// SecretValues is called with the values of every Secret that was read, and what the templates of a workload spell out, before anything
	// else sees them: they have to be hidden from then on. It is called from several goroutines and keeps no value. nil: nothing is called.
	SecretValues func(values [][]byte)
	// Hide takes the values that SecretValues was called with out of a text. nil: texts stay as they are.
	Hide func(text string) string
	// Registries are those that may be asked for an image although nothing runs from them yet, and those in private networks.
	Registries []RegistryConfig
	// OwnNetworks are networks of public addresses that only those inside reach, such as the pods or Services of a cluster that has no private
	// ones: they count as private.
	OwnNetworks []netip.Prefix
	// Log gets what the bot may not watch; nil for silence.
	Log *zap.Logger
	// Panics catches what panics in the goroutines that keep the caches; nil counts nothing.
	Panics *algesta.Panics
}

// Azure is who the bot is for Microsoft Entra. Empty fields come from the environment that workload identity sets.
type Azure struct {
	// Access is how the bot signs in to Azure alone, to ask it about a cluster that it reaches in another way: of inCluster and kubeconfig.
	Access          Access
	TenantID        string
	ClientID        string
	SecretFile      string // of clientSecret; "" reads AZURE_CLIENT_SECRET
	CertificateFile string // of clientCertificate: PEM or PKCS#12 with the private key, whose password is AZURE_CLIENT_CERTIFICATE_PASSWORD
	// AuthorityHost is another sign-in address than the public cloud's, "https://…". With it no public address is asked.
	AuthorityHost string
	// ResourceID is the cluster's, "/subscriptions/…/managedClusters/…". It is needed where the bot can read several clusters of one name.
	ResourceID string
	// ResourceManager is another address of Azure Resource Manager than the cloud's own, "https://…".
	ResourceManager string
	// CAFile has the certificate authorities that Microsoft Entra and the Resource Manager are checked with, in the place of the system's.
	CAFile string
	// MetadataHost is another address of the machine's metadata service, "http://127.0.0.1:…", for a sandbox.
	MetadataHost string
}

// Validate reports every contradiction in the configuration.
func (c Config) Validate() error {
	var found []error
	fail := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	if c.Name == "" {
		fail("a cluster has no name")
	}
	if !slices.Contains(accesses, c.Access) {
		fail("cluster %s: access %q is not one of %v", c.Name, c.Access, accesses)
	}
	if c.Access == InCluster && (c.Kubeconfig != "" || c.Server != "") {
		fail("cluster %s: access inCluster takes neither a kubeconfig nor a server", c.Name)
	}
	for _, err := range c.Azure.contradictions(c) {
		fail("cluster %s: %w", c.Name, err)
	}
	if len(c.SecretNamespaces) > 0 && c.SecretValues == nil {
		fail("cluster %s: Secrets are read only where somebody hides their values", c.Name)
	}
	for _, i := range c.Impersonate {
		if err := i.Validate(); err != nil {
			fail("cluster %s: %w", c.Name, err)
		}
	}
	for _, r := range c.Registries {
		if err := r.Validate(); err != nil {
			found = append(found, err)
		}
	}
	return errors.Join(found...)
}

// contradictions are what doesn't go together in how the bot signs in: a cluster has exactly one way in.
func (a Azure) contradictions(c Config) []error {
	var found []error
	fail := func(format string, args ...any) { found = append(found, fmt.Errorf(format, args...)) }
	switch {
	case c.Access.azure() && a.Access != "":
		fail("azure.access is for clusters that the bot reaches in another way than Azure's: remove it")
	case !c.Access.azure() && a == (Azure{}):
		return found
	case !c.Access.azure() && a.Access == "":
		fail("access %s takes azure with azure.access alone, to ask Azure about the cluster: add it, remove azure, or write another access",
			c.Access)
		return found
	case !c.Access.azure() && !a.Access.azure():
		fail("azure.access %q isn't one of Azure's ways in", a.Access)
		return found
	case !c.Access.azure():
		c = c.aboutAlone()
		a = c.Azure
	}
	for key, only := range map[string]struct {
		value  string
		access Access
	}{
		"azure.secretFile":      {a.SecretFile, ClientSecret},
		"azure.certificateFile": {a.CertificateFile, ClientCertificate},
		"azure.metadataHost":    {a.MetadataHost, ManagedIdentity},
	} {
		if only.value != "" && c.Access != only.access {
			fail("%s goes with access: %s alone", key, only.access)
		}
	}
	if c.Access == ClientCertificate && a.CertificateFile == "" {
		fail("access clientCertificate needs azure.certificateFile")
	}
	if c.Kubeconfig != "" && c.Server != "" {
		fail("kubeconfig and server are both there: one of them has the address")
	}
	if c.Context != "" && c.Kubeconfig == "" {
		fail("context is of a kubeconfig, and there is none")
	}
	if c.CAFile != "" && c.Server == "" {
		fail("caFile goes with server alone; azure.caFile is for Microsoft Entra")
	}
	if a.ResourceID != "" && !resourceID.MatchString(a.ResourceID) {
		fail("azure.resourceID is none of a cluster: `az aks show --query id` prints it")
	} else if a.ResourceID != "" && (c.Kubeconfig != "" || c.Server != "") {
		fail("azure.resourceID has the address looked up, and kubeconfig or server has it already")
	}
	for key, address := range map[string]string{"azure.authorityHost": a.AuthorityHost, "azure.resourceManager": a.ResourceManager} {
		if u, err := url.Parse(address); address != "" && (err != nil || u.Scheme != "https" || u.Host == "" || u.User != nil) {
			fail("%s has to begin with https://", key)
		}
	}
	if u, err := url.Parse(a.MetadataHost); a.MetadataHost != "" && (err != nil || !loopback(u)) {
		fail("azure.metadataHost isn't on this machine: it is for a sandbox alone")
	}
	return found
}

// aboutAlone is how the bot signs in to Azure for a cluster that it reaches in another way: nothing of that way goes with it.
func (c Config) aboutAlone() Config {
	c.Access, c.Azure.Access = c.Azure.Access, ""
	c.Kubeconfig, c.Context, c.Server, c.CAFile = "", "", "", ""
	return c
}

// loopback reports whether an address can only be this machine.
func loopback(u *url.URL) bool {
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Scheme == "http" && u.User == nil && err == nil && ip.IsLoopback()
}
