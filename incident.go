package algesta

import "time"

// IncidentState is what stage an incident is in.
type IncidentState string

// The states. What has not lasted long enough to be reported isn't an incident yet. A resolved one is open again when the same cause comes
// back soon; a merged one turned out to have the cause of another, which goes on with both.
const (
	IncidentOpen     IncidentState = "open"
	IncidentResolved IncidentState = "resolved"
	IncidentMerged   IncidentState = "merged"
)

// Severity orders incidents by what users feel.
type Severity string

// The severities, the worst first: nothing serves, some of it serves, nobody feels it yet.
const (
	Critical Severity = "critical"
	Degraded Severity = "warning"
	Latent   Severity = "info"
)

// Severities are all severities, the worst first.
func Severities() []Severity { return []Severity{Critical, Degraded, Latent} }

// IncidentKey is the identity of an incident: the object that is the root cause, and the class of what is wrong with it. No text, pod or
// alert is part of it, so that a storm of alerts and a pod that comes and goes stay one incident.
type IncidentKey struct {
	Cluster   string `json:"cluster"`
	Namespace string `json:"namespace,omitempty"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	// Class is that of the diagnosis ("config", "crash"); where it found no cause, the rule that saw the trouble ("rollout-failed").
	Class string `json:"class"`
}

// String is a key for the store. No part may hold a slash, so two keys never have the same one.
func (k IncidentKey) String() string {
	return k.Cluster + "/" + k.Namespace + "/" + k.Kind + "/" + k.Name + "/" + k.Class
}

// Signal is one thing that points to trouble: a rule's view of one object of the cluster.
type Signal struct {
	Rule      string    `json:"rule"` // "crash-loop"
	Kind      string    `json:"kind"`
	Namespace string    `json:"namespace,omitempty"`
	Name      string    `json:"name"`
	Says      string    `json:"says,omitempty"` // one sentence, for where the diagnosis finds no cause
	Since     time.Time `json:"since,omitzero"` // when it was seen first
	// Gone is when it was seen to have ended; zero while it lasts, and while nobody could look.
	Gone time.Time `json:"gone,omitzero"`
}

// Same reports whether both are the same rule's view of the same object.
func (s Signal) Same(o Signal) bool {
	return s.Rule == o.Rule && s.Kind == o.Kind && s.Namespace == o.Namespace && s.Name == o.Name
}

// ReadyPods is how many pods of a workload serve.
type ReadyPods struct {
	Kind  string `json:"kind"`
	Name  string `json:"name"`
	Ready int    `json:"ready"`
	Of    int    `json:"of"`
}

// IncidentCause is what the diagnosis says of an incident, or what its signal says where the diagnosis found nothing.
type IncidentCause struct {
	What     string      `json:"what"`               // what is wrong, in a few words: "Secret x has no key uri"
	Sentence string      `json:"sentence,omitempty"` // what is wrong and what it stops
	Sure     string      `json:"sure,omitempty"`     // "high", "medium", "low"; "" where no cause was found
	Severity Severity    `json:"severity"`
	Impact   string      `json:"impact,omitempty"`
	Pods     []ReadyPods `json:"pods,omitempty"` // of the workloads that it hits, in the order of their names
	Since    time.Time   `json:"since,omitzero"`
	Change   string      `json:"change,omitempty"`  // the rollout or change of configuration shortly before
	Next     string      `json:"next,omitempty"`    // one safe next step
	Command  string      `json:"command,omitempty"` // to type for it
	Runbook  string      `json:"runbook,omitempty"` // of a button that proposes it
	// Unseen is set while nothing but an alert speaks of trouble: what a look at its object showed instead.
	Unseen Unseen `json:"unseen,omitempty"`
}

// Unseen is what a look at an object showed that an alert fires about, where it showed no trouble.
type Unseen string

// What a look may show.
const (
	UnseenMissing   Unseen = "missing"   // nothing of that name was found
	UnseenWell      Unseen = "well"      // nothing wrong was found
	UnseenUnchecked Unseen = "unchecked" // nobody could look
)

// Incident is one cause of trouble from the moment it's reported until it's over.
type Incident struct {
	ID    string        `json:"id"` // "i-7f3a9k2mq4x8"
	Key   IncidentKey   `json:"key"`
	State IncidentState `json:"state"`
	// About is the service that it's first reported for: what a command in its thread means.
	About   Target        `json:"about"`
	Channel string        `json:"channel"`
	Signals []Signal      `json:"signals"`
	Cause   IncidentCause `json:"cause"`
	// Unchecked is why the cluster couldn't be asked the last time, "" where it could. While it is set, nothing is known to be over.
	Unchecked string `json:"unchecked,omitempty"`
	// Recent is who changed something of it shortly before, as far as the bot did it.
	Recent string `json:"recent,omitempty"`
	// Ended is who did what before it was over, "" where that is not known.
	Ended string `json:"ended,omitempty"`
	// Silence is what keeps it silent now, nil where nothing does.
	Silence *Silence `json:"silence,omitempty"`
	// Waiting says what else waits for a card of its own in the channel, "" on every card but the newest.
	Waiting string `json:"waiting,omitempty"`
	// Buttons are those of its card, with the commands that they propose stored; ButtonFor is the next step that they were made for.
	Buttons   []Button `json:"buttons,omitempty"`
	ButtonFor string   `json:"buttonFor,omitempty"`
	// Previous is the incident of the same cause before this one, Nth how many there were within a week, this one included.
	Previous string `json:"previous,omitempty"`
	Nth      int    `json:"nth"`
	// Elsewhere are the namespaces other than its place's in which a cause or a signal of it was at some time: its events still tell of them.
	Elsewhere []string `json:"elsewhere,omitempty"`
	// Shared says that it may be of another environment of its namespace than About has: nobody can tell.
	Shared bool `json:"shared,omitempty"`
	// MergedInto is the incident that has the same cause, of a merged one.
	MergedInto string    `json:"mergedInto,omitempty"`
	OpenedAt   time.Time `json:"openedAt"`
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
	// Missing says of a resolved one that what it was about wasn't there any more at its end.
	Missing bool `json:"missing,omitempty"`
	// Reopened is how often it came back on the same card; ReopenedAt is when it did last.
	Reopened   int       `json:"reopened,omitempty"`
	ReopenedAt time.Time `json:"reopenedAt,omitzero"`
	Notes      int       `json:"notes,omitempty"` // replies so far
	// Version counts what was stored of it: the store refuses what was made from an older one.
	Version int64 `json:"-"`
}

// Where is where it is, as people call that: its environment, or the namespace where it may be of another one in there.
func (i Incident) Where() string {
	if i.Shared {
		return "the namespace " + i.About.Namespace
	}
	return i.About.Environment
}

// IncidentEvent is one line of what happened to an incident.
type IncidentEvent struct {
	Incident string    `json:"incident"`
	At       time.Time `json:"at"`
	// Kind is "opened", "joined", "cause", "worse", "resolved", "reopened", "merged", "unchecked", "silenced" or "unsilenced".
	Kind string `json:"kind"`
	Says string `json:"says,omitempty"`
}

// Alert is what somebody else's monitoring says about one object, as far as the bot uses it.
type Alert struct {
	ID        string `json:"id"`                // made of all its labels
	Cluster   string `json:"cluster,omitempty"` // as its label says; "" where it has none
	Namespace string `json:"namespace"`
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Says      string `json:"says"`
	// StartsAt and ResolvedAt are by the clock of the sender; ResolvedAt is zero while it fires.
	StartsAt   time.Time `json:"startsAt"`
	ResolvedAt time.Time `json:"resolvedAt,omitzero"`
	SeenAt     time.Time `json:"seenAt"` // by the bot's own clock
}

// NewIncidentID makes the ID of an Incident, as NewCommandID does.
func NewIncidentID() string { return "i-" + randomID() }

// IncidentChannel is a channel that people made for an incident, with what the bot tells there until it's over.
type IncidentChannel struct {
	ID      string `json:"id"` // what its messages belong to, as an incident's do
	Channel string `json:"channel"`
	Name    string `json:"name"`
	// About is the service or environment that it's about, from its name or topic, or from what is wrong.
	About Target `json:"about"`
	// Shows is the incident that is shown there, or what the diagnosis found; its Nth is 0 where that is no incident.
	Shows Incident `json:"shows"`
	// Well is since when nothing is found wrong any more; zero while something is, and where nothing was yet.
	Well   time.Time `json:"well,omitzero"`
	Pinned bool      `json:"pinned,omitempty"`
	// Topic says that the topic was set, or had been by someone.
	Topic    bool      `json:"topic,omitempty"`
	Over     bool      `json:"over,omitempty"` // nothing is told there any more
	OpenedAt time.Time `json:"openedAt"`
}

// Began is when an incident began, or came back: the first that was seen of it, or that its cause tells of.
func (i Incident) Began() time.Time {
	if !i.ReopenedAt.IsZero() {
		return i.ReopenedAt
	}
	at := i.OpenedAt
	for _, s := range i.Signals {
		if !s.Since.IsZero() && s.Since.Before(at) {
			at = s.Since
		}
	}
	if !i.Cause.Since.IsZero() && i.Cause.Since.Before(at) {
		at = i.Cause.Since
	}
	return at
}

// Lasted is how long a resolved incident lasted, a second at least.
func (i Incident) Lasted() time.Duration { return max(time.Second, i.ResolvedAt.Sub(i.Began())) }
