package kube

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"
)

// The variables that may hold what the configuration leaves out. Those of workload identity are set by its webhook.
const (
	tenantVariable      = "AZURE_TENANT_ID"
	clientVariable      = "AZURE_CLIENT_ID"
	secretVariable      = "AZURE_CLIENT_SECRET"               //nolint:gosec // the name of a variable
	passwordVariable    = "AZURE_CLIENT_CERTIFICATE_PASSWORD" //nolint:gosec // the name of a variable
	tokenFileVariable   = "AZURE_FEDERATED_TOKEN_FILE"        //nolint:gosec // the name of a variable
	authorityVariable   = "AZURE_AUTHORITY_HOST"
	metadataService     = "169.254.169.254"
	publicAuthority     = "https://login.microsoftonline.com"
	publicManager       = "https://management.azure.com"
	azureTry            = 5 * time.Second
	azureHandshake      = 5 * time.Second
	maxAzureConnections = 4
)

// managers are the Resource Managers of Microsoft's clouds, by where people sign in there.
var managers = map[string]string{
	publicAuthority:                            publicManager,
	"https://login.microsoftonline.us":         "https://management.usgovcloudapi.net",
	"https://login.chinacloudapi.cn":           "https://management.chinacloudapi.cn",
	"https://login.partner.microsoftonline.cn": "https://management.chinacloudapi.cn",
}

// authorityHost is where the bot signs in, without a slash at its end.
func authorityHost(id Azure) string {
	return strings.TrimSuffix(orElse(orElse(id.AuthorityHost, os.Getenv(authorityVariable)), publicAuthority), "/")
}

// managerAddress is the Resource Manager that belongs to it, or the configured one, without a slash at its end.
func managerAddress(id Azure) string {
	return strings.TrimSuffix(orElse(id.ResourceManager, managerAudience(id)), "/")
}

// managerAudience is what tokens for the Resource Manager are for. It doesn't depend on the address that it is reached at.
func managerAudience(id Azure) string { return orElse(managers[authorityHost(id)], publicManager) }

// azureClient is the HTTP client for Azure's own services. It follows no redirect: what it sends are credentials.
func azureClient(cfg Config) (*http.Client, error) {
	transport, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return nil, errors.New("the standard transport has been replaced")
	}
	transport = transport.Clone()
	transport.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12}
	transport.TLSHandshakeTimeout, transport.ResponseHeaderTimeout = azureHandshake, azureTry
	transport.MaxConnsPerHost, transport.MaxResponseHeaderBytes = maxAzureConnections, 64<<10
	if cfg.Access == ManagedIdentity {
		proxy := transport.Proxy
		transport.Proxy = func(r *http.Request) (*url.URL, error) {
			if r.URL.Scheme == "http" {
				return nil, nil //nolint:nilnil // no proxy: the metadata service is the machine's own
			}
			return proxy(r)
		}
	}
	if cfg.Azure.CAFile != "" {
		pem, err := os.ReadFile(cfg.Azure.CAFile) // the configuration's own path
		if err != nil {
			return nil, fmt.Errorf("reading azure.caFile: %w", err)
		}
		roots := x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("azure.caFile holds no certificate in PEM")
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	return &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}, nil
}

// credentials makes the one kind of credential that the configuration names. DefaultAzureCredential is not used: it may silently find the
// identity of the node.
type credentials struct {
	cfg    Config
	client *http.Client
}

