package rules

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSchedulesAreFollowedBackwards(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 7, 30, 0, time.UTC) // a Tuesday
	lastRun := time.Date(2026, 3, 7, 13, 1, 0, 0, time.UTC)
	for schedule, want := range map[string][2]string{
		"*/15 * * * *":                    {"2026-03-10 12:00", "2026-03-10 11:45"},
		"@hourly":                         {"2026-03-10 12:00", "2026-03-10 11:00"},
		"0 2 * * *":                       {"2026-03-10 02:00", "2026-03-09 02:00"},
		"30 8 * * 1-5":                    {"2026-03-10 08:30", "2026-03-09 08:30"},
		"0 3 * * SUN":                     {"2026-03-08 03:00", "2026-03-01 03:00"},
		"0 0 1 * *":                       {"2026-03-01 00:00", "2026-02-01 00:00"},
		"0 0 1,15 * MON":                  {"2026-03-09 00:00", "2026-03-02 00:00"}, // either of the two
		"5/20 12 10 mar ?":                {"2026-03-10 12:05", ""},
		"0 22-23/1 * FEB *":               {"2026-02-28 23:00", "2026-02-28 22:00"},
		"0 0 1 1 *":                       {"2026-01-01 00:00", ""}, // the one before is too far back
		"  */30  *  *  *  * ":             {"2026-03-10 12:00", "2026-03-10 11:30"},
		"*/2 * */2 * MON":                 {"2026-03-09 23:58", "2026-03-09 23:56"}, // "*/2" is a restriction, so either of the two
		"TZ=UTC 0 2 * * *":                {"2026-03-10 02:00", "2026-03-09 02:00"},
		"CRON_TZ=Europe/Madrid 0 2 * * *": {"2026-03-10 01:00", "2026-03-09 01:00"},
		"@every 5m":                       {"2026-03-10 12:06", "2026-03-10 12:01"}, // from the last run, not from the full hour
		"@every 23h":                      {"2026-03-10 10:01", "2026-03-09 11:01"},
		"@every 1000h":                    {"", ""}, // too rare for two of them
		"59 23 31 2 *":                    {"", ""},
	} {
		t.Run(schedule, func(t *testing.T) {
			t.Parallel()
			parsed, ok := parseSchedule(schedule)
			require.True(t, ok)
			var got [2]string
			for i, at := range lastTwo(parsed, lastRun, now) {
				got[i] = at.Format("2006-01-02 15:04")
			}
			require.Equal(t, want, got)
		})
	}
}

func TestSchedulesThatAreNotJudged(t *testing.T) {
	t.Parallel()
	for _, schedule := range []string{
		"", "* * * *", "* * * * * *", "TZ=UTC", "TZ=Nowhere 0 2 * * *", "@every", "@every x", "@often", "0 3 * * 7", ", * * * *", "* , * * *",
		"* * , * *", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "x * * * *", "* * 0 * *", "-1 * * * *", "1- * * * *",
		"*/99999999999999999999 * * * *",
	} {
		_, ok := parseSchedule(schedule)
		require.False(t, ok, schedule)
	}
}

// TestAScheduleThatNamesNoHourIsTheSameInEveryZone: when the others run isn't known where no zone is given.
func TestAScheduleThatNamesNoHourIsTheSameInEveryZone(t *testing.T) {
	t.Parallel()
	for schedule, want := range map[string]bool{
		"*/15 * * * *": true, "@hourly": true, "5 0-23 * * 0-6": true, "@every 5m": true, "TZ=UTC 0 2 * * *": true,
		"0 2 * * *": false, "* * 1 * *": false, "* * * 3 *": false, "* * * * 1-5": false, "@daily": false,
	} {
		parsed, ok := parseSchedule(schedule)
		require.True(t, ok, schedule)
		require.Equal(t, want, sameEverywhere(parsed), schedule)
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("*/15 1-5 * JAN ?")
	f.Add("@every 1ns")
	f.Add("TZ=")
	at := time.Unix(1773144450, 0).UTC()
	f.Fuzz(func(t *testing.T, wording string) {
		if parsed, ok := parseSchedule(wording); ok {
			due := lastTwo(parsed, at.Add(-time.Hour), at)
			require.LessOrEqual(t, len(due), 2)
			for i, one := range due {
				require.False(t, one.After(at))
				require.True(t, i == 0 || one.Before(due[0]))
			}
			_ = sameEverywhere(parsed)
		}
	})
}
