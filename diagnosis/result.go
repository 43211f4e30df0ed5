package diagnosis

import "time"

// Diagnosis is the answer. Its JSON form is stable: fields are added, never renamed or removed.
type Diagnosis struct {
	Subject Ref     `json:"subject"`
	Verdict Verdict `json:"verdict"`
	// Summary is the first line: the root cause in one sentence, or that all is well and how much was looked at.
	Summary string `json:"summary"`
	// Chains are ranked: the first is what to mend first.
	Chains     []Chain      `json:"chains"`
	Healthy    []string     `json:"healthy"`    // what was checked and is fine, one sentence each; of many, the rest is counted
	Checks     int          `json:"checks"`     // how many things are fine
	NotChecked []NotChecked `json:"notChecked"` // what could not be checked, and why
	// Advice is worth knowing and changes no verdict: nobody suffers from it now. At most eight, what hurts most first.
	Advice []Advice `json:"advice"`
}

// Advice is a weakness of what was asked about, such as a service with a single pod.
type Advice struct {
	Rule     string     `json:"rule"`
	Subject  Ref        `json:"subject"`
	Text     string     `json:"text"` // one sentence
	Evidence []Evidence `json:"evidence"`
	Remedy   string     `json:"remedy"` // one sentence
}

// Verdict is the diagnosis in one word.
type Verdict string

// The verdicts. Risky means that everything works and something will break; Unknown that nothing could be said.
const (
	Sick    Verdict = "sick"
	Risky   Verdict = "risky"
	Healthy Verdict = "healthy"
	Unknown Verdict = "unknown"
)

// Chain leads from one cause to the symptoms that it explains.
type Chain struct {
	Cause      string     `json:"cause"`   // one sentence: what is wrong and whom it stops
	Subject    Ref        `json:"subject"` // the object to mend
	Rule       string     `json:"rule"`    // see docs/diagnoses.md
	Class      Class      `json:"class"`
	Hits       []Ref      `json:"hits"` // the workloads and other objects that it hurts directly
	Evidence   []Evidence `json:"evidence"`
	Links      []string   `json:"links"`    // from the cause to the last symptom
	Explains   []string   `json:"explains"` // the rules whose findings it absorbs
	Impact     Impact     `json:"impact"`
	Since      *time.Time `json:"since,omitempty"`
	Change     string     `json:"change,omitempty"` // the rollout or change of configuration nearest before it began
	Remedy     Remedy     `json:"remedy"`
	Confidence Confidence `json:"confidence"`
	WhyLower   string     `json:"whyLower,omitempty"` // why it is not ranked higher, or not certain
}

// Evidence is one thing that was seen.
type Evidence struct {
	Object Ref        `json:"object"`
	Field  string     `json:"field"` // a field path, "event FailedMount" or "log of container x"
	Quote  string     `json:"quote"` // redacted
	At     *time.Time `json:"at,omitempty"`
	Age    string     `json:"age,omitempty"`   // for reading: "6 min"
	Count  int        `json:"count,omitempty"` // of pods, lines or repetitions
}

// Remedy is the one safe next step. Command is empty when there is none to type.
type Remedy struct {
	Text    string `json:"text"`
	Command string `json:"command,omitempty"` // one of algesta, or of kubectl or cmctl where algesta has none
	Verb    string `json:"verb,omitempty"`    // of a command of algesta: "rollback"
	Target  Ref    `json:"target,omitzero"`   // what the verb acts on

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

// Impact is what users feel now.
type Impact struct {
	Level ImpactLevel `json:"level"`
	Text  string      `json:"text"`
}

// ImpactLevel ranks chains.
type ImpactLevel string

// Outage: nothing serves. Degraded: some pods serve, or a change cannot finish. Latent: users feel nothing yet.
const (
	Outage   ImpactLevel = "outage"
	Degraded ImpactLevel = "degraded"
	Latent   ImpactLevel = "latent"
)

func (l ImpactLevel) rank() int {
	switch l {
	case Outage:
		return 0
	case Degraded:
		return 1
	case Latent:
	}
	return 2
}
