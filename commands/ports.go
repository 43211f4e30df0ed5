package commands

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// Catalog turns what people call things into a Target.
type Catalog interface {
	// Resolve finds the service in the environment, both as typed. visible says which targets the actor may know of:
	// suggestions in the error come from those only. A service that's configured or was there before is found, too. An unknown name is an
	// *algesta.Error of kind ErrUnknownName.
	Resolve(ctx context.Context, service, environment string, visible func(algesta.Target) bool) (algesta.Target, error)
	// Gone says that the target's Deployment isn't there; until is when it last was, zero where that's not known.
	Gone(t algesta.Target) (until time.Time, gone bool)
	// LostIn are the configured services of an environment whose Deployments were there and are gone.
	LostIn(environment string) []algesta.Lost
	// Environments are the canonical names, in the order of the configuration.
	Environments() []string
	// Known are the targets discovered so far, for suggestions and help.
	Known(ctx context.Context) []algesta.Target
}

// Directory says who someone is.
type Directory interface {
	// Actor is the person with facts no older than maxAge. When Slack cannot be asked and what is
	// known is older, it is an error and the answer is no.
	Actor(ctx context.Context, id algesta.PersonID, maxAge time.Duration) (algesta.Actor, error)
	// Place is a channel as the bot sees it, with facts no older than maxAge, or than those that Place keeps at most.
	Place(ctx context.Context, channel string, maxAge time.Duration) (Place, error)
	// Link is the address of a message, "" where it is not known.
	Link(ctx context.Context, channel, ts string) string
	// Subject is a subject of a policy as people call it: "@platform", "Carla". It never fails: an ID is a name too.
	Subject(ctx context.Context, s algesta.Subject) string
	// Person is the user that a user or e-mail subject names; "" for a group, and where nobody is known by it.
	Person(ctx context.Context, s algesta.Subject) string
	// Absent are the people that the subjects name and who are not in the channel, most at the most; more is how many others there are.
	Absent(ctx context.Context, channel string, subjects []algesta.Subject, most int) (people []algesta.PersonID, more int, err error)
}

// Place is a conversation.
type Place struct {
	Name   string // without the #
	Member bool   // the bot is in it and may post
	Direct bool   // the bot's own direct message with somebody
	Public bool   // everybody of the workspace may join it; false where Slack doesn't say so
	// External says that people of another company read it, or will as soon as they accept an invitation (Slack Connect).
	External bool
}

// Clusters opens clusters by their configured names.
type Clusters interface {
	Reader(cluster string) (runbooks.Cluster, error)
	// Writer returns a Writer that writes what may lists and nothing else: the verbs and resources that a runbook declares in Writes ("patch
	// deployments.apps"), for whoever asked: a cluster may have changes made in their name. One that may write nothing can verify. Its
	// *algesta.Error of kind ErrForbidden says why it writes nothing for them.
	Writer(cluster string, may []string, asked algesta.Requester) (Writer, error)
}

// Writer changes a cluster. Only Execute is handed one, but for Check, which is a dry run. It refuses any change whose Right it was not
// opened with, before it calls the cluster.
type Writer interface {
	// Check runs the change as a dry run on the server. An *algesta.Error says why it would be refused; warnings
	// are sentences of the server for people.
	Check(ctx context.Context, c algesta.Change) (warnings []string, err error)
	// Apply reads the object, compares it with the change's swaps and UID, or sees that it isn't there where it is to be created, calls intend
	// with what it read, and writes once. It writes only after intend returned nil. On a conflict where only the resourceVersion moved it
	// reads, calls intend again and repeats, within 5 s (design.md, decision 1). Errors: ErrConflict, ErrInvalid, ErrForbidden, ErrNotFound,
	// ErrUnreachable before the write was sent: nothing was written. ErrUncertain: it was sent and nobody knows.
	Apply(ctx context.Context, c algesta.Change, operation string, intend func(context.Context, algesta.Intent) error) (algesta.Written, error)
	// Verify checks whether the write of this intent happened (decision 2). The change is the stored, redacted one: its
	// values are hashes (algesta.HashJSON), to be compared with the hashes of what is in the cluster. ErrUncertain: it can't be
	// determined. ErrUnreachable: the cluster could not be asked; ask again.
	Verify(ctx context.Context, c algesta.Change, e algesta.Execution) (algesta.Verified, error)
}

