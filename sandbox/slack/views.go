package slackd

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of modals (docs.slack.dev/surfaces/modals).
const (
	maxViewBytes = 250_000
	maxViewStack = 3
)

// View is one modal that is open for one person.
type View struct {
	ID       string            `json:"id"`
	User     string            `json:"user"`
	Hash     string            `json:"hash"`
	Root     string            `json:"root"`
	Previous string            `json:"previous,omitempty"`
	Title    string            `json:"title"`
	Submit   string            `json:"submit,omitempty"`
	Close    string            `json:"close,omitempty"`
	Blocks   []Block           `json:"blocks"`
	Errors   map[string]string `json:"errors,omitempty"` // by block_id, after a submission that the app refused

	raw    object
	opened int
	held   []Input // what the person filled in; kept by an update where the block and the action have the same IDs
}

// View is the modal with this ID; ok is false where it is closed.
func (s *Server) View(id string) (v View, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if open := s.views[id]; open != nil {
		return *open, true
	}
	return View{}, false
}

// Input is the ID of the block that holds an input whose label begins like this, and of its action.
func (v *View) Input(label string) (in Input, ok bool) {
	for _, b := range v.Blocks {
		if e, isInput := b["element"].(object); isInput && strings.HasPrefix(textOf(b["label"]), label) {
			in.BlockID, _ = b["block_id"].(string)
			in.ActionID, _ = e["action_id"].(string)
			return in, true
		}
	}
	return Input{}, false
}

// Options are what may be chosen in the input whose label begins like this: the texts by their values.
func (v *View) Options(label string) map[string]string {
	out := map[string]string{}
	for _, b := range v.Blocks {
		e, isInput := b["element"].(object)
		if !isInput || !strings.HasPrefix(textOf(b["label"]), label) {
			continue
		}
		options, _ := e["options"].([]any)
		for _, o := range options {
			if option, ok := o.(object); ok {
				value, _ := option["value"].(string)
				out[value] = textOf(option["text"])
			}
		}
	}
	return out
}

// Plain is what the view says, without its inputs: one line a block.
func (v *View) Plain() string { return Message{Blocks: v.Blocks}.Plain() }

// Buttons are the buttons and menus of the view, in reading order.
func (v *View) Buttons() []Button { return buttonsOf(v.Blocks) }

// Views are the modals a person has open, the topmost last.
func (s *Server) Views(user string) []View {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []View
	for _, v := range s.stack(user) {
		out = append(out, *v)
	}
	return out
}

// stack is a person's open modals, the topmost last. The caller holds mu.
func (s *Server) stack(user string) []*View {
	var out []*View
	for _, v := range s.views {
		if v.User == user {
			out = append(out, v)
		}
	}
	for i := 1; i < len(out); i++ { // at most three
		for j := i; j > 0 && out[j].opened < out[j-1].opened; j-- {
			out[j], out[j-1] = out[j-1], out[j]
		}
	}
	return out
}

// useTrigger spends a trigger_id.
func (s *Server) useTrigger(id string) (string, error) {
	t, ok := s.triggers[id]
	switch {
	case !ok:
		return "", refuse("invalid_trigger_id")
	case t.used:
		return "", refuse("exchanged_trigger_id")
	case time.Now().After(t.until):
		return "", refuse("expired_trigger_id")
	}
	t.used = true
	return t.user, nil
}

// readView checks a view argument.
func readView(a args) (object, error) {
	raw, ok := a.value("view")
	v, isObject := raw.(object)
	if !ok || !isObject {
		return nil, refuse("invalid_arguments", "[ERROR] missing required field: view")
	}
	if text, err := json.Marshal(v); err != nil || len(text) > maxViewBytes {
		return nil, refuse("view_too_large")
	}
	return v, checkView(v)
}

func (s *Server) viewsOpen(a args) (object, error) { return s.openView(a, false) }
func (s *Server) viewsPush(a args) (object, error) { return s.openView(a, true) }

func (s *Server) openView(a args, push bool) (object, error) {
	raw, err := readView(a)
	if err != nil {
		return nil, err
	}
	user, err := s.useTrigger(a.str("trigger_id"))
	if err != nil {
		return nil, err
	}
	open := s.stack(user)
	switch {
	case push && len(open) == 0:
		return nil, refuse("not_found")
	case push && len(open) >= maxViewStack:
		return nil, refuse("push_limit_reached")
	}
	if !push {
		for _, v := range open {
			delete(s.views, v.ID)
		}
		open = nil
	}
	if id, _ := raw["external_id"].(string); id != "" && s.byExternalID(id) != nil {
		return nil, refuse("duplicate_external_id")
	}
	return object{"view": s.viewObject(s.addView(user, raw, open))}, nil
}

