package slackd

import (
	"errors"
	"fmt"
	"time"
)

// viewsPublish shows a person their Home tab.
func (s *Server) viewsPublish(a args) (object, error) {
	raw, err := readView(a)
	if err != nil {
		return nil, err
	}
	if !s.manifest.Features.AppHome.HomeTab {
		return nil, refuse("not_enabled")
	}
	if raw["type"] != "home" {
		return nil, refuse("invalid_arguments", "[ERROR] unsupported type [json-pointer:/view/type]")
	}
	user := a.str("user_id")
	if s.users[user] == nil {
		return nil, refuse("user_not_found")
	}
	v := s.homes[user]
	if v != nil && a.str("hash") != "" && a.str("hash") != v.Hash {
		return nil, refuse("hash_conflict")
	}
	if v == nil {
		v = &View{ID: "V" + randomID(), User: user, opened: s.version}
		v.Root = v.ID
		s.homes[user] = v
	}
	s.fillView(v, raw)
	return object{"view": s.viewObject(v)}, nil
}

// Home is a person's Home tab as the app published it last; ok is false before that.
func (s *Server) Home(user string) (v View, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if home := s.homes[user]; home != nil {
		return *home, true
	}
	return View{}, false
}

// OpenHome lets a person open the app's Home tab; the app gets app_home_opened if it asked for it.
func (s *Server) OpenHome(user string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	u := s.users[user]
	if u == nil {
		return fmt.Errorf("%w: %q", ErrNoSuchUser, user)
	}
	if !s.manifest.Features.AppHome.HomeTab {
		return errors.New("the app manifest has the Home tab switched off")
	}
	if !s.manifest.wantsEvent("app_home_opened") {
		return nil
	}
	e := object{
		"type": "app_home_opened", "user": u.ID, "channel": s.botDM(u.ID).id, "tab": "home",
		"event_ts": fmt.Sprintf("%.6f", float64(time.Now().UnixMicro())/1e6),
	}
	if home := s.homes[user]; home != nil {
		e["view"] = s.viewObject(home)
	}
	s.emit(e)
	return nil
}

// ClickHome lets a person press a button of the Home tab: by its action_id, or by its text; block is its block_id, or empty for the first
// one. It returns when the app has acknowledged.
func (s *Server) ClickHome(user, block, actionOrText string) (Delivery, error) {
	s.mu.Lock()
	u, home := s.users[user], s.homes[user]
	if u == nil || home == nil {
		s.mu.Unlock()
		return Delivery{}, fmt.Errorf("the Home tab of %q: %w", user, ErrNotThere)
	}
	for _, b := range buttonsOf(home.Blocks) {
		if (block == "" || b.BlockID == block) && (b.ActionID == actionOrText || b.Text == actionOrText) {
			payload := s.viewClick(u, home, b, nil)
			s.mu.Unlock()
			return s.deliver(Delivery{Kind: "interactive", Payload: payload})
		}
	}
	s.mu.Unlock()
	return Delivery{}, fmt.Errorf("button %q of the Home tab: %w", actionOrText, ErrNotThere)
}
