package control

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/rand"
)

// Request is one call to the API server as its audit log has it.
type Request struct {
	Verb        string // get, list, watch, create, patch, …
	Group       string // of the API, such as apps; "" for the core
	Resource    string // plural, such as deployments
	Subresource string
	Namespace   string
	Name        string
	User        string // such as system:serviceaccount:algesta:algesta
	ActingAs    string // the user that it was sent in the name of; "" for none
	UserAgent   string
	DryRun      bool
	Received    time.Time // by the API server
	Completed   time.Time // when the answer had been sent
	Code        int       // HTTP status of the answer
}

// Change reports whether the request was to change something and was no dry run.
func (r Request) Change() bool {
	switch r.Verb {
	case "create", "update", "patch", "delete", "deletecollection":
		return !r.DryRun
	}
	return false
}

// auditLine is the part of audit.k8s.io/v1 Event that is read.
type auditLine struct {
	AuditID    string `json:"auditID"`
	Stage      string `json:"stage"`
	RequestURI string `json:"requestURI"`
	Verb       string `json:"verb"`
	UserAgent  string `json:"userAgent"`
	User       struct {
		Username string `json:"username"`
	} `json:"user"`
	Impersonated struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
	ObjectRef struct {
		APIGroup    string `json:"apiGroup"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Namespace   string `json:"namespace"`
		Name        string `json:"name"`
	} `json:"objectRef"`
	ResponseStatus struct {
		Code int `json:"code"`
	} `json:"responseStatus"`
	RequestReceivedTimestamp time.Time `json:"requestReceivedTimestamp"`
	StageTimestamp           time.Time `json:"stageTimestamp"`
}

// Requests returns what the API server was asked about a namespace ("" for everything) since a moment, in the order in
// which it received it. Every request that the caller knows to be answered is in it with its Code and Completed; one that
// is still being answered, such as a watch, has neither.
func (c *Cluster) Requests(ctx context.Context, since time.Time, namespace string) ([]Request, error) {
	if c.AuditLog == "" {
		return nil, errNoAudit
	}
	// The log is written in the path of the request: what came before this marker is in the file once it is answered. The
	// end of a request may be logged a moment after its answer, so the marker's own end is awaited as well as theirs.
	marker := "algesta-marker-" + rand.String(10)
	_, err := c.Client.CoreV1().ConfigMaps(markNamespace).Get(ctx, marker, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return nil, fmt.Errorf("writing a marker into the audit log: %w", err)
	}
	f, err := os.Open(c.AuditLog)
	if err != nil {
		return nil, fmt.Errorf("opening the audit log: %w", err)
	}
	defer func() { _ = f.Close() }()
	look, err := lookFrom(f, since, namespace)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for attempt := 0; ; attempt++ {
		if err := look.on(); err != nil {
			return nil, err
		}
		// An answered request's last line follows at once; what is still open after half a second really is.
		if look.open() == 0 || attempt >= 50 {
			return look.requests, nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("reading the audit log: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// auditLook reads an audit log from a moment on, and goes on where it stopped: all tests of a run share one log, so reading it anew for
// each look takes minutes on a busy machine.
type auditLook struct {
	in        io.ReadSeeker
	at        int64 // behind the last whole line that was read
	since     time.Time
	namespace string
	index     map[string]int // into requests, by the audit's ID
	requests  []Request
}

// unordered is how far a line may stand behind one that is younger: requests that end at the same time are logged as they come.
const unordered = 10 * time.Second

// lookFrom finds where the lines about requests since a moment begin: a line is written when a stage of its request is over, so none of
// them is older than the request.
func lookFrom(f *os.File, since time.Time, namespace string) (*auditLook, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	l := &auditLook{in: f, since: since, namespace: namespace, index: map[string]int{}}
	for low, high := int64(0), info.Size(); high-low > 1<<20; {
		middle := low + (high-low)/2
		line, ends, err := lineAfter(f, middle)
		if err != nil {
			return nil, err
		}
		if ends == 0 || !line.StageTimestamp.Before(since.Add(-unordered)) {
			high = middle
			continue
		}
		low, l.at = middle, ends
	}
	return l, nil
}

// lineAfter is the first whole line behind a place, and where it ends; 0 where there is none.
func lineAfter(f io.ReadSeeker, place int64) (line auditLine, ends int64, err error) {
	if _, err := f.Seek(place, io.SeekStart); err != nil {
		return auditLine{}, 0, fmt.Errorf("reading the audit log: %w", err)
	}
	in := bufio.NewReaderSize(f, 1<<16)
	rest, err := in.ReadBytes('\n')
	if err != nil {
		return auditLine{}, 0, nil //nolint:nilerr // the end, or a line that is being written
	}
	whole, err := in.ReadBytes('\n')
	if err != nil {
		return auditLine{}, 0, nil //nolint:nilerr // as above
	}
	if err := json.Unmarshal(whole, &line); err != nil {
		return auditLine{}, 0, fmt.Errorf("reading the audit log: %w", err)
	}
	return line, place + int64(len(rest)+len(whole)), nil
}

// on reads what was written since the last time.
func (l *auditLook) on() error {
	if _, err := l.in.Seek(l.at, io.SeekStart); err != nil {
		return fmt.Errorf("reading the audit log: %w", err)
	}
	in := bufio.NewReaderSize(l.in, 1<<16)
	for {
		line, err := in.ReadBytes('\n')
		if err != nil {
			return nil //nolint:nilerr // the end, or a line that is being written
		}
		l.at += int64(len(line))
		if !bytes.Contains(line, []byte(l.namespace)) {
			continue
		}
		var one auditLine
		if err := json.Unmarshal(line, &one); err != nil {
			return fmt.Errorf("reading the audit log: %w", err)
		}
		if l.namespace == "" || one.ObjectRef.Namespace == l.namespace {
			l.take(one)
		}
	}
}

// take notes a stage of a request.
func (l *auditLook) take(one auditLine) {
	if one.RequestReceivedTimestamp.Before(l.since) {
		return
	}
	i, known := l.index[one.AuditID]
	if !known {
		i = len(l.requests)
		l.index[one.AuditID] = i
		l.requests = append(l.requests, one.request())
	}
	if one.Stage == "ResponseComplete" || one.Stage == "Panic" {
		l.requests[i].Code, l.requests[i].Completed = one.ResponseStatus.Code, one.StageTimestamp
		l.requests[i].ActingAs = one.Impersonated.Username // the first stage comes before anybody is impersonated
	}
}

// open is how many requests have no end yet, watches aside.
func (l *auditLook) open() int {
	n := 0
	for _, r := range l.requests {
		if r.Completed.IsZero() && r.Verb != "watch" {
			n++
		}
	}
	return n
}

func (l auditLine) request() Request {
	return Request{
		Verb: l.Verb, Group: l.ObjectRef.APIGroup, Resource: l.ObjectRef.Resource, Subresource: l.ObjectRef.Subresource,
		Namespace: l.ObjectRef.Namespace, Name: l.ObjectRef.Name, User: l.User.Username, UserAgent: l.UserAgent,
		DryRun: strings.Contains(l.RequestURI, "dryRun="), Received: l.RequestReceivedTimestamp,
	}
}

// Writes returns the changes of one object since a moment, refused ones included, dry runs not.
func (c *Cluster) Writes(ctx context.Context, since time.Time, namespace, resource, name string) ([]Request, error) {
	requests, err := c.Requests(ctx, since, namespace)
	if err != nil {
		return nil, err
	}
	var writes []Request
	for _, r := range requests {
		if r.Change() && r.Resource == resource && r.Name == name {
			writes = append(writes, r)
		}
	}
	return writes, nil
}

// PatchCount returns how many PATCHes of a Deployment the API server answered with success since a moment, dry runs and
// the controllers' own writes of its status not counted.
func (c *Cluster) PatchCount(ctx context.Context, since time.Time, namespace, deployment string) (int, error) {
	writes, err := c.Writes(ctx, since, namespace, "deployments", deployment)
	n := 0
	for _, w := range writes {
		if w.Verb == "patch" && w.Subresource == "" && w.Code < 300 {
			n++
		}
	}
	return n, err
}
