package store

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
)

// Topics are what the bot posted in a thread of a channel, one for each command, oldest first: the card that began it, and what was said in
// a thread that someone else began. A request of which only the card is known is about what it was asked for.
func (s *Store) Topics(ctx context.Context, channel, thread string) ([]algesta.Topic, error) {
	all, err := list(ctx, s.read, func(row scanner) (t algesta.Topic, err error) {
		var post, command string
		if err = row.Scan(&t.Command, &post, &command); err != nil {
			return t, err
		}
		var p algesta.Post
		if err = decode(post, &p); err != nil {
			return t, err
		}
		if t.About = p.About; t.About == (algesta.Target{}) && command != "" {
			var c algesta.Command
			err = decode(command, &c)
			t.About = c.Target
		}
		return t, err
	}, `SELECT p.command, p.post, COALESCE(r.command, '') FROM posts p LEFT JOIN requests r ON r.id = p.command
		WHERE p.id IN (SELECT MIN(id) FROM posts WHERE kind IN ('card', 'detail') AND (lane = 'thread ' || ?1 || ' ' || ?2
			OR ts = ?2 AND post ->> 'channel' = ?1) OR ts = ?1 || '/' || ?2 GROUP BY command) ORDER BY p.id`, channel, thread)
	if err != nil {
		return nil, fmt.Errorf("reading what a thread is about: %w", err)
	}
	return all, nil
}
