package redact

import "strings"

// commands says which arguments of which program are secrets. A flag that ends with "*" has its value glued to it (mysql -pSECRET).
var commands = map[string]struct {
	flags string // the argument after it is a secret
	users string // the argument after it is user:password
}{
	"curl":              {"--pass --proxy-pass --oauth2-bearer", "-u --user -U --proxy-user"},
	"mysql":             {"-p* --password", ""},
	"mariadb":           {"-p* --password", ""},
	"redis-cli":         {"-a --pass", ""},
	"valkey-cli":        {"-a --pass", ""},
	"login":             {"-p --password", ""},
	"sshpass":           {"-p -p*", ""},
	"mongo":             {"-p --password -p*", ""},
	"ldap":              {"-w -w* -y", ""},
	"sqlcmd":            {"-P -P*", ""},
	"bcp ":              {"-P -P*", ""},
	"wget":              {"--password --http-password --ftp-password", ""},
	"openssl":           {"-pass -passin -passout -k -K", ""},
	"htpasswd":          {"-b", ""},
	"smbclient":         {"", "-U"},
	"unzip":             {"-P", ""},
	"zip ":              {"-P", ""},
	"7z ":               {"-p*", ""},
	"http ":             {"", "-a --auth"},
	"cqlsh":             {"-p", ""},
	"clickhouse-client": {"--password", ""},
	"influx":            {"-password -t --token", ""},
	"snowsql":           {"-p", ""},
	"kadmin":            {"-w -pw", ""},
	"ipmitool":          {"-P", ""},
	"az ":               {"-p --password --account-key --sas-token", ""},
	"lftp":              {"", "-u"},
	"mosq":              {"-P --pw", ""},
	"kcat":              {"", ""},
}

// word is an argument of a command line, also as an element of a list of strings.
type word struct{ from, to int }

func (s *scan) command(at int) {
	if s.hidden(at) || !begins(s.text, at) && s.lower[at:at+2] != "my" {
		return
	}
	name := ""
	for n := range commands {
		if strings.HasPrefix(s.lower[at:], n) && len(n) > len(name) {
			name = n
		}
	}
	if !s.commands.spend(at, mostCommand) {
		return
	}
	line := s.words(at)
	if len(line) < 2 {
		return
	}
	s.special(line)
	program, ok := commands[name]
	if !ok {
		return
	}
	flags, users := strings.Fields(program.flags), strings.Fields(program.users)
	for i := 1; i < len(line); i++ {
		arg := s.text[line[i].from:line[i].to]
		s.flagged(line, i, arg, flags)
		for _, f := range users {
			if v, ok := strings.CutPrefix(arg, f); ok && v != "" && v[0] == '=' {
				s.userPassword(line[i].from+len(f)+1, line[i].to)
			} else if ok && v != "" && len(f) == 2 {
				s.userPassword(line[i].from+len(f), line[i].to) // -uadmin:x
			} else if (ok || combined(arg, f)) && i+1 < len(line) {
				s.userPassword(line[i+1].from, line[i+1].to)
			}
		}
	}
}

// combined says that an argument is several flags in one, of which f is the last: -sSu.
func combined(arg, f string) bool {
	return len(f) == 2 && len(arg) > 2 && len(arg) < 8 && arg[0] == '-' && arg[len(arg)-1] == f[1] && strings.Trim(arg[1:],
		mixedLetters) == ""
}

const mixedLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

func (s *scan) flagged(line []word, i int, arg string, flags []string) {
	for _, f := range flags {
		glued, star := strings.CutSuffix(f, "*")
		switch {
		case star && len(arg) > len(glued) && strings.HasPrefix(arg, glued) && !strings.HasPrefix(arg, "--") && !strings.HasPrefix(arg,
			"-port"):
			v := arg[len(glued):]
			if !explains(v) {
				s.hide(line[i].from+len(glued), line[i].to)
			}
		case !star && arg == f && i+1 < len(line):
			v := line[i+1]
			value := s.text[v.from:v.to]
			if k := strings.IndexByte(value, ':'); k > 0 && (value[:k] == "pass" || value[:k] == "env" || value[:k] == "file") { // openssl
				if value[:k] != "pass" {
					return
				}
				v.from += k + 1
			}
			if v.to > v.from && s.text[v.from] != '-' && !explains(s.text[v.from:v.to]) {
				s.hide(v.from, v.to)
			}
		}
	}
}

