package diagnosis

import (
	"time"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// Diagnosis is the answer. Its JSON form is stable: fields are added, never renamed or removed.
type Diagnosis struct {
	Subject facts.Ref `json:"subject"`
	Verdict Verdict   `json:"verdict"`
	// Summary is the first line: the root cause in one sentence, or that all is well and how much was looked at.
	Summary string `json:"summary"`
	// Chains are ranked: the first is what to fix first.
	Chains     []Chain            `json:"chains"`
	Healthy    []string           `json:"healthy"`    // what was checked and is fine, one sentence each; of many, the rest is counted
	Checks     int                `json:"checks"`     // how many things are fine
	NotChecked []facts.NotChecked `json:"notChecked"` // what could not be checked, and why
	// Advice is worth knowing and changes no verdict: nobody suffers from it now. At most eight, what hurts most first.
	Advice []Advice `json:"advice"`
}

// Advice is a weakness of what was asked about, such as a service with a single pod.
type Advice struct {
	Rule     string           `json:"rule"`
	Subject  facts.Ref        `json:"subject"`
	Text     string           `json:"text"` // one sentence
	Evidence []facts.Evidence `json:"evidence"`
	Remedy   string           `json:"remedy"` // one sentence
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
	Cause      string           `json:"cause"`   // one sentence: what is wrong and what it stops
	Subject    facts.Ref        `json:"subject"` // the object to fix
	Rule       string           `json:"rule"`    // see docs/diagnoses.md
	Class      rules.Class      `json:"class"`
	Hits       []facts.Ref      `json:"hits"` // the workloads and other objects that it hurts directly
	Evidence   []facts.Evidence `json:"evidence"`
	Links      []string         `json:"links"`    // from the cause to the last symptom
	Explains   []string         `json:"explains"` // the rules whose findings it absorbs
	Impact     Impact           `json:"impact"`
	Since      *time.Time       `json:"since,omitempty"`
	Change     string           `json:"change,omitempty"` // the rollout or change of configuration nearest before it began
	Remedy     rules.Remedy     `json:"remedy"`
	Confidence rules.Confidence `json:"confidence"`
	WhyLower   string           `json:"whyLower,omitempty"` // why it is not ranked higher, or not certain
}

// Impact is what users feel now.
type Impact struct {
	Level rules.ImpactLevel `json:"level"`
	Text  string            `json:"text"`
}
