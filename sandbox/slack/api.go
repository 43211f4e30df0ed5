package slackd

import (
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// object is a JSON object of an answer.
type object = map[string]any

// apiError is an answer with ok=false.
type apiError struct {
	code             string
	needed, provided string
	messages         []string
}

func (e *apiError) Error() string { return e.code }

func refuse(code string, messages ...string) error { return &apiError{code: code, messages: messages} }

// limited is an answer of 429.
type limited struct{ after time.Duration }

func (e *limited) Error() string { return "ratelimited" }

// method is one Web API method.
type method struct {
	run       func(*Server, args) (object, error)
	perMinute int      // calls in any minute; 0 has a rule of its own
	scopes    []string // one of them is needed; empty needs none
	app       bool     // wants the app-level token instead of the bot's
	json      bool     // reads a JSON body; the others see no arguments in one
}

const (
	tier2 = 20
	tier3 = 50
	tier4 = 100
)

// Scopes that give sight of a conversation, by kind.
var (
	conversationScopes = []string{"channels:read", "groups:read", "mpim:read", "im:read"}
	historyScopes      = []string{"channels:history", "groups:history", "mpim:history", "im:history"}
)

// methods has the labels of Slack's method pages: tiers, scopes, whether JSON is read.
func methods() map[string]method {
	write := []string{"chat:write"}
	return map[string]method{
		"auth.test":             {run: (*Server).authTest},
		"apps.connections.open": {run: (*Server).connectionsOpen, perMinute: tier3, app: true, json: true},
		"bots.info":             {run: (*Server).botsInfo, perMinute: tier3, scopes: []string{"users:read"}},
		"chat.postMessage":      {run: (*Server).chatPostMessage, scopes: write, json: true},
		"chat.update":           {run: (*Server).chatUpdate, perMinute: tier3, scopes: write, json: true},
		"chat.delete":           {run: (*Server).chatDelete, perMinute: tier3, scopes: write, json: true},
		"chat.postEphemeral":    {run: (*Server).chatPostEphemeral, perMinute: tier4, scopes: write, json: true},
		"chat.getPermalink":     {run: (*Server).chatGetPermalink},
		"conversations.info":    {run: (*Server).conversationsInfo, perMinute: tier3, scopes: conversationScopes},
		"conversations.list":    {run: (*Server).conversationsList, perMinute: tier2, scopes: conversationScopes},
		"conversations.members": {run: (*Server).conversationsMembers, perMinute: tier4, scopes: conversationScopes},
		"conversations.open": {
			run:       (*Server).conversationsOpen,
			perMinute: tier3,
			scopes:    []string{"channels:manage", "groups:write", "im:write", "mpim:write"},
			json:      true,
		},
		"conversations.join": {run: (*Server).conversationsJoin, perMinute: tier3, scopes: []string{"channels:join"}, json: true},
		"conversations.setTopic": {
			run:       (*Server).conversationsSetTopic,
			perMinute: tier2,
			scopes:    []string{"channels:manage", "groups:write", "channels:write.topic", "groups:write.topic"},
			json:      true,
		},
		"pins.add":                     {run: (*Server).pinsAdd, perMinute: tier2, scopes: []string{"pins:write"}, json: true},
		"conversations.history":        {run: (*Server).conversationsHistory, perMinute: tier3, scopes: historyScopes},
		"conversations.replies":        {run: (*Server).conversationsReplies, perMinute: tier3, scopes: historyScopes},
		"users.info":                   {run: (*Server).usersInfo, perMinute: tier4, scopes: []string{"users:read"}},
		"users.list":                   {run: (*Server).usersList, perMinute: tier2, scopes: []string{"users:read"}},
		"users.lookupByEmail":          {run: (*Server).usersLookupByEmail, perMinute: tier3, scopes: []string{"users:read.email"}},
		"usergroups.list":              {run: (*Server).usergroupsList, perMinute: tier2, scopes: []string{"usergroups:read"}},
		"usergroups.users.list":        {run: (*Server).usergroupsUsersList, perMinute: tier2, scopes: []string{"usergroups:read"}},
		"team.info":                    {run: (*Server).teamInfo, perMinute: tier3, scopes: []string{"team:read"}},
		"views.open":                   {run: (*Server).viewsOpen, perMinute: tier4, json: true},
		"views.push":                   {run: (*Server).viewsPush, perMinute: tier4, json: true},
		"views.publish":                {run: (*Server).viewsPublish, perMinute: tier4, json: true},
		"views.update":                 {run: (*Server).viewsUpdate, perMinute: tier4, json: true},
		"files.getUploadURLExternal":   {run: (*Server).filesGetUploadURL, perMinute: tier4, scopes: []string{"files:write"}},
		"files.completeUploadExternal": {run: (*Server).filesComplete, perMinute: tier4, scopes: []string{"files:write"}, json: true},
		"reactions.add":                {run: (*Server).reactionsAdd, perMinute: tier3, scopes: []string{"reactions:write"}, json: true},
	}
}

// args are a call's arguments, from a form or a JSON object. Its accessors never fail: what is not there is empty.
type args map[string]any

func (a args) str(name string) string {
	switch v := a[name].(type) {
	case string:
		return v
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return ""
	}
}

func (a args) has(name string) bool { _, ok := a[name]; return ok }

func (a args) flag(name string) bool {
	v := a.str(name)
	return v == "true" || v == "1"
}

func (a args) number(name string, otherwise int) int {
	if n, err := strconv.Atoi(a.str(name)); err == nil {
		return n
	}
	return otherwise
}

// value is a structured argument: decoded from its text in a form, as it is in JSON. ok is false for text that is not JSON.
func (a args) value(name string) (v any, ok bool) {
	text, isText := a[name].(string)
	if !isText {
		return a[name], true
	}
	if strings.TrimSpace(text) == "" {
		return nil, true
	}
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		return nil, false
	}
	return v, true
}

