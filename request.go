package algesta

import "time"

// Status is how far a request has got. It moves only by the store's compare-and-swap.
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

// Ended reports whether nothing more will happen to a request of this status on its own.
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

// Request is a change someone asked for, from the card to the end. It keeps the redacted plan.
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
	// Glass is set where it goes without the approval that it would need.
	Glass     *GlassUse `json:"glass,omitempty"`
	ExpiresAt time.Time `json:"expiresAt"`
	StartBy   time.Time `json:"startBy,omitzero"` // approved but not started by then: stale
	CreatedAt time.Time `json:"createdAt"`
	UpdatedAt time.Time `json:"updatedAt"`
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
