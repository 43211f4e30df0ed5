package kube

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/runtime"
	"k8s.io/client-go/rest"
)

const (
	// placeholder stands for the API server's address until that is looked up. No name ends so (RFC 6761).
	placeholder = "cluster.invalid"
	// lookUpAgain is how long an address stands that nothing answers at, before it is looked up again: a cluster may have been made anew.
	lookUpAgain = time.Minute

	clustersAPI      = "2025-02-01"
	subscriptionsAPI = "2022-12-01"
	managedClusters  = "Microsoft.ContainerService/managedClusters"
	maxManagerAnswer = 4 << 20
	mostManagerPages = 50 // of subscriptions and of clusters
)

// located sends requests for the placeholder to the cluster's own address, which it looks up when it is needed first.
type located struct {
	find  func(ctx context.Context) (*rest.Config, error)
	again time.Duration // see lookUpAgain
	owner *signing

	mu       sync.Mutex
	host     *url.URL
	next     http.RoundTripper
	at       time.Time
	finding  chan struct{} // closed when the lookup that is under way has ended; nil when there is none
	failed   *azureError
	failures int
}

// RoundTrip implements http.RoundTripper. What isn't for the placeholder is a redirect to somewhere else, and isn't followed.
func (l *located) RoundTrip(r *http.Request) (*http.Response, error) {
	if r.URL.Host != placeholder {
		closeBody(r)
		return nil, errors.New("the cluster's answer leads to another address")
	}
	host, next, err := l.where(r.Context())
	if err != nil {
		closeBody(r)
		return nil, err
	}
	out := r.Clone(r.Context())
	out.URL.Scheme, out.URL.Host, out.Host = host.Scheme, host.Host, host.Host
	out.URL.Path = strings.TrimSuffix(host.Path, "/") + r.URL.Path
	res, err := next.RoundTrip(out)
	if err != nil && moved(err) {
		l.forget(host)
	}
	return res, err
}

// moved reports whether an error may mean that the cluster is somewhere else now, or has another certificate authority.
func moved(err error) bool {
	var dns *net.DNSError
	var authority x509.UnknownAuthorityError
	return errors.As(err, &dns) && dns.IsNotFound || errors.As(err, &authority)
}

// forget has the address looked up again, unless it is fresh.
func (l *located) forget(host *url.URL) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.host == host && time.Since(l.at) > l.again {
		l.host, l.next = nil, nil
	}
}

// where is the API server's address and the way to it. One lookup is made at a time; it waits for that no longer than ctx allows.
func (l *located) where(ctx context.Context) (*url.URL, http.RoundTripper, error) {
	for {
		l.mu.Lock()
		if l.host != nil {
			defer l.mu.Unlock()
			return l.host, l.next, nil
		}
		if l.finding == nil && l.failed != nil && time.Now().Before(l.failed.again) {
			defer l.mu.Unlock()
			return nil, nil, l.failed
		}
		if l.finding == nil {
			l.look() //nolint:contextcheck // it serves every caller, and ends within signInWithin
		}
		finding := l.finding
		l.mu.Unlock()
		if finding == nil { // the bot is stopping
			return nil, nil, &azureError{code: noAnswer, lookup: true, err: context.Canceled}
		}
		select {
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		case <-finding:
		}
	}
}

// look begins to look the address up. l.mu is held.
func (l *located) look() {
	var host *url.URL
	var next http.RoundTripper
	find := func(ctx context.Context) error {
		found, err := l.find(ctx)
		if err == nil {
			host, err = url.Parse(found.Host)
		}
		if err == nil {
			next, err = rest.TransportFor(found)
		}
		return err
	}
	finding := make(chan struct{})
	if l.owner.begin(2*signInWithin, find, func(err error) { l.found(host, next, err) }) { // a token may be needed first
		l.finding = finding
	}
}

// found takes over what came of a lookup.
func (l *located) found(host *url.URL, next http.RoundTripper, err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err == nil {
		l.host, l.next, l.at, l.failed, l.failures = host, next, time.Now(), nil, 0
	} else {
		l.failed = explained(err, &azureTrip{})
		if l.failed.again.IsZero() {
			l.failed.again = time.Now().Add(min(signInBackoff<<min(l.failures, 10), longestBackoff))
		}
		l.failures++
	}
	close(l.finding)
	l.finding = nil
}

// find asks the Resource Manager for the cluster's address and certificate authority, as `az aks get-credentials` does.
func (a *azureAccess) find(ctx context.Context) (*rest.Config, error) {
	met := &azureTrip{client: a.client}
	found, err := a.lookUp(ctx, met)
	if err == nil {
		return found, nil
	}
	if signIn := azureErrorIn(err); signIn != nil && !signIn.lookup {
		return nil, signIn // there was no token to ask with
	}
	out := explained(err, met)
	out.lookup = true
	return nil, out
}

