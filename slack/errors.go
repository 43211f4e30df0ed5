package slack

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
)

// code is Slack's own name of an error, such as "channel_not_found"; "" where Slack did not answer with one.
func code(err error) string {
	if refused, ok := errors.AsType[slackapi.SlackErrorResponse](err); ok {
		return refused.Err
	}
	return ""
}

// plainError leaves out the address of a call: that of a response_url or of a socket is a secret.
func plainError(err error) error {
	if call, ok := errors.AsType[*url.Error](err); ok {
		return fmt.Errorf("%s: %w", call.Op, call.Err)
	}
	return err
}

// credentials reports whether it's an error that only a person can fix, at the app's tokens and scopes.
func credentials(code string) bool {
	return slices.Contains([]string{
		"invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "missing_scope",
		"not_allowed_token_type", "forbidden_team", "no_permission", "org_login_required", "ekm_access_denied", "access_denied",
	}, code)
}

// verdict is what an error of a call means for the message.
type verdict struct {
	after    time.Duration // try again, not before
	limited  bool          // it was a 429: the whole method has to rest
	maybe    bool          // nobody knows whether it was done
	textOnly bool          // Slack did not like the blocks
	gone     bool          // it can never be delivered
	expired  bool          // the response_url is used up
	noThread bool          // the thread that it belongs to was deleted
}

// contentErrors are about the blocks: the same words go out as plain text once (slack.md, part C4).
func contentErrors() []string {
	return []string{
		"invalid_blocks", "invalid_blocks_format", "invalid_attachments", "msg_too_long", "msg_blocks_too_long", "msg_blocks_too_many",
		"no_text", "invalid_arguments", "invalid_array_arg", "only_one_table_allowed", "block_mismatch",
		"metadata_too_large", "invalid_metadata_format", "invalid_metadata_schema",
	}
}

// passing are the errors that pass on their own (the methods' pages in Slack's reference).
func passing() []string {
	return []string{
		"internal_error",
		"fatal_error",
		"request_timeout",
		"service_unavailable",
		"team_added_to_org",
		"update_failed",
		"external_channel_migrating",
	}
}

// maxUnknown is how often a message is tried whose error is none that is known: for about a minute.
const maxUnknown = 6

// permanent reports whether an error says that the channel, the message or the right to write is not there for the bot.
func permanent(code string) bool {
	for _, family := range []string{"restricted_action", "slack_connect_", "posting_to_"} { // each has several members
		if strings.HasPrefix(code, family) {
			return true
		}
	}
	return slices.Contains([]string{
		"channel_not_found",
		"not_in_channel",
		"is_archived",
		"is_inactive",
		"channel_type_not_supported",
		"method_not_supported_for_channel_type",
		"message_not_found",
		"cant_update_message",
		"cant_delete_message",
		"edit_window_closed",
		"thread_not_found",
		"cannot_reply_to_message",
		"thread_locked",
		"user_not_found",
		"user_not_in_channel",
		"user_not_visible",
		"user_disabled",
		"cannot_dm_bot",
		"messages_tab_disabled",
		"team_access_not_granted",
		"team_not_found",
		"unknown_method",
		"method_deprecated",
		"as_user_not_supported",
		"invalid_user",
		"invalid_channel",
	}, code)
}

// errCannotRender is what became of a message that panicked on its way out.
var errCannotRender = errors.New("the message cannot be made")

// judge says what to do after a call went wrong for the tries-th time.
func judge(err error, tries int) verdict {
	var limited *slackapi.RateLimitedError
	var status slackapi.StatusCodeError
	name := code(err)
	if file, ok := errors.AsType[*fileError](err); ok { // whatever it is, it isn't the message's fault, which was not sent
		return verdict{after: max(judge(file.err, 0).after, slowly(tries))}
	}
	switch {
	case errors.Is(err, errCannotRender):
		return verdict{gone: true} // it would panic again
	case errors.Is(err, errNoThread):
		return verdict{noThread: true}
	case errors.As(err, &limited):
		return verdict{limited: true, after: rest(limited)}
	case name == "ratelimited", name == "rate_limited", name == "message_limit_exceeded":
		return verdict{limited: true, after: slowly(tries)}
	case slices.Contains(passing(), name):
		return verdict{maybe: name != "external_channel_migrating", after: slowly(tries)}
	case slices.Contains(contentErrors(), name):
		return verdict{textOnly: true}
	case credentials(name):
		return verdict{after: time.Minute}
	case permanent(name), name != "" && tries >= maxUnknown:
		return verdict{gone: true}
	case name != "": // Slack has more errors than it documents, and some of them pass
		return verdict{maybe: true, after: slowly(tries)}
	case errors.As(err, &status) && status.Code == http.StatusTooManyRequests:
		return verdict{limited: true, after: slowly(tries)}
	case errors.As(err, &status) && status.Code < http.StatusInternalServerError:
		return verdict{expired: true, gone: true}
	}
	return verdict{maybe: true, after: slowly(tries)} // 5xx, a broken connection, a deadline
}

// restAtMost is the longest pause that Slack may ask for: its own are about a minute, and a bot that rests for a day looks dead.
const restAtMost = 10 * time.Minute

// rest is the pause that Slack asks for, within bounds: without one a number of 0 or below it would have Slack asked without a pause.
func rest(limited *slackapi.RateLimitedError) time.Duration {
	return min(max(limited.RetryAfter, time.Second), restAtMost)
}

// slowly doubles from a second to a minute.
func slowly(tries int) time.Duration { return min(time.Second<<min(tries, 6), time.Minute) }

// details are Slack's remarks on a message that it refused, for the log: they name places in it, not its content.
func details(err error) []string {
	if refused, ok := errors.AsType[slackapi.SlackErrorResponse](err); ok {
		return refused.ResponseMetadata.Messages
	}
	return nil
}
