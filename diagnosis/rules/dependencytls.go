package rules

import "regexp"

// tlsReasons are what libraries say is wrong with a certificate. Go has one text for a certificate that is too old and one that
// is too new; the times in it say which.
var tlsReasons = []struct {
	says  *regexp.Regexp
	words string
}{
	{
		regexp.MustCompile(`(?i)not yet valid: current time \S+ is before|certificate is not yet valid|CERT_NOT_YET_VALID|NotBefore|notYetValid`),
		": the certificate is not valid yet, or a clock is wrong",
	},
	{
		regexp.MustCompile(`(?i)certificate has expired|CERT_HAS_EXPIRED|certificate expired|NotAfter|is after`),
		": the certificate has expired",
	},
	{
		regexp.MustCompile(`(?i)wrong version number|record overflow|first record does not look like a TLS handshake|plain ?text`),
		": the other side does not speak TLS on this port",
	},
	{
		regexp.MustCompile(
			`(?i)ERR_TLS_CERT_ALTNAME|Hostname/IP does not match|certificate is (?:not )?valid for|No subject alternative|hostname ` +
				`mismatch|doesn't match|cannot validate certificate for`,
		),
		": the certificate is for another name",
	},
}

func tlsWhy(line string) string {
	for _, reason := range tlsReasons {
		if reason.says.MatchString(line) {
			return reason.words
		}
	}
	return ""
}
