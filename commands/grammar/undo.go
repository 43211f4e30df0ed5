package grammar

import (
	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/runbooks"
)

// Undo is the command that takes back the last change of the bot to a service, as the Undo button below its end does. It has no plan of its
// own: what it does is what that change has noted as the way back.
var Undo = runbooks.Runbook{
	Name: "undo", Summary: "Take back my last change of a service, as its Undo button does.", Example: "undo api-gateway production",
	About: runbooks.About{Service: true, Workloads: true},
}

// undo reads a service and an environment. Someone who also names a revision or a version wants a rollback.
func (p Parser) undo(typed []word, at int) (Parsed, error) {
	out, err := p.command(Undo, typed, at, false)
	if err == nil {
		return out, nil
	}
	for _, b := range p.books {
		if b.Name != "rollback" {
			continue
		}
		if other, no := p.command(b, typed, at, false); no == nil && len(other.Args) > 0 {
			return Parsed{}, p.didYouMean(
				algesta.Say("{} takes back my last change as a whole. {} goes to a revision or a version.", Undo.Name, b.Name), typed, 0, at, b.Name,
			)
		}
	}
	return Parsed{}, err
}
