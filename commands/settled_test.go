package commands

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta"
)

// settledElsewhere is a transaction in which the request moves and its record is in another state than expected. It can do nothing else.
type settledElsewhere struct{ Tx }

// Move implements Tx.
func (settledElsewhere) Move(m algesta.Move) (algesta.Request, bool, error) {
	return algesta.Request{ID: m.ID, Status: m.To}, true, nil
}

// Settle implements Tx.
func (settledElsewhere) Settle(algesta.Execution, algesta.ExecutionState) (bool, error) {
	return false, nil
}

// TestAStepWhoseRecordIsInAnotherStateMovesNothing: somebody else settled it, and nothing may be committed or told.
func TestAStepWhoseRecordIsInAnotherStateMovesNothing(t *testing.T) {
	t.Parallel()
	_, moved, err := (&Dispatcher{}).move(settledElsewhere{}, step{
		id: "c-1", from: []algesta.Status{algesta.Executing}, to: algesta.Approved, record: &algesta.Execution{Request: "c-1"},
		was: algesta.Intended,
	})
	require.NoError(t, err)
	require.False(t, moved)
}
