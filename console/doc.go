// Package console is the second transport: a terminal. Lines that people type become invocations, posts of the outbox are
// printed as plain text, and a file says who the people are. It proves that no room knows Slack, and the golden conversations
// are held in it. It must never know what a command means.
package console