func (a *azureAccess) lookUp(ctx context.Context, met *azureTrip) (*rest.Config, error) {
	manager, err := a.managerClient(met)
	if err != nil {
		return nil, err
	}
	id := a.cfg.Azure.ResourceID
	if id == "" {
		if id, err = findByName(ctx, manager, a.cfg.Name); err != nil {
			return nil, err
		}
	}
	var answer struct {
		Kubeconfigs []struct {
			Value []byte `json:"value"` // base64
		} `json:"kubeconfigs"`
	}
	err = manager.ask(ctx, http.MethodPost, id+"/listClusterUserCredential?format=exec&api-version="+clustersAPI, &answer)
	if err != nil {
		return nil, err
	}
	if len(answer.Kubeconfigs) == 0 {
		return nil, &azureError{code: notUnderstood, lookup: true}
	}
	return fromAzure(answer.Kubeconfigs[0].Value, a.cfg.Azure.TenantID)
}

// manager asks the Resource Manager.
type manager struct {
	address  string
	pipeline runtime.Pipeline
}

func (a *azureAccess) managerClient(met *azureTrip) (manager, error) {
	address := managerAddress(a.cfg.Azure)
	options := &arm.ClientOptions{DisableRPRegistration: true} // the identity may not register providers, and none is needed
	options.Transport = met
	options.Cloud = cloud.Configuration{
		ActiveDirectoryAuthorityHost: authorityHost(a.cfg.Azure) + "/",
		Services: map[cloud.ServiceName]cloud.ServiceConfiguration{
			cloud.ResourceManager: {Audience: managerAudience(a.cfg.Azure), Endpoint: address},
		},
	}
	options.Retry = policy.RetryOptions{MaxRetries: 1, TryTimeout: azureTry, RetryDelay: 500 * time.Millisecond, MaxRetryDelay: time.Second}
	client, err := arm.NewClient("algesta", "v1.0.0", a.manager, options)
	if err != nil {
		return manager{}, fmt.Errorf("making a client of Azure Resource Manager: %w", err)
	}
	return manager{address: address, pipeline: client.Pipeline()}, nil
}

// ask makes one call of a path with its query, and reads the answer. Paths come from earlier answers, too: behind an address without a
// slash at its end, "@example.com" or ":444" would be another server, which the token must not go to.
func (m manager) ask(ctx context.Context, method, path string, into any) error {
	if !strings.HasPrefix(path, "/") {
		return &azureError{code: sentElsewhere, lookup: true}
	}
	req, err := runtime.NewRequest(ctx, method, m.address+path)
	if err != nil {
		return fmt.Errorf("asking Azure Resource Manager: %w", err)
	}
	res, err := m.pipeline.Do(req)
	if err != nil {
		return fmt.Errorf("asking Azure Resource Manager: %w", err)
	}
	defer res.Body.Close() //nolint:errcheck // it was only read
	if !runtime.HasStatusCode(res, http.StatusOK) {
		return runtime.NewResponseError(res)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxManagerAnswer))
	if err != nil {
		return fmt.Errorf("reading an answer of Azure Resource Manager: %w", err)
	}
	if json.Unmarshal(body, into) != nil { // its error may quote the body
		return &azureError{code: notUnderstood, lookup: true}
	}
	return nil
}

// list reads all pages of a list.
func (m manager) list(ctx context.Context, path string, each func(json.RawMessage) error) error {
	for range mostManagerPages {
		var page struct {
			Value []json.RawMessage `json:"value"`
			Next  string            `json:"nextLink"`
		}
		if err := m.ask(ctx, http.MethodGet, path, &page); err != nil {
			return err
		}
		for _, item := range page.Value {
			if err := each(item); err != nil {
				return err
			}
		}
		next, here := strings.CutPrefix(page.Next, m.address)
		if page.Next == "" {
			return nil
		}
		if !here { // the token goes nowhere else
			return &azureError{code: sentElsewhere, lookup: true}
		}
		path = next
	}
	return &azureError{code: notUnderstood, lookup: true}
}

// findByName is the resource ID of the one cluster with this name that the bot can read. A second one is refused: tokens are the same for
// every AKS cluster, so that whoever can name a cluster so could have them sent there.
func findByName(ctx context.Context, m manager, name string) (string, error) {
	var subscriptions, found []string
	err := m.list(ctx, "/subscriptions?api-version="+subscriptionsAPI, func(raw json.RawMessage) error {
		var s struct {
			ID string `json:"subscriptionId"`
		}
		if json.Unmarshal(raw, &s) != nil || s.ID == "" {
			return &azureError{code: notUnderstood, lookup: true}
		}
		subscriptions = append(subscriptions, s.ID)
		return nil
	})
	if err != nil {
		return "", err
	}
	for _, s := range subscriptions {
		path := "/subscriptions/" + url.PathEscape(s) + "/providers/" + managedClusters + "?api-version=" + clustersAPI
		err := m.list(ctx, path, func(raw json.RawMessage) error {
			var c struct {
				ID   string `json:"id"`
				Name string `json:"name"`
			}
			if json.Unmarshal(raw, &c) != nil {
				return &azureError{code: notUnderstood, lookup: true}
			}
			if strings.EqualFold(c.Name, name) && resourceID.MatchString(c.ID) {
				found = append(found, c.ID)
			}
			return nil
		})
		if err != nil {
			return "", err
		}
	}
	switch len(found) {
	case 0:
		return "", &azureError{code: noneByName, lookup: true}
	case 1:
		return found[0], nil
	}
	return "", &azureError{code: severalByName, lookup: true}
}

var _ azcore.TokenCredential = (*tokens)(nil)
