package kube

import (
	"errors"
	"fmt"
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
	Server string
	CAFile string
	Azure  Azure
	// Version is the bot's, for the user agent.
	Version string
	// Deployments is called with all Deployments of a watched namespace, and their labels, when they are first known and whenever
	// one came, went or got other labels. It is called from one goroutine.
	Deployments func(cluster, namespace string, deployments map[string]map[string]string)
	// SecretNamespaces are where the bot may get Secrets, one by one by their names. Empty: it asks for none.
	SecretNamespaces []string
	// SecretValues is called with the values of every Secret that was read, and what the templates of a workload spell out, before anything
	// else sees them: they have to be hidden from then on. It is called from several goroutines and keeps no value. nil: nothing is called.
	SecretValues func(values [][]byte)
	// Hide takes the values that SecretValues was called with out of a text. nil: texts stay as they are.
	Hide func(text string) string
	// Registries are those that may be asked for an image although nothing runs from them yet, and those in private networks.
	Registries []RegistryConfig
	// Log gets what the bot may not watch; nil for silence.
	Log *zap.Logger
	// Panics catches what panics in the goroutines that keep the caches; nil counts nothing.
	Panics *algesta.Panics
}

// Azure is who the bot is for Microsoft Entra. Empty fields come from the environment that workload identity sets.
type Azure struct {
	TenantID        string
	ClientID        string
	SecretFile      string // of clientSecret
	CertificateFile string // of clientCertificate: PEM or PKCS#12 with the private key
	// AuthorityHost is another sign-in address than the public cloud's, "https://…". With it no public address is asked.
	AuthorityHost string
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
	if c.Access.azure() && c.Kubeconfig == "" && c.Server == "" {
		fail("cluster %s: access %s needs the server's address: kubeconfig, or server and caFile", c.Name, c.Access)
	}
	if c.Access == ClientSecret && c.Azure.SecretFile == "" {
		fail("cluster %s: access clientSecret needs a secret file", c.Name)
	}
	if c.Access == ClientCertificate && c.Azure.CertificateFile == "" {
		fail("cluster %s: access clientCertificate needs a certificate file", c.Name)
	}
	if len(c.SecretNamespaces) > 0 && c.SecretValues == nil {
		fail("cluster %s: Secrets are read only where somebody hides their values", c.Name)
	}
	for _, r := range c.Registries {
		if err := r.Validate(); err != nil {
			found = append(found, err)
		}
	}
	return errors.Join(found...)
}