// maxBody is far above what any message may hold; it only keeps a broken client from filling the memory.
const maxBody = 8 << 20

// readArgs reads a call's arguments and its token, which is not among them.
func readArgs(r *http.Request, readJSON bool) (a args, token string, isJSON bool) {
	a = args{}
	token = strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")
	body := http.MaxBytesReader(nil, r.Body, maxBody)
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if kind == "application/json" {
		raw, err := io.ReadAll(body)
		if err == nil && readJSON {
			_ = json.Unmarshal(raw, &a) // what is no object is no arguments
		}
		delete(a, "token") // Slack takes no token from a JSON body
		return a, token, true
	}
	r.Body = body
	if kind == "multipart/form-data" {
		_ = r.ParseMultipartForm(maxBody) //nolint:gosec // the body is bounded above
	} else {
		_ = r.ParseForm()
	}
	for name, values := range r.Form {
		a[name] = values[0]
	}
	if t := a.str("token"); token == "" && t != "" {
		token = t
	}
	delete(a, "token")
	return a, token, false
}

func (s *Server) serveAPI(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	m, known := s.methods[name]
	a, token, isJSON := readArgs(r, m.json)
	call := Call{Method: name, Args: a, At: time.Now()}
	flaw := s.takeFault(name)
	if !flaw.wait(r) || flaw.breaksBefore() {
		s.record(call, flaw.outcome())
		flaw.wreck(w)
		return
	}
	answer, err := s.answer(call, m, known, token, r)
	if flaw.breaksAfter() {
		flaw.wreck(w)
		return
	}
	if known {
		w.Header().Set("X-Oauth-Scopes", strings.Join(s.manifest.OAuth.Scopes.Bot, ","))
		w.Header().Set("X-Accepted-Oauth-Scopes", strings.Join(m.scopes, ","))
	}
	if isJSON && err == nil && !strings.Contains(strings.ToLower(r.Header.Get("Content-Type")), "charset") {
		answer["warning"] = "missing_charset"
	}
	if err == nil {
		flaw.alter(answer)
	}
	writeAnswer(w, answer, err)
}

