package facts

import (
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/3astronautas/algesta/words"
)

// Trouble sorts the innermost reason of a message by what can be done about it.
type Trouble int

// The kinds of trouble that a runtime, a driver, a network plugin or a cloud names.
const (
	TroubleUnclear  Trouble = iota
	TroubleExpired          // a credential that was valid once
	TroubleRights           // an identity that may not, or that isn't accepted
	TroubleFirewall         // an address that isn't admitted, whatever the credentials
	TroubleLimit            // a quota, a rate, a size that isn't offered
	TroubleFull             // no address, no space, no further disk
	TroubleMissing          // what was named isn't there
	TroubleNetwork          // nobody answers, or the name can't be resolved
)

// troubles are tried in this order: a firewall answers 403, and an expired secret 401.
var troubles = []struct {
	trouble  Trouble
	says     *regexp.Regexp
	statuses []int
}{
	{TroubleFirewall, regexp.MustCompile(`(?i)client with ip|is not allowed access|firewall|ForbiddenByFirewall|public network access`), nil},
	{TroubleExpired, regexp.MustCompile(`(?i)AADSTS(?:7000222|700024|700082)\b|(?:secret|key|token|certificate)s?\b.{0,40} expired`), nil},
	{
		TroubleLimit,
		regexp.MustCompile(`(?i)quota|too ?many ?requests|throttl|rate limit|SkuNotAvailable|exceeds? the limit|max(?:imum)? volume count`),
		[]int{http.StatusTooManyRequests},
	},
	{
		TroubleFull,
		regexp.MustCompile(`(?i)no space left|no (?:more )?(?:available|free) (?:IP|address)|no IP addresses available|SubnetIsFull|` +
			`InsufficientFreeAddresses|range set is full|does not have enough capacity|AllocationFailed|OverconstrainedAllocation`),
		nil,
	},
	{
		TroubleRights,
		regexp.MustCompile(`(?i)AADSTS\d+|unauthori[sz]ed|forbidden|not authori[sz]ed|permission denied|access (?:is )?denied|` +
			`AuthorizationFailed|mount error\(13\)|authentication|invalid_client|logon failure`),
		[]int{http.StatusUnauthorized, http.StatusForbidden},
	},
	{
		TroubleMissing,
		regexp.MustCompile(`(?i)not found|does not exist|no such file|NotFound\b|mount error\(2\)`),
		[]int{http.StatusNotFound},
	},
	{
		TroubleNetwork,
		regexp.MustCompile(`(?i)i/o timeout|no such host|connection (?:refused|reset|timed out)|no route to host|network is unreachable|` +
			`deadline exceeded|timed out|name resolution|mount error\((?:110|111|112|113|115)\)`),
		nil,
	},
}

// TroubleOf sorts the innermost reason of a message.
func TroubleOf(message string) Trouble {
	for _, known := range troubles {
		if known.says.MatchString(message) || StatesStatus(message, known.statuses...) {
			return known.trouble
		}
	}
	return TroubleUnclear
}

// Innermost is the reason at the bottom of a message that runtimes, drivers, plugins and clouds have wrapped in each other's words,
// redacted and at most limit bytes long: "AADSTS7000222: The provided client secret keys for app '1111' are expired", "mount
// error(13): Permission denied", "403 Forbidden: …". It's empty where nothing in the message is one.
func (s *Snapshot) Innermost(message string, limit int) string {
	return innermost(s.Redact(message), limit) // redacted first: nobody recognises half a secret
}

var (
	entraSays = regexp.MustCompile(`AADSTS\d+(?:: [^"\\]+)?`)
	// azureSays are the errors of ARM as the SDKs write them: Code="SubnetIsFull" Message="…", and ERROR CODE: X.
	azureCode  = regexp.MustCompile(`(?:\bCode="|ERROR CODE: |"code": ?")(\w+)`)
	innerCode  = regexp.MustCompile(`"innererror": ?\{ ?"code": ?"(\w+)"`)
	cloudSays  = regexp.MustCompile(`(?:"message": ?|\bMessage=)"((?:[^"\\]|\\.)+)"`)
	mountSays  = regexp.MustCompile(`mount error\(\d+\): [A-Z][^\n]*|mount\.nfs4?: [^\n]+|[Aa]ccess denied by server while mounting[^\n]*`)
	hubSays    = regexp.MustCompile(`repository does not exist or may require authorization`)
	statusSays = regexp.MustCompile(`\b([45]\d\d) ([A-Z][A-Za-z ]+)(?:: [^\n]*)?`)
	mountInto  = regexp.MustCompile(
		`create mountpoint for (\S+) mount: .*?(not a directory|is a directory|read-only file system|permission denied)`,
	)
	rpcSays = regexp.MustCompile(`\bdesc = `)
	// trimmed is what stands behind a reason and is none: manuals, links, numbers of requests, the runtime's ": unknown".
	trimmed = regexp.MustCompile(
		`(?i)\s*(?:\bRefer(?: to)?\b.*|, please\b.*|\bSee https?://.*|\bTrace ID.*|\bCorrelation ID.*|https?://aka\.ms/\S*.*|` +
			`, ?RequestId.*|: unknown)$`,
	)
	lineEnd   = regexp.MustCompile(`\\r|\\n|\r|\n|-{10,}`)
	hexNoise  = regexp.MustCompile(`"[0-9a-f]{12,}"`)
	stopWords = regexp.MustCompile(`(?i)^(?:unknown|err|error|failed|rpc error|code = \w+.*|server message|message)$`)
)

