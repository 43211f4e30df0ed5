package diagnosis_test

import (
	"encoding/json"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
	"github.com/3astronautas/algesta/redact/redacttest"
)

// A line of the corpus is the last line of a log, the message of a container that ended and an event: no diagnosis quotes its secret.
func TestNoDiagnosisShowsASecretOfTheCorpus(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("rules/testdata/exit-panic/fires.yaml")
	require.NoError(t, err)
	for _, sample := range redacttest.Secrets(t) {
		d := decoded(t, data)
		for _, object := range d.Objects {
			switch o := object.(type) {
			case *corev1.Pod:
				for i := range o.Status.ContainerStatuses {
					if ended := o.Status.ContainerStatuses[i].LastTerminationState.Terminated; ended != nil {
						ended.Message = "panic: " + sample.Line
					}
				}
			case *corev1.Event:
				o.Message += ": " + sample.Line
			}
		}
		s := facts.NewSnapshot(noon, d.Objects, d.NotChecked)
		wanted := facts.WantedLogs(s, facts.Ref{})
		require.NotEmpty(t, wanted)
		for _, log := range wanted {
			s.AddLog(log, []byte("starting\npanic: "+sample.Line+"\n"))
		}
		answer := diagnosis.Diagnose(s, facts.Ref{})
		sample.RequireHidden(t, answer.Text())
		raw, err := json.Marshal(answer)
		require.NoError(t, err)
		var told any
		require.NoError(t, json.Unmarshal(raw, &told))
		for _, text := range redacttest.Texts(told) {
			sample.RequireHidden(t, text)
		}
	}
}
