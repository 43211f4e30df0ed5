package facts

import (
	"regexp"
	"time"
)

// stamp is a time as RFC 3339 writes it, in front of a line or in a field of it. A time without its zone is UTC: clusters run so.
var stamp = regexp.MustCompile(`(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d:\d\d:\d\d)(?:[.,]\d+)?(Z|[+-]\d\d:?\d\d)?`)

// stampReach is how far into a line its time may stand.
const stampReach = 120

// wordStamp is a time whose month is a word: Redis' "18 Nov 2026 14:19:42.404" and Boost's "2026-Nov-18 14:19:57.123456".
var wordStamp = regexp.MustCompile(`\b(?:(\d\d) ([A-Z][a-z]{2}) (\d{4})|(\d{4})-([A-Z][a-z]{2})-(\d\d))[ T](\d\d:\d\d:\d\d)`)

func timeOf(line string) time.Time {
	line = line[:min(len(line), stampReach)]
	m := stamp.FindStringSubmatch(line)
	if m == nil {
		return timeInWords(line)
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

func timeInWords(line string) time.Time {
	m := wordStamp.FindStringSubmatch(line)
	if m == nil {
		return time.Time{}
	}
	day, month, year := m[1]+m[6], m[2]+m[5], m[3]+m[4]
	at, err := time.Parse("02 Jan 2006 15:04:05", day+" "+month+" "+year+" "+m[7])
	if err != nil {
		return time.Time{}
	}
	return at
}
