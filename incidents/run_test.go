package incidents

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func crash(name string) algesta.Signal {
	return algesta.Signal{
		Rule: CrashLoop, Kind: "Deployment", Namespace: "production", Name: name, Says: "A pod of " + name + " crashes again and again.",
	}
}

// secretLacksKey is what the diagnosis finds where a Secret breaks a service.
func secretLacksKey(service string) Found {
	return Found{
		Key:   algesta.IncidentKey{Cluster: "aks", Namespace: "production", Kind: "Secret", Name: "mongodb-credentials", Class: "config"},
		About: algesta.Target{Service: service, Environment: "production", Cluster: "aks", Namespace: "production", Name: service},
		Cause: algesta.IncidentCause{
			What:     "Secret mongodb-credentials has no key uri",
			Sentence: "Secret mongodb-credentials has no key uri, so no pod of " + service + " can start.",
			Sure:     "high", Severity: algesta.Critical, Impact: "0 of 2 pods of " + service + " are ready.",
			Pods: []algesta.ReadyPods{{Kind: "Deployment", Name: service, Of: 2}, {Kind: "Deployment", Name: "ms-notifications", Of: 1}},
			Next: "Create the key, or roll back to 12344.", Command: "/algesta rollback " + service + " production", Runbook: "rollback",
		},
		Detail: algesta.Report{Title: algesta.Say("What I found"), Body: []algesta.Block{{Pre: "evidence"}}},
	}
}

// run is a book with what it said, as a keeper would have stored it.
type run struct {
	*Book
	now      time.Time
	cards    int // new messages in the channel
	replies  int // new messages in threads
	versions map[string]int64
	said     []string
}

func newRun(cfg Config) *run {
	return &run{Book: NewBook(cfg, nil), now: noon, versions: map[string]int64{}}
}

// check makes one check, with what the diagnosis would find.
func (r *run) check(signals []algesta.Signal, unchecked map[string]string, look func(algesta.Signal) Found) {
	w := r.See(r.now, Observation{Place: place, Signals: signals, Unchecked: unchecked})
	if w.Empty() {
		return
	}
	changes := r.Judge(r.now, w, look)
	for _, c := range changes {
		if c.Incident.Version == 0 {
			r.cards++
		}
		if len(c.Note) > 0 {
			r.replies++
			r.said = append(r.said, c.Note.String())
		}
		c.Incident.Version++
		r.Stored(c.Incident)
	}
}

// lasts checks every two seconds for a while.
func (r *run) lasts(d time.Duration, signals []algesta.Signal, look func(algesta.Signal) Found) {
	for end := r.now.Add(d); r.now.Before(end); r.now = r.now.Add(2 * time.Second) {
		r.check(signals, nil, look)
	}
}

func well(algesta.Signal) Found { return Found{Healthy: true} }

func broken(s algesta.Signal) Found { return secretLacksKey(s.Name) }

func (r *run) only(t *testing.T) algesta.Incident {
	t.Helper()
	require.Len(t, r.all, 1)
	for _, i := range r.all {
		return i
	}
	panic("unreachable")
}

// TestAnIncidentKnowsWhereElseItsCauseWas: its events still tell of that after it turned out to be another one.
func TestAnIncidentKnowsWhereElseItsCauseWas(t *testing.T) {
	t.Parallel()
	r := newRun(quick)
	elsewhere := func(s algesta.Signal) Found {
		f := broken(s)
		f.Key = algesta.IncidentKey{Cluster: "aks", Namespace: "vault", Kind: "Deployment", Name: "unsealer", Class: "crash"}
		return f
	}
	r.lasts(5*time.Minute, []algesta.Signal{crash("api")}, elsewhere)
	require.Equal(t, []string{"vault"}, r.only(t).Elsewhere)
	r.lasts(5*time.Minute, []algesta.Signal{crash("api")}, broken)
	i := r.only(t)
	require.Equal(t, "production", i.Key.Namespace)
	require.Equal(t, []string{"vault"}, i.Elsewhere)
}
