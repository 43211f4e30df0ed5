package incidents

import (
	"cmp"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// Alertmanager is the rule of what an Alertmanager sends.
const Alertmanager = "alertmanager"

// The bounds of a webhook.
const (
	maxBody   = 8 << 20 // 10,000 alerts of some 800 bytes
	maxAlerts = 20_000  // of one request
	// maxSays is how many characters of what an alert says are shown, and maxRead how many bytes of it are read.
	maxSays = 200
	maxRead = 4096
	// longestCluster is how long the name of a cluster may be, in bytes: longer than any that is configured.
	longestCluster = 253
	// lateWithin is how long after an alert was resolved a message counts as late that says that it fires since before: another
	// Alertmanager of the same cluster sends it then. What comes later means that it fires again: Prometheus keeps the time at which it began.
	lateWithin = 5 * time.Minute
	// atOnce is how many requests are worked on at once; an Alertmanager tries again when it is told that there are more.
	atOnce = 8
	// storeAlertsWithin bounds the storing of one request.
	storeAlertsWithin = 10 * time.Second
)

// webhook is a message of Alertmanager, version 4 (prometheus.io/docs/alerting/latest/configuration, "webhook_config"), as far as it is
// used. What else it holds is ignored: its fields grow.
type webhook struct {
	Version string         `json:"version"`
	Alerts  []webhookAlert `json:"alerts"`
}

type webhookAlert struct {
	Status      string            `json:"status"`
	Labels      map[string]string `json:"labels"`
	Annotations map[string]string `json:"annotations"`
	StartsAt    time.Time         `json:"startsAt"`
	EndsAt      time.Time         `json:"endsAt"`
}

// subjects are the labels that name an object, the most exact first, with its kind. kube-state-metrics and the kubelet use these.
var subjects = []struct{ label, kind string }{
	{"deployment", "Deployment"},
	{"statefulset", "StatefulSet"},
	{"daemonset", "DaemonSet"},
	{"horizontalpodautoscaler", "HorizontalPodAutoscaler"},
	{"certificate", "Certificate"},
	{"resourcequota", "ResourceQuota"},
	{"pod", "Pod"},
	{"service", "Service"},
	{"node", "Node"},
}

// objectName is what Kubernetes lets an object be called (RFC 1123).
var objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$`)

// ParseAlerts reads a webhook. unplaced counts the alerts that name no namespace or no object in it: nothing can be said about what they
// are about.
// Everything in an alert is the name of an object or a quoted text; none of it is read as a command. Texts are redacted before they are
// cut: half of a secret can't be recognized.
func ParseAlerts(body []byte, now time.Time, redact func(string) string) (alerts []algesta.Alert, unplaced int, err error) {
	var w webhook
	if err := json.Unmarshal(body, &w); err != nil {
		return nil, 0, errors.New("reading a webhook: it is no JSON of an Alertmanager") // the decoder's error quotes it
	}
	if w.Version != "4" {
		return nil, 0, errors.New("reading a webhook: its version isn't 4")
	}
	if len(w.Alerts) > maxAlerts {
		return nil, 0, fmt.Errorf("reading a webhook: it has more than %d alerts", maxAlerts)
	}
	for _, in := range w.Alerts {
		a, ok := alertOf(in, now, redact)
		if !ok {
			unplaced++
			continue
		}
		alerts = append(alerts, a)
	}
	return alerts, unplaced, nil
}

// alertOf is an alert about an object; ok is false where it names none.
func alertOf(in webhookAlert, now time.Time, redact func(string) string) (a algesta.Alert, ok bool) {
	a = algesta.Alert{
		ID: idOf(in.Labels), Cluster: in.Labels["cluster"], Namespace: in.Labels["namespace"], StartsAt: in.StartsAt, SeenAt: now,
	}
	if len(a.Cluster) > longestCluster { // no cluster's name, and kept for days
		a.Cluster = ""
	}
	for _, s := range subjects {
		if name := in.Labels[s.label]; objectName.MatchString(name) {
			a.Kind, a.Name = s.kind, name
			break
		}
	}
	if a.Name == "" || !objectName.MatchString(a.Namespace) {
		return a, false
	}
	switch in.Status {
	case "firing":
	case "resolved":
		if a.ResolvedAt = in.EndsAt; a.ResolvedAt.IsZero() {
			a.ResolvedAt = now
		}
	default:
		return a, false
	}
	said := cmp.Or(in.Annotations["summary"], in.Annotations["description"], in.Annotations["message"])
	a.Says = "Alert " + words.Cited(words.Clip(redact(oneLine(in.Labels["alertname"])), 80))
	if said != "" {
		a.Says += " says: " + words.Cited(words.Clip(redact(oneLine(said)), maxSays))
	}
	return a, true
}

// oneLine is a text in one line, as far as it is read: up to a blank, so that it ends with a whole word.
func oneLine(s string) string {
	if len(s) > maxRead {
		s = s[:max(strings.LastIndexAny(s[:maxRead], " \t\n"), 0)] + " …"
	}
	return strings.Join(strings.Fields(strings.ToValidUTF8(s, "�")), " ")
}

// idOf is the identity of an alert: all of its labels, as Alertmanager has it.
func idOf(labels map[string]string) string {
	h := sha256.New()
	for _, k := range slices.Sorted(maps.Keys(labels)) {
		h.Write(fmt.Appendf(nil, "%q=%q,", k, labels[k])) // it never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// newer says what is known of an alert after another message about it: one that was resolved just before its firing arrived stays resolved.
func newer(known, said algesta.Alert) algesta.Alert {
	if known.ID != "" && !known.ResolvedAt.IsZero() && said.ResolvedAt.IsZero() && !said.StartsAt.After(known.StartsAt) &&
		said.SeenAt.Sub(known.SeenAt) < lateWithin {
		return known
	}
	return said
}

// Receiver takes the webhooks of Alertmanagers.
type Receiver struct {
	Token  []byte                   // what they have to send as their bearer token
	Redact func(text string) string // takes the secrets out of what an alert says
	// Keep stores alerts before the Alertmanager is told that they arrived.
	Keep func(ctx context.Context, alerts []algesta.Alert) error
	Log  *zap.Logger

	slots                               chan struct{}
	accepted, denied, refused, unplaced atomic.Int64
}

// NewReceiver makes a receiver; the token may not be empty.
func NewReceiver(
	token []byte,
	redact func(string) string,
	keep func(context.Context, []algesta.Alert) error,
	log *zap.Logger,
) (*Receiver, error) {
	if len(token) == 0 {
		return nil, errors.New("a receiver of alerts needs a token")
	}
	return &Receiver{Token: token, Redact: redact, Keep: keep, Log: log, slots: make(chan struct{}, atOnce)}, nil
}

// ReceiverStats are the figures of a receiver.
type ReceiverStats struct {
	Accepted int64 // alerts that were stored
	Denied   int64 // requests with no or a wrong token
	Refused  int64 // requests that could not be read, or not be stored
	Unplaced int64 // alerts that name no object of a namespace
}

// Stats may be called at any time.
func (r *Receiver) Stats() ReceiverStats {
	return ReceiverStats{Accepted: r.accepted.Load(), Denied: r.denied.Load(), Refused: r.refused.Load(), Unplaced: r.unplaced.Load()}
}

// ServeHTTP answers with a status and nothing else. 401: the token is wrong. 400 and 413: it won't be better the next time. 503: try again.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	token, found := strings.CutPrefix(q.Header.Get("Authorization"), "Bearer ")
	given, want := sha256.Sum256([]byte(token)), sha256.Sum256(r.Token) // of one length, whatever was sent
	if subtle.ConstantTimeCompare(given[:], want[:]) != 1 || !found {
		r.denied.Add(1)
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	if q.Method != http.MethodPost {
		w.WriteHeader(http.StatusMethodNotAllowed)
		return
	}
	select {
	case r.slots <- struct{}{}:
		defer func() { <-r.slots }()
	default:
		r.refused.Add(1)
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	w.WriteHeader(r.take(w, q))
}

// take stores the alerts of a request and says with which status it is answered.
func (r *Receiver) take(w http.ResponseWriter, q *http.Request) int {
	body, err := io.ReadAll(http.MaxBytesReader(w, q.Body, maxBody))
	if err != nil {
		r.refused.Add(1)
		if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
			return http.StatusRequestEntityTooLarge
		}
		return http.StatusBadRequest
	}
	alerts, unplaced, err := ParseAlerts(body, time.Now(), r.Redact)
	if err != nil {
		r.refused.Add(1)
		r.Log.Warn("a webhook was refused", zap.Error(err))
		return http.StatusBadRequest
	}
	if unplaced > 0 {
		r.unplaced.Add(int64(unplaced))
		r.Log.Warn("alerts name no object of a namespace, so nobody is told of them", zap.Int("alerts", unplaced))
	}
	ctx, cancel := context.WithTimeout(q.Context(), storeAlertsWithin)
	defer cancel()
	if err := r.Keep(ctx, alerts); err != nil {
		r.refused.Add(1)
		r.Log.Error("alerts could not be stored", zap.Error(err))
		return http.StatusServiceUnavailable
	}
	r.accepted.Add(int64(len(alerts)))
	return http.StatusOK
}