// fresh is a new credential each time: azidentity caches tokens in it and can't be told that one was refused, and it reads the files of
// secrets and tokens once. What its requests meet is noted in trip.
func (c credentials) fresh(trip *azureTrip) (azcore.TokenCredential, error) {
	id, options := c.cfg.Azure, azcore.ClientOptions{}
	options.Retry = policy.RetryOptions{MaxRetries: 1, TryTimeout: azureTry, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: time.Second}
	trip.client, trip.metadata = c.client, id.MetadataHost
	options.Transport = trip
	private := authorityHost(id) != publicAuthority
	options.Cloud = cloud.Configuration{ActiveDirectoryAuthorityHost: authorityHost(id) + "/"}
	tenant, client := orElse(id.TenantID, os.Getenv(tenantVariable)), orElse(id.ClientID, os.Getenv(clientVariable))
	if c.cfg.Access != ManagedIdentity && c.cfg.Access != AzureCLI && (tenant == "" || client == "") {
		return nil, &azureError{code: noIdentity}
	}
	switch c.cfg.Access {
	case WorkloadIdentity:
		file := os.Getenv(tokenFileVariable)
		if _, err := os.Stat(file); file == "" || err != nil { //nolint:gosec // the webhook's own path
			return nil, &azureError{code: noTokenFile, err: err}
		}
		return azidentity.NewWorkloadIdentityCredential(&azidentity.WorkloadIdentityCredentialOptions{
			ClientOptions: options, ClientID: client, TenantID: tenant, TokenFilePath: file, DisableInstanceDiscovery: private,
		})
	case ManagedIdentity:
		managed := &azidentity.ManagedIdentityCredentialOptions{ClientOptions: options}
		managed.Cloud = cloud.Configuration{}
		if client != "" {
			managed.ID = azidentity.ClientID(client)
		}
		return azidentity.NewManagedIdentityCredential(managed)
	case ClientSecret:
		secret, err := c.secret()
		if err != nil {
			return nil, err
		}
		return azidentity.NewClientSecretCredential(
			tenant, client, secret, &azidentity.ClientSecretCredentialOptions{ClientOptions: options, DisableInstanceDiscovery: private},
		)
	case ClientCertificate:
		return c.certificate(tenant, client, &azidentity.ClientCertificateCredentialOptions{
			ClientOptions: options, DisableInstanceDiscovery: private,
		})
	case AzureCLI:
		cli, err := azidentity.NewAzureCLICredential(&azidentity.AzureCLICredentialOptions{TenantID: id.TenantID})
		return cliCredential{cli}, err
	case InCluster, Kubeconfig:
	}
	return nil, fmt.Errorf("access %q signs in without Microsoft Entra", c.cfg.Access)
}

// cliCredential is the Azure CLI. What it prints in the place of a token is nobody's answer on the way, and isn't told.
type cliCredential struct {
	cli *azidentity.AzureCLICredential
}

// GetToken implements azcore.TokenCredential.
func (c cliCredential) GetToken(ctx context.Context, o policy.TokenRequestOptions) (azcore.AccessToken, error) {
	token, err := c.cli.GetToken(ctx, o)
	if err != nil && ctx.Err() == nil && entraCode.FindString(err.Error()) == "" {
		err = &azureError{code: noAzureCLI}
	}
	return token, err
}

// secret is the client secret, of the file or the environment. From now on it is hidden wherever something is shown.
func (c credentials) secret() (string, error) {
	secret := os.Getenv(secretVariable)
	if c.cfg.Azure.SecretFile != "" {
		var err error
		if secret, err = readFile(c.cfg.Azure.SecretFile); err != nil {
			return "", &azureError{code: noSecretFile, err: err}
		}
	}
	if secret == "" {
		return "", &azureError{code: noSecretFile}
	}
	if c.cfg.SecretValues != nil {
		c.cfg.SecretValues([][]byte{[]byte(secret)})
	}
	return secret, nil
}

func (c credentials) certificate(
	tenant, client string, options *azidentity.ClientCertificateCredentialOptions,
) (azcore.TokenCredential, error) {
	file, err := os.ReadFile(c.cfg.Azure.CertificateFile)
	if err != nil {
		return nil, &azureError{code: noCertificate, err: err}
	}
	var password []byte
	if p := os.Getenv(passwordVariable); p != "" {
		password = []byte(p)
	}
	certificates, key, err := azidentity.ParseCertificates(file, password)
	if err != nil {
		return nil, &azureError{code: noCertificate} // the error may quote the file
	}
	return azidentity.NewClientCertificateCredential(tenant, client, certificates, key, options)
}

// azureTrip is the HTTP client of one attempt to sign in, and what that met: azidentity keeps only the text of a transport's error.
type azureTrip struct {
	client   *http.Client
	metadata string // another address of the metadata service

	err    error         // of the last request
	status int           // of its answer
	skew   time.Duration // of this machine's clock before (below zero) or after Microsoft's; known to a second
}

// Do implements policy.Transporter.
func (s *azureTrip) Do(r *http.Request) (*http.Response, error) {
	if s.metadata != "" && r.URL.Host == metadataService {
		r = r.Clone(r.Context())
		to, err := url.Parse(s.metadata)
		if err != nil {
			return nil, fmt.Errorf("reading azure.metadataHost: %w", err)
		}
		r.URL.Scheme, r.URL.Host, r.Host = to.Scheme, to.Host, to.Host
	}
	res, err := s.client.Do(r) //nolint:gosec // to the addresses of the configuration and of Microsoft
	s.err, s.status = err, 0
	if err != nil {
		return nil, err
	}
	s.status = res.StatusCode
	if at, err := http.ParseTime(res.Header.Get("Date")); err == nil {
		s.skew = time.Since(at).Truncate(time.Second)
	}
	return res, nil
}
