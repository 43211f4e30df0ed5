package slackd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"sigs.k8s.io/yaml"
)

// Manifest is the part of an app manifest that decides what the app may do: scopes, slash commands, events.
type Manifest struct {
	Features struct {
		SlashCommands []SlashCommand `json:"slash_commands"`
		Shortcuts     []Shortcut     `json:"shortcuts"`
		AppHome       struct {
			HomeTab     bool `json:"home_tab_enabled"`
			MessagesTab bool `json:"messages_tab_enabled"`
			ReadOnly    bool `json:"messages_tab_read_only_enabled"`
		} `json:"app_home"`
	} `json:"features"`
	OAuth struct {
		Scopes struct {
			Bot []string `json:"bot"`
		} `json:"scopes"`
	} `json:"oauth_config"`
	Settings struct {
		Events struct {
			Bot []string `json:"bot_events"`
		} `json:"event_subscriptions"`
		Interactivity struct {
			Enabled bool `json:"is_enabled"`
		} `json:"interactivity"`
		SocketMode bool `json:"socket_mode_enabled"`
	} `json:"settings"`
}

// SlashCommand is one command of the manifest.
type SlashCommand struct {
	Command      string `json:"command"`
	Description  string `json:"description"`
	UsageHint    string `json:"usage_hint"`
	ShouldEscape bool   `json:"should_escape"` // people, channels and links arrive as <@U…>, <#C…|name>, <https://…>
}

// Shortcut is one entry of the manifest for the menu of a message, or of the composer.
type Shortcut struct {
	Name        string `json:"name"`
	Type        string `json:"type"` // "message" or "global"
	CallbackID  string `json:"callback_id"`
	Description string `json:"description"`
}

// LoadManifest reads an app manifest.
func LoadManifest(path string) (Manifest, error) {
	raw, err := os.ReadFile(path) //nolint:gosec // the person who starts the sandbox names the file
	if err != nil {
		return Manifest{}, fmt.Errorf("reading app manifest: %w", err)
	}
	var m Manifest
	if err := yaml.Unmarshal(raw, &m); err != nil {
		return Manifest{}, fmt.Errorf("reading app manifest %s: %w", path, err)
	}
	if len(m.OAuth.Scopes.Bot) == 0 {
		return Manifest{}, fmt.Errorf("reading app manifest %s: it asks for no bot scopes", path)
	}
	return m, nil
}

// FindManifest looks for deploy/slack-app.yaml in the working directory and above it, so that tests of any package find it.
func FindManifest() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("looking for the app manifest: %w", err)
	}
	for {
		path := filepath.Join(dir, "deploy", "slack-app.yaml")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("looking for the app manifest: no deploy/slack-app.yaml here or above; set Options.ManifestFile")
		}
		dir = parent
	}
}

func (m *Manifest) hasScope(scope string) bool { return slices.Contains(m.OAuth.Scopes.Bot, scope) }

func (m *Manifest) wantsEvent(name string) bool { return slices.Contains(m.Settings.Events.Bot, name) }

func (m *Manifest) command(name string) (SlashCommand, bool) {
	for _, c := range m.Features.SlashCommands {
		if c.Command == name {
			return c, true
		}
	}
	return SlashCommand{}, false
}
