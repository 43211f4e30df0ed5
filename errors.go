package algesta

// Error is something to tell a person: one sentence and what to do next.
// Err holds the cause, for the log only.
type Error struct {
	Kind    ErrorKind
	Message Text
	Hint    Text
	Err     error
}

// Error is the sentence for a log; people get Message and Hint.
func (e *Error) Error() string {
	s := e.Message.String()
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap lets errors.Is find the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Err == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Err}
}

// ErrorKind is what errors.Is compares: errors.Is(err, algesta.ErrStale).
type ErrorKind string //nolint:errname // it is the kind of an Error, and only through it an error

// Error is the kind's name.
func (k ErrorKind) Error() string { return string(k) }

// The kinds. The last four are about a write: Conflict, Invalid and Forbidden say that it certainly
// did not happen; Uncertain says that nobody knows.
const (
	ErrUsage       ErrorKind = "usage"           // it could not be understood
	ErrUnknownName ErrorKind = "unknown name"    // no such service, environment, object or revision
	ErrRefused     ErrorKind = "refused"         // the policy or a rule of the bot says no
	ErrStale       ErrorKind = "no longer open"  // the request moved on
	ErrTaken       ErrorKind = "taken"           // something else has this ID: draw another
	ErrUnreachable ErrorKind = "does not answer" // a cluster or Slack
	ErrNotAsked    ErrorKind = "not asked"       // nothing gave a reason to look: nothing may be concluded
	ErrNotFound    ErrorKind = "not found"       // the object is not in the cluster
	ErrForbidden   ErrorKind = "forbidden"       // the bot's own rights in the cluster
	ErrConflict    ErrorKind = "changed"         // the object is not what people saw
	ErrInvalid     ErrorKind = "invalid"         // the API server refused the content
	ErrUncertain   ErrorKind = "unknown outcome" // sent, no answer
)
