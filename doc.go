// Package algesta holds the nouns that every room of the bot shares: who asked,
// for what, what would change, who agreed, how it ended, and what people are told.
// It uses the standard library alone and does no I/O; it must never know
// how a noun is stored, sent or carried out.
package algesta