func (s *Server) addView(user string, raw object, below []*View) *View {
	v := &View{ID: "V" + randomID(), User: user, opened: s.version}
	v.Root = v.ID
	if len(below) > 0 {
		v.Previous, v.Root = below[len(below)-1].ID, below[0].ID
	}
	s.fillView(v, raw)
	s.views[v.ID] = v
	return v
}

func (s *Server) fillView(v *View, raw object) {
	list, _ := raw["blocks"].([]any)
	v.raw, v.Blocks, v.Errors = raw, fillIDs(list), nil
	v.Title, v.Submit, v.Close = textOf(raw["title"]), textOf(raw["submit"]), textOf(raw["close"])
	v.Hash = fmt.Sprintf("%d.%s", time.Now().Unix(), randomID()[:8])
	v.held = slices.DeleteFunc(v.held, func(in Input) bool {
		return !slices.ContainsFunc(v.Blocks, func(b Block) bool {
			e, _ := b["element"].(object)
			return b["block_id"] == in.BlockID && e["action_id"] == in.ActionID
		})
	})
	s.touch()
}

// hold remembers what the person filled in, and is what the view holds with it.
func (v *View) hold(inputs []Input) []Input {
	v.held = slices.DeleteFunc(v.held, func(old Input) bool {
		return slices.ContainsFunc(inputs, func(in Input) bool {
			return in.ActionID == old.ActionID && (in.BlockID == "" || in.BlockID == old.BlockID)
		})
	})
	v.held = append(v.held, inputs...)
	return v.held
}

func (s *Server) byExternalID(id string) *View {
	for _, v := range s.views {
		if v.raw["external_id"] == id {
			return v
		}
	}
	return nil
}

func (s *Server) viewsUpdate(a args) (object, error) {
	raw, err := readView(a)
	if err != nil {
		return nil, err
	}
	v := s.views[a.str("view_id")]
	if id := a.str("external_id"); id != "" {
		v = s.byExternalID(id)
	}
	switch {
	case v == nil:
		return nil, refuse("not_found")
	case a.str("hash") != "" && a.str("hash") != v.Hash:
		return nil, refuse("hash_conflict")
	}
	s.fillView(v, raw)
	return object{"view": s.viewObject(v)}, nil
}

// viewObject is a view as Slack's API writes it.
func (s *Server) viewObject(v *View) object {
	o := object{
		"id": v.ID, "team_id": s.ws.Team.ID, "type": v.raw["type"], "hash": v.Hash, "root_view_id": v.Root, "previous_view_id": v.Previous,
		"app_id": s.ws.Bot.App, "bot_id": s.ws.Bot.ID, "blocks": v.Blocks, "title": v.raw["title"], "state": object{"values": object{}},
	}
	for _, key := range []string{"submit", "close", "private_metadata", "callback_id", "external_id", "clear_on_close", "notify_on_close"} {
		if value, ok := v.raw[key]; ok {
			o[key] = value
		}
	}
	return o
}

// Submit lets a person send a modal with what they filled in. The app's answer is carried out: errors stay in the view and are
// returned, update and push change the stack, an empty answer closes the view, clear closes all.
func (s *Server) Submit(user, viewID string, inputs ...Input) (map[string]string, error) {
	s.mu.Lock()
	v, ok := s.views[viewID]
	u := s.users[user]
	if !ok || u == nil || v.User != user {
		s.mu.Unlock()
		return nil, fmt.Errorf("view %s: %w", viewID, ErrNotThere)
	}
	inputs = v.hold(inputs)
	if missing := emptyInputs(v, inputs); len(missing) > 0 {
		v.Errors = missing
		s.touch()
		s.mu.Unlock()
		return missing, nil
	}
	view := s.viewObject(v)
	view["state"] = object{"values": stateOf(v.Blocks, inputs)}
	payload := s.interaction(u, object{"type": "view_submission", "view": view, "response_urls": []any{}})
	s.mu.Unlock()

	d, err := s.deliver(Delivery{Kind: "interactive", Payload: payload})
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.viewResponse(v, d.Response)
}

