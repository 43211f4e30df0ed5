// Package podspec knows what of a pod's specification is nobody's business: the secrets that it spells out, to be hidden by value, and
// the arguments of commands. It is pure.
package podspec

import (
	"path"
	"regexp"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/redact"
)

// Secrets are the secrets that pods or their templates spell out, each once and in no order: literal values of the environment that
// redact.Literal or their names call secret, and the arguments, headers and connection strings that hold one.
func Secrets(specs ...*corev1.PodSpec) [][]byte {
	found := secrets{}
	for _, spec := range specs {
		found.addPod(spec)
	}
	values := make([][]byte, 0, len(found))
	for value := range found {
		values = append(values, []byte(value))
	}
	return values
}

// plainPath has no assignment, no quotes and no URL.
var plainPath = regexp.MustCompile(`^[\w./+-]{1,100}$`)

// IsPath says that a word looks like a program's path: no assignment, no quotes, no URL.
func IsPath(word string) bool { return plainPath.MatchString(word) }

var (
	// secretFlag is the name of a flag or a variable whose value is a secret.
	secretFlag = regexp.MustCompile(
		`(?i)pass|pwd|secret|token|credential|api[_-]?key|access[_-]?key|account[_-]?key|private[_-]?key|signing[_-]?key|auth$`,
	)
	// aboutSecret is the name of something said about a secret: --token-ttl, SECRET_NAME.
	aboutSecret = regexp.MustCompile(
		`(?i)(?:name|file|path|dir|ttl|timeout|expir\w*|length|mode|type|policy|enabled|namespace|ref|store|ur[il]|host|port|` +
			`issuer|audience|class|provider|version|user)s?$`,
	)
	assignment = regexp.MustCompile(`^(-{0,2}[\w.-]+)=(.*)$`)
	flag       = regexp.MustCompile(`^--?[\w.-]+$`)
	// inConnection are the passwords of connection strings: postgres://u:PASSWORD@host, Server=db;Password=PASSWORD;.
	inConnection = regexp.MustCompile(`://[^\s/:@"']*:([^\s@"']+)@|(?i:password|pwd|accountkey|sharedaccesskey)=([^;\s"'&]+)`)
	// shortFlags are the flags without a telling name by which well-known programs take a secret: glued to it, or as the next word.
	shortFlags = []struct {
		program *regexp.Regexp
		flag    string
		glued   bool
	}{
		{regexp.MustCompile(`^(?:mysql|mariadb|sshpass)`), "-p", true},
		{regexp.MustCompile(`^(?:mongo|sshpass)`), "-p", false},
		{regexp.MustCompile(`^redis-cli`), "-a", false},
		{regexp.MustCompile(`^(?:sqlcmd|bcp)`), "-P", false},
		{regexp.MustCompile(`^ldap`), "-w", false},
		{regexp.MustCompile(`^(?:curl|influx)`), "-u", false},
	}
)

// secrets gathers the secrets that a template spells out, to hide them by value wherever else they occur: a log, a message, a cut.
type secrets map[string]bool

func (t secrets) addPod(spec *corev1.PodSpec) {
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for i := range containers {
			t.addContainer(&containers[i])
		}
	}
	for i := range spec.EphemeralContainers {
		t.addContainer((*corev1.Container)(&spec.EphemeralContainers[i].EphemeralContainerCommon))
	}
}

func (t secrets) addContainer(c *corev1.Container) {
	t.addCommand(append(append([]string{}, c.Command...), c.Args...))
	for _, probe := range []*corev1.Probe{c.LivenessProbe, c.ReadinessProbe, c.StartupProbe} {
		if probe != nil && probe.Exec != nil {
			t.addCommand(probe.Exec.Command)
		}
		if probe != nil {
			t.addRequest(probe.HTTPGet)
		}
	}
	if c.Lifecycle != nil {
		for _, hook := range []*corev1.LifecycleHandler{c.Lifecycle.PostStart, c.Lifecycle.PreStop} {
			if hook != nil && hook.Exec != nil {
				t.addCommand(hook.Exec.Command)
			}
			if hook != nil {
				t.addRequest(hook.HTTPGet)
			}
		}
	}
	for _, env := range c.Env {
		t.addNamed(env.Name, env.Value)
		t.addConnection(env.Value)
		if redact.Literal(env.Value) { // whatever its name is
			t.add(env.Value)
		}
	}
}

