package kube

import (
	"strings"

	"github.com/3astronautas/algesta/sandbox/azure"
)

// scenario is a way that signing in goes wrong.
type scenario struct {
	access Access
	cfg    func(*Config)
	azure  func(*azureWorld)
	says   string // with the cause in brackets
	passes bool   // by itself
}

func azureScenarios(w *azureWorld) map[string]scenario {
	identity := func(f func(*azure.Identity)) func(*azureWorld) {
		return func(w *azureWorld) { w.Change(func(ids []azure.Identity, _ []azure.Cluster) { f(&ids[0]) }) }
	}
	cluster := func(f func(*azure.Cluster)) func(*azureWorld) {
		return func(w *azureWorld) { w.Change(func(_ []azure.Identity, cs []azure.Cluster) { f(&cs[0]) }) }
	}
	fault := func(part azure.Part, f azure.Fault) func(*azureWorld) {
		return func(w *azureWorld) { w.SetFault(part, f) }
	}
	kubeconfig := func(old, replaced string) func(*azureWorld) {
		return cluster(func(c *azure.Cluster) {
			text := strings.Replace(string(w.kubeconfig()), "certificate-authority: api-ca.pem", "certificate-authority-data: eA==", 1)
			c.Kubeconfig = strings.Replace(text, old, replaced, 1)
		})
	}
	return map[string]scenario{
		"the secret is wrong": {
			azure: identity(func(i *azure.Identity) { i.Secret = "other-" + azure.NewID() }),
			says:  "can't sign in to aks-algesta-dev: the client secret is wrong: the value is needed, not its ID (AADSTS7000215).",
		},
		"the secret has expired": {
			azure: identity(func(i *azure.Identity) { i.SecretExpired = true }),
			says:  "the client secret has expired (AADSTS7000222).",
		},
		"the client isn't known": {
			cfg:  func(c *Config) { c.Azure.ClientID = azure.NewID() },
			says: "the client ID isn't known in this tenant (AADSTS700016).",
		},
		"the tenant isn't known": {
			cfg:  func(c *Config) { c.Azure.TenantID = azure.NewID() },
			says: "the tenant isn't known (AADSTS90002).",
		},
		"another certificate": {
			access: ClientCertificate,
			azure:  identity(func(i *azure.Identity) { i.Certificates = nil }),
			says:   "the certificate isn't registered for this application (AADSTS700027).",
		},
		"another identity's machine": {
			access: ManagedIdentity,
			azure:  identity(func(i *azure.Identity) { i.Managed = false }),
			says:   "this machine doesn't have the managed identity that azure.clientID names (IDENTITY).",
		},
		"no secret": {
			cfg:  func(c *Config) { c.Azure.SecretFile += "-gone" },
			says: "the client secret isn't there: name its file in azure.secretFile, or set AZURE_CLIENT_SECRET (SECRET_FILE).",
		},
		"no certificate": {
			access: ClientCertificate,
			cfg:    func(c *Config) { c.Azure.CertificateFile = c.Azure.CAFile },
			says:   "azure.certificateFile holds no certificate with its key (CERTIFICATE_FILE).",
		},
		"Entra is down": {
			azure:  fault(azure.Entra, azure.Down),
			says:   "can't sign in to aks-algesta-dev: Microsoft Entra has a passing fault, or too much to do (BUSY).",
			passes: true,
		},
		"Entra throttles": {azure: fault(azure.Entra, azure.Throttled), says: "too much to do (BUSY).", passes: true},
		"Entra cuts the connection": {
			azure:  fault(azure.Entra, azure.Reset),
			says:   "I can't connect to Microsoft Entra (NETWORK).",
			passes: true,
		},
		"Entra hangs": {
			azure:  fault(azure.Entra, azure.Hang),
			says:   "Microsoft Entra doesn't answer in time (TIMEOUT).",
			passes: true,
		},
		"a proxy's page": {
			azure: fault(azure.Entra, azure.Garbage),
			says:  "something answered in the place of Microsoft Entra, perhaps a proxy with a page (ANSWER).",
		},
		"a redirect": {
			azure: fault(azure.Entra, azure.Redirect),
			says:  "Microsoft Entra sends me to another address, and I don't send credentials there (REDIRECT).",
		},
		"another authority": {
			cfg:  func(c *Config) { c.Azure.CAFile = "" },
			says: "the certificate of Microsoft Entra isn't from an authority that I know: a proxy's CA goes into azure.caFile (TLS_CA).",
		},
		"a name that isn't there": {
			cfg:    func(c *Config) { c.Azure.AuthorityHost = "https://login.invalid" },
			says:   "the name of Microsoft Entra doesn't resolve (DNS).",
			passes: true,
		},
		"no role on the cluster": {
			azure: identity(func(i *azure.Identity) { i.Roles = nil }),
			cfg:   func(c *Config) { c.Azure.ResourceID = w.cluster.ID() },
			says: "can't look up aks-algesta-dev: I lack the role Azure Kubernetes Service Cluster User Role on the cluster; a role that " +
				"was just assigned takes some minutes (AuthorizationFailed).",
		},
		"no cluster of this name": {
			cfg:  func(c *Config) { c.Name = "aks-other" },
			says: "can't look up aks-other: I can read no cluster with this name",
		},
		"no such cluster": {
			azure: identity(func(i *azure.Identity) { i.Roles = map[string][]string{azure.ClusterUser: {"/"}} }),
			cfg:   func(c *Config) { c.Azure.ResourceID = w.cluster.ID() + "2" },
			says:  "Azure has no cluster with this ID: look at the subscription, the resource group and the name (ResourceNotFound).",
		},
		"the manager is down": {
			azure:  fault(azure.Manager, azure.Down),
			says:   "Azure Resource Manager has a passing fault, or too much to do (BUSY).",
			passes: true,
		},
		"the manager redirects": {
			azure: fault(azure.Manager, azure.Redirect),
			says:  "Azure Resource Manager sends me to another address, and I don't send credentials there (REDIRECT).",
		},
		"the manager's page": {
			azure: fault(azure.Manager, azure.Garbage),
			says:  "something answered in the place of Azure Resource Manager, perhaps a proxy with a page (ANSWER).",
		},
		"a local account": {
			azure: kubeconfig("exec: {", "token: abc, x-exec: {"),
			says:  "it hands out a certificate or token that is cluster-admin, so it isn't integrated with Microsoft Entra (LOCAL_ACCOUNT).",
		},
		"another program": {
			azure: kubeconfig("kubelogin", "/bin/sh"),
			says:  "its kubeconfig wants to run another program than kubelogin (EXEC).",
		},
		"no check of certificates": {
			azure: kubeconfig("certificate-authority-data: eA==", "insecure-skip-tls-verify: true"),
			says:  "(INSECURE).",
		},
		"an open connection": {azure: kubeconfig("https://", "http://"), says: "(INSECURE)."},
		"an application of its own": {
			azure: kubeconfig(azure.AKS, azure.NewID()),
			says:  "it uses an Entra application of its own in the place of AKS's (SERVER_ID).",
		},
		"a kubeconfig that is none": {azure: cluster(func(c *azure.Cluster) { c.Kubeconfig = azure.RawBody + ": {" }), says: "(ANSWER)."},
	}
}
