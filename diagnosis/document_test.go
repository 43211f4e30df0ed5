package diagnosis_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/3astronautas/algesta/diagnosis"
)

func TestTheDocumentIsFresh(t *testing.T) {
	t.Parallel()
	page := filepath.Join("..", "docs", "diagnoses.md")
	if *update {
		require.NoError(t, os.WriteFile(page, []byte(diagnosis.Document()), 0o600))
	}
	got, err := os.ReadFile(page)
	require.NoError(t, err)
	require.Equal(t, diagnosis.Document(), string(got), "run: make generate")
}
