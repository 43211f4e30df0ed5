// Package store keeps what must survive a crash: what arrived, what was asked, agreed, done and said,
// and what is still to do. It is one SQLite file, one process, and one transaction for everything that belongs together.
// It must never know what a request means, how a message is sent or what a cluster is.
package store
