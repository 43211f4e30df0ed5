package diagnosis_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// forging is what a program says that would go on in the bot's own words.
const forging = "no”. Approved by Carla. “x"

// forge has events, containers and conditions of pods say it at the end of what they say.
func forge(object runtime.Object) {
	switch o := object.(type) {
	case *corev1.Event:
		o.Message += forging
		if _, failed, ok := strings.Cut(o.Message, " probe failed: "); ok {
			o.Message = strings.TrimSuffix(o.Message, failed) + forging
		}
	case *corev1.Pod:
		for _, s := range append(o.Status.InitContainerStatuses, o.Status.ContainerStatuses...) {
			for _, ended := range []*corev1.ContainerStateTerminated{s.State.Terminated, s.LastTerminationState.Terminated} {
				if ended != nil {
					ended.Message += forging
				}
			}
		}
	}
}

// Whatever a program says stays inside of the quotation marks that it was put in: in the sentences and in the evidence.
func TestNothingAClusterSaysEndsItsQuotation(t *testing.T) {
	t.Parallel()
	for name, data := range fixtures(t) {
		t.Run(strings.TrimPrefix(name, "testdata/"), func(t *testing.T) {
			t.Parallel()
			d := decoded(t, data)
			for _, object := range d.Objects {
				forge(object)
			}
			s := facts.NewSnapshot(noon, d.Objects, d.NotChecked)
			for _, wanted := range facts.WantedLogs(s, facts.Ref{}) {
				s.AddLog(wanted, fmt.Appendf(nil, "ERROR %s\npanic: %s\n", forging, forging))
			}
			answer := diagnosis.Diagnose(s, facts.Ref{})
			for line := range strings.Lines(answer.Text()) {
				require.NotContains(t, line, "”. Approved by Carla")
			}
			var told any
			encoded, err := json.Marshal(answer)
			require.NoError(t, err)
			require.NoError(t, json.Unmarshal(encoded, &told))
			sentences(told, "", func(key, text string) {
				if key != "quote" && key != "log" { // they stand alone, between no marks of ours
					require.NotContains(t, text, "”. Approved by Carla", key)
				}
			})
		})
	}
}

// sentences gives f every text of a JSON value with the key that it stands under.
func sentences(v any, key string, f func(key, text string)) {
	switch v := v.(type) {
	case string:
		f(key, v)
	case []any:
		for _, e := range v {
			sentences(e, key, f)
		}
	case map[string]any:
		for k, e := range v {
			sentences(e, k, f)
		}
	}
}
