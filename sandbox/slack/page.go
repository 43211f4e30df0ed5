package slackd

import (
	"embed"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

//go:embed page
var pageFiles embed.FS

// settle is how long changes are gathered before the page hears of them.
const settle = 60 * time.Millisecond

// shownMessages bounds what the page draws of one conversation.
const shownMessages = 400

func (s *Server) pageRoutes(mux *http.ServeMux) {
	files, err := fs.Sub(pageFiles, "page")
	if err != nil {
		panic(err) // the folder is in the binary
	}
	static := http.FileServerFS(files)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src 'self' data: https:; style-src 'self' 'unsafe-inline'")
		w.Header().Set("Cache-Control", "no-cache")
		static.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /archives/{channel}/{message}", servePermalink)
	mux.HandleFunc("GET /sandbox/state", s.serveState)
	mux.HandleFunc("GET /sandbox/stream", s.serveStream)
}

// servePermalink opens the page at the message of a chat.getPermalink address.
func servePermalink(w http.ResponseWriter, r *http.Request) {
	channel, digits := r.PathValue("channel"), strings.TrimPrefix(r.PathValue("message"), "p")
	if len(digits) < 7 {
		http.NotFound(w, r)
		return
	}
	ts := digits[:len(digits)-6] + "." + digits[len(digits)-6:]
	if parent := r.URL.Query().Get("thread_ts"); parent != "" {
		ts = parent
	}
	target := url.URL{Path: "/", Fragment: channel + "/" + ts}
	http.Redirect(w, r, target.String(), http.StatusFound)
}

// serveStream tells the page about changes as server-sent events: one number each, the version.
func (s *Server) serveStream(w http.ResponseWriter, r *http.Request) {
	flusher, ok := w.(http.Flusher)
	if !ok {
		http.Error(w, "no streaming here", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	for {
		s.mu.Lock()
		version, changed := s.version, s.changed
		s.mu.Unlock()
		if _, err := fmt.Fprintf(w, "data: %d\n\n", version); err != nil {
			return
		}
		flusher.Flush()
		select {
		case <-changed:
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
		pause := time.NewTimer(settle)
		select {
		case <-pause.C:
		case <-s.done:
			pause.Stop()
			return
		}
	}
}

// serveState is all that one person sees: ?as= the person, ?channel= the open conversation.
func (s *Server) serveState(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	me, ok := s.users[r.URL.Query().Get("as")]
	if !ok || me.Bot || me.Deactivated {
		respondJSON(w, object{"people": s.people(), "team": s.ws.Team}, fmt.Errorf("%w: choose someone to act as", ErrNoSuchUser))
		return
	}
	var conversations []object
	for _, id := range s.order {
		if c := s.conversations[id]; s.sees(me.ID, c) {
			conversations = append(conversations, s.summary(c, me.ID))
		}
	}
	state := object{
		"version": s.version, "team": s.ws.Team, "bot": s.ws.Bot, "me": me, "people": s.people(), "groups": s.ws.Groups,
		"conversations": conversations, "commands": s.manifest.Features.SlashCommands, "connected": len(s.sockets) > 0, "guide": s.opts.Guide,
	}
	var views []*View
	if views = s.stack(me.ID); views == nil {
		views = []*View{}
	}
	state["views"] = views
	if home := s.homes[me.ID]; home != nil {
		state["home"] = home
	}
	state["homeTab"] = s.manifest.Features.AppHome.HomeTab
	state["shortcuts"] = s.messageShortcuts()
	if c, ok := s.conversations[r.URL.Query().Get("channel")]; ok && s.sees(me.ID, c) {
		state["messages"] = visible(c, me.ID)
	}
	respondJSON(w, state, nil)
}

// summary is a conversation in the sidebar: its name for this reader, and the newest thing in it that they did not say.
func (s *Server) summary(c *conversation, me string) object {
	o := object{
		"id":       c.id,
		"name":     c.name,
		"topic":    c.topic,
		"kind":     c.kind(),
		"archived": c.archived,
		"member":   c.has(me),
		"bot":      c.has(s.ws.Bot.User),
		"count":    len(c.members),
	}
	if c.im {
		for _, id := range c.members {
			if id != me {
				o["with"] = id
			}
		}
	}
	for _, m := range slices.Backward(c.messages) {
		if m.User != me && !m.Deleted && (m.To == "" || m.To == me) {
			o["latest"] = m.TS
			break
		}
	}
	return o
}

// visible are the newest messages of a conversation that one person sees, without their history.
func visible(c *conversation, me string) []Message {
	out := []Message{}
	for _, m := range c.messages {
		if !m.Deleted && (m.To == "" || m.To == me) {
			shown := *m
			shown.History = nil
			out = append(out, shown)
		}
	}
	return out[max(0, len(out)-shownMessages):]
}
