package algesta

import (
	"strconv"
	"strings"
	"time"
)

// ExecutionState is how far one write has got. While one of a request's writes is planned, intended or doubtful, no other request writes to
// any of the objects of its plan.
type ExecutionState string

// The states of an execution.
const (
	Planned   ExecutionState = "planned"   // its turn has not come: an earlier change of its plan goes first
	Intended  ExecutionState = "intended"  // the record is there, the write may or may not be
	Confirmed ExecutionState = "confirmed" // the write is in the cluster
	NotDoneX  ExecutionState = "not done"  // certainly not in the cluster
	Doubtful  ExecutionState = "unknown"   // nobody knows; a person answers
)

// Execution is the record of one write: the intent is committed before the call
// (no record, no write), the outcome after it.
type Execution struct {
	Request         string         `json:"request"`
	Change          int            `json:"change"`    // which of the plan's, from 0
	Operation       string         `json:"operation"` // value of the annotation algesta.io/operation
	Verb            Verb           `json:"verb"`
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
	// Before is the health of the workload before the write, as the runbook wrote it (JSON). It and Watch belong to the request: its first
	// record has them.
	Before []byte `json:"before,omitempty"`
	// Watch is what the follower remembers between two polls (JSON).
	Watch []byte `json:"watch,omitempty"`
}

// Operation is the name of a request's write, by which of its plan's changes it makes, from 0: the same after every restart. "op-c-7f3a9k"
// is the first, "op-c-7f3a9k-2" the second.
func Operation(request string, change int) string {
	if change == 0 {
		return "op-" + request
	}
	return "op-" + request + "-" + strconv.Itoa(change+1)
}

// WroteLast reports whether the last operation of the bot on an object with these annotations was one of this request.
func WroteLast(request string, annotations map[string]string) bool {
	last, first := annotations[OperationAnnotation], Operation(request, 0)
	return last == first || strings.HasPrefix(last, first+"-")
}

// ContentAnnotation on an object that the bot created is the HashJSON of what it was created from.
const ContentAnnotation = "algesta.io/content"

// OperationAnnotation on an object names the last operation of the bot (design.md, decision 1).
const OperationAnnotation = "algesta.io/operation"

// Intent is what is recorded before a write is sent. Where it makes the object, ResourceVersion is that of the list in which it was
// missing.
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
