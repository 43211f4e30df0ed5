package rules

import (
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// Rank orders confidences: the highest is 0.
func (c Confidence) Rank() int {
	switch c {
	case High:
		return 0
	case Medium:
		return 1
	case Low:
	}
	return 2
}

// Remedy is the one safe next step. Command is empty when there is none to type.
type Remedy struct {
	Text    string    `json:"text"`
	Command string    `json:"command,omitempty"` // one of algesta, or of kubectl or cmctl where algesta has none
	Verb    string    `json:"verb,omitempty"`    // of a command of algesta: "rollback"
	Target  facts.Ref `json:"target,omitzero"`   // what the verb acts on
	// Afterwards says that the command helps only once people have done what Text says: no button offers it.
	Afterwards bool `json:"-"`

	called string   // what people call the target
	args   []string // of the command
}

// Confidence says how the cause is known.
type Confidence string

// High: the API says so. Medium: two signals agree. Low: a hint.
const (
	High   Confidence = "high"
	Medium Confidence = "medium"
	Low    Confidence = "low"
)

// ImpactLevel ranks chains.
type ImpactLevel string

// Outage: nothing serves. Degraded: some pods serve, or a change cannot finish. Latent: users feel nothing yet.
const (
	Outage   ImpactLevel = "outage"
	Degraded ImpactLevel = "degraded"
	Latent   ImpactLevel = "latent"
)

// Rank orders levels: an outage is 0.
func (l ImpactLevel) Rank() int {
	switch l {
	case Outage:
		return 0
	case Degraded:
		return 1
	case Latent:
	}
	return 2
}
