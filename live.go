package algesta

import "time"

// LiveAnswer is the answer to a command that only looks which is brought up to date in its place for a while, because someone asked to
// follow it: kubectl's -f and -w.
type LiveAnswer struct {
	// Command is what was asked. Its ID is that of the answer, its time that of the last look.
	Command Command `json:"command"`
	// Version grows whenever it's stored; 0 stands for one that is new.
	Version int64 `json:"-"`
	// From is when it was first shown; from Until on it isn't brought up to date any more.
	From  time.Time `json:"from"`
	Until time.Time `json:"until"`
	// Shown is what it says, without secrets, and ShownAt when that was read.
	Shown   Report    `json:"shown"`
	ShownAt time.Time `json:"shownAt"`
	// Trouble is why it couldn't be brought up to date since; empty where it could.
	Trouble Text `json:"trouble,omitempty"`
	// EndedAt is when it was left as it is, zero while it's followed.
	EndedAt time.Time `json:"endedAt,omitzero"`
}

// Open reports whether it's still followed.
func (l LiveAnswer) Open() bool { return l.EndedAt.IsZero() }
