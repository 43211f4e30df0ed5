package algesta

import "time"

// Tag is a tag of a repository, and when it was pushed.
type Tag struct {
	Name   string
	Pushed time.Time // zero where the registry doesn't say
}
