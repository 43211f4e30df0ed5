package algesta

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
	// ThawJob ends a freeze whose time is up.
	ThawJob JobKind = "thaw"
	// GlassJob ends a broken glass whose time is up.
	GlassJob JobKind = "glass"
	// LiveJob brings an answer up to date that someone follows. It's of a command that only looks, and not of a request.
	LiveJob JobKind = "live"
)

// GivenUp names the work that takes the place of a job of this kind that crashed the process each time it was started.
func (k JobKind) GivenUp() JobKind { return "given up: " + k }
