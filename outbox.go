package algesta

import "time"

// Outgoing is a Post that has to be sent or edited now, with what was sent of it before.
type Outgoing struct {
	ID   int64
	Post Post
	Rev  int64 // of the content; reported back in Delivery
	// TS is the message's timestamp once it was posted: then this is an edit.
	TS string
	// Root is the timestamp of the command's card once that was posted, "" where the card is this post or is not there yet.
	Root string
	// Tried says that a post was attempted before and its outcome is not known:
	// look for the message by its ID in the thread before posting again.
	Tried bool
	Tries int
	Since time.Time // when this content was stored
}

// Delivery is what became of one Outgoing.
type Delivery struct {
	ID  int64
	Rev int64
	// TS is the timestamp of the posted message; "" for an answer that only its reader sees. That of a direct message is its conversation's
	// ID, a slash and the timestamp: it was posted to a person, and is edited in a conversation.
	TS string
	// RetryAt is set when it has to be tried again: not before this time.
	RetryAt time.Time
	// NoRoot is the Outgoing.Root under which it could not be posted, because that thread was deleted: the card is posted again,
	// and this message after it.
	NoRoot string
	// Lost says why it can never be delivered (the channel is gone); it is logged and audited.
	Lost string
}

// LostPost is a message that can never be delivered in its present content.
type LostPost struct {
	Post   Post
	Posted bool   // an earlier content of it is there: only an edit was lost
	Reason string // in the transport's words: for the log, not for people
}
