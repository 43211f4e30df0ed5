package incidents

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/3astronautas/algesta"
)

// The bounds of what is asked of an Alertmanager.
const (
	remoteEvery  = 30 * time.Second // between two comparisons
	remoteWithin = 10 * time.Second // for one call
	maxRemote    = 8 << 20          // of an answer
)

// createdBy is how the bot's own silences are known in an Alertmanager: nobody else's is ever touched.
const createdBy = "algesta"

// Remote is the API of an Alertmanager, in which silences that people ask the bot for are made, too: what it doesn't send, nobody has to
// leave out, and other receivers are silent as well.
type Remote struct {
	URL    string // its address, such as http://alertmanager:9093
	Client *http.Client
}

// matcher is one of a silence (github.com/prometheus/alertmanager, api/v2/openapi.yaml).
type matcher struct {
	Name    string `json:"name"`
	Value   string `json:"value"`
	IsRegex bool   `json:"isRegex"`
	IsEqual bool   `json:"isEqual"`
}

type remoteSilence struct {
	ID        string    `json:"id,omitempty"`
	Matchers  []matcher `json:"matchers"`
	StartsAt  time.Time `json:"startsAt"`
	EndsAt    time.Time `json:"endsAt"`
	CreatedBy string    `json:"createdBy"`
	Comment   string    `json:"comment"`
	Status    *struct {
		State string `json:"state"`
	} `json:"status,omitempty"`
}

// ownPods is what the name of a Deployment's pod has behind the Deployment's: the hash of its ReplicaSet and its own five characters, both
// of an alphabet without vowels, so that no word is one (k8s.io/apimachinery, util/rand). The pods of api-gateway aren't those of api.
const ownPods = "-[bcdfghjklmnpqrstvwxz2456789]{6,10}-[bcdfghjklmnpqrstvwxz2456789]{5}"

// remoteOf are the silences of an Alertmanager that stand for one of the bot. An alert about a service names it as a Deployment or by the
// name of a pod, and every matcher of a silence has to fit, so a service takes two. Where an alert has the label cluster it has to be this
// one's. A snooze is of one incident, and alerts know nothing of incidents: it has none.
func remoteOf(z algesta.Silence) []remoteSilence {
	if z.Incident != "" || z.Target.Namespace == "" {
		return nil
	}
	place := []matcher{
		{Name: "namespace", Value: z.Target.Namespace, IsEqual: true},
		{Name: "cluster", Value: regexp.QuoteMeta(z.Target.Cluster) + "|", IsRegex: true, IsEqual: true},
	}
	one := func(part string, more ...matcher) remoteSilence {
		return remoteSilence{
			Matchers: append(append([]matcher{}, place...), more...), StartsAt: z.From, EndsAt: z.Until, CreatedBy: createdBy,
			Comment: z.ID + part + ": " + z.By.Called() + ": " + z.Reason,
		}
	}
	if z.Target.Name == "" {
		return []remoteSilence{one("")}
	}
	return []remoteSilence{
		one(" (Deployment)", matcher{Name: "deployment", Value: z.Target.Name, IsEqual: true}),
		one(" (pods)", matcher{Name: "pod", Value: regexp.QuoteMeta(z.Target.Name) + ownPods, IsRegex: true, IsEqual: true}),
	}
}

// Sync makes in the Alertmanager what is missing there, and ends what was ended here: what ended says of. It may be called as often as one
// likes: what is there is known by its comment. Another bot may use the same Alertmanager, so what isn't known is left alone.
func (r Remote) Sync(ctx context.Context, wanted []algesta.Silence, now time.Time, ended func(id string) bool) error {
	ctx, cancel := context.WithTimeout(ctx, remoteWithin)
	defer cancel()
	var there []remoteSilence
	if err := r.call(ctx, http.MethodGet, "/api/v2/silences", nil, &there); err != nil {
		return fmt.Errorf("reading the silences of the Alertmanager: %w", err)
	}
	mine := map[string]remoteSilence{}
	for _, s := range there {
		if s.CreatedBy == createdBy && s.Status != nil && s.Status.State != "expired" {
			mine[keyOfComment(s.Comment)] = s
		}
	}
	var all []error
	for _, z := range wanted {
		for _, s := range remoteOf(z) {
			key := keyOfComment(s.Comment)
			if _, known := mine[key]; known || !now.Before(s.EndsAt) {
				delete(mine, key)
				continue
			}
			if err := r.call(ctx, http.MethodPost, "/api/v2/silences", s, nil); err != nil {
				all = append(all, fmt.Errorf("making a silence in the Alertmanager: %w", err))
			}
		}
	}
	for key, s := range mine { // it may have been ended here before its time
		id, _, _ := strings.Cut(key, " ")
		if !ended(id) {
			continue
		}
		if err := r.call(ctx, http.MethodDelete, "/api/v2/silence/"+url.PathEscape(s.ID), nil, nil); err != nil {
			all = append(all, fmt.Errorf("ending a silence of the Alertmanager: %w", err))
		}
	}
	return errors.Join(all...)
}

// keyOfComment is what tells one silence of the bot from another: the request, and which part of it.
func keyOfComment(comment string) string {
	key, _, _ := strings.Cut(comment, ": ")
	return key
}

// call asks the API. No error holds its answer.
func (r Remote) call(ctx context.Context, method, path string, send, receive any) error {
	var body io.Reader
	if send != nil {
		b, err := json.Marshal(send)
		if err != nil {
			return fmt.Errorf("writing a silence: %w", err)
		}
		body = bytes.NewReader(b)
	}
	q, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(r.URL, "/")+path, body)
	if err != nil {
		return errors.New("its address can't be used") // the error would quote it
	}
	if send != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	res, err := r.Client.Do(q)
	if err != nil {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return errors.New("it doesn't answer")
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("it answers %d", res.StatusCode)
	}
	if receive == nil {
		return nil
	}
	if err := json.NewDecoder(io.LimitReader(res.Body, maxRemote)).Decode(receive); err != nil {
		return errors.New("its answer is no JSON of an Alertmanager")
	}
	return nil
}

// syncSilences keeps the silences of the Alertmanager as the bot's own, until ctx ends: at once where one comes or goes, and every half a
// minute, as the Alertmanager may have been away.
func (k *Keeper) syncSilences(ctx context.Context) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	var seen *[]algesta.Silence
	var last time.Time
	for {
		if now := k.Records.Silences(); now != seen || time.Since(last) >= remoteEvery {
			seen, last = now, time.Now()
			k.guarded(func() {
				if err := k.Remote.Sync(ctx, k.forAlertmanager(*now), last, func(id string) bool { return k.endedSilence(ctx, id) }); err != nil {
					k.fail(ctx, "silencing in the Alertmanager", err)
				}
			})
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// forAlertmanager are the silences that an Alertmanager can be told of: of an environment that shares its namespace it would leave out the
// alerts of the others, too, as alerts know no environment.
func (k *Keeper) forAlertmanager(all []algesta.Silence) []algesta.Silence {
	places := k.Catalog.Places()
	return slices.DeleteFunc(slices.Clone(all), func(z algesta.Silence) bool {
		return z.Target.Name == "" && slices.ContainsFunc(places, func(p algesta.Target) bool {
			return p.Cluster == z.Target.Cluster && p.Namespace == z.Target.Namespace && p.Environment != z.Target.Environment
		})
	})
}

// endedSilence reports whether a silence of this bot was ended before its time.
func (k *Keeper) endedSilence(ctx context.Context, id string) bool {
	_, ended, found, err := k.Records.SilenceOf(ctx, id)
	return err == nil && found && ended
}