// addRequest reads what the kubelet asks for: a path such as /health/TOKEN, a query such as ?key=TOKEN, and the headers.
func (t secrets) addRequest(get *corev1.HTTPGetAction) {
	if get == nil {
		return
	}
	t.addHeaders(get.HTTPHeaders)
	at, query, _ := strings.Cut(get.Path, "?")
	for segment := range strings.SplitSeq(at, "/") {
		if redact.Literal(segment) {
			t.add(segment)
		}
	}
	for pair := range strings.FieldsFuncSeq(query, func(r rune) bool { return r == '&' || r == ';' || r == '#' }) {
		name, value, _ := strings.Cut(pair, "=")
		t.addNamed(name, value)
		if redact.Literal(value) {
			t.add(value)
		}
	}
}

func (t secrets) addHeaders(headers []corev1.HTTPHeader) {
	for _, h := range headers {
		if secretFlag.MatchString(h.Name) || strings.EqualFold(h.Name, "Authorization") || strings.EqualFold(h.Name, "Cookie") {
			t.add(h.Value)
			if _, credentials, ok := strings.Cut(h.Value, " "); ok { // "Bearer x"
				t.add(credentials)
			}
		}
	}
}

// addCommand reads a command line, of which every word may be a script.
func (t secrets) addCommand(command []string) {
	t.addWords(command)
	for _, word := range command {
		t.addConnection(word)
		if strings.ContainsAny(word, " \t\n;") {
			t.addWords(strings.FieldsFunc(word, func(r rune) bool { return strings.ContainsRune(" \t\n;|&()`", r) }))
		}
	}
}

func (t secrets) addWords(wording []string) {
	program := ""
	for i, word := range wording {
		word = unquoted(word)
		next := ""
		if i+1 < len(wording) {
			next = unquoted(wording[i+1])
		}
		if m := assignment.FindStringSubmatch(word); m != nil {
			t.addNamed(m[1], unquoted(m[2]))
			continue
		}
		if flag.MatchString(word) && !strings.HasPrefix(next, "-") {
			t.addNamed(word, next)
		}
		for _, f := range shortFlags {
			if !f.program.MatchString(program) {
				continue
			}
			if glued, ok := strings.CutPrefix(word, f.flag); ok && f.glued {
				t.add(unquoted(glued))
			}
			if word == f.flag && !f.glued {
				t.add(next)
				if _, password, ok := strings.Cut(next, ":"); ok { // user:password
					t.add(password)
				}
			}
		}
		if plainPath.MatchString(word) && isClient(path.Base(word)) {
			program = path.Base(word)
		}
	}
}

// addNamed adds the value of a flag or variable whose name says that it is a secret.
func (t secrets) addNamed(name, value string) {
	if redact.SecretName(name) || secretFlag.MatchString(name) && !aboutSecret.MatchString(name) {
		t.add(value)
	}
}

func isClient(program string) bool {
	for _, f := range shortFlags {
		if f.program.MatchString(program) {
			return true
		}
	}
	return false
}

func (t secrets) addConnection(text string) {
	if !strings.Contains(text, "://") && !strings.Contains(text, "=") {
		return
	}
	for _, m := range inConnection.FindAllStringSubmatch(text, 16) {
		t.add(firstOf(m[1:]))
	}
}

// add leaves out references such as $(TOKEN) and $TOKEN and paths of files: they are no values.
func (t secrets) add(value string) {
	path := strings.HasPrefix(value, "/") && plainPath.MatchString(value)
	if value != "" && !strings.HasPrefix(value, "$") && !path {
		t[value] = true
	}
}

func unquoted(word string) string { return strings.Trim(word, `"'`) }

// firstOf is the first text of a list that isn't empty.
func firstOf(texts []string) string {
	for _, text := range texts {
		if text != "" {
			return text
		}
	}
	return ""
}
