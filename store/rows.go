package store

import (
	"encoding/json"
	"fmt"

	"github.com/3astronautas/algesta"
)

// encode is a value as the tables keep it.
func encode(v any) (string, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return "", fmt.Errorf("encoding: %w", err)
	}
	return string(b), nil
}

// decode reads what encode wrote.
func decode(text string, v any) error {
	if err := json.Unmarshal([]byte(text), v); err != nil {
		return fmt.Errorf("decoding: %w", err)
	}
	return nil
}

// taken is the error for an ID that something else has.
func taken(id string) error {
	return &algesta.Error{
		Kind:    algesta.ErrTaken,
		Message: algesta.Say("There is a {} already.", algesta.Name(id)),
		Hint:    algesta.Say("Nothing was stored. Ask again."),
	}
}
