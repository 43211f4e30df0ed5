package policy

import (
	"fmt"
	"path"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/words"
)

// The bounds of a list of commands.
const (
	mostCommands    = 100
	mostWords       = 32
	longestWord     = 512 // bytes
	shortestTimeout = time.Second
)

// execFile is the block of the commands that may be run in pods, word for word.
type execFile struct {
	Commands []commandFile `yaml:"commands"`
}

type commandFile struct {
	Name         string   `yaml:"name"`
	Services     []string `yaml:"services"`
	Environments []string `yaml:"environments"`
	Container    string   `yaml:"container"`
	Command      []string `yaml:"command"`
	Timeout      string   `yaml:"timeout"`
}

var (
	commandName   = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,38}[a-z0-9])?$`)
	containerName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
)

// listed reads the block of listed commands; none where it isn't there: then nobody runs anything in a pod.
func (l *loader) listed(in *execFile) []algesta.ListedCommand {
	if in == nil {
		return nil
	}
	if n := len(in.Commands); n == 0 || n > mostCommands {
		l.at([]any{"exec"}, "exec lists %d commands: list 1 to %d, or leave exec out", n, mostCommands)
	}
	var out []algesta.ListedCommand
	names := map[string]bool{}
	for i, c := range in.Commands {
		out = append(out, l.listedCommand([]any{"exec", "commands", i}, c, names))
	}
	return out
}

func (l *loader) listedCommand(at []any, in commandFile, names map[string]bool) algesta.ListedCommand {
	below := func(steps ...any) []any { return slices.Concat(at, steps) }
	l.name(at, in.Name, names)
	if in.Name != "" && !commandName.MatchString(in.Name) {
		l.at(below("name"), "%q is no name of a command: write up to 40 small letters, digits and dashes", in.Name)
	}
	for key, list := range map[string][]string{"services": in.Services, "environments": in.Environments} {
		if len(list) == 0 {
			l.at(at, "%s is missing: name each of them", key)
		}
		for i, name := range list {
			if strings.ContainsAny(name, "*?[") {
				l.at(below(key, i), "%q is a pattern: name each of the %s", name, key)
			}
		}
	}
	if !containerName.MatchString(in.Container) {
		l.at(below("container"), "container is %q: write the name of the container in the pod", in.Container)
	}
	timeout, err := time.ParseDuration(in.Timeout)
	if err != nil || timeout < shortestTimeout || timeout > algesta.MostExecTime {
		l.at(below("timeout"), "timeout is %q: write how long to wait for its end, from 1s to %s", in.Timeout, words.Span(algesta.MostExecTime))
	}
	if len(in.Command) == 0 {
		l.at(at, "command is missing: write the program's path and each of its arguments as a list")
	} else if i, why := harmful(in.Command); why != "" {
		l.at(below("command", i), "%s", why)
	}
	return algesta.ListedCommand{
		Name: in.Name, Services: in.Services, Environments: in.Environments, Container: in.Container, Command: in.Command, Timeout: timeout,
	}
}

var (
	// shells run what they are given as text, or asked for.
	shells = []string{
		"sh", "bash", "rbash", "ash", "dash", "zsh", "ksh", "ksh93", "mksh", "oksh", "yash", "csh", "tcsh", "fish", "elvish", "nu",
		"xonsh", "pwsh", "powershell", "cmd", "busybox", "toybox", "tclsh", "expect", "osh", "rc", "es", "posh", "static-sh",
	}
	// starters start another program, or reach one elsewhere: what they are given is as good as a shell.
	starters = []string{
		"env", "printenv", "xargs", "nsenter", "chroot", "unshare", "setpriv", "capsh", "su", "sudo", "doas", "runuser", "gosu",
		"su-exec", "tini", "dumb-init", "setsid", "nohup", "timeout", "nice", "ionice", "chrt", "taskset", "stdbuf", "unbuffer", "time",
		"strace", "ltrace", "gdb", "watch", "script", "scriptreplay", "screen", "tmux", "at", "batch", "crontab", "flock", "parallel",
		"find", "fd", "awk", "gawk", "mawk", "nawk", "sed", "ed", "ex", "vi", "vim", "nvim", "view", "emacs", "nano", "less", "more",
		"man", "make", "git", "tar", "rsync", "ssh", "scp", "sftp", "telnet", "nc", "ncat", "netcat", "socat", "kubectl", "helm",
		"docker", "podman", "nerdctl", "crictl", "ctr", "runc", "crun", "systemd-run", "start-stop-daemon", "run-parts", "eval", "exec",
		"command", "dd",
	}
	// interpreter is a program that runs the code of a file or of an argument, with its version: "python3.12".
	interpreter = regexp.MustCompile(
		`^(python|pypy|node|nodejs|deno|bun|perl|ruby|jruby|php|php-cgi|lua|luajit|r|rscript|julia|groovy|guile|racket|scala|java|jshell|` +
			`gjs|qjs|osascript|swipl|erl|iex|elixir|` +
			`dotnet-script)[-.0-9]*$`,
	)
	// loaders are the programs by which the kernel starts others: /lib64/ld-linux-x86-64.so.2 /bin/sh.
	loaders = regexp.MustCompile(`^ld([-.]|$)`)
)

// harmful says why a command may not be listed, and by which of its words; "" where it may. It can't know what a program does: a copy of a
// shell under another name looks like any other.
func harmful(command []string) (at int, why string) {
	if len(command) > mostWords {
		return 0, fmt.Sprintf("the command has %d words and may have %d", len(command), mostWords)
	}
	for i, word := range command {
		if why := unreadable(word); why != "" {
			return i, why
		}
	}
	program := command[0]
	if !strings.HasPrefix(program, "/") || path.Clean(program) != program || strings.HasSuffix(program, "/") {
		return 0, fmt.Sprintf("the program is %q: write its absolute path, such as /bin/app, so that no search path chooses another", program)
	}
	base := strings.ToLower(path.Base(program))
	switch {
	case isShell(base):
		return 0, fmt.Sprintf("%s is a shell: a list of commands never holds one", base)
	case base == "env" || base == "printenv":
		return 0, fmt.Sprintf("%s starts other programs, or prints every secret of the environment: use the bot's own command env", base)
	case slices.Contains(starters, base) || loaders.MatchString(base):
		return 0, fmt.Sprintf("%s can start any other program: list that program itself", base)
	case interpreter.MatchString(base):
		if len(command) < 2 || !strings.HasPrefix(command[1], "/") || path.Clean(command[1]) != command[1] {
			return min(1, len(command)-1), fmt.Sprintf(
				"%s runs the code that it is given: the next word has to be the absolute path of a script, with no options before it", base,
			)
		}
	}
	for i, word := range command[1:] {
		if inside := strings.ToLower(path.Base(word)); isShell(inside) &&
			(strings.HasPrefix(word, "/") || slices.Contains([]string{"sh", "bash", "ash", "dash", "zsh", "ksh"}, inside)) {
			return i + 1, fmt.Sprintf("%q is a shell: a list of commands never holds one, also not as an argument", word)
		}
	}
	return 0, ""
}

// isShell reports whether a program is called as a shell is, whatever its version: "bash", "zsh-5.9".
func isShell(base string) bool {
	return slices.Contains(shells, base) || slices.Contains(shells, strings.TrimRight(base, "-.0123456789"))
}

// unreadable says why people couldn't read a word as it is, "" where they can.
func unreadable(word string) string {
	switch {
	case word == "":
		return "the command has an empty word: remove it"
	case len(word) > longestWord:
		return fmt.Sprintf("a word of the command has %d bytes and may have %d", len(word), longestWord)
	case !utf8.ValidString(word) || strings.ContainsFunc(word, func(c rune) bool { return !unicode.IsPrint(c) }):
		return fmt.Sprintf("the word %q has characters that nobody sees: write what can be read", word)
	}
	return ""
}

// Commands are the programs that may be run in pods, in the order of the file; none where exec is off.
func (p *Policy) Commands() []algesta.ListedCommand { return slices.Clone(p.commands) }

// CommandsIn are those that may be run in the pods of a service in an environment; a service of "" is any.
func (p *Policy) CommandsIn(service, environment string) []algesta.ListedCommand {
	return slices.DeleteFunc(p.Commands(), func(c algesta.ListedCommand) bool { return !c.In(service, environment) })
}

// execOff is the refusal where the policy lists nothing to run.
func (p *Policy) execOff(f Facts) (algesta.Decision, bool) {
	if f.Verb != algesta.ExecVerb || len(p.commands) > 0 {
		return algesta.Decision{}, false
	}
	return refuse("", algesta.Say("exec is off: the policy lists no commands."),
		algesta.Say("The people who write the policy can list some. Until then ask env, health, connect or logs.")), true
}

// unlisted refuses what would run anything but a listed command. Before there is a plan the place decides alone. With one it's the program:
// its words, its container and its service have to be listed now.
func (p *Policy) unlisted(f Facts) (algesta.Decision, bool) {
	if f.Verb != algesta.ExecVerb {
		return algesta.Decision{}, false
	}
	service := f.target().Service
	if f.Plan != nil {
		service = f.Plan.Of.Service
	}
	listed := p.CommandsIn(service, f.target().Environment)
	if f.Plan != nil {
		for _, c := range f.Plan.Changes {
			is := func(l algesta.ListedCommand) bool {
				return c.Verb == algesta.Exec && c.Program != nil && c.Program.Is(l)
			}
			if service == "" || !slices.ContainsFunc(listed, is) {
				return notListed(f, listed), true
			}
		}
		return algesta.Decision{}, false
	}
	if len(listed) == 0 && f.target().Environment != "" {
		return notListed(f, nil), true
	}
	return algesta.Decision{}, false
}

func notListed(f Facts, listed []algesta.ListedCommand) algesta.Decision {
	what := algesta.Say("{}", where(f.target()))
	if service := f.target().Service; service != "" {
		what = algesta.Say("for {} {}", algesta.Name(service), what)
	}
	if len(listed) == 0 {
		return refuse(
			"", algesta.Say("The policy lists no command to run {}.", what), algesta.Say("The people who write the policy can list one."),
		)
	}
	return refuse("", algesta.Say("The policy doesn't list this command {}, or not any more as it was asked for.", what),
		algesta.Say("It lists {}.", words.Few(commandNames(listed), mostNamed)))
}

// mostNamed is how many commands a sentence names.
const mostNamed = 8

func commandNames(listed []algesta.ListedCommand) []string {
	names := make([]string, len(listed))
	for i, c := range listed {
		names[i] = c.Name
	}
	return names
}