// Store is the durable state, as commands asks for it.
type Store interface {
	// Update runs f in one write transaction. f makes no network call and is not kept after it returned.
	Update(ctx context.Context, f func(Tx) error) error
	// Request is the request with this ID; ErrUnknownName when there is none.
	Request(ctx context.Context, id string) (algesta.Request, error)
	// Executions are the records of the request's writes, in the order of its plan.
	Executions(ctx context.Context, request string) ([]algesta.Execution, error)
	Approvals(ctx context.Context, request string) ([]algesta.Approval, error)
	Offer(ctx context.Context, id string) (algesta.Offer, bool, error)
	// Blocker is the request, other than this one, that keeps one of the objects to itself: a write of its plan is planned, intended or
	// doubtful. "" where there is none.
	Blocker(ctx context.Context, objects []algesta.Object, request string) (string, error)
	// CardOf is where the card of a command was posted: the channel and its timestamp, "" where it was not.
	CardOf(ctx context.Context, command string) (channel, ts string, err error)
	// Alive are the requests that have not ended, oldest first.
	Alive(ctx context.Context) ([]algesta.Request, error)
	// Ended are the requests that ended last, the last one first, most at most.
	Ended(ctx context.Context, most int) ([]algesta.Request, error)
	// AuditBefore are the lines of the audit before this number, the last one first, most at most, down to those of since. A number of 0
	// means the end.
	AuditBefore(ctx context.Context, seq int64, since time.Time, most int) ([]algesta.AuditLine, error)
	// Frozen are the freezes that haven't ended, as of the last commit: the same slice until one comes or goes. Nobody changes it.
	Frozen() *[]algesta.Freeze
	// FreezeOf is the freeze that a request made, and whether it has ended; found is false where it made none.
	FreezeOf(ctx context.Context, request string) (z algesta.Freeze, ended, found bool, err error)
	// Broken are the broken glasses that haven't ended, as of the last commit: the same slice until one comes or goes. Nobody changes it.
	Broken() *[]algesta.BreakGlass
	// GlassOf is the broken glass that a request made, and whether it has ended; found is false where it made none.
	GlassOf(ctx context.Context, request string) (b algesta.BreakGlass, ended, found bool, err error)
	// Under is how many requests were opened under a broken glass.
	Under(ctx context.Context, glass string) (n int, err error)
	// LiveAnswer is the followed answer of a command, also when it has ended; found is false where there is none.
	LiveAnswer(ctx context.Context, command string) (l algesta.LiveAnswer, found bool, err error)
	// OpenLiveAnswers is how many answers are followed.
	OpenLiveAnswers(ctx context.Context) (n int, err error)
	// Silences are those that nobody ended, as of the last commit: the same slice until one comes or goes, and nobody changes it. The time of
	// some of them may be up.
	Silences() *[]algesta.Silence
	// SilenceOf is the silence that a request made, and whether it was ended before its time; found is false where it made none.
	SilenceOf(ctx context.Context, request string) (z algesta.Silence, ended, found bool, err error)
	// Topics are what was posted in a thread of a channel, one for each command, oldest first. thread is the timestamp of its first message.
	// An About is zero where the record doesn't say what the command was about.
	Topics(ctx context.Context, channel, thread string) ([]algesta.Topic, error)
	// LostPosts are the messages of a request that can never be delivered as they are, oldest first.
	LostPosts(ctx context.Context, request string) ([]algesta.LostPost, error)
	// LastChange is the request whose change was begun last of those that wrote to the object, or were asked for about it and wrote to
	// another: their change is in the cluster, or may be.
	LastChange(ctx context.Context, o algesta.Object) (r algesta.Request, found bool, err error)
	// UndoOf is the newest offer to undo a request.
	UndoOf(ctx context.Context, request string) (o algesta.Offer, found bool, err error)
	// Carried are the requests that the bot saw change the object and that have ended, the last one first, most at most.
	Carried(ctx context.Context, o algesta.Object, most int) ([]algesta.Request, error)
	// Incidents are the open ones and those that something happened to since then, the last one first, most at most.
	Incidents(ctx context.Context, since time.Time, most int) ([]algesta.Incident, error)
	// Incident is the incident with this ID; found is false where there is none.
	Incident(ctx context.Context, id string) (i algesta.Incident, found bool, err error)
	// Alerts are those that were seen since then, most at most.
	Alerts(ctx context.Context, since time.Time, most int) ([]algesta.Alert, error)
	// IncidentEvents are what happened to an incident, oldest first.
	IncidentEvents(ctx context.Context, id string) ([]algesta.IncidentEvent, error)
}

// Tx is one write transaction.
type Tx interface {
	RequestTx
	ExecutionTx
	MessageTx
	JobTx
	FreezeTx
	SilenceTx
	IncidentTx
	LiveTx
	GlassTx
}

// GlassTx keeps the glasses that people broke.
type GlassTx interface {
	// BreakGlass keeps one, once: again it changes nothing.
	BreakGlass(b algesta.BreakGlass) error
	// EndGlass ends one; ended is false where it had ended before, or there is none.
	EndGlass(id string, at time.Time) (ended bool, err error)
}

// LiveTx keeps the answers that people follow.
type LiveTx interface {
	// SaveLive stores an answer that is new (its Version is 0), or its new content where its Version is still that of the store. saved is
	// false where someone else was quicker, or another has its ID.
	SaveLive(l algesta.LiveAnswer) (saved bool, err error)
	// LiveAnswers are those that are followed, as this transaction sees them, in no order.
	LiveAnswers() ([]algesta.LiveAnswer, error)
}

