package slack

import (
	"github.com/3astronautas/algesta"
)

type interactionPayload struct {
	Type string `json:"type"`
	Team struct {
		ID string `json:"id"`
	} `json:"team"`
	User struct {
		ID       string `json:"id"`
		TeamID   string `json:"team_id"`
		Name     string `json:"name"`
		Username string `json:"username"`
	} `json:"user"`
	Container struct {
		MessageTS string `json:"message_ts"`
		ThreadTS  string `json:"thread_ts"`
		ChannelID string `json:"channel_id"`
		Ephemeral bool   `json:"is_ephemeral"`
	} `json:"container"`
	Channel struct {
		ID   string `json:"id"`
		Name string `json:"name"`
	} `json:"channel"`
	Message  messagePayload `json:"message"`
	ActionTS string         `json:"action_ts"` // of a shortcut
	Actions  []struct {
		ActionID string `json:"action_id"`
		BlockID  string `json:"block_id"`
		Value    string `json:"value"`
		ActionTS string `json:"action_ts"`
		Text     struct {
			Text string `json:"text"`
		} `json:"text"`
	} `json:"actions"`
	CallbackID  string      `json:"callback_id"` // of a shortcut
	ResponseURL string      `json:"response_url"`
	TriggerID   string      `json:"trigger_id"`
	View        viewPayload `json:"view"`
}

// viewPayload is a modal or a Home tab in which someone did something.
type viewPayload struct {
	ID              string `json:"id"`
	Type            string `json:"type"`
	Hash            string `json:"hash"`
	CallbackID      string `json:"callback_id"`
	PrivateMetadata string `json:"private_metadata"`
	State           struct {
		Values map[string]map[string]struct {
			Value        string `json:"value"`
			Conversation string `json:"selected_conversation"`
			Option       struct {
				Value string `json:"value"`
			} `json:"selected_option"`
			Options []struct {
				Value string `json:"value"`
			} `json:"selected_options"`
		} `json:"values"`
	} `json:"state"`
}

// person is who clicked, in the workspace in which they did: user.team_id may be another one of the organisation (Enterprise Grid,
// bolt-js#1875). Whether they are a member of it is the directory's question.
func (p interactionPayload) person() algesta.PersonID {
	return algesta.PersonID{Team: first(p.Team.ID, p.User.TeamID), User: p.User.ID}
}