func innermost(message string, limit int) string {
	for _, read := range []func(string) string{immutable, entra, azure, mounting, hub, mountpoint, httpStatus} {
		if said := tidy(read(message)); said != "" {
			return shorten(said, limit)
		}
	}
	return words.ClipMiddle(tidy(lastWords(message, limit)), limit)
}

// immutableSays is the API server's refusal to change a field, behind the value that was to be set.
var immutableSays = regexp.MustCompile(`(?:(\w+)(?:\.[\w.]+)? \\?"([\w.-]+)\\?" is invalid: )?([\w.\[\]]+): (?:Invalid value|` +
	`Forbidden): (?s:.{0,900}?)` +
	`((?:field|updates?) [^\n]{0,60}?(?:immutable|forbidden))`)

// immutable is which field of which object can't be changed.
func immutable(message string) string {
	m := immutableSays.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return strings.TrimSpace(strings.TrimSpace(m[1]+" "+m[2])+" "+m[3]) + ": " + m[4]
}

func entra(message string) string {
	said := entraSays.FindString(message)
	first, _, _ := strings.Cut(said, ". ")
	return first
}

// azure is the last message of an answer in JSON or of the SDK, behind its innermost code: the code tells what the sentence only says.
func azure(message string) string {
	found := cloudSays.FindAllStringSubmatch(message, -1)
	if len(found) == 0 {
		return ""
	}
	said := found[len(found)-1][1]
	if end := lineEnd.FindStringIndex(said); end != nil {
		said = said[:end[0]]
	}
	said, _, _ = strings.Cut(said, ". ")
	said = strings.TrimSuffix(said, ".")
	code := ""
	if codes := azureCode.FindAllStringSubmatch(message, -1); len(codes) > 0 {
		code = codes[0][1]
	}
	if inner := innerCode.FindStringSubmatch(message); inner != nil {
		code = inner[1]
	}
	if code == "" || strings.Contains(said, code) {
		return said
	}
	return code + ": " + said
}

func mounting(message string) string {
	return mountSays.FindString(message)
}

func hub(message string) string { return hubSays.FindString(message) }

func mountpoint(message string) string {
	m := mountInto.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return m[1] + " is " + strings.TrimPrefix(m[2], "is ")
}

// httpStatus is the last status that has its own phrase, with what a server said behind it.
func httpStatus(message string) string {
	said := ""
	for _, m := range statusSays.FindAllStringSubmatchIndex(message, -1) {
		code, _ := strconv.Atoi(message[m[2]:m[3]]) // three digits
		phrase := http.StatusText(code)
		if phrase == "" || !strings.HasPrefix(message[m[4]:], phrase) {
			continue
		}
		said = message[m[0]:m[1]]
		if end := lineEnd.FindStringIndex(said); end != nil {
			said = said[:end[0]]
		}
	}
	return said
}

// enough is how many bytes of the end of a message are a reason; fewer are told with what stands before them.
const enough = 40

// lastWords are the last parts of "a: b: c", as Go programs wrap errors: as many as are enough and fit, and one in any case.
func lastWords(message string, limit int) string {
	if at := rpcSays.FindAllStringIndex(message, -1); at != nil {
		message = message[at[len(at)-1][1]:]
	}
	if end := lineEnd.FindStringIndex(message); end != nil {
		message = message[:end[0]]
	}
	parts := strings.Split(strings.TrimRight(message, ". "), ": ")
	said := ""
	for i := len(parts) - 1; i >= 0 && len(said) < enough; i-- {
		part := strings.TrimSpace(hexNoise.ReplaceAllString(parts[i], ""))
		switch {
		case part == "" || said == "" && stopWords.MatchString(part):
			continue
		case said == "":
			said = part
		case len(part)+len(said)+len(": ") > min(limit, 3*enough):
			return said
		default:
			said = part + ": " + said
		}
	}
	return said
}

func tidy(said string) string {
	said = trimmed.ReplaceAllString(strings.Join(strings.Fields(said), " "), "")
	return strings.TrimRight(said, ".,:; ")
}

// shorten ends a reason at a word: its codes stand in front.
func shorten(said string, limit int) string {
	if len(said) <= limit {
		return said
	}
	cut := words.Clip(said, limit)
	if at := strings.LastIndexByte(cut, ' '); at > limit/2 && utf8.ValidString(cut[:at]) {
		return strings.TrimRight(cut[:at], ".,:; ") + " …"
	}
	return cut
}
