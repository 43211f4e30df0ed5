package slackd

import (
	"encoding/json"
	"errors"
	"net/http"
	"strconv"
	"time"
)

// adminRoutes is the people's actions, the records and the switches over HTTP, for the page and for tests in other processes.
// README.md lists them.
func (s *Server) adminRoutes(mux *http.ServeMux) {
	own := http.NewCrossOriginProtection() // another site's page must not act in this one
	handle := func(pattern string, h http.HandlerFunc) { mux.Handle(pattern, own.Handler(h)) }
	mux.HandleFunc("GET /files/{id}", s.serveFile)
	handle("GET /sandbox/connection", func(w http.ResponseWriter, _ *http.Request) {
		respondJSON(
			w, object{"url": s.URL(), "apiURL": s.APIURL(), "botToken": s.BotToken(), "appToken": s.AppToken(), "teamID": s.ws.Team.ID}, nil,
		)
	})
	s.peopleRoutes(handle)
	s.recordRoutes(handle)
	s.switchRoutes(handle)
}

// act reads a JSON body into T and answers with what do returns.
func act[T any](do func(T) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in T
		dec := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&in); err != nil {
			respondJSON(w, nil, errors.New("reading the request: "+err.Error()))
			return
		}
		out, err := do(in)
		respondJSON(w, out, err)
	}
}

// respondJSON answers {"ok":true,…} or {"ok":false,"error":…}.
func respondJSON(w http.ResponseWriter, v any, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	body := object{"ok": err == nil}
	if err != nil {
		body["error"] = err.Error()
		w.WriteHeader(http.StatusConflict)
	}
	if v != nil {
		body["result"] = v
	}
	writeJSON(w, body)
}

type where struct {
	User    string  `json:"user"`
	Channel string  `json:"channel"`
	Thread  string  `json:"thread"`
	TS      string  `json:"ts"`
	Text    string  `json:"text"`
	Action  string  `json:"action"`
	Block   string  `json:"block"`
	Value   string  `json:"value"`
	View    string  `json:"view"`
	By      string  `json:"by"`
	Archive bool    `json:"archived"`
	Inputs  []Input `json:"inputs"`
}

func (s *Server) peopleRoutes(handle func(string, http.HandlerFunc)) {
	handle("POST /sandbox/type", act(func(in where) (any, error) { return s.Type(in.User, in.Channel, in.Text) }))
	handle("POST /sandbox/say", act(func(in where) (any, error) { return s.Say(in.User, in.Channel, in.Thread, in.Text) }))
	handle("POST /sandbox/click", act(func(in where) (any, error) {
		return s.Click(in.User, Message{Channel: in.Channel, TS: in.TS}, in.Action, in.Inputs...)
	}))
	handle("POST /sandbox/shortcut", act(func(in where) (any, error) {
		return s.Shortcut(in.User, Message{Channel: in.Channel, TS: in.TS}, in.Action)
	}))
	handle("POST /sandbox/submit", act(func(in where) (any, error) { return s.Submit(in.User, in.View, in.Inputs...) }))
	handle("POST /sandbox/choose", act(func(in where) (any, error) {
		return s.Choose(in.User, in.View, Input{BlockID: in.Block, ActionID: in.Action, Value: in.Value}, in.Inputs...)
	}))
	handle("POST /sandbox/open-home", act(func(in where) (any, error) { return nil, s.OpenHome(in.User) }))
	handle("POST /sandbox/click-home", act(func(in where) (any, error) { return s.ClickHome(in.User, in.Block, in.Action) }))
	handle("POST /sandbox/close-view", act(func(in where) (any, error) { return nil, s.CloseView(in.User, in.View) }))
	handle("POST /sandbox/dismiss", act(func(in where) (any, error) { return nil, s.Dismiss(in.User, in.Channel, in.TS) }))
	handle("POST /sandbox/invite", act(func(in where) (any, error) { return nil, s.Invite(in.By, in.Channel, in.User) }))
	handle("POST /sandbox/leave", act(func(in where) (any, error) { s.Leave(in.Channel, in.User); return nil, nil }))
	handle("POST /sandbox/archive", act(func(in where) (any, error) { s.Archive(in.Channel, in.Archive); return nil, nil }))
	handle("POST /sandbox/channel", act(func(in struct {
		By      string  `json:"by"`
		Channel Channel `json:"channel"`
	},
	) (any, error) {
		s.CreateChannel(in.By, in.Channel)
		return nil, nil
	}))
	handle("POST /sandbox/user", act(func(in User) (any, error) { s.UpdateUser(in); return nil, nil }))
	handle("POST /sandbox/group", act(func(in Group) (any, error) { s.SetGroup(in.ID, in.Users...); return nil, nil }))
}

