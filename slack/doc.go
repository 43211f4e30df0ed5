// Package slack is the transport to Slack and the only user of slack-go: Socket Mode in, Block Kit out, and who
// someone is. What arrives goes to an Inbox before it is acknowledged; what leaves comes from an Outbox.
// It must never know what a command means, whether it is permitted, or what a cluster is.
package slack