// answer carries out a call and logs it.
func (s *Server) answer(c Call, m method, known bool, token string, r *http.Request) (answer object, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	defer func() { s.recordDone(c, err) }()
	if !known {
		return nil, refuse("unknown_method")
	}
	if err := s.authorise(m, token, r); err != nil {
		return nil, err
	}
	if wait := s.limits.method(s.opts.Limits, c.Method, m.perMinute); wait > 0 {
		return nil, &limited{after: wait}
	}
	if err := s.needScope(m.scopes...); err != nil {
		return nil, err
	}
	answer, err = m.run(s, c.Args)
	if answer == nil {
		answer = object{}
	}
	return answer, err
}

// authorise checks the kind of token before its value, as Slack does.
func (s *Server) authorise(m method, token string, r *http.Request) error {
	fromHeader := r.Header.Get("Authorization") != ""
	switch {
	case token == "":
		return refuse("not_authed")
	case token != s.opts.BotToken && token != s.opts.AppToken:
		return refuse("invalid_auth")
	case m.app && token != s.opts.AppToken, !m.app && token != s.opts.BotToken:
		return refuse("not_allowed_token_type")
	case m.app && !fromHeader: // "passing it as a POST parameter will result in an error" (apps.connections.open)
		return refuse("invalid_auth")
	}
	return nil
}

// needScope refuses unless the manifest has one of the scopes.
func (s *Server) needScope(anyOf ...string) error {
	if len(anyOf) == 0 || slices.ContainsFunc(anyOf, s.manifest.hasScope) {
		return nil
	}
	return &apiError{code: "missing_scope", needed: strings.Join(anyOf, ","), provided: strings.Join(s.manifest.OAuth.Scopes.Bot, ",")}
}

func writeAnswer(w http.ResponseWriter, answer object, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	if err == nil {
		answer["ok"] = true
		writeJSON(w, answer)
		return
	}
	switch e := err.(type) { //nolint:errorlint // handlers return these two types unwrapped
	case *limited:
		w.Header().Set("Retry-After", retryAfter(e.after))
		w.WriteHeader(http.StatusTooManyRequests)
		writeJSON(w, object{"ok": false, "error": "ratelimited"})
	case *apiError:
		body := object{"ok": false, "error": e.code}
		if e.needed != "" {
			body["needed"], body["provided"] = e.needed, e.provided
		}
		if len(e.messages) > 0 {
			body["response_metadata"] = object{"messages": e.messages}
			body["errors"] = remarks(e.messages)
		}
		writeJSON(w, body)
	default:
		w.WriteHeader(http.StatusInternalServerError)
		writeJSON(w, object{"ok": false, "error": "internal_error"})
	}
}

// remarks are Slack's remarks on a message in the form of its "errors", which need not have a pointer.
func remarks(messages []string) []object {
	out := make([]object, len(messages))
	for i, m := range messages {
		out[i] = object{"code": "invalid", "message": m}
	}
	return out
}

func writeJSON(w io.Writer, v any) {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	_ = enc.Encode(v) // the client is gone when this fails
}

// retryAfter is whole seconds, at least one, as Slack sends.
func retryAfter(d time.Duration) string {
	return fmt.Sprint(max(1, int((d+time.Second-1)/time.Second)))
}

// page cuts a list by the arguments limit and cursor. Slack's cursors are opaque; ours are too, to those who do not look.
func page[T any](a args, all []T, otherwise int) (part []T, meta object, err error) {
	start := 0
	if c := a.str("cursor"); c != "" {
		if _, err := fmt.Sscanf(c, "bmV4dDo%d", &start); err != nil || start > len(all) || start < 0 {
			return nil, nil, refuse("invalid_cursor")
		}
	}
	limit := a.number("limit", otherwise)
	if limit < 1 || limit > 1000 {
		return nil, nil, refuse("invalid_limit")
	}
	end := min(len(all), start+limit)
	next := ""
	if end < len(all) {
		next = fmt.Sprintf("bmV4dDo%d", end)
	}
	return all[start:end], object{"next_cursor": next}, nil
}
