package facts

import (
	"regexp"
	"time"
)

// stamp is a time as RFC 3339 writes it, in front of a line or in a field of it. A time without its zone is UTC: clusters run so.
var stamp = regexp.MustCompile(`(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?`)

// stampReach is how far into a line its time may stand.
const stampReach = 120

func timeOf(line string) time.Time {
	m := stamp.FindStringSubmatch(line[:min(len(line), stampReach)])
	if m == nil {
		return time.Time{}
	}
	zone := m[5]
	if zone == "" {
		zone = "Z"
	}
	if len(zone) == 5 {
		zone = zone[:3] + ":" + zone[3:]
	}
	at, err := time.Parse(time.RFC3339, m[1]+"-"+m[2]+"-"+m[3]+"T"+m[4]+zone)
	if err != nil {
		return time.Time{} // no time that there is, such as 25:00
	}
	return at
}
