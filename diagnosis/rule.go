package diagnosis

import (
	"fmt"

	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/diagnosis/rules"
)

// mostFindings is how many findings are compared with each other, each with each: 5,000 pods that wait for reasons of their own are
// judged whole, and a dump that was made to name more costs seconds and not minutes.
const mostFindings = 5_500

// bounded are the findings that are judged; of more than mostFindings those stay whose rules are asked first.
func bounded(found []*rules.Finding) (kept []*rules.Finding, dropped *facts.NotChecked) {
	if len(found) <= mostFindings {
		return found, nil
	}
	return found[:mostFindings], &facts.NotChecked{
		Kind: "other causes", Reason: fmt.Sprintf("More than %d things are wrong; I didn't compare the rest with them.", mostFindings),
	}
}
