// Package incidents reports trouble that nobody asked about: what its sources see, how it is grouped by cause, and the one card
// that each cause has from its beginning to its end. It reads and posts as a rule, through package commands, so it can change nothing.
// It must never know how a message is sent, or how a cluster is read.
package incidents
