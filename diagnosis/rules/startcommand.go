package rules

import (
	"fmt"
	"path"
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
	what, fix := commandTrouble(c, message)
	f := &Finding{
		What:   what,
		Effect: CannotStart,
		Shown:  []facts.Evidence{evidence},
		Remedy: rollbackOr(c, fix),
	}
	if line, ok := c.Log.Worst(); ok && c.Died != nil {
		f.show(c.LogEvidence(line), false)
	}
	return f
}

// commandTrouble says why a container's program did not start, and what helps: from the runtime's message, the program's own last words
// and what is mounted where the program should be.
func commandTrouble(c *facts.Container, message string) (what, fix string) {
	program := c.Executable()
	what, fix = fmt.Sprintf("The command of %s cannot be run", c.Words()), "Correct the command or the image."
	if program != "" {
		what = fmt.Sprintf("The command %q of %s cannot be run", program, c.Words())
	}
	said := ""
	if last, ok := c.Log.Says(windowsLineEnd); ok {
		said = last.Example
	}
	switch hidden := hiddenBy(c, program); {
	case workingDirectory.MatchString(message):
		m := workingDirectory.FindStringSubmatch(message)
		return fmt.Sprintf("The working directory %s of %s cannot be entered: %s", m[1], c.Words(), m[2]),
			"Correct workingDir, or the rights of that folder in the image for the container's user."
	case mountFailed.MatchString(message):
		return because(c.Snapshot, fmt.Sprintf("A volume of %s cannot be mounted into it", c.Words()), message),
			"Mount it at a path that fits: a file at a file (subPath), a directory at a directory."
	case windowsLineEnd.MatchString(message) || said != "":
		return what + ": the script has Windows line endings (\\r)", "Save the script with Unix line endings (LF) and build the image again."
	case strings.Contains(message, "exec format error"):
		return what + ": it is built for another processor", fix
	case strings.Contains(message, "permission denied"), c.Died != nil && c.Died.ExitCode == 126:
		return what + ": it is not executable", fix
	case !strings.Contains(message, "not found") && !strings.Contains(message, "no such file") && (c.Died == nil || c.Died.ExitCode != 127):
		return what, fix
	case hidden != "":
		return what + ": " + hidden, "Mount it at another path, or a single file of it with subPath."
	}
	if m := scriptCalls(c); m != "" {
		return fmt.Sprintf("%s: it calls %s, which the image does not have", what, m), "Install it in the image, or correct the script."
	}
	return what + ": the image has no such file", fix
}

var (
	// mountFailed is runc's refusal of a mount; the rest of its message is about the same.
	mountFailed = regexp.MustCompile(`error mounting "|create mountpoint for `)
	// workingDirectory is runc's word about a folder to start in that isn't there, is a file, or is closed to the container's user.
	workingDirectory = regexp.MustCompile(`chdir to cwd \("([^"]+)"\) set in config\.json failed: ([a-z ]+)`)
	// windowsLineEnd are the words of env, sh and the kernel's callers about an interpreter that ends in a carriage return.
	windowsLineEnd = regexp.MustCompile(`\\r['’"]?: No such file|\^M: bad interpreter|\$'(?:[^']*)\\r': command not found|\\r: not found`)
	// notThere is a shell's word for a program that it did not find.
	notThere = regexp.MustCompile(`(?:^|: )(?:(?:line )?\d+: )?([\w./-]+): (?:command )?not found$`)
)

// hiddenBy says which volume is mounted over the folder of the program, so that what the image has there isn't seen; empty where none is,
// or where the volume is known to hold the file.
func hiddenBy(c *facts.Container, program string) string {
	if !strings.HasPrefix(program, "/") {
		return ""
	}
	mount := facts.MountOver(c.Spec, program)
	if mount == nil {
		return ""
	}
	for _, v := range c.Pod.Spec.Volumes {
		if v.Name != mount.Name {
			continue
		}
		source, _ := facts.VolumeSource(v, c.Pod.Namespace)
		called := "volume " + v.Name
		if source != (facts.Ref{}) {
			called = source.Words()
			if have := c.Snapshot.Contents(source); have != nil && have.Known && have.Names[path.Base(program)] {
				return ""
			}
		}
		return fmt.Sprintf("%s is mounted over %s and hides what the image has there", called, mount.MountPath)
	}
	return ""
}

// scriptCalls is the program that a shell did not find, by its last words; empty where they say nothing of the kind.
func scriptCalls(c *facts.Container) string {
	last, ok := c.Log.LastWords()
	if !ok {
		return ""
	}
	m := notThere.FindStringSubmatch(last.Example)
	if m == nil || m[1] == c.Executable() {
		return ""
	}
	return m[1]
}