// Choose lets a person choose in an input that tells the app at once (dispatch_action), or press a button of a modal. It returns when the
// app has acknowledged.
func (s *Server) Choose(user, viewID string, chosen Input, others ...Input) (Delivery, error) {
	s.mu.Lock()
	v, ok := s.views[viewID]
	u := s.users[user]
	if !ok || u == nil || v.User != user {
		s.mu.Unlock()
		return Delivery{}, fmt.Errorf("view %s: %w", viewID, ErrNotThere)
	}
	b, ok := dispatching(v.Blocks, chosen)
	if !ok {
		s.mu.Unlock()
		return Delivery{}, fmt.Errorf("an input that tells the app at once, %s/%s: %w", chosen.BlockID, chosen.ActionID, ErrNotThere)
	}
	payload := s.viewClick(u, v, b, v.hold(append(others, chosen)))
	s.mu.Unlock()
	return s.deliver(Delivery{Kind: "interactive", Payload: payload})
}

// viewClick is the payload of an action in a modal or a Home tab: there is no channel, no message and no response_url. The caller holds mu.
func (s *Server) viewClick(u *User, v *View, b Button, inputs []Input) object {
	view := s.viewObject(v)
	view["state"] = object{"values": stateOf(v.Blocks, inputs)}
	return s.interaction(u, object{
		"type": "block_actions", "view": view, "container": object{"type": "view", "view_id": v.ID}, "actions": []object{action(b, inputs)},
	})
}

// dispatching is the element that tells the app at once.
func dispatching(blocks []Block, in Input) (Button, bool) {
	for _, b := range blocks {
		id, _ := b["block_id"].(string)
		if e, ok := b["element"].(object); ok && id == in.BlockID && e["action_id"] == in.ActionID {
			return buttonOf(id, e), b["dispatch_action"] == true
		}
	}
	for _, b := range buttonsOf(blocks) {
		if b.ActionID == in.ActionID && (in.BlockID == "" || b.BlockID == in.BlockID) {
			return b, true
		}
	}
	return Button{}, false
}

// emptyInputs are the required inputs that hold nothing; Slack does not send such a form.
func emptyInputs(v *View, inputs []Input) map[string]string {
	missing := map[string]string{}
	state := stateOf(v.Blocks, inputs)
	for _, b := range v.Blocks {
		id, _ := b["block_id"].(string)
		element, _ := b["element"].(object)
		if b["type"] != "input" || b["optional"] == true {
			continue
		}
		actionID, _ := element["action_id"].(string)
		block, _ := state[id].(object)
		held, _ := block[actionID].(object)
		options, lists := held["selected_options"].([]any)
		if value, ok := held["value"]; ok && (value == nil || value == "") || len(held) < 2 || lists && len(options) == 0 {
			missing[id] = "Please complete this required field."
		}
	}
	return missing
}

func (s *Server) viewResponse(v *View, payload json.RawMessage) (map[string]string, error) {
	var r struct {
		Action string            `json:"response_action"`
		Errors map[string]string `json:"errors"`
		View   object            `json:"view"`
	}
	if len(payload) > 0 && json.Unmarshal(payload, &r) != nil {
		return nil, errors.New("the app answered the view with something that is no object")
	}
	defer s.touch()
	if r.View != nil {
		if err := checkView(r.View); err != nil {
			return nil, err
		}
	}
	for id := range r.Errors {
		if !slices.ContainsFunc(v.Blocks, func(b Block) bool { return b["type"] == "input" && b["block_id"] == id }) {
			return nil, fmt.Errorf("the app answered with an error for the block %q, which is no input of the view", id)
		}
	}
	switch r.Action {
	case "errors":
		v.Errors = r.Errors
		return r.Errors, nil
	case "update":
		s.fillView(v, r.View)
	case "push":
		s.addView(v.User, r.View, s.stack(v.User))
	case "clear":
		for _, open := range s.stack(v.User) {
			delete(s.views, open.ID)
		}
	default:
		delete(s.views, v.ID)
	}
	return nil, nil
}

// CloseView lets a person dismiss a modal; the app hears of it only where the view asked for notify_on_close.
func (s *Server) CloseView(user, viewID string) error {
	s.mu.Lock()
	v, ok := s.views[viewID]
	u := s.users[user]
	if !ok || u == nil || v.User != user {
		s.mu.Unlock()
		return fmt.Errorf("view %s: %w", viewID, ErrNotThere)
	}
	delete(s.views, viewID)
	s.touch()
	payload := s.interaction(u, object{"type": "view_closed", "view": s.viewObject(v), "is_cleared": false})
	s.mu.Unlock()
	if v.raw["notify_on_close"] != true {
		return nil
	}
	_, err := s.deliver(Delivery{Kind: "interactive", Payload: payload})
	return err
}
