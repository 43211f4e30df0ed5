package algesta

import "time"

// Entry is one line of the audit: appended in the transaction of the event that it records.
type Entry struct {
	Request string    `json:"request"`
	Kind    string    `json:"kind"` // "requested", "approved", "intended", "applied", …
	Actor   string    `json:"actor,omitempty"`
	At      time.Time `json:"at"`
	Data    Args      `json:"data,omitempty"`
}

// AuditLine is an Entry with its place in the audit: lines are numbered from 1, without gaps.
type AuditLine struct {
	Seq int64
	Entry
}
