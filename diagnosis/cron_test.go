package diagnosis

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSchedulesAreFollowedBackwards(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 10, 12, 7, 30, 0, time.UTC) // a Tuesday
	for schedule, want := range map[string][2]string{
		"*/15 * * * *":        {"2026-03-10 12:00", "2026-03-10 11:45"},
		"@hourly":             {"2026-03-10 12:00", "2026-03-10 11:00"},
		"0 2 * * *":           {"2026-03-10 02:00", "2026-03-09 02:00"},
		"30 8 * * 1-5":        {"2026-03-10 08:30", "2026-03-09 08:30"},
		"0 3 * * SUN":         {"2026-03-08 03:00", "2026-03-01 03:00"},
		"0 3 * * 7":           {"2026-03-08 03:00", "2026-03-01 03:00"},
		"0 0 1 * *":           {"2026-03-01 00:00", "2026-02-01 00:00"},
		"0 0 1,15 * MON":      {"2026-03-09 00:00", "2026-03-02 00:00"}, // either of the two
		"5/20 12 10 mar ?":    {"2026-03-10 12:05", ""},
		"0 22-23/1 * FEB *":   {"2026-02-28 23:00", "2026-02-28 22:00"},
		"0 0 1 1 *":           {"2026-01-01 00:00", ""}, // the one before is too far back
		"  */30  *  *  *  * ": {"2026-03-10 12:00", "2026-03-10 11:30"},
	} {
		t.Run(schedule, func(t *testing.T) {
			t.Parallel()
			parsed, ok := parseSchedule(schedule)
			require.True(t, ok)
			var got [2]string
			for i, at := range parsed.before(now, 2) {
				got[i] = at.Format("2006-01-02 15:04")
			}
			require.Equal(t, want, got)
		})
	}
}

func TestSchedulesThatAreNotJudged(t *testing.T) {
	t.Parallel()
	for _, schedule := range []string{"", "* * * *", "* * * * * *", "TZ=UTC 0 2 * * *", "@every 1h", "60 * * * *", "*/0 * * * *", "5-1 * * * *", "x * * * *", "* * 0 * *", "-1 * * * *", "1- * * * *", "*/99999999999999999999 * * * *"} {
		_, ok := parseSchedule(schedule)
		require.False(t, ok, schedule)
	}
}

func FuzzSchedule(f *testing.F) {
	f.Add("*/15 1-5 * JAN ?")
	f.Fuzz(func(t *testing.T, words string) {
		if parsed, ok := parseSchedule(words); ok {
			require.LessOrEqual(t, len(parsed.before(time.Unix(1773144450, 0).UTC(), 2)), 2)
		}
	})
}
