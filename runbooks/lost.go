package runbooks

import (
	"slices"

	"github.com/3astronautas/algesta"
)

// lost are the configured services whose Deployments are gone, as far as a list of everything in a place has to tell of them: where only
// some were asked for, or the Deployments couldn't all be read, nobody knows whether they belong to it.
func (p *inPlace) lost(in Input) []algesta.Lost {
	if l := p.workloads[0]; selectorArg.Given(in) || l.err != nil || l.part != nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(in.Lost), func(l algesta.Lost) bool {
		for i := range p.deployments.Items { // it came back since
			if p.deployments.Items[i].Name == l.Deployment {
				return true
			}
		}
		return false
	})
}

// lostRows are the rows of what is gone in a list of workloads with this many columns: name, kind and how much is ready come first.
func lostRows(lost []algesta.Lost, columns int) [][]algesta.Text {
	var rows [][]algesta.Text
	for _, l := range lost {
		row := []algesta.Text{
			algesta.Say("{}", algesta.Name(l.Deployment)), algesta.Say("Deployment"), algesta.Say("gone, seen until {}", algesta.AtDay(l.Until)),
		}
		for len(row) < columns {
			row = append(row, algesta.Say("–"))
		}
		rows = append(rows, row)
	}
	return rows
}