// IncidentTx keeps incidents.
type IncidentTx interface {
	// SaveIncident stores an incident that is new (its Version is 0), or its new content where its Version is still that of the store. saved
	// is false where someone else was quicker: another content is stored, or another incident of the same key is open.
	SaveIncident(i algesta.Incident) (saved bool, err error)
	// AppendIncident adds a line to what happened to an incident.
	AppendIncident(e algesta.IncidentEvent) error
	// SaveIncidentChannel stores what is told in a channel of an incident. A new one whose channel is known isn't stored.
	SaveIncidentChannel(c algesta.IncidentChannel) error
	// SaveAlert stores the latest state of an alert.
	SaveAlert(a algesta.Alert) error
}

// RequestTx keeps requests and their approvals.
type RequestTx interface {
	// Create stores a new request; ErrStale when a request with its Key is there already, ErrTaken when another has its ID.
	Create(r algesta.Request) error
	// Locked is the request, held until the transaction ends.
	Locked(id string) (algesta.Request, error)
	// Move changes the status if it is one of From; moved is false when someone else was quicker. Where the request
	// ends, its expiry job is cancelled; where it is neither being written nor in doubt, its remaining planned changes are dropped.
	Move(m algesta.Move) (r algesta.Request, moved bool, err error)
	// Unwritten are the requests about this object, or whose plans write to one of the others, whose writes are not all made yet, oldest
	// first.
	Unwritten(o algesta.Object, writes []algesta.Object) ([]algesta.Request, error)
	// Waiting are the approved requests whose plans write to one of the objects, oldest first.
	Waiting(objects []algesta.Object) ([]algesta.Request, error)
	// Approve stores one person's yes; fresh is false when they had said so before.
	Approve(a algesta.Approval) (fresh bool, err error)
	// Approvals are those of the request, oldest first.
	Approvals(request string) ([]algesta.Approval, error)
}

// ExecutionTx keeps the records of writes.
type ExecutionTx interface {
	// Intend records the write that is about to be sent and, as planned, those of the same request that come after it; blocker is the
	// request that keeps one of their objects to itself, and then nothing was recorded.
	Intend(all ...algesta.Execution) (blocker string, err error)
	// Settle replaces the execution if its state is from; settled is false when it was not.
	Settle(e algesta.Execution, from algesta.ExecutionState) (settled bool, err error)
	// Followed are the requests that are Applied (still being followed) and about this object or wrote to it, without except.
	Followed(o algesta.Object, except string) ([]algesta.Request, error)
	// Watch is what Remember stored last for the request, nil where there is nothing.
	Watch(request string) ([]byte, error)
	// Remember stores what the follower has to remember, in the first record of the request; it does not touch the state.
	Remember(request string, watch []byte) error
}

// MessageTx keeps what is to be posted, and what was answered.
type MessageTx interface {
	// Post stores a message to send, or the new content of one that is there.
	Post(p algesta.Post) error
	// Edit replaces the content of a message that there is, and does nothing where there is none.
	Edit(p algesta.Post) error
	// EditDirect replaces the content of the direct messages of a command about this kind of message.
	EditDirect(command string, of algesta.PostKind, r algesta.Report) error
	// DropButton takes the buttons with this ID out of the messages that hold them.
	DropButton(id string) error
	// Offer stores a command that a button proposes.
	Offer(o algesta.Offer) error
	// Use notes which request a click on an offer opened, once, and hides its button: by is the request that an earlier click opened, "" when
	// this one was first.
	Use(offer, request string) (by string, err error)
	// Release gives the offers that were used for a request of which nothing was written to the request that replaced it, or, where next is
	// "", back to their buttons while they may still be clicked. For a request that changed something it does nothing.
	Release(request, next string) error
	// Answered closes an invocation of the inbox.
	Answered(key string) error
	// Append adds a line to the audit.
	Append(e algesta.Entry) error
}

// FreezeTx keeps the freezes that people asked for.
type FreezeTx interface {
	// Freeze keeps a freeze, once: again it changes nothing.
	Freeze(z algesta.Freeze) error
	// Thaw ends a freeze; ended is false where it had ended before, or there is none.
	Thaw(id string, at time.Time) (ended bool, err error)
	// Freezes are those that haven't ended, as this transaction sees them: also one that the process will know of in a moment.
	Freezes() ([]algesta.Freeze, error)
}

// SilenceTx keeps what people don't want to be told of.
type SilenceTx interface {
	// Silence keeps a silence, once: again it changes nothing.
	Silence(z algesta.Silence) error
	// EndSilence ends a silence before its time; ended is false where it had ended before, or there is none.
	EndSilence(id string, at time.Time) (ended bool, err error)
}

// JobTx plans work for later.
type JobTx interface {
	// Schedule makes the job run at or after this time, once per kind and request; the committing process wakes its worker at once.
	Schedule(kind algesta.JobKind, request string, at time.Time) error
}
