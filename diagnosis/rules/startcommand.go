package rules

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

var noCommand = regexp.MustCompile(
	`(?i)executable file not found|exec:? .*no such file or directory|exec .*permission denied|exec format error|stat .*no such file or ` +
		`directory|starting container process caused`,
)

func commandNotFound(c *facts.Container) *Finding {
	reason, message := c.Waits()
	starts := reason == "RunContainerError" || reason == "CreateContainerError" || reason == "StartError"
	evidence := c.WaitingEvidence()
	if said, ok := execFailure(c); ok && !starts {
		return commandFinding(c, said.Example, c.EndEvidence())
	}
	if !starts || !noCommand.MatchString(message) {
		if c.Died == nil || !c.Crashing || !slices.Contains([]int32{126, 127, 128}, c.Died.ExitCode) {
			return nil
		}
		if c.Died.ExitCode == 128 && c.Died.Reason != "StartError" && c.Died.Reason != "ContainerCannotRun" {
			return nil
		}
		message, evidence = c.Died.Message, c.EndEvidence()
	}
	return commandFinding(c, message, evidence)
}

// execFailed is what the runtime writes into the log when the kernel refuses the entrypoint.
var execFailed = regexp.MustCompile(
	`^(?:standard_init_linux\.go:\d+: )?exec (?:user process caused:? |/?[\w./-]+: )"?(?:exec format error|no such file or ` +
		`directory|permission denied)`,
)

// execFailure finds that line where nothing else was written: the program never ran.
func execFailure(c *facts.Container) (*facts.LogLine, bool) {
	last, ok := c.Log.LastWords()
	if !ok || !c.Crashing || c.Died == nil || !execFailed.MatchString(last.Example) {
		return nil, false
	}
	return last, true
}

func commandFinding(c *facts.Container, message string, evidence facts.Evidence) *Finding {
	what := fmt.Sprintf("The command of %s cannot be run", c.Words())
	if program := c.Executable(); program != "" {
		what = fmt.Sprintf("The command %q of %s cannot be run", program, c.Words())
	}
	switch {
	case strings.Contains(message, "exec format error"):
		what += ": it is built for another processor"
	case strings.Contains(message, "permission denied"), c.Died != nil && c.Died.ExitCode == 126:
		what += ": it is not executable"
	case strings.Contains(message, "not found"), strings.Contains(message, "no such file"), c.Died != nil && c.Died.ExitCode == 127:
		what += ": the image has no such file"
	}
	f := &Finding{
		What:   what,
		Effect: CannotStart,
		Shown:  []facts.Evidence{evidence},
		Remedy: rollbackOr(c, "Correct the command or the image."),
	}
	if line, ok := c.Log.Worst(); ok && c.Died != nil {
		f.show(c.LogEvidence(line), false)
	}
	return f
}
