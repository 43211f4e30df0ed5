package slack

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
)

// maxAnswer bounds what Slack may answer: 500 people are about one megabyte.
const maxAnswer = 16 << 20

// web calls Slack's Web API and reads of an answer only what the bot needs. slack-go reads everything, so one block of a kind that it does
// not know, or a number where it wants a string, makes a call fail that Slack has carried out: a message would be posted twice, and a
// thread could not be read for as long as such a message is in it. Errors are those of slack-go.
type web struct {
	http *http.Client
	url  string // ends in /
	bot  Secret
}

// call makes one call with the bot's token. answer is a pointer to a struct of what is read, or nil.
func (w web) call(ctx context.Context, method string, args url.Values, answer any) error {
	return w.callAs(ctx, w.bot, method, args, answer)
}

func (w web) callAs(ctx context.Context, token Secret, method string, args url.Values, answer any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url+method, strings.NewReader(args.Encode()))
	if err != nil {
		return fmt.Errorf("calling %s: %w", method, plainError(err))
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Authorization", "Bearer "+string(token))
	resp, err := w.http.Do(req)
	if err != nil {
		return plainError(err)
	}
	defer func() { _ = resp.Body.Close() }() // read to its end below
	if resp.StatusCode != http.StatusOK {
		return statusError(resp)
	}
	raw, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("reading the answer of %s: %w", method, err)
	}
	return readAnswer(raw, answer)
}

func statusError(resp *http.Response) error {
	if resp.StatusCode == http.StatusTooManyRequests {
		if seconds, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil {
			seconds = min(max(seconds, 0), int(restAtMost/time.Second)) // before it is multiplied: what is too large turns negative
			return &slackapi.RateLimitedError{RetryAfter: time.Duration(seconds) * time.Second}
		}
	}
	return slackapi.StatusCodeError{Code: resp.StatusCode, Status: resp.Status}
}

// readAnswer is what Slack's answer says: its error, or what answer has fields for.
func readAnswer(raw []byte, answer any) error {
	var head struct {
		OK       bool          `json:"ok"`
		Error    lenientString `json:"error"`
		Needed   lenientString `json:"needed"`
		Provided lenientString `json:"provided"`
		Meta     struct {
			Messages []lenientString `json:"messages"`
		} `json:"response_metadata"`
	}
	if err := lenient(raw, &head); err != nil {
		return fmt.Errorf("reading Slack's answer: %w", err)
	}
	if !head.OK {
		refused := slackapi.SlackErrorResponse{
			Err: first(string(head.Error), "unknown_error"), Needed: string(head.Needed), Provided: string(head.Provided),
		}
		for _, m := range head.Meta.Messages {
			refused.ResponseMetadata.Messages = append(refused.ResponseMetadata.Messages, string(m))
		}
		return refused
	}
	if answer == nil {
		return nil
	}
	if err := lenient(raw, answer); err != nil {
		return fmt.Errorf("reading Slack's answer: %w", err)
	}
	return nil
}

// lenient decodes what has the expected form and leaves out the rest: encoding/json continues after a field of another type. What is no
// JSON is an error.
func lenient(raw []byte, into any) error {
	err := json.Unmarshal(raw, into)
	if shape, ok := errors.AsType[*json.UnmarshalTypeError](err); ok && shape.Field != "" {
		return nil
	}
	if err != nil {
		return shapeOnly(err)
	}
	return nil
}

// lenientString is a text, also where Slack writes a number. Anything else is "".
type lenientString string

// UnmarshalJSON implements json.Unmarshaler; it never fails.
func (l *lenientString) UnmarshalJSON(raw []byte) error {
	var s string
	if json.Unmarshal(raw, &s) == nil {
		*l = lenientString(s)
		return nil
	}
	var n json.Number
	if json.Unmarshal(raw, &n) == nil {
		*l = lenientString(n)
	}
	return nil
}

// lenientBool is a yes or no that takes something away, such as "is restricted": what is not clearly a no is a yes.
type lenientBool bool

// UnmarshalJSON implements json.Unmarshaler; it never fails.
func (y *lenientBool) UnmarshalJSON(raw []byte) error {
	switch string(raw) {
	case "false", "null", "0", `""`, `"false"`, `"0"`:
		*y = false
	default:
		*y = true
	}
	return nil
}

// cursor is where the next page of an answer begins, "" after the last.
type cursor struct {
	Meta struct {
		Next lenientString `json:"next_cursor"`
	} `json:"response_metadata"`
}

func (c cursor) next() string { return string(c.Meta.Next) }
