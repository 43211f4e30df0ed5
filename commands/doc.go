// Package commands is the command language and the order of things: an invocation is parsed,
// resolved, decided, planned, approved, carried out once and followed to its end. It asks its
// own questions through small interfaces (ports.go) and must never know Slack, SQL or client-go.
package commands
