package algesta

import "time"

// ExecutionState is where one write stands. Intended and Doubtful are exclusive per object.
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
	Object          Object         `json:"object"`
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
