package algesta

import "time"

// Effect is the outcome of a policy decision. The zero value refuses: silence means no.
type Effect int

// The effects, from no to yes.
const (
	Refuse Effect = iota
	NeedsApproval
	Allow
)

// String is the effect as `bot policy check` prints it.
func (e Effect) String() string {
	switch e {
	case Allow:
		return "allowed"
	case NeedsApproval:
		return "needs approval"
	case Refuse:
		return "refused"
	}
	return "refused"
}

// Decision is what the policy says to one command.
type Decision struct {
	Effect Effect `json:"effect"`
	Rule   string `json:"rule,omitempty"` // the name of the rule that decided
	Reason Text   `json:"reason"`         // one sentence for the person
	Hint   Text   `json:"hint,omitempty"` // what to do next
	// Lift is the command that ends what refuses it, without the bot's name: "unfreeze production"; "" where there is none.
	Lift string `json:"lift,omitempty"`
	// Needs are the approval rules to meet, all of them, when Effect is NeedsApproval.
	Needs []Requirement `json:"needs,omitempty"`
	// Glass is the BreakGlass by which it's allowed although it would need an approval; "" where it isn't.
	Glass string `json:"glass,omitempty"`
}

// Requirement is one approval rule that a request has to meet.
type Requirement struct {
	Rule                string        `json:"rule"`
	Approvers           []Subject     `json:"approvers"`
	Count               int           `json:"count"` // people, at least 1
	RequesterMayApprove bool          `json:"requesterMayApprove,omitempty"`
	ReasonRequired      bool          `json:"reasonRequired,omitempty"`      // of the requester, and of those who deny
	ApproversGiveReason bool          `json:"approversGiveReason,omitempty"` // of everybody who approves
	ExpiresAfter        time.Duration `json:"expiresAfter"`
}

// Approval is one person's yes to one plan.
type Approval struct {
	Request     string    `json:"request"`
	Approver    Actor     `json:"approver"`
	Fingerprint string    `json:"fingerprint"`
	Reason      string    `json:"reason,omitempty"`
	At          time.Time `json:"at"`
}
