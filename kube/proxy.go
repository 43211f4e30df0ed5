package kube

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/3astronautas/algesta"
)

// proxied is a path that a pod may be asked for: no segment of it leads up, and nothing in it is encoded, so that everything that reads it
// on the way reads the same.
var proxied = regexp.MustCompile(`^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?(\?[A-Za-z0-9._~=&-]*)?$`)

// Proxy asks a pod or a Service through the API server, by GET, and follows nothing. kind is "pods" or "services", port a number or a
// name, and secure says that it's asked by HTTPS. It takes the right to get that kind's proxy, and 5 seconds at most. ErrForbidden says
// that the right is missing, ErrInvalid that the path isn't one that may be asked for; what the other side does is in the exchange.
func (c *Cluster) Proxy(ctx context.Context, kind, namespace, name, port, path string, secure bool) (algesta.Exchange, error) {
	if !proxied.MatchString(path) || !strings.HasPrefix(path, "/") {
		return algesta.Exchange{}, &algesta.Error{
			Kind:    algesta.ErrInvalid,
			Message: algesta.Say("I don't request a path like this one: use only letters, digits and - . _ ~ /, without \"..\"."),
		}
	}
	ctx, cancel := context.WithTimeout(ctx, perCall)
	defer cancel()
	target := name + ":" + port
	if secure {
		target = "https:" + target
	}
	rest, query, _ := strings.Cut(path, "?")
	at := c.lists.Get().AbsPath("/api/v1").Namespace(namespace).Resource(kind).Name(target).SubResource("proxy").URL()
	at = &url.URL{Scheme: at.Scheme, Host: at.Host, User: at.User, Path: at.Path + rest, RawQuery: query}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, at.String(), http.NoBody)
	if err != nil {
		return algesta.Exchange{}, &algesta.Error{Kind: algesta.ErrInvalid, Message: algesta.Say("I don't request a path like this one.")}
	}
	tried := attempt{"get", kind + "/proxy", namespace, name}
	began := time.Now()
	answer, err := c.through.RoundTrip(req) // a client would follow redirects, and take the credentials along
	if err != nil {
		return algesta.Exchange{}, c.explain(tried, err)
	}
	defer func() { _ = answer.Body.Close() }()
	seen := algesta.Exchange{Status: answer.StatusCode, Wait: time.Since(began)}
	if isRedirected(answer.StatusCode) {
		seen.Location = answer.Header.Get("Location")
	}
	head, _ := io.ReadAll(io.LimitReader(answer.Body, answerBytes+1)) // what came is shown
	if status := statusIn(answer, head); status != nil {
		return c.notThrough(seen, tried, status)
	}
	seen.FirstLine = c.firstLine(answer.Header.Get("Content-Type"), strings.NewReader(string(head)))
	return seen, nil
}

func isRedirected(status int) bool { return status >= 300 && status < 400 }

// statusIn is the API server's own answer, nil where the answer is the pod's.
func statusIn(answer *http.Response, body []byte) *metav1.Status {
	status := &metav1.Status{}
	if answer.StatusCode < http.StatusBadRequest || json.Unmarshal(body, status) != nil || status.Kind != "Status" ||
		status.APIVersion != "v1" {
		return nil
	}
	return status
}

// notThrough is what the API server says where it couldn't ask: the right is missing, the object isn't there, or nothing answers it. Its
// message isn't quoted.
func (c *Cluster) notThrough(seen algesta.Exchange, tried attempt, status *metav1.Status) (algesta.Exchange, error) {
	seen.Status = 0
	switch message := status.Message; {
	case status.Code != http.StatusServiceUnavailable && status.Code != http.StatusInternalServerError && status.Code != http.StatusBadGateway:
		return algesta.Exchange{}, c.explain(tried, &statusError{*status})
	case strings.Contains(message, "no endpoints available"):
		seen.Fault = algesta.FaultNoName
	case strings.Contains(message, "connection refused"):
		seen.Fault = algesta.FaultRefused
	case strings.Contains(message, "timeout"), strings.Contains(message, "deadline exceeded"):
		seen.Fault = algesta.FaultTimedOut
	case strings.Contains(message, "tls"), strings.Contains(message, "x509"), strings.Contains(message, "HTTP response to HTTPS client"):
		seen.Fault = algesta.FaultNoTLS
	default:
		seen.Fault = algesta.FaultNoAnswer
	}
	return seen, nil
}

// statusError is a Status as an error of the API.
type statusError struct{ status metav1.Status }

func (e *statusError) Error() string         { return string(e.status.Reason) }
func (e *statusError) Status() metav1.Status { return e.status }
