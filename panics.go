package algesta

import (
	"fmt"
	"runtime/debug"
	"sync/atomic"
)

// Panics catches and counts what panics in a piece of work, so that a mistake in one ends that one and not the bot. All rooms of a
// bot share one. A nil one catches, too, and counts nothing.
type Panics struct{ caught atomic.Int64 }

// PanicError is a panic that was caught. Its text is for the log: it has the stack, and may hold what people typed.
type PanicError struct {
	Value any    // what was thrown
	Stack []byte // of the goroutine that did
}

// Error is the value and the stack.
func (p *PanicError) Error() string { return fmt.Sprintf("panic: %v\n%s", p.Value, p.Stack) }

// Catch does the work and returns its panic, or nil. Of the goroutines that the work starts it sees those whose panics come back to
// the one that waits for them, as those of a conc.WaitGroup do: nothing can catch others.
func (p *Panics) Catch(work func()) (caught *PanicError) {
	defer func() {
		if value := recover(); value != nil {
			caught = &PanicError{Value: value, Stack: debug.Stack()}
			if p != nil {
				p.caught.Add(1)
			}
		}
	}()
	work()
	return nil
}

// Total is how many were caught since the start: for metrics.
func (p *Panics) Total() int64 {
	if p == nil {
		return 0
	}
	return p.caught.Load()
}