func (s *Server) recordRoutes(handle func(string, http.HandlerFunc)) {
	look := func(pattern string, what func(q func(string) string) any) {
		handle(pattern, func(w http.ResponseWriter, r *http.Request) { respondJSON(w, what(r.URL.Query().Get), nil) })
	}
	look("GET /sandbox/messages", func(q func(string) string) any {
		if ts := q("thread"); ts != "" {
			return s.Thread(q("channel"), ts)
		}
		return s.Messages(q("channel"))
	})
	look("GET /sandbox/all", func(q func(string) string) any { return s.All(q("channel")) })
	look("GET /sandbox/ephemerals", func(q func(string) string) any { return s.Ephemerals(q("user")) })
	look("GET /sandbox/views", func(q func(string) string) any { return s.Views(q("user")) })
	look("GET /sandbox/deliveries", func(func(string) string) any { return s.Deliveries() })
	look("GET /sandbox/sockets", func(func(string) string) any { return s.Sockets() })
	look("GET /sandbox/calls", func(q func(string) string) any {
		if m := q("method"); m != "" {
			return s.Calls(m)
		}
		return s.Calls()
	})
	look("GET /sandbox/latency", func(q func(string) string) any {
		since, _ := time.Parse(time.RFC3339Nano, q("since")) // none is the beginning
		return s.AckLatency(since)
	})
	handle("GET /sandbox/changes", s.serveChanges)
}

// serveChanges answers when the server's version is above ?after=, or after 30 s: waiting for those in other processes.
func (s *Server) serveChanges(w http.ResponseWriter, r *http.Request) {
	after, _ := strconv.Atoi(r.URL.Query().Get("after"))
	timer := time.NewTimer(30 * time.Second)
	defer timer.Stop()
	for {
		s.mu.Lock()
		version, changed := s.version, s.changed
		s.mu.Unlock()
		if version > after {
			respondJSON(w, version, nil)
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			respondJSON(w, version, nil)
			return
		case <-r.Context().Done():
			return
		case <-s.done:
			return
		}
	}
}

func (s *Server) switchRoutes(handle func(string, http.HandlerFunc)) {
	handle("POST /sandbox/fail", act(func(in struct {
		Method     string `json:"method"`
		Times      int    `json:"times"`
		Status     int    `json:"status"`
		RetryAfter int    `json:"retryAfterSeconds"`
		Delay      int    `json:"delayMilliseconds"`
		Error      string `json:"error"`
		Drop       bool   `json:"drop"`
		AfterWork  bool   `json:"afterWork"`
	},
	) (any, error) {
		f := Fault{
			Status: in.Status, Error: in.Error, Drop: in.Drop, AfterWork: in.AfterWork,
			RetryAfter: time.Duration(in.RetryAfter) * time.Second, Delay: time.Duration(in.Delay) * time.Millisecond,
		}
		s.FailNext(in.Method, f, max(1, in.Times))
		return nil, nil
	}))
	handle("POST /sandbox/heal", act(func(struct{}) (any, error) { s.Heal(); return nil, nil }))
	handle("POST /sandbox/drop", act(func(struct{}) (any, error) { return s.DropSockets(), nil }))
	handle("POST /sandbox/disconnect", act(func(in struct {
		Reason string `json:"reason"`
	},
	) (any, error) {
		s.Disconnect(in.Reason)
		return nil, nil
	}))
	handle("POST /sandbox/redeliver", act(func(in struct {
		Envelope string `json:"envelope"`
	},
	) (any, error) {
		return s.Redeliver(in.Envelope)
	}))
}
