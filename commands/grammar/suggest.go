package grammar

import (
	"errors"

	"github.com/3astronautas/algesta"
)

// meant is the cause of a Catalog's error when it knows which names were probably meant.
type meant interface {
	error
	Meant() (service, environment string)
}

// Suggest gives an error about names the command to type instead, where it is known what was meant; any other error
// passes unchanged.
func (p Parser) Suggest(parsed Parsed, err error) error {
	known, names := (*algesta.Error)(nil), meant(nil)
	if !errors.As(err, &known) || !errors.As(err, &names) {
		return err
	}
	better := *known
	better.Hint = known.Hint.Then("{}", algesta.Name(p.Command+" "+parsed.Retype(names.Meant())))
	return &better
}
