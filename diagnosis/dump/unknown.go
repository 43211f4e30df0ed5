package dump

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/3astronautas/algesta/diagnosis/facts"
)

// noteUnknown says which kinds were left aside, ten of them at most.
func (r *reader) noteUnknown() {
	var kinds []string
	for _, kind := range slices.Sorted(maps.Keys(r.unknown)) {
		kinds = append(kinds, fmt.Sprintf("%s (%d)", kind[:min(len(kind), 60)], r.unknown[kind]))
	}
	if len(kinds) > 0 {
		r.dump.NotChecked = append(r.dump.NotChecked, facts.NotChecked{
			Kind: "other kinds", Reason: "no rule asks about them: " + strings.Join(kinds[:min(len(kinds), 10)], ", "),
		})
	}
}
