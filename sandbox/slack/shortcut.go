package slackd

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Shortcut has somebody choose a shortcut of the app in the menu of a message, by its name. Slack offers none on what only one person sees.
func (s *Server) Shortcut(user string, m Message, name string) (Delivery, error) {
	payload, err := s.shortcutPayload(user, m, name)
	if err != nil {
		return Delivery{}, err
	}
	return s.deliver(Delivery{Kind: "interactive", Payload: payload})
}

// messageShortcuts are what the menu of a message offers; none where the app could not be told of a choice.
func (s *Server) messageShortcuts() []Shortcut {
	out := []Shortcut{}
	for _, x := range s.manifest.Features.Shortcuts {
		if x.Type == "message" && s.manifest.Settings.Interactivity.Enabled {
			out = append(out, x)
		}
	}
	return out
}

func (s *Server) shortcutPayload(user string, m Message, name string) (object, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, c, err := s.acting(user, m.Channel)
	if err != nil {
		return nil, err
	}
	if !s.manifest.Settings.Interactivity.Enabled {
		return nil, errors.New("the app manifest has interactivity switched off")
	}
	at := slices.IndexFunc(s.manifest.Features.Shortcuts, func(x Shortcut) bool { return x.Name == name && x.Type == "message" })
	if at < 0 {
		return nil, fmt.Errorf("shortcut %q: %w", name, ErrNotThere)
	}
	now := c.find(m.TS)
	if now == nil || now.Deleted || now.Ephemeral() {
		return nil, fmt.Errorf("message %s: %w", m.TS, ErrNotThere)
	}
	payload := object{
		"type": "message_action", "callback_id": s.manifest.Features.Shortcuts[at].CallbackID,
		"action_ts": fmt.Sprintf("%.6f", float64(time.Now().UnixMicro())/1e6), "message_ts": now.TS,
		"channel": object{"id": c.id, "name": cmp.Or(commandChannelName(c), c.name)}, "message": s.wire(now),
		"response_url": s.newResponseURL(&responseURL{channel: c.id, user: user}),
	}
	return s.interaction(u, payload), nil
}
