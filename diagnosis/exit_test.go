package diagnosis_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta/diagnosis"
	"github.com/3astronautas/algesta/diagnosis/facts"
)

// TestWordsOverruleExitCodes has a program end with a code that usually means a signal or a lost node.
func TestWordsOverruleExitCodes(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		code int32
		log  string
		want string
	}{
		".NET with 139":  {139, "Unhandled exception. System.ArgumentNullException: Value cannot be null.", "program-error"},
		"a memory fault": {139, "Segmentation fault (core dumped)", "exit-segfault"},
		".NET with 134": {134, "Unhandled exception. System.IO.InvalidDataException: Failed to load " +
			"configuration.", "program-error"},
		"an assertion": {134, "main.c:7: main: Assertion `x' failed.", "exit-abort"},
		"PHP with 255": {
			255, "PHP Fatal error:  Uncaught Error: Call to undefined function bcadd() in /app/a.php:3", "program-error",
		},
		"255 with nothing to say":    {255, "", "program-error"},
		"killed, whatever it logged": {137, "TypeError: x is not a function", "exit-killed"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := failing(service("orders", 1), 2)
			for _, o := range objects {
				if p, ok := o.(*corev1.Pod); ok {
					p.Status.ContainerStatuses[0].LastTerminationState.Terminated.ExitCode = c.code
				}
			}
			s := facts.NewSnapshot(noon, objects, nil)
			s.AddLog(facts.LogRequest{Namespace: "production", Pod: "orders-6d4cf56db6-00000", Container: "orders", Previous: true}, []byte(c.log))
			d := diagnosis.Diagnose(s, facts.Ref{})
			require.Equal(t, []string{c.want}, rulesOf(d), d.Text())
		})
	}
}
