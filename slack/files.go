package slack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
	"go.uber.org/zap"

	"github.com/3astronautas/algesta"
)

const (
	maxFile  = 1 << 20 // bytes of a text that Slack shows in its place
	fileTry  = 3       // then the message goes without its file
	fileSeen = 5       // looks for a file that was put into its thread: Slack does that after it has answered
)

// attached is what became of the file of a message.
type attached struct {
	name string // as it is called in the thread
	fail string // why it isn't there; "" where it is
}

// fileError is a file that could not be put into its thread and may be the next time. The message waits for it.
type fileError struct{ err error }

func (e *fileError) Error() string { return "putting a file into the thread: " + e.err.Error() }

func (e *fileError) Unwrap() error { return e.err }

// notInName are the characters that the name of a file may not have.
var notInName = regexp.MustCompile(`[^A-Za-z0-9.-]+`)

// fileOf is the file that has to be in the thread before this message: its name, which is of this message and of this content alone, and
// what is in it. ok is false where the message needs none.
func fileOf(o algesta.Outgoing, msg rendered, w way) (name, content string, ok bool) {
	f := msg.report.File
	if f == nil || f.Name == "" || w == byReply || w == byWhisper || o.Post.Direct {
		return "", "", false // a file in a thread is for everybody there
	}
	approvable := slices.ContainsFunc(msg.report.Buttons, func(b algesta.Button) bool { return b.Action == algesta.Approve })
	switch {
	case w == byEdit && !approvable: // what was there when it was posted is still there
		return "", "", false
	case f.Text != "":
		content = f.Text
	case msg.cut:
		content = wholeMessage(msg.report)
	default:
		return "", "", false
	}
	sum := sha256.Sum256([]byte(content))
	base, _ := cut(strings.Trim(notInName.ReplaceAllString(f.Name, "-"), "-."), 60)
	return fmt.Sprintf("%s-%s-%s.txt", first(base, "file"), o.Post.Command, hex.EncodeToString(sum[:4])), content, true
}

// attach has the file of a message in its thread, once, before the message says so. A nil answer is a message without one; an error says
// that the message has to wait.
func (s *sender) attach(ctx context.Context, r *result, msg rendered, m memory) (*attached, error) {
	name, content, ok := fileOf(r.out, msg, r.way)
	if !ok {
		return nil, nil //nolint:nilnil // none and no error
	}
	file := &attached{name: name, fail: m.noFile}
	thread := first(r.out.Post.Thread, r.out.Root)
	switch {
	case file.fail != "":
		return file, nil
	case thread == "":
		file.fail = "it has no thread"
	case len(content) > maxFile:
		file.fail = "it is larger than 1 MiB"
	default:
		err := s.putFile(ctx, r.out, thread, name, content)
		if errors.Is(err, errNoThread) {
			return nil, err
		}
		if err != nil && !refusesFiles(err) && m.fileTries+1 < fileTry {
			r.fileTried = true
			return nil, &fileError{err}
		}
		if err != nil {
			file.fail = first(code(err), "Slack doesn't take it right now")
			s.log.Error("a message goes without its file", zap.String("command", r.out.Post.Command), zap.String("kind", string(r.out.Post.Kind)),
				zap.String("reason", file.fail), zap.Error(plainError(err)))
		}
	}
	r.noFile = file.fail
	return file, nil
}

// errNotSeen says that Slack took a file and doesn't show it. It isn't sent again: it may come.
var errNotSeen = errors.New("the file isn't in its thread")

// refusesFiles reports whether an error doesn't pass on its own.
func refusesFiles(err error) bool {
	var status slackapi.StatusCodeError
	name := code(err)
	switch {
	case errors.Is(err, errNotSeen):
		return true
	case errors.As(err, &status):
		return status.Code < http.StatusInternalServerError && status.Code != http.StatusTooManyRequests
	}
	return name != "" && !judge(err, 0).limited && !slices.Contains(passing(), name)
}

// putFile uploads a file into the thread, unless it is there, and checks that it is. Where the thread is deleted in the moments between the
// check before and the sharing, the file stays in the channel, and isn't taken back: what is in it is what the same people were to read in
// the thread, under a name that says of which request, and to delete it the bot would have to trust an ID that it couldn't see in any
// thread.
func (s *sender) putFile(ctx context.Context, o algesta.Outgoing, thread, name, content string) error {
	there, err := s.hasFile(ctx, o, thread, name)
	if err != nil || there {
		return err
	}
	var place struct {
		URL lenientString `json:"upload_url"`
		ID  lenientString `json:"file_id"`
	}
	args := url.Values{"filename": {name}, "length": {strconv.Itoa(len(content))}}
	if err := s.web.call(ctx, "files.getUploadURLExternal", args, &place); err != nil {
		return fmt.Errorf("asking where to upload to: %w", err)
	}
	if err := s.web.upload(ctx, string(place.URL), content); err != nil {
		return fmt.Errorf("uploading: %w", err)
	}
	files, err := json.Marshal([]map[string]string{{"id": string(place.ID), "title": name}})
	if err != nil {
		return fmt.Errorf("encoding the name of a file: %w", err)
	}
	args = url.Values{"files": {string(files)}, "channel_id": {o.Post.Channel}, "thread_ts": {thread}}
	if err := s.web.call(ctx, "files.completeUploadExternal", args, nil); err != nil {
		return fmt.Errorf("sharing: %w", err)
	}
	for n := range fileSeen {
		if there, err = s.hasFile(ctx, o, thread, name); err != nil || there {
			return err
		}
		if !pause(ctx, 250*time.Millisecond<<n) {
			break
		}
	}
	return errNotSeen
}

// hasFile says whether the bot's file of this name is in the thread.
func (s *sender) hasFile(ctx context.Context, o algesta.Outgoing, thread, name string) (bool, error) {
	o.Post.Thread = thread
	from := ""
	for range 5 { // pages of 200
		messages, next, err := s.page(ctx, o, "0", from)
		switch {
		case code(err) == "thread_not_found":
			return false, errNoThread
		case err != nil:
			return false, fmt.Errorf("looking for a file: %w", err)
		}
		for _, m := range messages {
			if string(m.User) == s.bot && slices.ContainsFunc(m.Files, func(f sharedFile) bool { return string(f.Name) == name }) {
				return true, nil
			}
		}
		if next == "" {
			break
		}
		from = next
	}
	return false, nil
}

// sharedFile is what is read of a file in a message.
type sharedFile struct {
	Name lenientString `json:"name"`
}

// upload sends a text to the address that Slack gave for it. The address is a secret, and needs no token.
func (w web) upload(ctx context.Context, address, content string) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader([]byte(content)))
	if err != nil {
		return errors.New("the upload has no usable address from Slack")
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
	resp, err := w.http.Do(req)
	if err != nil {
		return plainError(err)
	}
	defer func() { _ = resp.Body.Close() }() // nothing was written to it
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxAnswer)); err != nil {
		return fmt.Errorf("reading the answer to an upload: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	return nil
}

// said is the line of a message about its file.
func (a attached) said() string {
	if a.fail != "" {
		return fmt.Sprintf("I couldn't put all of it into this thread as a file (%s).", a.fail)
	}
	return "All of it is in the file above: " + a.name
}
