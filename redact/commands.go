package redact

import "strings"

// commands says which arguments of which program are secrets. At most 64 programs, for they are bits of a set. A flag that ends with "*"
// has its value glued to it (mysql -pSECRET).
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
	"twine":             {"-p", ""},
	"etcdctl":           {"", "--user"},
	"vault":             {"", ""},
	"rclone":            {"", ""},
	"mc ":               {"", ""},
	"echo ":             {"", ""},
	"printf ":           {"", ""},
	"create secret":     {"", ""},
}

// special are the commands that take a secret without a flag.
func (s *scan) special(at int, line []word) {
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
	switch first := s.lower[at:max(at, line[0].to)]; first {
	case "rabbitmqctl":
		if v := text(1); v == "add_user" || v == "change_password" || v == "authenticate_user" {
			hide(3)
		}
	case "htpasswd":
		if strings.HasPrefix(text(1), "-") && strings.Contains(text(1), "b") {
			hide(len(line) - 1)
		}
	case "sqlplus":
		for _, w := range line[1:min(len(line), 16)] {
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
	case "vault":
		if text(1) == "operator" && text(2) == "unseal" {
			hide(3)
		}
	case "rclone":
		if text(1) == "obscure" {
			hide(2)
		}
	case "mc": // mc alias set NAME URL KEY SECRET
		if text(1) == "alias" && text(2) == "set" || text(1) == "config" && text(2) == "host" {
			hide(len(line) - 1)
		}
	case "echo", "printf":
		s.piped(line)
	}
}

// piped is `echo secret | docker login --password-stdin`.
func (s *scan) piped(line []word) {
	rest := s.lower[line[len(line)-1].to:]
	rest = rest[:min(len(rest), mostNear)]
	pipe := strings.IndexByte(rest, '|')
	if pipe < 0 || strings.Contains(rest[:pipe], "\n") {
		return
	}
	rest, _, _ = strings.Cut(rest, "\n")
	for _, reads := range [...]string{"password-stdin", "with-token", "chpasswd", "passwd", "sudo -s", "token-stdin", "pass stdin", "fd:0"} {
		if strings.Contains(rest, reads) {
			s.hide(line[min(1, len(line)-1)].from, line[len(line)-1].to)
			return
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

// redisAuth is `AUTH password` and `AUTH user password`, alone on its line or in quotes.
func (s *scan) redisAuth(at int) {
	if !begins(s.text, at) || s.text[at] != 'A' && s.text[at] != 'C' && s.text[at] != 'H' {
		return
	}
	line, _ := s.words(at, lineEnd(s.text[:min(len(s.text), at+mostURL)], at), 6)
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

// lineStart says that no word comes before.
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

// netrc is `machine h login u password p`, also over several lines, and `default login u password p`: words in pairs.
func (s *scan) netrc(at int) {
	if !begins(s.text, at) {
		return
	}
	t := s.text[:min(len(s.text), at+mostURL)]
	to := func(at int) int { // where the next word ends, and blanks and lines before it
		for at < len(t) && strings.IndexByte(" \t\r\n", t[at]) >= 0 {
			at++
		}
		for at < len(t) && strings.IndexByte(" \t\r\n", t[at]) < 0 {
			at++
		}
		return at
	}
	end := to(at)
	switch s.lower[at:end] {
	case "machine": // and its name
		end = to(end)
	case "default":
	default:
		return
	}
	for range mostWords {
		name := end
		if end = to(end); end >= len(t) {
			return
		}
		value := end
		end = to(end)
		switch strings.TrimSpace(s.lower[name:value]) {
		case "login", "account":
		case "password":
			from := end - len(strings.TrimLeft(t[value:end], " \t\r\n"))
			if !explains(t[from:end]) {
				s.hide(from, end)
			}
		default:
			return
		}
	}
}

// mostWords is how many pairs of words an entry of a .netrc may have: a login, an account and a password.
const mostWords = 3
