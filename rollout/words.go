package rollout

import (
	"strings"

	"github.com/3astronautas/algesta/redact"
	"github.com/3astronautas/algesta/redact/podspec"
)

// quoteBytes is how much of a text that someone else wrote is quoted in one place.
const quoteBytes = 300

// quote is a text from the cluster as it may be shown: without secrets and the arguments of commands, without invisible characters, in one
// line and short.
func quote(s string) string { return forms.Line(podspec.OnlyExecutables(s), quoteBytes) }

var forms *redact.Redactor // the forms only: this room knows no secret values

func oneLine(s string) string {
	return strings.Join(strings.Fields(redact.Clean(forms.String(s))), " ")
}

// ShortName is the part of a pod's name that distinguishes it from its siblings: "…-x2x9f".
func ShortName(pod string) string {
	if i := strings.LastIndexByte(pod, '-'); i > 0 {
		return "…" + pod[i:]
	}
	return pod
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
