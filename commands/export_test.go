package commands

import (
	"time"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/policy"
	"github.com/3astronautas/algesta/runbooks"
)

// Hasten shortens the times that a test would have to wait for: of an invocation, of a diagnosis, and between two tries of one.
func (d *Dispatcher) Hasten(handle, diagnose, again time.Duration) {
	d.handleWithin, d.diagnoseWithin, d.diagnoseAgain = handle, diagnose, again
}

// Restart forgets what is only in memory, as a restart does.
func (d *Dispatcher) Restart() { d.announced.Clear() }

// Looks is how many requests something is noted about.
func (d *Dispatcher) Looks() (n int) {
	d.announced.Range(func(any, any) bool { n++; return true })
	return n
}

// EndAll has every command end so.
func (d *Dispatcher) EndAll(e runbooks.Ending) {
	d.ending = func(algesta.Request) runbooks.Ending { return e }
}

// Difference is what a new plan says of the one before.
func Difference(old, now algesta.Plan) string { return difference(old, now).String() }

// Frozen reports whether a change of production is refused while this freeze stands.
func Frozen(d *Dispatcher, z algesta.Freeze) bool {
	_, no := d.Policy().With(
		[]algesta.Freeze{z},
	).FrozenBy(
		policy.Facts{Command: algesta.Command{Target: z.Target}, Verb: "scale", At: time.Now()},
	)
	return no
}

// NothingNew says that a followed answer isn't edited for this.
func NothingNew(a, b algesta.Report) bool { return nothingNew(a, b) }

// OwnWriter writes freezes, by what a command may write.
func (d *Dispatcher) OwnWriter(may ...string) Writer { return ownWriter{d, may} }

// AskedAlready is an error where the same was asked for and isn't written yet.
func AskedAlready(tx Tx, key string, asked algesta.Request) error {
	return askedAlready(tx, key, asked)
}
