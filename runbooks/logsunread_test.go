package runbooks_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	corev1 "k8s.io/api/core/v1"

	"github.com/3astronautas/algesta"
	"github.com/3astronautas/algesta/rollout/rollouttest"
)

func TestWhatCannotBeReadIsASentence(t *testing.T) {
	t.Parallel()
	many := func(s *still) {
		for i := range 11 {
			s.pods[0].Spec.Containers = append(s.pods[0].Spec.Containers, corev1.Container{Name: fmt.Sprintf("side-%d", i)})
		}
	}
	name := gateway().pods[0].Name
	for title, tt := range map[string]struct {
		object  string
		args    algesta.Args
		change  func(*still)
		err     error
		message string
		hint    string
	}{
		"no right": {err: forbidden("pods/log"), message: "I don't have permission to read pods/log."},
		"no such pod": {
			object: "pod/gone-abc", message: "There's no pod gone-abc in production.",
			hint: "A replaced pod's log is gone. For the pods that run now: /algesta logs <service> production",
		},
		"no right to pods": {
			object: "pod/" + name, change: func(s *still) { s.forbidden["PodList"] = true }, message: "I don't have permission to read PodList.",
		},
		"no such container": {
			object: "pod/" + name, args: algesta.Args{"container": "web"}, message: "Pod " + name + " has no container web.",
			hint: "It has api-gateway. For example: /algesta logs pod/" + name + " production container=api-gateway",
		},
		"no such container of twelve": {
			object: "pod/" + name, args: algesta.Args{"container": "web"}, change: many, message: "Pod " + name + " has no container web.",
			hint: "It has api-gateway, side-0, side-1, side-2, side-3, side-4, side-5, side-6 and 4 more. For example: /algesta logs pod/" + name +
				" production container=api-gateway",
		},
		"no length of time": {
			args: algesta.Args{"since": "yesterday"}, message: "since is a length of time such as 10m, 2h or 1d, not “yesterday”.",
			hint: "/algesta logs api-gateway production since=10m",
		},
	} {
		t.Run(title, func(t *testing.T) {
			t.Parallel()
			s := gateway()
			if tt.change != nil {
				tt.change(s)
			}
			w := wrote(s, map[string][]string{"api-gateway": {at(0, "x")}})
			w.err = tt.err
			_, err := logsOf(t, w, tt.object, tt.args)
			var e *algesta.Error
			require.ErrorAs(t, err, &e)
			require.Equal(t, tt.message, e.Message.String())
			require.Equal(t, tt.hint, e.Hint.String())
		})
	}
}

func TestWhatHasNoLogIsSaid(t *testing.T) {
	t.Parallel()
	s := gateway()
	s.pods = s.pods[:1]
	rollouttest.Waiting(s.pods[0], "ImagePullBackOff", "no such image")
	w := wrote(s, nil)
	r, err := logsOf(t, w, "", nil)
	require.NoError(t, err)
	require.Contains(t, shown(r), "api-gateway of api-gateway-production-hash3-aaaaa hasn't started yet: waiting (ImagePullBackOff).")
	require.Empty(t, w.asked)

	s = gateway()
	w = wrote(s, map[string][]string{"api-gateway": {}})
	r, err = logsOf(t, w, "pod/"+s.pods[0].Name, algesta.Args{"previous": true})
	require.NoError(t, err)
	require.Equal(t, "Pod api-gateway-production-hash3-aaaaa in production has no earlier instance", r.Title.String())
	require.Equal(t, algesta.Neutral, r.Tone)
	require.Contains(
		t,
		shown(r),
		"api-gateway of api-gateway-production-hash3-aaaaa has no earlier instance: it wasn't restarted in this pod.",
	)

	r, err = logsOf(t, w, "pod/"+s.pods[0].Name, algesta.Args{"since": "10m"})
	require.NoError(t, err)
	require.Contains(t, strings.Join(shown(r), "\n"), "it has written nothing in the last 10 min.")
}
