package algesta_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestTimesInASentenceAreReadInEverybodysZone(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 14, 3, 0, 0, time.UTC)
	moment := algesta.AtDay(at)
	require.Equal(t, algesta.Say("Revision 7 was rolled out {}.", moment), algesta.Dated("Revision 7 was rolled out 2026-11-30 14:03 UTC."))
	require.Equal(t, algesta.Say("{} and {}", moment, moment), algesta.Dated("2026-11-30 14:03 UTC and 2026-11-30 14:03 UTC"))
	require.Equal(t, algesta.Say("on 2026-13-40 99:03 UTC"), algesta.Dated("on 2026-13-40 99:03 UTC"))
	require.False(t, algesta.Dated("made 2026-11-30 14:03 UTC").Differs(algesta.Say("made {}", algesta.AtDay(at.Add(time.Hour)))))
}
