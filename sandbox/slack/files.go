package slackd

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// maxSnippet is Slack's limit of a text snippet; larger files exist in Slack but not in a bot's thread.
const maxSnippet = 1 << 20

// fileDelay is how long a file is in no history after it was shared: Slack shares it after it has answered.
const fileDelay = 50 * time.Millisecond

// File is a file that was shared in a message.
type File struct {
	ID      string `json:"id"`
	Name    string `json:"name"`
	Title   string `json:"title"`
	Size    int    `json:"size"`
	Content string `json:"-"`
	Link    string `json:"url_private"`
}

// upload is an upload address that was given out.
type upload struct {
	file     File
	length   int
	uploaded bool
}

func (s *Server) filesGetUploadURL(a args) (object, error) {
	length := a.number("length", 0)
	switch {
	case a.str("filename") == "", length <= 0:
		return nil, refuse("missing_argument")
	case a.str("snippet_type") != "" && length > maxSnippet:
		return nil, refuse("snippet_too_large")
	}
	id := "F" + strings.ToUpper(randomID())
	s.uploads[id] = &upload{file: File{ID: id, Name: a.str("filename"), Link: s.base + "/files/" + id}, length: length}
	return object{"upload_url": s.base + "/upload/" + id, "file_id": id}, nil
}

func (s *Server) serveUpload(w http.ResponseWriter, r *http.Request) {
	call := Call{Method: "upload", At: time.Now(), Args: args{"file": r.PathValue("id")}}
	flaw := s.takeFault(call.Method)
	if !flaw.wait(r) || flaw.breaksBefore() {
		s.record(call, flaw.outcome())
		flaw.wreck(w)
		return
	}
	raw, err := readUpload(r)
	if !s.keepUpload(call, r.PathValue("id"), raw, err) {
		http.Error(w, "the upload does not match its address", http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = io.WriteString(w, "OK - "+strconv.Itoa(len(raw)))
}

// keepUpload stores what was sent to an upload's address, unless it is not what was announced.
func (s *Server) keepUpload(call Call, id string, raw []byte, err error) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	u, ok := s.uploads[id]
	if !ok || err != nil || len(raw) != u.length {
		s.recordDone(call, fmt.Errorf("http %d", http.StatusBadRequest))
		return false
	}
	u.file.Content, u.file.Size, u.uploaded = string(raw), len(raw), true
	s.recordDone(call, nil)
	return true
}

// readUpload takes a form's first file, or the body itself.
func readUpload(r *http.Request) ([]byte, error) {
	r.Body = http.MaxBytesReader(nil, r.Body, maxBody)
	if !strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		return io.ReadAll(r.Body)
	}
	reader, err := r.MultipartReader()
	if err != nil {
		return nil, err
	}
	for {
		part, err := reader.NextPart()
		if err != nil {
			return nil, err
		}
		if part.FileName() != "" {
			return io.ReadAll(part)
		}
	}
}

func (s *Server) filesComplete(a args) (object, error) {
	raw, ok := a.value("files")
	list, isList := raw.([]any)
	if !ok || !isList || len(list) == 0 {
		return nil, refuse("invalid_arguments")
	}
	var files []File
	for _, entry := range list {
		o, _ := entry.(object)
		id, _ := o["id"].(string)
		u, ok := s.uploads[id]
		if !ok || !u.uploaded {
			return nil, refuse("file_not_found")
		}
		u.file.Title, _ = o["title"].(string)
		setDefault(&u.file.Title, u.file.Name)
		files = append(files, u.file)
	}
	if err := s.share(a, files); err != nil {
		return nil, err
	}
	out := []object{}
	for _, f := range files {
		delete(s.uploads, f.ID)
		s.files[f.ID] = &f
		out = append(out, object{"id": f.ID, "title": f.Title, "name": f.Name})
	}
	return object{"files": out}, nil
}

// share posts the files into the one channel; the bot must be in it whatever its scopes. No channel keeps them unshared.
func (s *Server) share(a args, files []File) error {
	channel := a.str("channel_id")
	if channel == "" {
		return nil
	}
	c, err := s.destination(channel)
	if err != nil {
		return err
	}
	if !c.has(s.ws.Bot.User) {
		return refuse("not_in_channel")
	}
	thread, err := s.thread(c, a.str("thread_ts"))
	if err != nil {
		return err
	}
	s.post(c, &Message{User: s.ws.Bot.User, BotID: s.ws.Bot.ID, Text: a.str("initial_comment"), ThreadTS: thread, Files: files})
	return nil
}

func (s *Server) serveFile(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	f, ok := s.files[r.PathValue("id")]
	s.mu.Unlock()
	if !ok {
		http.NotFound(w, r)
		return
	}
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	_, _ = io.WriteString(w, f.Content)
}
