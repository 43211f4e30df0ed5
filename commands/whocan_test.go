package commands_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

func TestWhoCanIsAnsweredToThoseWhoCanAndWhoCannot(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.types(luis, "who can restart api-gateway production?")
	w.types(luis, "can-i pods api-gateway production")
	w.types(nico, "who can restart api-gateway production")
	var last []algesta.Report
	for _, p := range w.posts() {
		last = append(last, p.Report)
	}
	require.Len(t, last, 3)
	require.Contains(t, last[0].Title.String(), "Yes, you can restart api-gateway in production once it's approved")
	require.Equal(t, "Who can: @backend.", last[0].Body[0].Text.String())
	require.Contains(t, last[1].Title.String(), "Yes, you can use pods on api-gateway in production.")
	require.Contains(t, last[1].Body[0].Text.String(), "Who can: ")
	require.Contains(t, last[2].Title.String(), "No. ")
	require.Contains(t, last[2].Body[0].Text.String(), "can: ask there.")
}
