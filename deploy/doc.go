// Package deploy is what a cluster and a Slack workspace need for the bot: its Roles, made from what the commands declare, the Helm chart
// and the manifest of the Slack app. It reads no cluster and no configuration; it must never know Slack's API or the store.
package deploy

import "embed"

//go:generate go test -run ^TestTheChartHasWhatTheCommandsDeclare$ -update

// Chart is the Helm chart, below the folder "chart".
//
//go:embed all:chart
var Chart embed.FS

// SlackManifest is the manifest of the Slack app, YAML with its comments. Its slash command is /algesta.
//
//go:embed slack-app.yaml
var SlackManifest []byte

// ConfigSchema is the JSON Schema of the bot's configuration.
//
//go:embed configuration.schema.json
var ConfigSchema []byte
