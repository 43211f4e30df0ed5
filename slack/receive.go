package slack

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

// receive gives what arrived to the inbox, and says what the acknowledgement holds, and whether there may be one.
func (l *listener) receive(ctx context.Context, kind string, in received) (answer any, ok bool) {
	if in.Block != "" {
		in.Invocation.Digest = l.digest(in.Invocation)
	}
	fresh, err := l.inbox.Receive(ctx, in.Invocation)
	taken := errors.Is(err, algesta.ErrTaken)
	if err != nil && !taken {
		l.count(func(s *Stats) { s.Dropped++ })
		l.log.Error("envelope left unacknowledged", zap.String("type", kind), zap.Error(err))
		return nil, false
	}
	l.count(func(s *Stats) {
		if s.Received++; !fresh {
			s.Repeated++
		}
	})
	if taken && in.Block != "" {
		l.log.Info("a dialog was sent again with something else in it", zap.String("key", in.Invocation.Key))
		return slackapi.NewErrorsViewSubmissionResponse(map[string]string{in.Block: takenBefore(in)}), true
	}
	return nil, true
}

// digest identifies what was filled into a dialog. Where Slack doesn't get the acknowledgement in time, the dialog stays open although what
// it said is kept, and whoever sends it again may have corrected it: its ID is the same then, and this isn't. Secrets are taken out first,
// because it's stored for as long as the key.
func (l *listener) digest(in algesta.Invocation) string {
	said := []string{in.Channel, in.Thread, l.redactor.String(in.Text)}
	if in.Vote != nil {
		said = append(said, string(in.Vote.Action), in.Vote.ID, l.redactor.String(in.Vote.Reason))
	}
	encoded, err := json.Marshal(said)
	if err != nil { // texts can always be encoded
		return ""
	}
	sum := sha256.Sum256(encoded)
	return hex.EncodeToString(sum[:16])
}

// takenBefore is what a dialog says that was sent before with something else in it.
func takenBefore(in received) string {
	if in.Form == nil {
		return "I already took your click with the reason that you sent first, and not this one. You can close this."
	}
	return "I already took this form as you sent it first, and I'm answering that. I didn't take what you changed since. " +
		"Close this, look at my answer, and ask again for what you want changed."
}
