package grammar

import (
	"net/url"
	"slices"
	"strings"

	"github.com/3astronautas/algesta"
)

// pastedCurl reads the address that someone asks: of a Service of the cluster its health, of a host its probe.
func (p Parser) pastedCurl(typed []word, line pastedLine) ([]word, error) {
	if slices.ContainsFunc(typed, sends) {
		return nil, p.instead(
			algesta.Say("I only look: I send no data, no headers and no credentials. Treat what was typed here as seen by everyone "+
				"in this channel."),
			[]string{"probe", "health"},
		)
	}
	u := urlOf(typed)
	if u == nil {
		return nil, p.instead(algesta.Say("I don't run curl, and I see no address in this."), []string{"probe", "health"})
	}
	service, namespace, inside := inCluster(u.Hostname())
	switch place := line.place(); {
	case inside && p.has("health"):
		if namespace != "" {
			place = []word{{text: "-n"}, {text: namespace}}
		}
		return as(place, "health", service, pathArg(u)), nil
	case inside || isLocal(u.Hostname()):
		return nil, p.instead(algesta.Say("I don't run curl."), []string{"health"}, serviceSlot, environmentSlot)
	case u.Port() != "" && u.Port() != "80" && u.Port() != "443":
		return nil, p.instead(algesta.Say("I only look at the ports 80 and 443 of a host."), []string{"probe"}, clip(u.Hostname()))
	case p.has("probe"):
		return as(place, "probe", strings.ToLower(u.Hostname()), pathArg(u)), nil
	}
	return nil, p.instead(algesta.Say("I don't run curl."), nil)
}

// sends reports whether an option of curl's sends something, or may: data, a header, credentials, a file, another method.
func sends(w word) bool {
	if !strings.HasPrefix(w.text, "-") || w.quoted {
		return false
	}
	if long, ok := strings.CutPrefix(w.text, "--"); ok {
		name, _, _ := strings.Cut(long, "=")
		return strings.HasPrefix(name, "data") ||
			slices.Contains([]string{"user", "header", "form", "upload-file", "cookie", "json", "request", "oauth2-bearer", "post-data"}, name)
	}
	return strings.ContainsAny(w.text[1:], "duHFTbXK") // short options may stand together
}

// inCluster reads the name of a Service as pods know it: "gate.production.svc.cluster.local", "gate.production.svc", "gate".
func inCluster(host string) (service, namespace string, ok bool) {
	parts := strings.Split(strings.ToLower(host), ".")
	switch {
	case isLocal(host):
		return "", "", false
	case len(parts) == 1:
		return parts[0], "", true
	case len(parts) >= 3 && parts[2] == "svc":
		return parts[0], parts[1], true
	}
	return "", "", false
}

func isLocal(host string) bool { return host == "localhost" || host == "127.0.0.1" || host == "::1" }

func pathArg(u *url.URL) string {
	if u.Path == "" || u.Path == "/" {
		return ""
	}
	return "path=" + u.Path
}

func portArg(u *url.URL) string {
	if u.Port() == "" {
		return ""
	}
	return "port=" + u.Port()
}

// urlOf is the address among the words of a curl: with a scheme, or the first word that isn't an option. Nil where there is none.
func urlOf(typed []word) *url.URL {
	text := firstBare(typed)
	if at := slices.IndexFunc(typed, func(w word) bool { return strings.Contains(w.text, "://") }); at >= 0 {
		text = typed[at].text
	}
	if text == "" {
		return nil
	}
	if !strings.Contains(text, "://") {
		text = "http://" + text
	}
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.User != nil || !validName(u.Hostname()) && !isLocal(u.Hostname()) {
		return nil
	}
	return u
}

// pastedHost reads a host and, where it has one, its port.
func (p Parser) pastedHost(line pastedLine, host, why string) ([]word, error) {
	host, _, _ = strings.Cut(host, ":")
	if !p.has("probe") || !validName(host) || !strings.Contains(host, ".") {
		return nil, p.instead(algesta.Say("{}", why), []string{"probe", "cert check"}, hostSlot)
	}
	return as(line.place(), "probe", strings.ToLower(host)), nil
}

// hostSlot is the placeholder for a host in a usage line.
const hostSlot = "<host>"
