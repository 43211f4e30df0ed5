package store

import (
	"context"
	"fmt"

	"github.com/3astronautas/algesta"
)

// SaveIncidentChannel stores what is told in a channel, once for each channel: a new one is not stored where the channel is known.
func (t *Tx) SaveIncidentChannel(c algesta.IncidentChannel) error {
	body, err := encode(c)
	if err != nil {
		return fmt.Errorf("storing an incident channel: %w", err)
	}
	return t.exec("storing an incident channel", `INSERT INTO incident_channels (id, channel, over, body) VALUES (?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET channel = excluded.channel, over = excluded.over, body = excluded.body
		ON CONFLICT (channel) DO NOTHING`, c.ID, c.Channel, c.Over, body)
}

// IncidentChannels are those in which something is still told, oldest first.
func (s *Store) IncidentChannels(ctx context.Context) ([]algesta.IncidentChannel, error) {
	all, err := list(ctx, s.read, func(row scanner) (c algesta.IncidentChannel, err error) {
		var body string
		if err = row.Scan(&body); err != nil {
			return c, err
		}
		return c, decode(body, &c)
	}, `SELECT body FROM incident_channels WHERE over = 0 ORDER BY rowid`)
	if err != nil {
		return nil, fmt.Errorf("reading the incident channels: %w", err)
	}
	return all, nil
}
