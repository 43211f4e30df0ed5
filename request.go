package algesta

import "time"

// Status is where a request stands. It moves only by the store's compare-and-swap.
type Status string

// The statuses. After Applied the change is in the cluster; what ends before it changed nothing.
const (
	Pending    Status = "pending"
	Approved   Status = "approved"
	Executing  Status = "executing"
	Applied    Status = "applied"
	Succeeded  Status = "succeeded"
	Failed     Status = "failed"
	TimedOut   Status = "timed out"
	Rejected   Status = "rejected"
	Cancelled  Status = "cancelled"
	Expired    Status = "expired"
	Superseded Status = "superseded"
	Stale      Status = "stale"
	Unknown    Status = "unknown"
)

// Ended reports whether nothing more will happen to a request of this status by itself.
// Unknown has not ended: a person has to say what happened.
func (s Status) Ended() bool {
	switch s {
	case Succeeded, Failed, TimedOut, Rejected, Cancelled, Expired, Superseded, Stale:
		return true
	case Pending, Approved, Executing, Applied, Unknown:
		return false
	}
	return false
}

// Request is a change somebody asked for, from the card to the end. It keeps the redacted plan.
type Request struct {
	ID          string        `json:"id"` // the command's ID
	Key         string        `json:"key"`
	Command     Command       `json:"command"`
	Plan        Plan          `json:"plan"`
	Fingerprint string        `json:"fingerprint"`
	Needs       []Requirement `json:"needs,omitempty"`
	Status      Status        `json:"status"`
	Version     int64         `json:"version"` // grows with every move
	// Previous is the request that this one replaced after the object had changed.
	Previous  string    `json:"previous,omitempty"`
	DecidedBy []Actor   `json:"decidedBy,omitempty"` // who approved, denied or cancelled
	DecidedAt time.Time `json:"decidedAt,omitzero"`  // when the last of them did
	Note      string    `json:"note,omitempty"`      // how it ended, one sentence, plain
	ExpiresAt time.Time `json:"expiresAt"`
	StartBy   time.Time `json:"startBy,omitzero"` // approved but not started by then: stale
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
}

// ExecutionState is where one write stands. Intended and Doubtful are exclusive per workload.
type ExecutionState string

// The states of an execution.
const (
	Intended  ExecutionState = "intended"  // the record is there, the write may or may not be
	Confirmed ExecutionState = "confirmed" // the write is in the cluster
	NotDoneX  ExecutionState = "not done"  // certainly not in the cluster
	Doubtful  ExecutionState = "unknown"   // nobody knows; a person answers
)

// Execution is the record of one write: the intent is committed before the call
// (no record, no write), the outcome after it.
type Execution struct {
	Request         string         `json:"request"`
	Operation       string         `json:"operation"` // value of the annotation algesta.io/operation
	Workload        Workload       `json:"workload"`
	UID             string         `json:"uid"`
	ResourceVersion string         `json:"resourceVersion"` // the patch carries it
	Generation      int64          `json:"generation"`      // before the write
	PatchHash       string         `json:"patchHash"`       // SHA-256 of the patch without its resourceVersion
	State           ExecutionState `json:"state"`
	Attempts        int            `json:"attempts"`
	// After the write.
	AppliedVersion    string    `json:"appliedVersion,omitempty"`
	AppliedGeneration int64     `json:"appliedGeneration,omitempty"`
	StartedAt         time.Time `json:"startedAt"`
	AppliedAt         time.Time `json:"appliedAt,omitzero"`
	Deadline          time.Time `json:"deadline,omitzero"` // of the follow
	// Before is the health of the workload before the write, as the runbook wrote it (JSON).
	Before []byte `json:"before,omitempty"`
	// Watch is what the follower remembers between two looks (JSON).
	Watch []byte `json:"watch,omitempty"`
}

// Operation is the name of a request's only write: the same after every restart.
func Operation(request string) string { return "op-" + request }

// OperationAnnotation on a Deployment names the last operation of the bot (design.md, decision 1).
const OperationAnnotation = "algesta.io/operation"

// Entry is one line of the audit: appended in the transaction of what it tells.
type Entry struct {
	Request string    `json:"request"`
	Kind    string    `json:"kind"` // "requested", "approved", "intended", "applied", …
	Actor   string    `json:"actor,omitempty"`
	At      time.Time `json:"at"`
	Data    Args      `json:"data,omitempty"`
}

// Move is one step of a request.
type Move struct {
	ID      string
	From    []Status
	To      Status
	By      []Actor   // replaces DecidedBy when not nil
	Note    string    // replaces the note when not ""
	StartBy time.Time // replaces StartBy when not zero
}

// Intent is what is recorded before a patch is sent.
type Intent struct {
	UID             string
	ResourceVersion string
	Generation      int64
	PatchHash       string
}

// Written is the object right after the write.
type Written struct {
	ResourceVersion string
	Generation      int64
}

// Verified says whether a write happened: Yes with what is in the cluster, or No and then it can never happen any more
// unless the patch is sent again with a new resourceVersion.
type Verified struct {
	Yes     bool
	Written Written
}

// JobKind names a kind of work for later.
type JobKind string

// The kinds of job, one of each per request.
const (
	ExpireJob  JobKind = "expire"  // pending too long
	ExecuteJob JobKind = "execute" // approved: do it
	AskJob     JobKind = "ask"     // pending: ask the approvers who don't see its channel
	RemindJob  JobKind = "remind"  // pending for half of its time
	FollowJob  JobKind = "follow"  // applied: look again
	// DiagnoseJob adds what is wrong to the thread of a change that did not come up.
	DiagnoseJob JobKind = "diagnose"
	// LostJob deals with a card, a plan or an end that can't be posted.
	LostJob JobKind = "lost"
)
