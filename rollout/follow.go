package rollout

import (
	"time"

	"github.com/3astronautas/algesta"
)

// Phase is how far a followed rollout has got.
type Phase string

// The phases. Complete isn't an end: the soak follows, then Settled. The others but Moving are ends.
const (
	Moving    Phase = "moving"
	Complete  Phase = "complete"  // all pods are there, watching for the soak
	Settled   Phase = "settled"   // the soak is over
	Broken    Phase = "broken"    // it cannot come up; Why says so
	Overtaken Phase = "overtaken" // somebody else changed the template meanwhile
	Gone      Phase = "gone"      // the Deployment was deleted
	OutOfTime Phase = "out of time"
)

// Follow is what a follower has to know and remember between two polls. It is stored as JSON.
type Follow struct {
	Generation int64 `json:"generation"` // returned by the write
	// TemplateHash is of the pod template after the write (Plan.Template). Where it is not known, Judge takes the one of the
	// first poll that shows the written generation.
	TemplateHash string        `json:"templateHash"`
	Replicas     int32         `json:"replicas"`        // desired after the write; 0 with Scale set is meant
	Scale        bool          `json:"scale,omitempty"` // the write changed the number of pods
	StartedAt    time.Time     `json:"startedAt"`
	Deadline     time.Time     `json:"deadline"` // when the follower stops watching; filled by Judge where it is zero
	Soak         time.Duration `json:"soak"`
	Before       Health        `json:"before"`
	// Filled by Judge.
	UID          string    `json:"uid,omitempty"`          // of the Deployment, to notice that it was recreated
	CompleteAt   time.Time `json:"completeAt,omitzero"`    // when all pods were there for the first time
	SteadyAt     time.Time `json:"steadyAt,omitzero"`      // since when they have been there without a break: the soak counts from here
	RestartsSeen int32     `json:"restartsSeen,omitempty"` // of the new pods, at SteadyAt
	DesiredThen  int32     `json:"desiredThen,omitempty"`  // pods wanted at CompleteAt
	// Shaken is what first went wrong after CompleteAt, in a sentence.
	Shaken    algesta.Text `json:"shaken,omitempty"`
	BrokenAt  time.Time    `json:"brokenAt,omitzero"`  // when the verdict was Broken; it is not said twice
	BrokenOf  int32        `json:"brokenOf,omitempty"` // pods wanted at BrokenAt
	Served    bool         `json:"served,omitempty"`   // some pod took requests since the write
	ChangedAt time.Time    `json:"changedAt,omitzero"` // when more pods were ready or updated than ever before
	Most      int          `json:"most,omitempty"`     // ready and updated pods at ChangedAt
	// Restarts had the new pods at CompleteAt, and before it those that are older than the write at the first poll; by name and UID.
	Restarts map[string]int32 `json:"restarts,omitempty"`
	// Mark changes with everything worth posting or remembering.
	Mark string `json:"mark,omitempty"`
	// FirstSeen remembers since when a pod is in a bad state, by "pod/container reason".
	FirstSeen map[string]time.Time `json:"firstSeen,omitempty"`
}

// Health is a workload at one moment, for comparing before and after.
type Health struct {
	Known    bool          `json:"known"` // false: could not be read, "not compared"
	Ready    int32         `json:"ready"`
	Desired  int32         `json:"desired"`
	Restarts int32         `json:"restarts"`           // of its pods, within Window
	Window   time.Duration `json:"window,omitempty"`   // how far back Restarts counts
	Waiting  []string      `json:"waiting,omitempty"`  // reasons such as CrashLoopBackOff, sorted, each once
	AtLeast  bool          `json:"at_least,omitempty"` // Restarts may be more: a pod keeps no times but that of its last restart
	Looping  int           `json:"looping,omitempty"`  // pods that restarted twice or more, and lately
	State    string        `json:"state,omitempty"`    // of what has no pods, in the words of the poll that compares it
}

// Progress is a rollout at one moment, in words.
type Progress struct {
	Phase Phase
	Ready int          // new pods that are ready
	Of    int          // pods wanted
	Line  algesta.Text // "2 of 4 ready · 2 old pods serving · none unavailable · 18 s of 10 min"
	Short algesta.Text // for the card: "2 of 4 ready, 18 s"
	Pods  []algesta.Text
	// Alert is what people should know at once although the rollout goes on: a crash after all pods were there, a node that does
	// not answer, no pod left that serves users. Empty when there is nothing.
	Alert algesta.Text
	// NoPods says that what is followed has none: Result is shown in place of them.
	NoPods bool
	Result algesta.Text // with Settled and NoPods: what was reached, in a sentence; empty where there is no more to say than that it was done
	// CameUp says of Broken that all pods were there before.
	CameUp bool
	Why    algesta.Text // of Broken, Overtaken, Gone, OutOfTime: one sentence with the object's name
	// Blocked is the pod for which an ordered rollout that is Broken waits: nothing goes on before someone deletes it. "" where there is none.
	Blocked string
	Serving algesta.Text // who still serves users, when Broken: "The 2 old pods still serve users."
	Verdict Verdict      // with Settled
	Compare algesta.Text // "no restart in the 60 s since (before: 6 in 10 min)"
	Took    time.Duration
}

// Verdict compares the health after with the health before.
type Verdict string

// The verdicts.
const (
	Healthier   Verdict = "healthier"
	Same        Verdict = "no change in health"
	Worse       Verdict = "worse"
	NotCompared Verdict = "not compared"
)

// Begin is what the follower of a plan starts from, before the write: the write's generation and time come later.
// A plan that was Redacted will do.
func Begin(p algesta.Plan, soak time.Duration) Follow {
	f := Follow{TemplateHash: p.Template, Soak: soak}
	f.Scale, f.Replicas = Scales(p)
	return f
}

// ReplicasPath is where a patch says how many pods are wanted: the scale subresource has no generation to wait for.
const ReplicasPath = "/spec/replicas"

// Scales reports whether the plan changes the number of pods, and how many are wanted after it.
func Scales(p algesta.Plan) (scales bool, replicas int32) {
	for _, c := range p.Changes {
		for _, s := range c.Swaps {
			scales = scales || s.Path == ReplicasPath
		}
	}
	return scales, int32(min(max(p.Figures["pods"], 0), 1<<30))
}
