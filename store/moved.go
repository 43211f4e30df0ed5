package store

import (
	"context"
	"time"

	"github.com/3astronautas/algesta"
)

// Moved gives everything that is stored about a channel its new ID: messages that are still sent or edited, requests, incidents, answers
// that are followed and open invocations.
// Slack changes the ID of a private channel when it is shared with another company, and the old one is unknown from then on. Nothing else
// of them changes; the audit gets a line. It may be called again.
func (s *Store) Moved(ctx context.Context, from, to string) error {
	return s.Update(ctx, func(t *Tx) error {
		t.effects.outbox = true
		for _, q := range []string{
			`UPDATE posts SET post = json_set(post, '$.channel', ?2),
				lane = replace(lane, 'thread ' || ?1 || ' ', 'thread ' || ?2 || ' '), retry_at = 0
				WHERE post ->> 'channel' = ?1`,
			`UPDATE requests SET command = json_set(command, '$.channel', ?2) WHERE command ->> 'channel' = ?1`,
			`UPDATE incidents SET body = json_set(body, '$.channel', ?2), version = version + 1 WHERE body ->> 'channel' = ?1`,
			`UPDATE live_answers SET body = json_set(body, '$.command.channel', ?2), version = version + 1
				WHERE ended_at = 0 AND body ->> '$.command.channel' = ?1`,
			`UPDATE OR IGNORE incident_channels SET channel = ?2, body = json_set(body, '$.channel', ?2) WHERE channel = ?1`,
			`UPDATE inbox SET envelope = json_set(envelope, '$.channel', ?2) WHERE done_at = 0 AND envelope ->> 'channel' = ?1`,
		} {
			if err := t.exec("moving a channel", q, from, to); err != nil {
				return err
			}
		}
		return t.Append(algesta.Entry{Kind: "channel moved", At: time.Now(), Data: algesta.Args{"from": from, "to": to}})
	})
}