// special are the commands that take a secret without a flag.
func (s *scan) special(line []word) {
	text := func(i int) string {
		if i < len(line) {
			return s.text[line[i].from:line[i].to]
		}
		return ""
	}
	hide := func(i int) {
		if i < len(line) && !explains(text(i)) && !strings.HasPrefix(text(i), "-") {
			s.hide(line[i].from, line[i].to)
		}
	}
	switch first := lowered(text(0)); first {
	case "rabbitmqctl":
		if v := text(1); v == "add_user" || v == "change_password" || v == "authenticate_user" {
			hide(3)
		}
	case "htpasswd":
		if strings.HasPrefix(text(1), "-") && strings.Contains(text(1), "b") {
			hide(len(line) - 1)
		}
	case "sqlplus":
		for _, w := range line[1:] {
			v := s.text[w.from:w.to]
			if slash := strings.IndexByte(v, '/'); slash > 0 {
				end := strings.LastIndexByte(v, '@')
				if end < slash {
					end = len(v)
				}
				s.hide(w.from+slash+1, w.from+end)
				return
			}
		}
	case "net":
		if i := 3; text(1) == "use" && !strings.HasPrefix(text(i), "/") {
			hide(i)
		}
	case "login": // vault login s.xyz
		if len(line) == 2 && random(text(1), 12) {
			hide(1)
		}
	}
}

// userPassword hides the password of user:password, or user%password.
func (s *scan) userPassword(from, to int) {
	v := s.text[from:to]
	i := strings.IndexAny(v, ":%,")
	if i < 0 || strings.HasPrefix(v[i:], "://") || explains(v[i+1:]) {
		return
	}
	s.hide(from+i+1, to)
}

// words splits the command line that begins at at.
func (s *scan) words(at int) []word {
	t := s.text[:min(len(s.text), at+mostCommand)]
	var out []word
	for i := at; i < len(t) && t[i] != '\n' && t[i] != '|' && !strings.HasPrefix(t[i:], "&&"); {
		if t[i] == ' ' || t[i] == '\t' || t[i] == ',' || t[i] == '[' || t[i] == ']' {
			i++
			continue
		}
		if q := quoteAt(t, i); q != "" {
			from := i + len(q)
			to := closing(t, from, q)
			if len(out) == 1 && to > from && (t[from] == ',' || t[from] == ' ') { // the mark that closes the program's own name
				i = from
				continue
			}
			out = append(out, word{from, to})
			i = max(to+len(quoteAt(t, to)), i+1)
			continue
		}
		to := i
		for to < len(t) && strings.IndexByte(" \t\n\"'`", t[to]) < 0 && (t[to] != ',' || to+1 >= len(t) || strings.IndexByte(" \"'",
			t[to+1]) < 0) {
			to++
		}
		if to == i {
			to++
		}
		out = append(out, word{i, to})
		i = to
	}
	return out
}

// redisAuth is `AUTH password` and `AUTH user password`, alone on its line or in quotes.
func (s *scan) redisAuth(at int) {
	if !begins(s.text, at) || s.text[at] != 'A' && s.text[at] != 'C' && s.text[at] != 'H' || !s.commands.spend(at, mostCommand) {
		return
	}
	line := s.words(at)
	for _, w := range line[min(1, len(line)):min(3, len(line))] {
		if v := s.text[w.from:w.to]; random(v, 8) && !explains(v) {
			s.hide(w.from, w.to)
			return
		}
	}
	if n := len(line); n < 2 || n > 5 {
		return
	}
	last := line[len(line)-1]
	if v := s.text[last.from:last.to]; len(v) >= 4 && !explains(v) && !sentence(s.text[at:last.to]) && (mixed(v) || len(line) == 2 &&
		s.lineStart(at)) {
		s.hide(last.from, last.to)
	}
}

// lineStart says that no word stands before.
func (s *scan) lineStart(at int) bool {
	before := strings.TrimRight(s.text[:at], " ")
	return before == "" || !alnum[before[len(before)-1]]
}

// sqlPassword is IDENTIFIED BY 'x', WITH PASSWORD 'x'.
func (s *scan) sqlPassword(at int) {
	limit := min(len(s.text), at+mostName)
	i := strings.IndexAny(s.text[at:limit], "'\"")
	if i < 0 {
		return
	}
	from := at + i + 1
	to := closing(s.text, from, s.text[at+i:from])
	if !explains(s.text[from:to]) {
		s.hide(from, to)
	}
}

// netrc is `machine h login u password p`.
func (s *scan) netrc(at int) {
	if !s.commands.spend(at, mostCommand) {
		return
	}
	line := s.words(at)
	for i := range line {
		if v := s.text[line[i].from:line[i].to]; v == "password" && i+1 < len(line) && i >= 2 &&
			!explains(s.text[line[i+1].from:line[i+1].to]) {
			s.hide(line[i+1].from, line[i+1].to)
		}
	}
}
