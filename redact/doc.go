// Package redact takes secrets and invisible characters out of text that came from a cluster or a person, before it is stored,
// logged or shown. It knows secrets by their form and by their value. It is pure, and must never keep a secret value:
// of those it keeps salted hashes.
package redact
