package algesta

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// ExecVerb is the verb of a policy that lets somebody run a listed program in a pod. A role has it where it names it, and not by the family
// Changes.
const ExecVerb = "exec"

// Exec is the verb of a change that runs a program in a container of a pod. It writes to no object.
const Exec Verb = "exec"

// ListedCommand is a program that a policy lists: it may be run in a pod with exactly these words. Nothing of it
// comes from whoever asks.
type ListedCommand struct {
	Name         string   // by which people ask for it, unique in the policy
	Services     []string // as the catalogue calls them
	Environments []string // by their canonical names
	Container    string
	Command      []string      // the program, as an absolute path, and its arguments
	Timeout      time.Duration // how long the bot waits for its end, from 1 s to MostExecTime
}

// MostExecTime is the longest that a listed command may be waited for.
const MostExecTime = time.Minute

// In reports whether the command is listed for a service in an environment. A service of "" is any of the listed ones.
func (l ListedCommand) In(service, environment string) bool {
	return slices.Contains(l.Environments, environment) && (service == "" || slices.Contains(l.Services, service))
}

// Program is what a change with the verb Exec runs, and in what: the container as people saw it.
type Program struct {
	Name      string        `json:"name"` // of the listed command
	Container string        `json:"container"`
	Command   []string      `json:"command"` // in a stored plan its hash alone, as one word
	Image     string        `json:"image"`   // as the pod names it
	ImageID   string        `json:"imageID"` // what the container really runs, with its digest, as the kubelet says
	Timeout   time.Duration `json:"timeout"`
}

// Runs reports whether these are exactly the words that it runs, also where it holds only their hash.
func (p Program) Runs(command []string) bool {
	if slices.Equal(p.Command, command) {
		return true
	}
	hash, err := hashCommand(command)
	return err == nil && len(p.Command) == 1 && p.Command[0] == hash
}

// Is reports whether it runs a listed command, as that is listed now.
func (p Program) Is(l ListedCommand) bool {
	return p.Name == l.Name && p.Container == l.Container && p.Timeout == l.Timeout && p.Runs(l.Command)
}

// redacted is the program without the words of its command: they may hold what nobody should read in the store.
func (p Program) redacted() Program {
	if len(p.Command) == 1 && strings.HasPrefix(p.Command[0], "sha256:") { // it is already
		return p
	}
	hash, err := hashCommand(p.Command)
	if err != nil {
		hash = "unreadable"
	}
	p.Command = []string{hash}
	return p
}

func hashCommand(command []string) (string, error) {
	b, err := json.Marshal(command)
	if err != nil {
		return "", fmt.Errorf("hashing a command: %w", err)
	}
	return HashJSON(b)
}

// Ran is how a program that was run in a pod ended, as far as it's known that it was started.
type Ran struct {
	ExitCode int           `json:"exitCode"`
	Took     time.Duration `json:"took"`
	// Late says that it hadn't ended when its time was up: it may still run, and ExitCode says nothing.
	Late bool `json:"late,omitempty"`
	// Output is what it wrote, stdout and stderr as they came, at most MostOutput. The store has it redacted and cleaned.
	Output string `json:"output,omitempty"`
	// Dropped is how many bytes it wrote after those of Output.
	Dropped int64 `json:"dropped,omitempty"`
	// Withheld says why the output isn't shown, "" where it is.
	Withheld string `json:"withheld,omitempty"`
	// Unknown are the Secrets of the pod whose values can't be recognized in the output, because they couldn't be read.
	Unknown []string `json:"unknown,omitempty"`
	// Moved says that the pod was replaced while it ran, so that it may have run in the one that came after.
	Moved bool `json:"moved,omitempty"`
}

// MostOutput is how much of a program's output is kept, in bytes.
const MostOutput = 64 << 10
