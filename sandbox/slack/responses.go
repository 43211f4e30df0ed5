package slackd

import (
	"io"
	"net/http"
	"time"
)

// Limits of a response_url (docs.slack.dev/interactivity/handling-user-interaction).
const maxResponses = 5

// responseURL is one address at which the app may answer an interaction.
type responseURL struct {
	channel, user string
	message       *Message // the clicked one; nil for a slash command
	until         time.Time
	uses          int
}

// trigger is the right to open one modal.
type trigger struct {
	user  string
	until time.Time
	used  bool
}

// newResponseURL gives an interaction its address. The caller holds mu.
func (s *Server) newResponseURL(r *responseURL) string {
	id := randomID() + randomID()
	r.until = time.Now().Add(s.opts.ResponseLife)
	s.responseURLs[id] = r
	return s.base + "/response/" + id
}

// newTrigger gives an interaction its trigger_id. The caller holds mu.
func (s *Server) newTrigger(user string) string {
	id := randomID() + "." + randomID()
	s.triggers[id] = &trigger{user: user, until: time.Now().Add(s.opts.TriggerLife)}
	return id
}

func (s *Server) serveResponseURL(w http.ResponseWriter, r *http.Request) {
	a, _, _ := readArgs(r, true)
	call := Call{Method: "response_url", Args: a, At: time.Now()}
	flaw := s.takeFault(call.Method)
	if !flaw.wait(r) || flaw.breaksBefore() {
		s.record(call, flaw.outcome())
		flaw.wreck(w)
		return
	}
	err := s.respond(r.PathValue("id"), call)
	if flaw.breaksAfter() {
		flaw.wreck(w)
		return
	}
	if err == nil {
		w.Header().Set("Content-Type", "text/plain; charset=utf-8") // slack-go asks for a content type
		_, _ = io.WriteString(w, "ok")
		return
	}
	writeResponseError(w, err)
}

func writeResponseError(w http.ResponseWriter, err error) {
	status := http.StatusBadRequest
	switch err.Error() {
	case "ratelimited":
		writeAnswer(w, nil, err)
		return
	case "used_url", "expired_url":
		status = http.StatusNotFound
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	body := object{"ok": false, "error": err.Error()}
	if e, ok := err.(*apiError); ok && len(e.messages) > 0 { //nolint:errorlint // respond returns it unwrapped
		body["response_metadata"] = object{"messages": e.messages}
	}
	writeJSON(w, body)
}

// respond carries out one answer. What everyone sees shares the channel's rate with chat.postMessage.
func (s *Server) respond(id string, call Call) (err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.recordDone(call, err) }()
	a := args(call.Args)
	r, ok := s.responseURLs[id]
	switch {
	case !ok, time.Now().After(r.until):
		return refuse("expired_url")
	case r.uses >= maxResponses:
		return refuse("used_url")
	}
	c := s.conversations[r.channel]
	original := r.message != nil && !r.message.Deleted
	visible := a.str("response_type") == "in_channel"
	if visible {
		if wait := s.limits.post(s.opts.Limits, c.id); wait > 0 {
			return &limited{after: wait}
		}
	}
	if a.flag("delete_original") {
		r.uses++
		if original {
			s.remove(r.message)
		}
		return nil
	}
	delete(a, "metadata") // not read here; slack-go sends an empty one
	said, err := s.content(a)
	if err != nil {
		return err
	}
	if said.empty() {
		return refuse("no_text")
	}
	r.uses++
	if original && a.flag("replace_original") { // people who saw it still see it; a slash command's text is never replaced
		s.edit(r.message, said.text, said.blocks)
		return nil
	}
	m := &Message{User: s.ws.Bot.User, BotID: s.ws.Bot.ID, Text: said.text, Blocks: said.blocks, Unfurls: unfurls(a, said.text), To: r.user}
	if visible {
		m.To = ""
	}
	// What one person sees lands in the channel, whatever thread_ts says (bolt-js#963).
	if ts := a.str("thread_ts"); visible && ts != "" && c.find(ts) != nil {
		m.ThreadTS = ts
	}
	s.post(c, m)
	return nil
}
